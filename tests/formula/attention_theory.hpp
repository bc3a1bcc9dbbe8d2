// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>

#include "sigprop/formula/attention.hpp"
#include "support/values.hpp"

namespace sigprop::test {

/// The theory of attention written again with fifty digits in its own letters, apart from the
/// formulas under test; without biases and with scores divided by √k. q, c, c_cross: of the signal
/// of the keys and values; q_r, c_r, c_r_cross: of that of the queries.
struct Theory {
  Digits50 L, d, H, k, w_q, w_k, w_v, p, once, twice, q, c, c_cross, q_r, c_r, c_r_cross, S2, T_q, T_k, lambda, P,
      T12_q, rho_T12_k;
  bool normalized;

  Theory(const formula::AttentionShape<double>& s, const formula::Moments<double>& rows,
         const formula::Moments<double>& keys, const formula::SoftmaxMeans<double>& m)
      : L(s.length),
        d(s.width),
        H(s.heads),
        k(s.head_width),
        w_q(s.query_weight),
        w_k(s.key_weight),
        w_v(s.value_weight),
        p(s.dropout),
        once(s.rotated.once),
        twice(s.rotated.twice),
        q(convert<Digits50>(keys).second_moment()),
        c(convert<Digits50>(keys).token_dot()),
        c_cross(convert<Digits50>(keys).cross_dot()),
        q_r(convert<Digits50>(rows).second_moment()),
        c_r(convert<Digits50>(rows).token_dot()),
        c_r_cross(convert<Digits50>(rows).cross_dot()),
        S2(m.row.squares),
        T_q(m.row.query_jacobian),
        T_k(m.row.key_jacobian),
        lambda(m.row.leak),
        P(m.pair.overlap),
        T12_q(m.pair.query_jacobian),
        rho_T12_k(m.pair.key_jacobian),
        normalized(s.normalized) {}

  /// Queries and keys as the scores see them; what a norm's derivative divides their gradients by.
  [[nodiscard]] Digits50 at_scores(const Digits50& product) const {
    return normalized ? Digits50(product / q_r) : Digits50(d * w_q * product);
  }
  [[nodiscard]] Digits50 key_gain() const { return normalized ? Digits50(1 / q) : Digits50(d * w_k); }
  [[nodiscard]] Digits50 before_query_norm() const { return normalized ? Digits50(d * w_q * q_r) : Digits50(1); }
  [[nodiscard]] Digits50 before_key_norm() const { return normalized ? Digits50(d * w_k * q) : Digits50(1); }
  /// What differs between the keys of one row and of two, and what keys and values have in common.
  [[nodiscard]] Digits50 spread() const { return q - c * once; }
  [[nodiscard]] Digits50 paired_spread() const { return q * once - c * twice; }
  [[nodiscard]] Digits50 shared() const { return (q - c) * once; }
  [[nodiscard]] Digits50 paired_shared() const { return (q - c) * twice; }

  [[nodiscard]] Digits50 v() const { return at_scores(q_r) * key_gain() * spread(); }
  [[nodiscard]] Digits50 rho() const { return c_r / q_r * paired_spread() / spread(); }
  [[nodiscard]] Digits50 q_v() const { return d * w_v * q; }
  [[nodiscard]] Digits50 c_v() const { return d * w_v * c; }
  [[nodiscard]] Digits50 leak() const { return (1 - S2) * (1 - S2) / d; }

  /// Second moment and token product of A y from those of y, a linear map of the keys' signal.
  [[nodiscard]] std::array<Digits50, 2> mixed(const Digits50& own, const Digits50& dot) const {
    return {
        dot + (own - dot) * (S2 + lambda * at_scores(q_r) * key_gain() * shared() * leak()) + S2 * own * p / (1 - p),
        dot + (own - dot) * (P + at_scores(c_r) * key_gain() * paired_shared() * leak())};
  }
  [[nodiscard]] std::array<Digits50, 4> output() const {
    const auto z = mixed(q_v(), c_v());
    return {0, z[0], z[1], d * w_v * c_cross};
  }
  [[nodiscard]] std::array<Digits50, 3> value(const formula::Gradient<Digits50>& b) const {
    return {S2 / (1 - p) * b.variance + (L - 1) * P * b.covariance,
            (1 - S2) / (L - 1) * b.variance + (1 - P) * b.covariance, b.cross_covariance};
  }
  [[nodiscard]] std::array<Digits50, 3> query(const formula::Gradient<Digits50>& b) const {
    const Digits50 w = q_v() - c_v(), w_p = q_v() / (1 - p) - c_v(), gain = key_gain() / before_query_norm();
    return {gain * b.variance * (spread() * w_p * T_q + shared() * w * leak()),
            gain * b.covariance * w * (paired_spread() * T12_q + paired_shared() * leak()),
            gain * b.cross_covariance * w * paired_shared() * leak()};
  }
  [[nodiscard]] std::array<Digits50, 3> key(const formula::Gradient<Digits50>& b) const {
    const Digits50 w = q_v() - c_v(), w_p = q_v() / (1 - p) - c_v(), q_q = at_scores(q_r);
    // c_q T12_k = q_q E[ρ̂ T12], finite at c = 0.
    const Digits50 variance =
        (q_q * b.variance * w_p * T_k + (L - 1) * b.covariance * w * q_q * rho_T12_k) / before_key_norm();
    return {variance, -variance / (L - 1), 0};
  }
  /// At the signal of the queries, and at that of the keys and values.
  [[nodiscard]] std::array<Digits50, 3> rows(const formula::Gradient<Digits50>& b) const {
    std::array<Digits50, 3> out = query(b);
    for (Digits50& x : out) x *= H * k * w_q;
    return out;
  }
  [[nodiscard]] std::array<Digits50, 3> keys(const formula::Gradient<Digits50>& b) const {
    std::array<Digits50, 3> out;
    for (std::size_t n = 0; n < 3; ++n) out[n] = H * k * (w_v * value(b)[n] + w_k * key(b)[n]);
    return out;
  }
  [[nodiscard]] std::array<Digits50, 3> input(const formula::Gradient<Digits50>& b) const {
    std::array<Digits50, 3> out;
    for (std::size_t n = 0; n < 3; ++n) out[n] = rows(b)[n] + keys(b)[n];
    return out;
  }
  [[nodiscard]] Digits50 query_weight(const formula::Gradient<Digits50>& b, const Digits50& B) const {
    const auto g = query(b);
    return d * H * k * (B * L * q_r * g[0] + B * L * (L - 1) * c_r * g[1] + B * (B - 1) * L * L * c_r_cross * g[2]);
  }
  /// E‖∂W_v‖²: second moment and token product of A x stand where a free weight has those of x.
  [[nodiscard]] Digits50 value_weight(const formula::Gradient<Digits50>& b, const Digits50& B) const {
    const auto x = mixed(q, c);
    return B * d * k * H *
           (L * b.variance * x[0] + L * (L - 1) * b.covariance * x[1] + (B - 1) * L * L * b.cross_covariance * c_cross);
  }
  [[nodiscard]] Digits50 key_weight(const formula::Gradient<Digits50>& b, const Digits50& B) const {
    const Digits50 w = q_v() - c_v(), w_p = q_v() / (1 - p) - c_v(), q_q = at_scores(q_r);
    const Digits50 across = (B - 1) * L * L * at_scores(c_r_cross) * b.cross_covariance * w * paired_shared() * leak();
    return B * d * k * H / before_key_norm() *
           (L * q_q * b.variance * (spread() * w_p * T_k + shared() * w * leak()) +
            L * (L - 1) * b.covariance * w * (spread() * q_q * rho_T12_k + at_scores(c_r) * paired_shared() * leak()) +
            across);
  }
};

}  // namespace sigprop::test
