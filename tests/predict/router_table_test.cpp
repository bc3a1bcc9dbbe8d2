// SPDX-License-Identifier: Apache-2.0
// The functionals of a router against what is known of them.
#include "predict/tables/router_table.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

namespace {

using namespace sigprop;
using network::Router;
using predict::RouterTable;

constexpr double stated_error = 5e-3;
constexpr double between_deviations = 3e-4;  // what interpolation over the logits' deviation adds

TEST_CASE("tokens that do not correlate share the experts as chance has it") {
  for (const auto& [count, chosen] : {std::pair{8, 2}, {4, 1}, {6, 6}, {64, 10}}) {
    RouterTable table(static_cast<std::size_t>(count), static_cast<std::size_t>(chosen), Router::softmax);
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
  RouterTable table(8, 2, Router::softmax);
  CHECK(table(0, 1).overlap == Approx(0.5).epsilon(between_deviations));
  CHECK(table(0, 1).jacobian == Approx(0.25).epsilon(between_deviations));
  RouterTable all(5, 5, Router::softmax);
  for (const double rho : {1.0, 0.3, -0.5}) CHECK(all(0, rho).overlap == Approx(0.2).epsilon(between_deviations));
}

TEST_CASE("one of two experts is the same one as often as two normal numbers have one sign") {
  RouterTable table(2, 1, Router::softmax);
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
  RouterTable table(2, 2, Router::softmax);
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
  RouterTable table(8, 2, Router::softmax);
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
  RouterTable table(8, 2, Router::softmax), first(8, 1, Router::softmax);
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
      return predict::router_means(std::array{deviation, correlation, 8.0, 2.0}, network::Router::softmax);
    };
    const auto jets = predict::router_jets({s, rho, 8, 2}, Router::softmax);
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
  CHECK(predict::router_jets({1, 1, 8, 2}, Router::softmax).overlap.slopes[1] == 0);
}

TEST_CASE("by the number of experts the router's derivatives are differences between neighbours") {
  const auto at = [](double count, double chosen) {
    return predict::router_means(std::array{0.8, 0.5, count, chosen}, network::Router::softmax).overlap;
  };
  const auto inside = predict::router_jets({0.8, 0.5, 8, 2}, Router::softmax),
             all = predict::router_jets({0.8, 0.5, 3, 3}, Router::softmax);
  CHECK(inside.overlap.slopes[2] == (at(9, 2) - at(7, 2)) / 2);
  CHECK(inside.overlap.slopes[3] == (at(8, 3) - at(8, 1)) / 2);
  CHECK(all.overlap.slopes[2] == at(4, 3) - at(3, 3));
  CHECK(all.overlap.slopes[3] == at(3, 3) - at(3, 2));
}

/// Weights of a token's experts and their derivatives by the logits, as the definition has them.
struct Defined {
  std::vector<double> weights;
  std::vector<std::vector<double>> jacobian;
};

Defined defined(Router router, const std::vector<double>& logits, std::size_t chosen) {
  std::vector<double> order = logits;
  std::sort(order.rbegin(), order.rend());
  const double last = order[chosen - 1];
  const auto weights_at = [&](const std::vector<double>& at) {
    std::vector<double> out(at.size(), 0);
    double sum = 0;
    for (std::size_t e = 0; e < at.size(); ++e) {
      const bool taken = logits[e] >= last,
                 by_softmax = router == Router::softmax || router == Router::softmax_over_all;
      const double size = by_softmax ? std::exp(at[e]) : 1 / (1 + std::exp(-at[e]));
      if (taken) out[e] = size;
      if (taken || router == Router::softmax_over_all) sum += size;
    }
    if (router == Router::plain_sigmoid) return out;
    for (double& weight : out) weight /= sum;
    return out;
  };
  Defined out{weights_at(logits), {}};
  constexpr double step = 1e-5;
  for (std::size_t f = 0; f < logits.size(); ++f) {
    std::vector<double> above = logits, below = logits;
    above[f] += step;
    below[f] -= step;
    const std::vector<double> high = weights_at(above), low = weights_at(below);
    std::vector<double>& column = out.jacobian.emplace_back();
    for (std::size_t e = 0; e < logits.size(); ++e) column.push_back((high[e] - low[e]) / (2 * step));
  }
  return out;
}

TEST_CASE("every router's functionals are the means of its definition, and no other router's") {
  constexpr std::size_t count = 6, chosen = 2, draws = 20000;
  constexpr double rho = 0.6, deviation = 1.1, noise = 0.03;  // four standard errors of these draws
  const std::array routers{Router::softmax, Router::softmax_over_all, Router::sigmoid, Router::plain_sigmoid};
  for (const Router router : routers) {
    INFO("router " << static_cast<int>(router));
    std::mt19937_64 random(7);
    std::normal_distribution<double> normal;
    formula::RouterMeans<double> own{0, 0}, paired{0, 0};
    for (std::size_t draw = 0; draw < draws; ++draw) {
      std::vector<double> first(count), second(count);
      for (std::size_t e = 0; e < count; ++e) {
        const double z = normal(random);
        first[e] = deviation * z;
        second[e] = deviation * (rho * z + std::sqrt(1 - rho * rho) * normal(random));
      }
      const Defined a = defined(router, first, chosen), b = defined(router, second, chosen);
      for (std::size_t e = 0; e < count; ++e) {
        own.overlap += a.weights[e] * a.weights[e] / draws;
        paired.overlap += a.weights[e] * b.weights[e] / draws;
        for (std::size_t f = 0; f < count; ++f) {
          own.jacobian += a.jacobian[f][e] * a.jacobian[f][e] / draws;
          paired.jacobian += a.jacobian[f][e] * b.jacobian[f][e] / draws;
        }
      }
    }
    RouterTable table(count, chosen, router);
    const auto close = [&](double known, double mean) { return std::abs(known / mean - 1) < noise; };
    CHECK(close(table(deviation, 1).overlap, own.overlap));
    CHECK(close(table(deviation, 1).jacobian, own.jacobian));
    CHECK(close(table(deviation, rho).overlap, paired.overlap));
    CHECK(close(table(deviation, rho).jacobian, paired.jacobian));
    for (const Router other : routers) {
      RouterTable wrong(count, chosen, other);
      const bool same =
          close(wrong(deviation, 1).overlap, own.overlap) && close(wrong(deviation, 1).jacobian, own.jacobian);
      CHECK(same == (other == router));
    }
  }
}

TEST_CASE("weights that do not sum to 1 leave tokens that do not correlate the product of their means") {
  for (const Router router : {Router::softmax_over_all, Router::plain_sigmoid}) {
    RouterTable table(8, 3, router);
    const double apart = table(0, 0).overlap, share = router == Router::plain_sigmoid ? 0.5 : 1.0 / 8;
    CHECK(apart == Approx(3 * share * 3 * share / 8).epsilon(between_deviations));
  }
  RouterTable gate(1, 1, Router::plain_sigmoid);
  CHECK(gate(0, 0.3).overlap == Approx(0.25).epsilon(between_deviations));
  CHECK(gate(0, 0.3).jacobian == Approx(1.0 / 16).epsilon(10 * between_deviations));
}

}  // namespace
