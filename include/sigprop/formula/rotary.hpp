// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "sigprop/formula/domain.hpp"

namespace sigprop::formula {

/// What rotary positions leave of the products of two keys, averaged over the places of a sequence.
template <class T>
struct RotaryMeans {
  T once;   ///< κ̄: as one row sees them
  T twice;  ///< κ̄₂: as two rows see them

  [[nodiscard]] bool operator==(const RotaryMeans&) const = default;
};

/// The angle by which frequency f turns from one place to the next: base^(-2f/m).
template <class T>
[[nodiscard]] T rotary_angle(const T& base, const T& rotated, std::size_t frequency) {
  using std::exp;
  using std::log;
  return exp(-T(2) * T(static_cast<double>(frequency)) / rotated * log(base));
}

/// Name     rotary_means
/// Factors of token products behind rotary positions, averaged over pairs of different places.
///     κ(Δ) = 1 - m/k + (2/k) Σ_f cos(Δ θ_f),  θ_f = base^(-2f/m), f < m/2
///     κ̄ = mean κ(j-j') over j ≠ j' = 1 - m/k + (2/k) Σ_f F_f    κ̄₂ = mean κ(j-j'-i+i') over i ≠ i', j ≠ j' = 1 - m/k + (2/k) Σ_f F_f²
///     F_f = (sin²(Lθ_f/2)/sin²(θ_f/2) - L)/(L(L-1))
/// Symbols  L: tokens.  k: head width.  m: features of a head that turn.  Δ: difference of two
///          places.
/// Status   exact for the average; that a sequence's attention depends on the average alone is an
///          approximation.
/// Assumes  queries and keys isotropic before they turn.
/// Domain   L ≥ 2, k ≥ 1, base > 0
/// Source   our own; rotary positions: arXiv:2104.09864.
/// Why      the angle by which a query and a key turn against each other is (j-i)θ_f; its sine
///          averages to 0 and Σ_jj' cos((j-j')θ) is Fejér's kernel.
/// Throws   std::domain_error naming the argument and its value.
template <class T>
[[nodiscard]] RotaryMeans<T> rotary_means(const T& length, const T& head_width, const T& rotated, const T& base) {
  using std::sin;
  require_at_least_two("sequence length", length);
  require_at_least_one("head width", head_width);
  require_positive("rotary base", base);
  const T still = T(1) - rotated / head_width;
  RotaryMeans<T> mean{still, still};
  const auto frequencies = static_cast<std::size_t>(scalar::value_of(rotated) / 2);
  for (std::size_t f = 0; f < frequencies; ++f) {
    const T angle = rotary_angle(base, rotated, f);
    const T ratio = sin(length * angle / T(2)) / sin(angle / T(2));
    const T kernel = (ratio * ratio - length) / (length * (length - T(1)));
    mean.once += T(2) / head_width * kernel;
    mean.twice += T(2) / head_width * kernel * kernel;
  }
  return mean;
}

}  // namespace sigprop::formula
