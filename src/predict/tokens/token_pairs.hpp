// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <utility>

#include "predict/tokens/symmetric.hpp"
#include "predict/tokens/token_groups.hpp"
#include "sigprop/formula/moments.hpp"

namespace sigprop::predict {

/// A number for every pair of tokens, by groups of tokens (token_groups.hpp): what
/// formula::Gradient is to tokens that are all alike. The functions below are those that formulas
/// are written with (formula/moments.hpp).
struct TokenPairs {
  const TokenGroups* groups = nullptr;
  Eigen::MatrixXd within;  ///< pairs of one sequence; on the diagonal every token with itself
  Eigen::MatrixXd across;  ///< pairs of two sequences of one batch; empty where they are not followed

  [[nodiscard]] bool has_across() const { return across.size() > 0; }

  /// One number for every token with itself, one for two tokens, one for tokens of two sequences.
  [[nodiscard]] static TokenPairs constant(const TokenGroups& groups, double own, double paired) {
    TokenPairs out{&groups, Eigen::MatrixXd::Constant(groups.count(), groups.columns(), paired), {}};
    out.within.diagonal().setConstant(own);
    return out;
  }
};

/// The mean of every token and the covariance of every pair.
struct TokenMoments {
  Eigen::ArrayXd mean;
  TokenPairs covariance;
};

/// Applies f to the pairs within a sequence and, where both have them, to those across sequences.
template <class F>
[[nodiscard]] TokenPairs each(const TokenPairs& a, const TokenPairs& b, const F& f) {
  TokenPairs out{a.groups, f(a.within, b.within), {}};
  if (a.has_across() && b.has_across()) out.across = f(a.across, b.across);
  return out;
}

[[nodiscard]] inline TokenPairs operator+(TokenPairs a, const TokenPairs& b) {
  a.within += b.within;
  if (a.has_across() && b.has_across()) a.across += b.across;
  return a;
}

[[nodiscard]] inline TokenPairs operator*(double factor, TokenPairs pairs) {
  pairs.within *= factor;
  pairs.across *= factor;
  return pairs;
}

[[nodiscard]] inline TokenPairs operator/(TokenPairs pairs, double divisor) {
  pairs.within /= divisor;
  pairs.across /= divisor;
  return pairs;
}

[[nodiscard]] inline TokenPairs times(const TokenPairs& a, const TokenPairs& b) {
  return each(a, b, [](const auto& m, const auto& n) -> Eigen::MatrixXd { return m.cwiseProduct(n); });
}

/// Pairs times a number for every kind of pair.
[[nodiscard]] inline TokenPairs times(TokenPairs pairs, const formula::Gradient<double>& kinds) {
  const Eigen::VectorXd own = kinds.variance * pairs.within.diagonal();
  pairs.within *= kinds.covariance;
  pairs.within.diagonal() = own;
  pairs.across *= kinds.cross_covariance;
  return pairs;
}

[[nodiscard]] inline TokenPairs with_factors(TokenPairs pairs, const Eigen::ArrayXd& a) {
  scale_pairs(a, pairs.within);
  if (pairs.has_across()) scale_pairs(a, pairs.across);
  return pairs;
}

[[nodiscard]] inline TokenPairs with_across(TokenPairs pairs, double across) {
  pairs.across.setConstant(across);
  return pairs;
}

[[nodiscard]] inline TokenPairs shifted(TokenPairs pairs, double by) {
  pairs.within.array() += by;
  pairs.across.array() += by;
  return pairs;
}

[[nodiscard]] inline TokenPairs over_scales(TokenPairs pairs, const Eigen::ArrayXd& scale) {
  const Eigen::VectorXd inverse = scale.sqrt().inverse();
  scale_pairs(inverse, pairs.within);
  if (pairs.has_across()) scale_pairs(inverse, pairs.across);
  return pairs;
}

[[nodiscard]] inline Eigen::ArrayXd own(const TokenPairs& pairs) {
  return pairs.within.diagonal();
}

[[nodiscard]] inline TokenPairs with_own(TokenPairs pairs, const Eigen::ArrayXd& own) {
  pairs.within.diagonal() = own;
  return pairs;
}

[[nodiscard]] inline double sum_by_token(const TokenPairs& pairs, double /*length*/) {
  return pairs.groups->total(pairs.within) / pairs.groups->tokens();
}

[[nodiscard]] inline double mean_across(const TokenPairs& pairs) {
  const double tokens = pairs.groups->tokens();
  return pairs.has_across() ? pairs.groups->total(pairs.across) / (tokens * tokens) : 0;
}

[[nodiscard]] inline double sum_of_products(const TokenPairs& x, const TokenPairs& g, double batch, double /*length*/) {
  double sum = x.groups->total(x.within.cwiseProduct(g.within));
  if (x.has_across() && g.has_across()) sum += (batch - 1) * x.groups->total(x.across.cwiseProduct(g.across));
  return batch * sum;
}

[[nodiscard]] inline const TokenPairs& covariances(const TokenMoments& x) {
  return x.covariance;
}

/// Adds a multiple of mean_i mean_j to every pair.
inline void add_mean_products(double factor, const Eigen::ArrayXd& mean, TokenPairs& pairs) {
  if ((mean == 0).all()) return;
  const Eigen::MatrixXd squares = factor * outer(mean, pairs.within.cols());
  pairs.within += squares;
  if (pairs.has_across()) pairs.across += squares;
}

[[nodiscard]] inline TokenPairs products(const TokenMoments& x) {
  TokenPairs out = x.covariance;
  add_mean_products(1, x.mean, out);
  return out;
}

[[nodiscard]] inline TokenMoments signal_of(Eigen::ArrayXd mean, TokenPairs covariances) {
  return {std::move(mean), std::move(covariances)};
}

[[nodiscard]] inline TokenMoments signal_of(TokenPairs products) {
  return {Eigen::ArrayXd::Zero(products.within.rows()), std::move(products)};
}

[[nodiscard]] inline TokenMoments operator+(const TokenMoments& a, const TokenMoments& b) {
  return {a.mean + b.mean, a.covariance + b.covariance};
}

}  // namespace sigprop::predict
