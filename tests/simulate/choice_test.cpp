// SPDX-License-Identifier: Apache-2.0
// Which experts tokens take.
#include <array>
#include <catch2/catch.hpp>

#include "simulate/draw.hpp"
#include "simulate/elementwise.hpp"
#include "simulate/route.hpp"
#include "support/comparison.hpp"

namespace {

using namespace sigprop;

constexpr std::size_t experts = 5, chosen = 2, tokens = 200;
constexpr std::uint32_t replicates = 60;

/// Does a token take an expert?
bool takes(const simulate::Draw& draw, std::size_t token, std::size_t expert) {
  return simulate::takes({experts, chosen, expert},
                         [&](std::size_t e) { return draw.uniform(7, token * experts + e); });
}

TEST_CASE("a token takes the experts of its lowest numbers") {
  const std::array numbers{0.5, 0.2, 0.9, 0.1};
  const auto taken = [&](std::size_t count, std::size_t expert) {
    return simulate::takes({4, count, expert}, [&](std::size_t e) { return numbers[e]; });
  };
  CHECK((taken(1, 3) && !taken(1, 1)));
  CHECK((taken(2, 3) && taken(2, 1) && !taken(2, 0) && !taken(2, 2)));
  for (std::size_t expert = 0; expert < 4; ++expert) CHECK(taken(4, expert));
}

TEST_CASE("a router sends a token to the experts of its largest logits, of equal ones to the first") {
  const std::array logits{0.5, -0.2, 0.9, 0.5};
  const auto routed = [&](std::size_t count, std::size_t expert) {
    return simulate::is_routed_to({4, count, expert}, [&](std::size_t e) { return logits[e]; });
  };
  CHECK((routed(1, 2) && !routed(1, 0)));
  CHECK((routed(2, 2) && routed(2, 0) && !routed(2, 3) && !routed(2, 1)));
  for (std::size_t expert = 0; expert < 4; ++expert) CHECK(routed(4, expert));
}

TEST_CASE("a router's weights are the softmax over the chosen logits") {
  simulate::Matrix<double> logits(2, 3), g(2, 3);
  logits << 0, std::log(3.0), -1, 5, 5, 5;
  const auto weights = simulate::route(simulate::Team{1}, network::Router::softmax, 2, logits);
  simulate::Matrix<double> wanted(2, 3);
  wanted << 0.25, 0.75, 0, 0.5, 0.5, 0;
  CHECK((weights - wanted).cwiseAbs().maxCoeff() < 1e-15);
  g << 4, 8, 100, 1, 1, 7;
  simulate::route_backward(simulate::Team{1}, network::Router::softmax, logits, weights, g);
  wanted << -0.75, 0.75, 0, 0, 0, 0;
  CHECK((g - wanted).cwiseAbs().maxCoeff() < 1e-15);
}

TEST_CASE("every router's weights and their gradients follow from its definition") {
  using network::Router;
  simulate::Matrix<double> logits(1, 4), g(1, 4);
  logits << 0.3, -0.2, 1.1, 0.7;
  g << 0.9, -2, 0.4, -1.3;
  const auto weights = [](Router router, const simulate::Matrix<double>& at) {
    return simulate::route(simulate::Team{1}, router, 2, at);
  };
  const auto sigma = [](double z) { return 1 / (1 + std::exp(-z)); };
  const double all = std::exp(0.3) + std::exp(-0.2) + std::exp(1.1) + std::exp(0.7);
  CHECK(weights(Router::softmax_over_all, logits)(0, 2) == Approx(std::exp(1.1) / all).epsilon(1e-14));
  CHECK(weights(Router::sigmoid, logits)(0, 2) == Approx(sigma(1.1) / (sigma(1.1) + sigma(0.7))).epsilon(1e-14));
  CHECK(weights(Router::plain_sigmoid, logits)(0, 3) == Approx(sigma(0.7)).epsilon(1e-14));
  for (const Router router : {Router::softmax, Router::softmax_over_all, Router::sigmoid, Router::plain_sigmoid}) {
    INFO("router " << static_cast<int>(router));
    const auto at = weights(router, logits);
    CHECK((at(0, 0) == 0 && at(0, 1) == 0));
    simulate::Matrix<double> back = g;
    simulate::route_backward(simulate::Team{1}, router, logits, at, back);
    for (Eigen::Index e = 0; e < logits.cols(); ++e) {
      constexpr double step = 1e-6;
      simulate::Matrix<double> above = logits, below = logits;
      above(0, e) += step;
      below(0, e) -= step;
      const double slope = ((weights(router, above) - weights(router, below)).row(0).dot(g.row(0))) / (2 * step);
      CHECK(back(0, e) == Approx(slope).epsilon(1e-7).margin(1e-9));
    }
  }
}

TEST_CASE("tokens take all experts alike, and one token's choice tells nothing of the next one's") {
  constexpr std::size_t comparisons = 2 * experts;
  constexpr double share = static_cast<double>(chosen) / experts;
  for (std::size_t expert = 0; expert < experts; ++expert) {
    test::Replicates one, both;
    for (std::uint32_t replicate = 0; replicate < replicates; ++replicate) {
      const simulate::Draw draw(11, replicate);
      double count = 0, pairs = 0;
      for (std::size_t token = 0; token < tokens; token += 2) {
        const bool first = takes(draw, token, expert), second = takes(draw, token + 1, expert);
        count += first + second;
        pairs += first && second;
      }
      one.add(count / tokens);
      both.add(pairs / (tokens / 2));
    }
    INFO("expert " << expert);
    const auto alike = test::compare(share, one, 0, comparisons);
    const auto independent = test::compare(share * share, both, 0, comparisons);
    INFO(alike << "; " << independent);
    CHECK(alike.agrees());
    CHECK(independent.agrees());
    INFO("the wrong shares pass: one expert in E, and neighbours that take the same experts");
    CHECK_FALSE(test::compare(1.0 / experts, one, 0, comparisons).agrees());
    CHECK_FALSE(test::compare(share, both, 0, comparisons).agrees());
  }
}

}  // namespace
