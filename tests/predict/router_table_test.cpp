// SPDX-License-Identifier: Apache-2.0
// The functionals of a router against what is known of them.
#include "predict/tables/router_table.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>

namespace {

using namespace sigprop;
using predict::RouterTable;

constexpr double stated_error = 5e-3;
constexpr double between_deviations = 3e-4;  // what interpolation over the logits' deviation adds

TEST_CASE("tokens that do not correlate share the experts as chance has it") {
  for (const auto& [count, chosen] : {std::pair{8, 2}, {4, 1}, {6, 6}, {64, 10}}) {
    RouterTable table(static_cast<std::size_t>(count), static_cast<std::size_t>(chosen));
    for (const double deviation : {0.01, 0.7, 3.0}) {
      INFO(chosen << " of " << count << ", deviation " << deviation);
      const auto apart = table(deviation, 0);
      const double spread = 1 - table(deviation, 1).overlap;
      CHECK(apart.overlap == Approx(1.0 / count).epsilon(between_deviations));
      CHECK(apart.jacobian == Approx(spread * spread / (count - 1)).epsilon(10 * between_deviations).margin(1e-9));
    }
  }
}

TEST_CASE("small logits weigh a token's experts equally") {
  RouterTable table(8, 2);
  CHECK(table(0, 1).overlap == Approx(0.5).epsilon(between_deviations));
  CHECK(table(0, 1).jacobian == Approx(0.25).epsilon(between_deviations));
  RouterTable all(5, 5);
  for (const double rho : {1.0, 0.3, -0.5}) CHECK(all(0, rho).overlap == Approx(0.2).epsilon(between_deviations));
}

TEST_CASE("one of two experts is the same one as often as two normal numbers have one sign") {
  RouterTable table(2, 1);
  for (const double rho : {1.0, 0.99, 0.8, 0.5, 0.0, -0.3}) {
    INFO("rho " << rho);
    const double angle = std::acos(rho), pi = std::acos(-1.0);
    CHECK(table(1, rho).overlap == Approx(1 - angle / pi).epsilon(stated_error));
    CHECK(table(1, rho).jacobian == 0);
  }
}

/// E[f(z, z')] of two standard normal numbers of correlation rho, by the trapezoidal rule.
template <class F>
double normal_mean(double rho, const F& f) {
  constexpr double step = 0.05, end = 7;
  double sum = 0, weights = 0;
  for (double u = -end; u <= end; u += step) {
    for (double v = -end; v <= end; v += step) {
      const double weight = std::exp(-(u * u + v * v) / 2);
      sum += weight * f(u, rho * u + std::sqrt(1 - rho * rho) * v);
      weights += weight;
    }
  }
  return sum / weights;
}

TEST_CASE("both of two experts weigh as the logistic function of their logits' difference says") {
  RouterTable table(2, 2);
  double worst = 0;
  for (const double deviation : {0.3, 1.28, 6.0, 15.0}) {
    const auto share = [deviation](double z) { return 1 / (1 + std::exp(-deviation * std::sqrt(2.0) * z)); };
    for (const double rho : {1.0, 0.9, 0.4, -0.6}) {
      INFO("deviation " << deviation << ", rho " << rho);
      const double overlap =
          normal_mean(rho, [&](double z, double y) { return share(z) * share(y) + (1 - share(z)) * (1 - share(y)); });
      const double jacobian = normal_mean(
          rho, [&](double z, double y) { return 4 * share(z) * (1 - share(z)) * share(y) * (1 - share(y)); });
      const auto known = table(deviation, rho);
      worst = std::max(worst, std::abs(known.overlap / overlap - 1));
      CHECK(known.overlap == Approx(overlap).epsilon(stated_error));
      CHECK(known.jacobian == Approx(jacobian).epsilon(4 * stated_error).margin(1e-3));
    }
  }
  std::printf("router table: worst relative error of P %.1e\n", worst);
}

TEST_CASE("more correlation never parts tokens, and sharper logits make a token's weights unequal") {
  RouterTable table(8, 2);
  for (double rho = -0.9; rho < 0.95; rho += 0.1) {
    CHECK(table(1.3, rho + 0.1).overlap > table(1.3, rho).overlap);
    CHECK(table(1.3, rho + 0.1).jacobian > table(1.3, rho).jacobian);
  }
  for (double deviation = 0; deviation < 40; deviation += 0.5) {
    CHECK(table(deviation + 0.5, 1).overlap > table(deviation, 1).overlap);
    CHECK(table(deviation + 0.5, 1).overlap <= 1);
  }
}

TEST_CASE("tiles of the router's table meet without a step, and sharp logits leave one expert") {
  RouterTable table(8, 2), first(8, 1);
  for (const double border : {0.5, 1.0, 2.0, 4.0, 8.0, 16.0}) {
    for (const double rho : {1.0, 0.6}) {
      const auto below = table(border * (1 - 1e-9), rho), above = table(border * (1 + 1e-9), rho);
      CHECK(above.overlap == Approx(below.overlap).epsilon(between_deviations));
      CHECK(above.jacobian == Approx(below.jacobian).epsilon(1e-2));
    }
  }
  CHECK(table(1e6, 0.6).overlap == Approx(first(0, 0.6).overlap).epsilon(1e-4));
  CHECK(table(1e6, 0.6).jacobian < 1e-5);
}

TEST_CASE("the router's derivatives are those of differences") {
  constexpr double step = 1e-5;
  for (const auto& [s, rho] : {std::pair{0.4, 0.7}, {1.28, 0.2}, {5.0, -0.3}, {20.0, 0.8}}) {
    INFO("deviation " << s << ", rho " << rho);
    const auto at = [](double deviation, double correlation) {
      return predict::router_means(std::array{deviation, correlation, 8.0, 2.0});
    };
    const auto jets = predict::router_jets({s, rho, 8, 2});
    CHECK(jets.overlap.value == at(s, rho).overlap);
    CHECK(jets.overlap.slopes[0] ==
          Approx((at(s + step, rho).overlap - at(s - step, rho).overlap) / (2 * step)).epsilon(1e-4).margin(1e-8));
    CHECK(jets.jacobian.slopes[0] ==
          Approx((at(s + step, rho).jacobian - at(s - step, rho).jacobian) / (2 * step)).epsilon(1e-4).margin(1e-8));
    CHECK(jets.overlap.slopes[1] ==
          Approx((at(s, rho + step).overlap - at(s, rho - step).overlap) / (2 * step)).epsilon(1e-4).margin(1e-8));
    CHECK(jets.jacobian.slopes[1] ==
          Approx((at(s, rho + step).jacobian - at(s, rho - step).jacobian) / (2 * step)).epsilon(1e-4).margin(1e-8));
  }
  CHECK(predict::router_jets({1, 1, 8, 2}).overlap.slopes[1] == 0);
}

TEST_CASE("by the number of experts the router's derivatives are differences between neighbours") {
  const auto at = [](double count, double chosen) {
    return predict::router_means(std::array{0.8, 0.5, count, chosen}).overlap;
  };
  const auto inside = predict::router_jets({0.8, 0.5, 8, 2}), all = predict::router_jets({0.8, 0.5, 3, 3});
  CHECK(inside.overlap.slopes[2] == (at(9, 2) - at(7, 2)) / 2);
  CHECK(inside.overlap.slopes[3] == (at(8, 3) - at(8, 1)) / 2);
  CHECK(all.overlap.slopes[2] == at(4, 3) - at(3, 3));
  CHECK(all.overlap.slopes[3] == at(3, 3) - at(3, 2));
}

}  // namespace
