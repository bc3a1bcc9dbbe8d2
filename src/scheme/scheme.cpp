// SPDX-License-Identifier: Apache-2.0
#include "sigprop/scheme/scheme.hpp"

#include <cmath>
#include <numbers>

namespace sigprop::scheme {

const Scheme* find(const std::string& name) {
  for (const Scheme& scheme : schemes()) {
    if (scheme.name == name) return &scheme;
  }
  return nullptr;
}

Settings apply(const Scheme& scheme, Task task) {
  for (const Parameter& parameter : scheme.parameters) {
    if (parameter.value) task.parameters.try_emplace(parameter.name, *parameter.value);
  }
  return scheme.rule(task);
}

bool sets_embedding(const Scheme& scheme) {
  return !scheme.formulas.embedding.empty();
}

double truncated_std(double cut) {
  constexpr double flat = 0.01;  // below it the density is even to 1e-5, and the formula below a difference of equals
  if (cut == 0) return 1;
  if (cut < flat) return cut / std::sqrt(3.0);
  const double density = std::exp(-cut * cut / 2) / std::sqrt(2 * std::numbers::pi);
  const double inside = std::erf(cut / std::numbers::sqrt2);
  return std::sqrt(1 - 2 * cut * density / inside);
}

const char* name_of(NormUse use) {
  switch (use) {
    case NormUse::pre:
      return "Pre-LN";
    case NormUse::post:
      return "Post-LN";
    case NormUse::pre_rms:
      return "Pre-RMSNorm";
    case NormUse::none:
      return "no norm";
    case NormUse::any:
      break;
  }
  return "any";
}

const char* name_of(Evidence evidence) {
  switch (evidence) {
    case Evidence::read:
      return "read";
    case Evidence::recalled:
      return "recalled";
    case Evidence::standard:
      return "standard";
    case Evidence::own:
      break;
  }
  return "own";
}

}  // namespace sigprop::scheme
