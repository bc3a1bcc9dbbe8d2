// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>
#include <string>

#include "support/comparison.hpp"

namespace sigprop::test {

/// More than the comparisons that all tests of this folder make together: the family of Šidák's
/// correction.
inline constexpr std::size_t oracle_comparisons = 400;

/// The prediction agrees with the Monte Carlo within the model error its formula states (relative;
/// 0 where it is exact).
inline Comparison expect(const std::string& what, double predicted, const Replicates& measured,
                         double model_error = 0) {
  const Comparison comparison = compare(predicted, measured, model_error, oracle_comparisons);
  INFO(what << ": " << comparison);
  CHECK(comparison.agrees());
  return comparison;
}

/// The same Monte Carlo, the same tolerance: a wrong formula must not pass.
inline void reject(const std::string& wrong, double predicted, const Replicates& measured, double model_error = 0) {
  INFO("the wrong formula passes: " << wrong << ": " << compare(predicted, measured, model_error, oracle_comparisons));
  CHECK_FALSE(compare(predicted, measured, model_error, oracle_comparisons).agrees());
}

}  // namespace sigprop::test
