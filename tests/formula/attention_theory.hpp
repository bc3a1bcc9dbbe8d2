// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>

#include "sigprop/formula/attention.hpp"
#include "support/values.hpp"

namespace sigprop::test {

/// The theory of attention written again with fifty digits in its own letters, apart from the formulas under test; without biases and
/// with scores divided by √k.
struct Theory {
  Digits50 L, d, H, k, w_q, w_k, w_v, p, q, c, c_cross, S2, T_q, T_k, P, T12_q, rho_T12_k;

  Theory(const formula::AttentionShape<double>& s, const formula::Moments<double>& x,
         const formula::SoftmaxMeans<double>& m)
      : L(s.length),
        d(s.width),
        H(s.heads),
        k(s.head_width),
        w_q(s.query_weight),
        w_k(s.key_weight),
        w_v(s.value_weight),
        p(s.dropout),
        q(convert<Digits50>(x).second_moment()),
        c(convert<Digits50>(x).token_dot()),
        c_cross(convert<Digits50>(x).cross_dot()),
        S2(m.row.squares),
        T_q(m.row.query_jacobian),
        T_k(m.row.key_jacobian),
        P(m.pair.overlap),
        T12_q(m.pair.query_jacobian),
        rho_T12_k(m.pair.key_jacobian) {}

  [[nodiscard]] Digits50 v() const { return d * d * w_q * w_k * q * (q - c); }
  [[nodiscard]] Digits50 rho() const { return c / q; }
  [[nodiscard]] Digits50 q_v() const { return d * w_v * q; }
  [[nodiscard]] Digits50 c_v() const { return d * w_v * c; }
  [[nodiscard]] Digits50 leak() const { return (1 - S2) * (1 - S2) / d; }

  [[nodiscard]] std::array<Digits50, 4> output() const {
    return {0, c_v() + (q_v() - c_v()) * (S2 + v() * leak()) + S2 * q_v() * p / (1 - p),
            c_v() + (q_v() - c_v()) * (P + rho() * v() * leak()), d * w_v * c_cross};
  }
  [[nodiscard]] std::array<Digits50, 3> value(const formula::Gradient<Digits50>& b) const {
    return {S2 / (1 - p) * b.variance + (L - 1) * P * b.covariance,
            (1 - S2) / (L - 1) * b.variance + (1 - P) * b.covariance, b.cross_covariance};
  }
  [[nodiscard]] std::array<Digits50, 3> query(const formula::Gradient<Digits50>& b) const {
    const Digits50 w = q_v() - c_v(), w_p = q_v() / (1 - p) - c_v(), keys = d * w_k * (q - c);
    return {keys * b.variance * (w_p * T_q + w * leak()), keys * b.covariance * w * (T12_q + leak()),
            keys * b.cross_covariance * w * leak()};
  }
  [[nodiscard]] std::array<Digits50, 3> key(const formula::Gradient<Digits50>& b) const {
    const Digits50 w = q_v() - c_v(), w_p = q_v() / (1 - p) - c_v(), q_q = d * w_q * q;
    // c_q T12_k = q_q E[ρ̂ T12], finite at c = 0.
    const Digits50 variance = q_q * b.variance * w_p * T_k + (L - 1) * b.covariance * w * q_q * rho_T12_k;
    return {variance, -variance / (L - 1), 0};
  }
  [[nodiscard]] std::array<Digits50, 3> input(const formula::Gradient<Digits50>& b) const {
    std::array<Digits50, 3> sum;
    for (std::size_t n = 0; n < 3; ++n) {
      sum[n] = H * k * (w_v * value(b)[n] + w_q * query(b)[n] + w_k * key(b)[n]);
    }
    return sum;
  }
  [[nodiscard]] Digits50 weight(const std::array<Digits50, 3>& g, const Digits50& B) const {
    return d * H * k * (B * L * q * g[0] + B * L * (L - 1) * c * g[1] + B * (B - 1) * L * L * c_cross * g[2]);
  }
  /// E‖∂W_v‖²: second moment and token product of A x stand where a free weight has those of x.
  [[nodiscard]] Digits50 value_weight(const formula::Gradient<Digits50>& b, const Digits50& B) const {
    const Digits50 mixed = c + (q - c) * (S2 + v() * leak()) + S2 * q * p / (1 - p);
    const Digits50 mixed_dot = c + (q - c) * (P + rho() * v() * leak());
    return B * d * k * H *
           (L * b.variance * mixed + L * (L - 1) * b.covariance * mixed_dot +
            (B - 1) * L * L * b.cross_covariance * c_cross);
  }
  [[nodiscard]] Digits50 key_weight(const formula::Gradient<Digits50>& b, const Digits50& B) const {
    const Digits50 w = q_v() - c_v(), w_p = q_v() / (1 - p) - c_v(), q_q = d * w_q * q, c_q = d * w_q * c;
    const Digits50 across = (B - 1) * L * L * d * w_q * c_cross * b.cross_covariance * w * leak();
    return B * d * k * H * (q - c) *
           (L * q_q * b.variance * (w_p * T_k + w * leak()) +
            L * (L - 1) * b.covariance * w * (q_q * rho_T12_k + c_q * leak()) + across);
  }
};

}  // namespace sigprop::test
