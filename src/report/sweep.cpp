// SPDX-License-Identifier: Apache-2.0
#include "sigprop/report/sweep.hpp"

#include "report/json_value.hpp"

namespace sigprop::report {

std::string sweep_line(const SweepHead& head) {
  Json axes = Json::array();
  for (const auto& [path, values] : head.axes) {
    Json list = Json::array();
    for (const std::string& value : values) list.push_back(Json::parse(value));
    axes.push_back({{"path", path}, {"values", std::move(list)}});
  }
  const Json out = {{"sigprop", SIGPROP_VERSION}, {"command", head.provenance.command},
                    {"name", head.name},          {"settings", settings_json(head.provenance)},
                    {"axes", std::move(axes)},    {"quantities", head.quantities},
                    {"points", head.points},      {"spec", Json::parse(head.spec)}};
  return text(out) + '\n';
}

std::string sweep_line(const SweepPoint& point) {
  Json out = {{"index", point.index}, {"set", Json::object()}};
  for (const auto& [path, value] : point.set) out["set"][path] = Json::parse(value);
  if (!point.error.empty()) {
    out["error"] = point.error;
    return text(out) + '\n';
  }
  out["values"] = Json::object();
  for (const auto& [name, value] : point.values) out["values"][name] = quantity_json(value);
  out["verdicts"] = Json::array();
  for (const profile::Verdict& verdict : point.verdicts)
    out["verdicts"].push_back({{"name", verdict.name}, {"path", verdict.path}});
  return text(out) + '\n';
}

}  // namespace sigprop::report
