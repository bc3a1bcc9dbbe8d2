// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

#include "sigprop/report/report.hpp"

/// What the JSON of all results has in common.
namespace sigprop::report {

using Json = nlohmann::ordered_json;

/// null for what is no number: JSON has neither Infinity nor NaN.
[[nodiscard]] inline Json finite(double x) {
  return std::isfinite(x) ? Json(x) : Json(nullptr);
}

/// On one line; bytes that are no UTF-8 are replaced.
[[nodiscard]] inline std::string text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// A number; a measured one with its errors, one outside double's range with its log10.
[[nodiscard]] inline Json quantity_json(const profile::Quantity& q) {
  if (q.scatter) {
    return {{"mean", finite(q.value)},
            {"standard_error", finite(q.scatter->standard_error)},
            {"standard_deviation", finite(q.scatter->standard_deviation)}};
  }
  if (q.representable()) return q.value;
  return {{"value", nullptr}, {"log10", q.log10}};
}

/// The place of a dotted name in nested objects, which are created:
/// out["weights"]["query"]["gradient_norm"].
[[nodiscard]] inline Json& nested(Json& out, std::string_view name) {
  const std::size_t dot = name.find('.');
  Json& member = out[std::string(name.substr(0, dot))];
  return dot == std::string_view::npos ? member : nested(member, name.substr(dot + 1));
}

/// The members of an object on one line, without its braces.
[[nodiscard]] inline std::string members(const Json& object) {
  const std::string all = text(object);
  return all.substr(1, all.size() - 2);
}

[[nodiscard]] inline Json settings_json(const Provenance& provenance) {
  Json out = Json::object();
  for (const auto& [name, value] : provenance.settings)
    std::visit([&out, &key = name](const auto& x) { out[key] = x; }, value);
  return out;
}

}  // namespace sigprop::report
