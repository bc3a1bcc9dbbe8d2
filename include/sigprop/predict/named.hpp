// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "sigprop/predict/predict.hpp"

/// How users name what predict() takes, and what they read where a model has no prediction: one
/// spelling for the command line and for Python.
namespace sigprop::predict {

/// The theory of that name; any other name is `full`.
[[nodiscard]] inline Theory theory_named(std::string_view name) {
  return name == name_of(Theory::paper) ? Theory::paper : Theory::full;
}

/// The prefix of that name; any other name is `actual`.
[[nodiscard]] inline Prefix prefix_named(std::string_view name) {
  for (const Prefix prefix : {Prefix::single, Prefix::means}) {
    if (name == name_of(prefix)) return prefix;
  }
  return Prefix::actual;
}

/// The message for a model of which predict() left a formula's domain.
[[nodiscard]] inline std::string no_moments(const std::domain_error& error) {
  return std::string("this model has no moments by theory: ") + error.what() +
         "; look for a standard deviation or residual scale of 0 before it, or give the norm an epsilon";
}

}  // namespace sigprop::predict
