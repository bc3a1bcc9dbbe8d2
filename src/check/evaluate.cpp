// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <stdexcept>

#include "check/compare.hpp"
#include "check/locations.hpp"
#include "check/presets.hpp"
#include "check/quantities.hpp"
#include "check/selection.hpp"
#include "sigprop/check/check.hpp"

namespace sigprop::check {
namespace {

using profile::Profile;

/// The readings of a series at a place, all of which the theory has.
Series read(const Check& asked, const Series& series, const Location& location, const Profile& profile) {
  Series out = chosen(series, location);
  for (const Reading& reading : out) {
    if (!reading.value) {
      throw NoValue(named(asked) + ", but the theory " + profile.theory + " has no value of it at " + reading.path +
                    ": " + (profile.theory == "paper" ? "check with --theory full, or " : "") +
                    "name another quantity");
    }
  }
  return out;
}

/// The values that a condition judges in one series: readings, or their ratios.
Series judged(const Check& asked, const Series& series, const Profile& profile) {
  const Condition& condition = asked.condition;
  if (!condition.over) return read(asked, series, condition.at, profile);
  Series out;
  const Series divisors = read(asked, series, *condition.over, profile);
  for (const Reading& reading : read(asked, series, condition.at, profile)) {
    for (const Reading& divisor : divisors) {
      out.push_back({reading.layer, reading.path + " over " + divisor.path, ratio(*reading.value, *divisor.value)});
    }
  }
  return out;
}

/// Counts a value, and keeps it if it is the worst so far.
void judge(Outcome& outcome, const Reading& reading) {
  const double beyond = excess(*reading.value, outcome.check.condition);
  if (outcome.places == 0 || beyond > outcome.excess) {
    outcome.excess = beyond;
    outcome.value = *reading.value;
    outcome.path = reading.path;
  }
  outcome.places += 1;
  outcome.failing += beyond > 0 ? 1 : 0;
}

Outcome evaluated(const Check& check, const Profile& profile) {
  Outcome out;
  out.check = check;
  for (const Series& series : series_for(check, profile)) {
    for (const Reading& reading : judged(check, series, profile)) judge(out, reading);
  }
  return out;
}

bool applies(Needs needs, const Profile& profile, double sequence_length) {
  if (needs == Needs::attention) return has_attention(profile);
  if (needs == Needs::cross_attention) return has_cross_attention(profile);
  if (needs == Needs::gradients) return has_gradients(profile);
  return needs == Needs::nothing || sequence_length > 1;
}

/// A check of one condition for each that the given one stands for.
std::vector<Check> conditions_of(const Check& check, const Profile& profile, double sequence_length) {
  if (check.preset.empty()) return {check};
  const auto preset =
      std::find_if(presets().begin(), presets().end(), [&](const Preset& known) { return known.name == check.preset; });
  if (preset == presets().end()) throw std::invalid_argument("no preset is called " + check.preset);
  std::vector<Check> out;
  for (const auto& [condition, needs] : preset->conditions) {
    if (applies(needs, profile, sequence_length)) out.push_back({check.pointer, check.line, check.preset, condition});
  }
  return out;
}

/// Of a preset the conditions that its other ones are judged without, in one message.
std::string without(Check preset, const std::vector<std::string>& quantities, const Profile& profile) {
  std::string& listed = preset.condition.quantity;
  listed.clear();
  for (std::size_t i = 0; i < quantities.size(); ++i)
    listed += (i == 0 ? "" : i + 1 < quantities.size() ? ", " : " and ") + quantities[i];
  return named(preset) + ", but the theory " + profile.theory + " has no value of " +
         (quantities.size() == 1 ? "it" : "them") + ": " +
         (profile.theory == "paper" ? "check with --theory full, or " : "") +
         "write the preset's other conditions as checks of your own";
}

}  // namespace

Evaluation evaluate(const std::vector<Check>& checks, const Profile& profile, double sequence_length) {
  Evaluation out;
  for (const Check& check : checks) {
    std::vector<std::string> unknown;
    for (const Check& single : conditions_of(check, profile, sequence_length)) {
      try {
        out.outcomes.push_back(evaluated(single, profile));
      } catch (const NoValue& none) {
        if (check.preset.empty()) {
          out.faults.push_back({none.what(), check.line});
        } else {
          unknown.push_back(single.condition.quantity);
        }
      } catch (const Refused& refused) {
        out.faults.push_back({refused.what(), check.line});
      }
    }
    if (!unknown.empty()) out.faults.push_back({without(check, unknown, profile), check.line});
  }
  return out;
}

}  // namespace sigprop::check
