// SPDX-License-Identifier: Apache-2.0
#include "check/selection.hpp"

#include <algorithm>

#include "check/locations.hpp"
#include "sigprop/profile/weights.hpp"

namespace sigprop::check {
namespace {

using profile::Profile;

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

[[noreturn]] void refuse_missing(const Check& asked, const Profile& profile) {
  const std::vector<std::string> weights = profile::weight_names(profile);
  if (asked.condition.quantity.rfind("weights.", 0) != 0)
    throw Refused(named(asked) + ", but no layer of this model has it: name another quantity");
  if (weights.empty()) throw Refused(named(asked) + ", but this model has no weights: name another quantity");
  throw Refused(named(asked) + ", but the weights of this model are " + listed(weights) +
                ": name one of them, * for each or all for a layer's together");
}

bool has(const Series& series, const Location& location) {
  return !chosen(series, location).empty();
}

/// Some series has the place that stands under that key of the check.
void require_location(const Check& asked, const std::vector<Series>& all, const Location& location, const char* key) {
  if (std::any_of(all.begin(), all.end(), [&](const Series& series) { return has(series, location); })) return;
  if (location.kind != Location::Kind::layer)
    throw Refused(named(asked) + ", but no layer of this model has it: ask for \"at\": 0, the input");
  std::size_t first = all.front().front().layer, last = first;
  for (const Series& series : all) {
    first = std::min(first, series.front().layer);
    last = std::max(last, series.back().layer);
  }
  throw Refused((asked.pointer.empty() ? "the layer of \"" + asked.condition.quantity + "\"" : asked.pointer + key) +
                " is " + std::to_string(location.layer) + ", but must be a layer that has " + asked.condition.quantity +
                ": the first is " + std::to_string(first) + ", the last " + std::to_string(last));
}

}  // namespace

std::string named(const Check& asked) {
  if (asked.preset.empty() && asked.pointer.empty())
    return "the quantity \"" + asked.condition.quantity + "\" is asked for";
  if (asked.preset.empty()) return asked.pointer + "/quantity is \"" + asked.condition.quantity + "\"";
  const std::string name = " is \"" + asked.preset + "\", which looks at " + asked.condition.quantity;
  return (asked.pointer.empty() ? "--preset" : asked.pointer + "/preset") + name;
}

std::vector<Series> series_for(const Check& asked, const Profile& profile) {
  const Condition& condition = asked.condition;
  std::vector<Series> all = series_of(condition.quantity, profile);
  if (all.empty()) refuse_missing(asked, profile);
  require_location(asked, all, condition.at, condition.over ? "/ratio/0" : "/at");
  if (condition.over) require_location(asked, all, *condition.over, "/ratio/1");
  std::erase_if(all, [&](const Series& series) {
    return !has(series, condition.at) || (condition.over && !has(series, *condition.over));
  });
  if (all.empty())
    throw Refused(named(asked) + ", but no weight stands at both places of the ratio: name places that have it");
  return all;
}

}  // namespace sigprop::check
