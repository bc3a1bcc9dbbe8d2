// SPDX-License-Identifier: Apache-2.0
#include "check/compare.hpp"

#include <catch2/catch.hpp>
#include <cmath>

namespace {

using namespace sigprop;
using profile::Quantity;

constexpr double infinity = std::numeric_limits<double>::infinity();

double beyond(const Quantity& q, std::optional<double> min, std::optional<double> max) {
  return check::excess(q, {"", {}, {}, min, max});
}

TEST_CASE("a bound itself passes exactly, whatever the logarithm's last bit says") {
  for (const double x : {1.0, 0.1, 3.0, 10.0, 1e-3, 0.95, 1e300}) {
    CHECK(beyond(x, x, x) == 0);
    CHECK(beyond(-x, -x, -x) == 0);
    CHECK(beyond(Quantity(x, std::log10(x) + 1e-15), {}, x) == 0);
  }
  CHECK(beyond(0.0, 0.0, 0.0) == 0);
}

TEST_CASE("the excess is the logarithm of the factor beyond the nearer bound") {
  CHECK(beyond(100.0, 0.1, 10.0) == Approx(1));
  CHECK(beyond(0.001, 0.1, 10.0) == Approx(2));
  CHECK(beyond(5.0, 0.1, 10.0) == Approx(std::log10(0.5)));
  CHECK(beyond(0.2, 0.1, 10.0) == Approx(std::log10(0.5)));
  CHECK(beyond(0.2, {}, 10.0) == Approx(std::log10(0.02)));
}

TEST_CASE("negative numbers are below those nearer to zero") {
  CHECK(beyond(-0.2, -0.1, {}) == Approx(std::log10(2)));
  CHECK(beyond(-0.05, -0.1, {}) == Approx(std::log10(0.5)));
  CHECK(beyond(-0.05, {}, -0.1) == Approx(std::log10(2)));
}

TEST_CASE("on the other side of zero there is no factor: all or nothing") {
  CHECK(beyond(-1.0, 0.1, {}) == infinity);
  CHECK(beyond(-1.0, {}, 0.1) == -infinity);
  CHECK(beyond(0.0, 0.1, {}) == infinity);
  CHECK(beyond(0.1, {}, 0.0) == infinity);
  CHECK(beyond(0.1, 0.0, {}) == -infinity);
  CHECK(beyond(-0.1, 0.0, {}) == infinity);
}

TEST_CASE("what no double holds is compared by its logarithm") {
  const Quantity huge(infinity, 400), tiny(0.0, -400), huge_negative(-infinity, 400);
  CHECK(beyond(huge, {}, 1e300) == Approx(100));
  CHECK(beyond(huge, 1e300, {}) == Approx(-100));
  CHECK(beyond(tiny, 1e-300, {}) == Approx(100));
  CHECK(beyond(tiny, 0.0, {}) == -infinity);
  CHECK(beyond(tiny, {}, 0.0) == infinity);
  CHECK(beyond(huge_negative, {}, -1.0) == Approx(-400));
  CHECK(beyond(huge_negative, 0.0, {}) == infinity);
}

TEST_CASE("a ratio of what no double holds is the ratio of the numbers") {
  const Quantity huge(infinity, 400.5), huger(infinity, 402), tiny(0.0, -400), minus(-infinity, 401);
  CHECK(check::ratio(huger, huge).value == Approx(std::pow(10, 1.5)));
  CHECK(check::ratio(huge, tiny).log10 == Approx(800.5));
  CHECK_FALSE(check::ratio(huge, tiny).representable());
  CHECK(check::ratio(minus, huge).value == Approx(-std::sqrt(10)));
  CHECK(check::ratio(1e300, 1e-300).log10 == Approx(600));
  CHECK(check::ratio(3.0, 2.0).value == 1.5);
  CHECK(check::ratio(0.0, huge).value == 0);
  CHECK(check::ratio(huge, minus).value == Approx(-1 / std::sqrt(10)));
}

TEST_CASE("a ratio over 0 is infinite, that of zeros none, and neither keeps a bound") {
  CHECK(check::ratio(2.0, 0.0).value == infinity);
  CHECK(check::ratio(-2.0, 0.0).value == -infinity);
  CHECK(std::isnan(check::ratio(0.0, 0.0).value));
  CHECK(beyond(check::ratio(2.0, 0.0), {}, 1e300) == infinity);
  CHECK(beyond(check::ratio(2.0, 0.0), 1.0, {}) == -infinity);
  CHECK(beyond(check::ratio(0.0, 0.0), {}, 1e300) == infinity);
  CHECK(beyond(check::ratio(0.0, 0.0), -1e300, {}) == infinity);
}

TEST_CASE("NaN and an infinity without logarithm are no numbers") {
  CHECK_FALSE(check::is_number(std::nan("")));
  CHECK_FALSE(check::is_number(infinity));
  CHECK_FALSE(check::is_number({1, std::nan("")}));
  CHECK(check::is_number({infinity, 400}));
  CHECK(check::is_number(0.0));
}

}  // namespace
