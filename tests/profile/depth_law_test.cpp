// SPDX-License-Identifier: Apache-2.0
#include "profile/depth_law.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

namespace {

using sigprop::profile::DepthLaw;
using sigprop::profile::fit_depth_law;

DepthLaw law_of(int layers, const std::function<double(double)>& log10_value) {
  std::vector<double> values;
  for (int layer = 1; layer <= layers; ++layer) values.push_back(log10_value(layer));
  return fit_depth_law(values);
}

TEST_CASE("a variance that grows by the same amount is linear") {
  const DepthLaw law = law_of(50, [](double x) { return std::log10(3 + 2 * x); });
  CHECK(law.name == "linear");
  CHECK(law.rate == Approx(2.0 / 5));
}

TEST_CASE("a gradient that falls like a power of depth is hyperbolic") {
  const DepthLaw law = law_of(50, [](double x) { return -0.5 * std::log10(x); });
  CHECK(law.name == "hyperbolic");
  CHECK(law.rate == Approx(-0.5));
}

TEST_CASE("a gradient that rises like a power of depth follows a power law") {
  const DepthLaw law = law_of(50, [](double x) { return 2 * std::log10(x); });
  CHECK(law.name == "power");
  CHECK(law.rate == Approx(2));
}

TEST_CASE("a constant factor a layer is exponential, at any size") {
  const DepthLaw law = law_of(10000, [](double x) { return 3000 - 0.5 * x; });
  CHECK(law.name == "exponential");
  CHECK(law.rate == Approx(-0.5));
}

TEST_CASE("a quantity that stays within a fifth is constant") {
  CHECK(law_of(20, [](double x) { return 0.03 * std::sin(x); }).name == "constant");
}

TEST_CASE("a curve that no law fits is irregular") {
  CHECK(law_of(100, [](double x) { return x < 97 ? -2.0 : -2 + 0.6 * (x - 97); }).name == "irregular");
}

TEST_CASE("three layers, or a value of 0, have no law") {
  CHECK(law_of(3, [](double x) { return x; }).name == "none");
  CHECK(law_of(9, [](double) { return -std::numeric_limits<double>::infinity(); }).name == "none");
}

TEST_CASE("four layers have a law") {
  const DepthLaw law = law_of(4, [](double x) { return 0.5 * x; });
  CHECK(law.name == "exponential");
  CHECK(law.rate == Approx(0.5));
}

TEST_CASE("a fifth more is constant, and a little more than that is not") {
  const auto grown_by = [](double factor) {
    return law_of(4, [factor](double x) { return x == 4 ? std::log10(factor) : 0.0; });
  };
  CHECK(grown_by(1.199).name == "constant");
  CHECK(grown_by(1.199).rate == 0);
  CHECK(grown_by(1.201).name != "constant");
}

TEST_CASE("a curve may leave its law by a tenth of its range, and by no more") {
  // Above and below a line in turn, by the same amount, about the root mean square deviation.
  const auto beside_a_line = [](double by) {
    return law_of(41, [by](double x) { return 0.1 * x + (std::fmod(x, 2) == 0 ? by : -by); });
  };
  CHECK(beside_a_line(0.45).name == "exponential");  // the range is 4
  CHECK(beside_a_line(0.45).rate == Approx(0.1).epsilon(0.01));
  CHECK(beside_a_line(0.55).name == "irregular");
  CHECK(beside_a_line(0.55).rate == 0);
}

TEST_CASE("a line is fitted to relative errors: the small values count as much as the large ones") {
  // y = 1 + 9 (x - 1), but 5 % off at x = 1. Weights 1/y² make the fit follow the others less than
  // a plain one.
  const std::vector<double> y{1.05, 10, 19, 28, 37};
  double sw = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double w = 1 / (y[i] * y[i]), x = static_cast<double>(i + 1);
    sw += w, sx += w * x, sy += w * y[i], sxx += w * x * x, sxy += w * x * y[i];
  }
  const DepthLaw law = law_of(5, [&](double x) { return std::log10(y[static_cast<std::size_t>(x) - 1]); });
  CHECK(law.name == "linear");
  CHECK(law.rate == Approx((sw * sxy - sx * sy) / (sw * sxx - sx * sx) / y.front()));
}

TEST_CASE("a fall by the fourth power of depth is that, and no line") {
  const DepthLaw law = law_of(12, [](double x) { return 2 - 4 * std::log10(x); });
  CHECK(law.name == "hyperbolic");
  CHECK(law.rate == Approx(-4));
}

TEST_CASE("values more than a hundred decades apart are no line, whose weights would overflow") {
  const DepthLaw law = law_of(400, [](double x) { return 1.5 * x; });
  CHECK(law.name == "exponential");
  CHECK(law.rate == Approx(1.5));
}

}  // namespace
