// SPDX-License-Identifier: Apache-2.0
#include "spec/lower_checks.hpp"

#include <algorithm>

#include "sigprop/network/outline.hpp"
#include "spec/fields.hpp"
#include "spec/validate.hpp"

namespace sigprop::spec {
namespace {

using check::Check;
using check::Condition;
using check::Location;
using Errors = std::vector<std::string>;

Location location_of(const Json& json) {
  if (json.is_number()) return {Location::Kind::layer, static_cast<std::size_t>(json.get<double>())};
  const std::string name = json.get<std::string>();
  if (name == "first") return {Location::Kind::first};
  if (name == "last") return {Location::Kind::last};
  return {name == "layers" ? Location::Kind::layers : Location::Kind::every};
}

std::optional<double> bound(const Json& json, const char* name) {
  return json.contains(name) ? std::optional(json.at(name).get<double>()) : std::nullopt;
}

Condition condition_of(const Json& json) {
  Condition out;
  out.quantity = text(json, "quantity", "");
  if (json.contains("at")) out.at = location_of(json.at("at"));
  if (json.contains("ratio")) {
    out.at = location_of(json.at("ratio").at(0));
    out.over = location_of(json.at("ratio").at(1));
  }
  out.min = bound(json, "min");
  out.max = bound(json, "max");
  return out;
}

bool is_several(const Location& location) {
  return location.kind == Location::Kind::every || location.kind == Location::Kind::layers;
}

void require_bounds(const Json& json, const Check& check, Errors& errors) {
  const Condition& condition = check.condition;
  if (check.preset.empty() && !condition.min && !condition.max) {
    errors.push_back(check.pointer +
                     " has neither min nor max, but must have one of them: add the bound that the quantity must keep");
  }
  if (condition.min && condition.max && *condition.min > *condition.max) {
    errors.push_back(check.pointer + "/min is " + shown(json.at("min")) + ", but must be at most max, " +
                     shown(json.at("max")));
  }
  if (condition.over && is_several(condition.at) && is_several(*condition.over)) {
    errors.push_back(check.pointer + "/ratio is " + json.at("ratio").dump() +
                     R"(, but one of the two must be a single place (for example "first"))");
  }
}

bool names_a_layer(const Check& check) {
  const auto numbered = [](const Location& location) {
    return location.kind == Location::Kind::layer && location.layer > 0;
  };
  return numbered(check.condition.at) || (check.condition.over && numbered(*check.condition.over));
}

void require_layer(const Location& location, const std::string& pointer, std::size_t layers, Errors& errors) {
  if (location.kind != Location::Kind::layer || location.layer <= layers) return;
  errors.push_back(pointer + " is " + std::to_string(location.layer) + ", but must be at most " +
                   std::to_string(layers) + ", the number of layers: count from 1, or ask for \"last\"");
}

}  // namespace

std::vector<Check> lower_checks(const Json& spec, const std::vector<std::size_t>& lines, Errors& errors) {
  std::vector<Check> out;
  for (const Json& json : member(spec, "checks")) {
    const std::size_t index = out.size();
    out.push_back({"/checks/" + std::to_string(index), lines.at(index), text(json, "preset", ""), condition_of(json)});
    require_bounds(json, out.back(), errors);
  }
  return out;
}

void require_layers(const std::vector<Check>& checks, const network::Network& network, Errors& errors) {
  if (std::none_of(checks.begin(), checks.end(), names_a_layer)) return;  // a long network takes a while to lay out
  const std::size_t layers = network::outline_of(network).layers.size();
  for (const Check& check : checks) {
    const Condition& condition = check.condition;
    require_layer(condition.at, check.pointer + (condition.over ? "/ratio/0" : "/at"), layers, errors);
    if (condition.over) require_layer(*condition.over, check.pointer + "/ratio/1", layers, errors);
  }
}

}  // namespace sigprop::spec
