// SPDX-License-Identifier: Apache-2.0
#include "predict/tokens/rotary_field.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "sigprop/formula/rotary.hpp"

namespace {

using Eigen::Index;
using sigprop::predict::RotaryField;

constexpr Index length = 14;
constexpr double base = 50;

/// κ(Δ), frequency by frequency.
double left_at(Index apart, double head_width, double rotated) {
  double sum = 1 - rotated / head_width;
  for (int f = 0; f < rotated / 2; ++f)
    sum += 2 / head_width * std::cos(static_cast<double>(apart) * std::pow(base, -2 * f / rotated));
  return sum;
}

TEST_CASE("a rotary field is what turning leaves of products, up to twice the sequence") {
  for (const double rotated : {0.0, 4.0, 10.0}) {
    const RotaryField field(length, 10, rotated, base);
    INFO("rotated " << rotated);
    CHECK(field.length() == length);
    CHECK(field.at(0) == Approx(1).epsilon(1e-15));
    for (Index apart = 0; apart < 2 * length; ++apart)
      CHECK(field.at(apart) == Approx(left_at(apart, 10, rotated)).margin(1e-14));
  }
}

TEST_CASE("a prefix's mean is that over its pairs of keys, for rows of every distance") {
  const RotaryField field(length, 12, 8, base);
  for (Index keys = 1; keys <= length; ++keys) {
    for (Index apart = 0; apart < length; ++apart) {
      double sum = 0;
      for (Index j = 0; j < keys; ++j) {
        for (Index other = 0; other < keys; ++other) sum += other == j ? 0 : left_at(j - other - apart, 12, 8);
      }
      INFO(keys << " keys, rows " << apart << " apart");
      const double expected = keys == 1 ? 1 : sum / static_cast<double>(keys * (keys - 1));
      CHECK(field.mean(keys, apart) == Approx(expected).margin(1e-12));
    }
  }
}

TEST_CASE("sums over two ranges of places are those over their pairs") {
  const RotaryField field(length, 12, 8, base);
  for (const auto& [a, b] :
       {std::pair{RotaryField::Range{0, 3}, RotaryField::Range{0, 3}}, {{2, 7}, {9, 14}}, {{9, 14}, {2, 3}}}) {
    double sum = 0;
    for (Index j = a.first + 1; j <= a.last; ++j) {
      for (Index other = b.first + 1; other <= b.last; ++other) sum += left_at(j - other, 12, 8);
    }
    CHECK(field.sum(a, b) == Approx(sum).margin(1e-12));
  }
}

TEST_CASE("over a whole sequence a prefix's mean is the formula's") {
  const RotaryField field(length, 12, 12, base);
  const auto mean = sigprop::formula::rotary_means(static_cast<double>(length), 12.0, 12.0, base);
  CHECK(field.mean(length, 0) == Approx(mean.once).epsilon(1e-12));
  double twice = 0;
  for (Index apart = 1; apart < length; ++apart)
    twice += static_cast<double>(2 * (length - apart)) * field.mean(length, apart);
  CHECK(twice / static_cast<double>(length * (length - 1)) == Approx(mean.twice).epsilon(1e-12));
}

TEST_CASE("of groups of keys, what is kept is the mean over their tokens, for rows of every distance") {
  const auto groups = sigprop::predict::TokenGroups::grouped(120);
  const RotaryField field(120, 12, 8, base);
  const sigprop::predict::RotatedPairs pairs(field, groups);
  for (const double apart : {0.0, 2.0, 9.5, 60.0, 119.0}) {
    double sum = 0;
    for (std::size_t n = 0; n < pairs.count(); ++n) sum += pairs.weight(n, std::log1p(apart));
    CHECK(sum == Approx(1));
  }
  CHECK(pairs.weight(2, std::log1p(2)) == Approx(1));
  CHECK(pairs.weight(3, std::log(15.0) / 2) == Approx(0.5));  // halfway from 2 to 4 in ln(1 + Δ)
  constexpr Index apart = 4;                                  // the fourth distance: 0, 1, 2, 4
  const Eigen::MatrixXd& kept = pairs.kept(3);
  for (Index g = 0; g < groups.count(); ++g) {
    CHECK(kept(g, g) == Approx(left_at(apart, 12, 8)).margin(1e-12));
    for (Index h = 0; h < groups.count(); h += 5) {
      double sum = 0, count = 0;
      for (Index j = 0; j < static_cast<Index>(groups.size(g)); ++j) {
        for (Index l = 0; l < static_cast<Index>(groups.size(h)); ++l) {
          if (g == h && j == l) continue;
          const auto between = static_cast<Index>(groups.before(g) - groups.before(h)) + j - l - apart;
          sum += left_at(between, 12, 8);
          ++count;
        }
      }
      if (count > 0) CHECK(kept(g, g == h ? groups.count() : h) == Approx(sum / count).margin(1e-10));
    }
  }
}

}  // namespace
