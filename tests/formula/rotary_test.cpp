// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/rotary.hpp"

#include <catch2/catch.hpp>

#include "support/domain_message.hpp"
#include "support/every_scalar.hpp"
#include "support/random.hpp"

namespace sigprop::test {
namespace {

using formula::rotary_angle;
using formula::rotary_means;
using formula::RotaryMeans;

template <class T>
std::array<T, 2> numbers(const RotaryMeans<T>& mean) {
  return {mean.once, mean.twice};
}

/// κ(Δ), frequency by frequency.
double left_at(double apart, double head_width, double rotated, double base) {
  double sum = 1 - rotated / head_width;
  for (int f = 0; f < rotated / 2; ++f) sum += 2 / head_width * std::cos(apart * std::pow(base, -2 * f / rotated));
  return sum;
}

/// Both means by summing κ over all places.
std::array<double, 2> summed(int length, double head_width, double rotated, double base) {
  const double pairs = static_cast<double>(length) * (length - 1);
  double once = 0, twice = 0;
  for (int apart = 1 - length; apart < length; ++apart) {
    if (apart == 0) continue;
    const double count = length - std::abs(apart);
    once += count * left_at(apart, head_width, rotated, base) / pairs;
    for (int rows = 1 - length; rows < length; ++rows) {
      if (rows == 0) continue;
      twice += count * (length - std::abs(rows)) * left_at(apart - rows, head_width, rotated, base) / (pairs * pairs);
    }
  }
  return {once, twice};
}

TEST_CASE("the first pair of features turns by 1, the others by less and less") {
  CHECK(rotary_angle(10000.0, 64.0, 0) == 1);
  CHECK(rotary_angle(10000.0, 64.0, 16) == Approx(0.01).epsilon(1e-14));
  CHECK(rotary_angle(100.0, 2.0, 1) == Approx(0.01).epsilon(1e-14));
  CHECK(rotary_angle(1.0, 64.0, 20) == 1);
}

TEST_CASE("features that do not turn leave products as they are") {
  const auto still = rotary_means(64.0, 32.0, 0.0, 10000.0);
  CHECK(still.once == 1);
  CHECK(still.twice == 1);
  CHECK(still == RotaryMeans<double>{1, 1});
}

TEST_CASE("two tokens whose features all turn by 1 keep the cosine of 1") {
  const auto mean = rotary_means(2.0, 2.0, 2.0, 10000.0);
  CHECK(mean.once == Approx(std::cos(1.0)).epsilon(1e-14));
  CHECK(mean.twice == Approx(std::pow(std::cos(1.0), 2)).epsilon(1e-14));
}

TEST_CASE("a long sequence keeps only the features that stand still") {
  const auto mean = rotary_means(1e6, 4.0, 2.0, 1.0);
  CHECK(mean.once == Approx(0.5).margin(1e-5));
  CHECK(mean.twice == Approx(0.5).margin(1e-5));
}

TEST_CASE("the means are those over all places") {
  Random random(321);
  for (int i = 0; i < 30; ++i) {
    const int length = static_cast<int>(random.log_uniform(2, 40));
    const double head_width = 2 * std::floor(random.log_uniform(1, 33));
    const double rotated = 2 * std::floor(random.uniform(0, head_width / 2 + 0.99)), base = random.log_uniform(1, 1e6);
    INFO("length " << length << ", head width " << head_width << ", rotated " << rotated << ", base " << base);
    const auto mean = rotary_means<double>(length, head_width, rotated, base);
    const auto expected = summed(length, head_width, rotated, base);
    CHECK(mean.once == Approx(expected[0]).margin(1e-13));
    CHECK(mean.twice == Approx(expected[1]).margin(1e-13));
    CHECK(std::abs(mean.once) <= 1);
    CHECK(mean.twice <= 1);
  }
}

TEST_CASE("two rows see no more of two keys than their square on average") {
  for (const double length : {2.0, 16.0, 256.0, 4096.0}) {
    const auto mean = rotary_means(length, 64.0, 64.0, 10000.0);
    INFO("length " << length);
    CHECK(mean.twice >= mean.once * mean.once);
    CHECK(mean.twice < mean.once);
  }
}

TEST_CASE("the rotary means name the argument outside its domain") {
  CHECK(domain_message([] { return rotary_means(1.0, 8.0, 8.0, 10000.0); }) ==
        "sequence length is 1, but must be at least 2");
  CHECK(domain_message([] { return rotary_means(8.0, 0.0, 0.0, 10000.0); }) ==
        "head width is 0, but must be at least 1");
  CHECK(domain_message([] { return rotary_means(8.0, 8.0, 8.0, 0.0); }) == "rotary base is 0, but must be above 0");
}

TEST_CASE("the rotary means read alike with every scalar type") {
  const auto by_length = []<class T>(const T& length) { return numbers(rotary_means(length, T(16), T(12), T(10000))); };
  const auto by_base = []<class T>(const T& base) { return numbers(rotary_means(T(24), T(16), T(16), base)); };
  check_every_scalar(by_length, 24);
  check_every_scalar(by_base, 10000);
}

}  // namespace
}  // namespace sigprop::test
