// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "sigprop/profile/profile.hpp"

/// Conditions that a predicted profile must keep (docs/spec.md, checks).
namespace sigprop::check {

/// Where a condition looks: one layer counting from 1, the input (layer 0), the first layer, the
/// last, the end of each layer, or everywhere.
struct Location {
  enum class Kind { layer, first, last, layers, every };
  Kind kind = Kind::every;
  std::size_t layer = 0;  ///< of Kind::layer
};

/// A quantity at a place, or over that at another place, within bounds.
struct Condition {
  std::string quantity;
  Location at;
  std::optional<Location> over;  ///< divides: the check is of a ratio
  std::optional<double> min;
  std::optional<double> max;
};

/// What somebody asks for: a condition of their own, or a preset by its name.
struct Check {
  std::string pointer;   ///< "/checks/0"; empty for a preset that the command line names
  std::size_t line = 0;  ///< of the file where it begins, from 1; 0 where there is none
  std::string preset;    ///< empty for a condition of their own
  Condition condition;
};

/// A condition held against a profile, at the place where it is worst.
struct Outcome {
  Check check;  ///< of a preset with that condition of it which was judged
  profile::Quantity value;
  std::string path;  ///< "layer 12/ffn"; of a ratio "layer 12/ffn over layer 1/ffn"
  /// log10 of the factor by which the value lies beyond the bound: 0 on it, negative inside, ±∞ on
  /// the other side of zero.
  double excess = -std::numeric_limits<double>::infinity();
  std::size_t places = 0;   ///< looked at
  std::size_t failing = 0;  ///< of them

  [[nodiscard]] bool passed() const { return failing == 0; }
};

/// Why a check cannot be evaluated: place, value, what it must be and a cure.
struct Fault {
  std::string message;
  std::size_t line = 0;  ///< as of Check
};

struct Evaluation {
  std::vector<Outcome> outcomes;  ///< in the order of the checks, those of a preset in its order
  std::vector<Fault> faults;      ///< of the checks that have no outcome
};

/// Holds a profile against the checks. Without tokens to compare (sequence_length 1) presets do not
/// judge rank, without attention not its entropy. Throws std::invalid_argument for a preset that
/// does not exist.
[[nodiscard]] Evaluation evaluate(const std::vector<Check>& checks, const profile::Profile& profile,
                                  double sequence_length);

/// A quantity at one place, or its ratio of two: "forward.variance last",
/// "weights.all.gradient_norm first/last", "attention.entropy 3". Throws std::invalid_argument,
/// saying what it must be.
[[nodiscard]] Condition reading_of(const std::string& text);

/// Its number in a profile. Throws std::invalid_argument where the profile has none.
[[nodiscard]] profile::Quantity read(const Condition& reading, const profile::Profile& profile);

/// All quantities that a condition may name, in the order in which they are listed to a user.
[[nodiscard]] std::vector<std::string> quantity_names();

[[nodiscard]] std::vector<std::string> preset_names();

}  // namespace sigprop::check
