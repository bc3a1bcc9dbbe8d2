// SPDX-License-Identifier: Apache-2.0
#include "predict/tokens/token_groups.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>

#include "predict/tokens/causal_attention.hpp"
#include "predict/tokens/symmetric.hpp"

namespace {

using namespace sigprop;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using predict::Prefix;
using predict::TokenGroups;

TEST_CASE("groups hold every token once: the first 48 and the last 8 by themselves, others with those beside them") {
  for (const Index length : {1, 2, 64, 65, 66, 67, 100, 1000, 4096, 8192}) {
    const TokenGroups groups = TokenGroups::grouped(length);
    INFO(length << " tokens in " << groups.count() << " groups");
    CHECK(groups.tokens() == static_cast<double>(length));
    CHECK(groups.sizes().sum() == static_cast<double>(length));
    CHECK(groups.size(groups.count() - 1) == 1);
    CHECK(groups.middle(0) == 1);
    CHECK(groups.middle(groups.count() - 1) == static_cast<double>(length));
    for (Index g = 0; g < groups.count(); ++g) {
      CHECK(std::fmod(groups.size(g), 2) == 1);
      CHECK(groups.size(g) <= std::max(1.0, groups.before(g) / 16));
      CHECK(groups.size(g) <= std::max(1.0, (groups.tokens() - groups.before(g)) / 4));
      if (g > 0) CHECK(groups.before(g) == groups.before(g - 1) + groups.size(g - 1));
    }
  }
  CHECK(TokenGroups::grouped(4096).count() < 160);
  CHECK_FALSE(TokenGroups::grouped(48).are_grouped());
  CHECK(TokenGroups::grouped(48).columns() == 48);
}

TEST_CASE("sums over groups are those over their tokens") {
  constexpr Index length = 300;
  const TokenGroups groups = TokenGroups::grouped(length);
  const VectorXd value =
      VectorXd::NullaryExpr(groups.count(), [](Index g) { return std::cos(static_cast<double>(g)); });
  constexpr double own = 2.5;
  VectorXd by_token(length);
  for (Index g = 0, i = 0; g < groups.count(); ++g) {
    for (double t = 0; t < groups.size(g); ++t) by_token[i++] = value[g];
  }
  MatrixXd products = predict::outer(value, groups.columns());
  products.diagonal().array() += own;
  CHECK(groups.total(products) == Approx(std::pow(by_token.sum(), 2) + own * length));
  CHECK(groups.mean(value) == Approx(by_token.mean()));
  predict::scale_pairs(value.cwiseInverse(), products);
  CHECK(groups.total(products) == Approx(length * length + own * by_token.cwiseAbs2().cwiseInverse().sum()));
}

TEST_CASE("every token has a share of its group's neighbours") {
  const TokenGroups groups = TokenGroups::grouped(500);
  const VectorXd number = groups.spread(groups.middles());
  REQUIRE(number.size() == 500);
  for (Index i = 0; i < number.size(); ++i) CHECK(number[i] == Approx(static_cast<double>(i + 1)));
}

TEST_CASE("every pair of tokens has a share of its groups' neighbours, a token with itself one of its own") {
  const TokenGroups groups = TokenGroups::grouped(500);
  const VectorXd number = groups.middles();
  MatrixXd sums(groups.count(), groups.columns());
  for (Index g = 0; g < groups.count(); ++g) {
    for (Index h = 0; h < groups.count(); ++h) sums(g, h) = g == h ? -number[g] : number[g] + 2 * number[h];
    sums(g, groups.count()) = 3 * number[g];
  }
  for (const double i : {1.0, 2.0, 70.0, 71.0, 333.0, 500.0}) {
    for (const double j : {1.0, 3.0, 72.0, 334.0, 499.0}) {
      INFO(i << ", " << j);
      CHECK(groups.of_pair(sums, i, j) == Approx(i == j ? -i : i + 2 * j));
    }
  }
  CHECK(groups.of_pair(sums, 333, 333) == Approx(-333));
  const MatrixXd single = MatrixXd::Random(5, 5);
  CHECK(TokenGroups::single(5).of_pair(single, 4, 2) == single(3, 1));
  CHECK(TokenGroups::single(5).of_pair(single, 5, 5) == single(4, 4));
}

// ---- attention over groups against attention over tokens ---------------------------------------------------------------

constexpr double width = 512, head_width = 64;

/// Token products of a stack behind a mask: the later two tokens, the more alike. Of tokens i ≥ j,
/// from 1.
double product(double i, double j) {
  return i == j ? 1.0 : 0.5 - 0.4 / std::sqrt(j) + 0.1 / i;
}

/// What two tokens of every group have in common.
enum class Neighbours { pairs, equal };

MatrixXd products(const TokenGroups& groups, Neighbours neighbours) {
  return predict::over_groups(
      groups.count(), groups.columns(), [&](Index g, Index h) { return product(groups.middle(g), groups.middle(h)); },
      [&](Index g) {
        return neighbours == Neighbours::equal ? 1.0 : product(groups.middle(g) + 1e-9, groups.middle(g));
      });
}

struct Results {
  VectorXd mixed, value, query, key;  ///< by token
  double key_weight;
};

Results attention(const TokenGroups& groups, Prefix prefix, double sharpness, Neighbours neighbours) {
  const double weight = std::sqrt(sharpness) / width;
  const predict::Shape shape{
      groups.tokens(), width, width / head_width, head_width, weight, weight, 1 / width, 0, 0.1, 1};
  const predict::Head head{static_cast<std::size_t>(head_width), false};
  predict::RowTable rows(groups.tokens(), head);
  predict::CausalTables tables(groups, head, rows);
  const MatrixXd x = products(groups, neighbours);
  predict::RowScores scores = predict::causal_scores(x, shape, tables);
  const auto attended = prefix == Prefix::means ? predict::prefix_means(std::move(scores))
                                                : predict::actual_prefixes(std::move(scores), rows);
  const predict::CausalGradient back = attended->backward(products(groups, Neighbours::pairs));
  return {groups.spread(attended->mixed().diagonal()), groups.spread(back.value.diagonal()),
          groups.spread(back.query.diagonal()), groups.spread(back.key.diagonal()), back.key_weight};
}

/// Of single tokens, the largest.
double distance(const VectorXd& a, const VectorXd& b) {
  const Index first = 1;  // token 1 has no query gradient
  const Index rest = a.size() - first;
  return (a.tail(rest) - b.tail(rest)).cwiseQuotient(b.tail(rest)).cwiseAbs().maxCoeff();
}

TEST_CASE("attention over groups is that over tokens, forward and backward, by actual prefixes and by means") {
  constexpr Index length = 512;
  for (const Prefix prefix : {Prefix::actual, Prefix::means}) {
    for (const double sharpness : {0.5, 4.0}) {
      INFO(predict::name_of(prefix) << ", sharpness " << sharpness);
      const Results tokens = attention(TokenGroups::single(length), prefix, sharpness, Neighbours::pairs);
      const Results groups = attention(TokenGroups::grouped(length), prefix, sharpness, Neighbours::pairs);
      std::printf("%s, sharpness %.1f, groups less tokens: mixed %.1e, value %.1e, query %.1e, key %.1e, W_k %.1e\n",
                  predict::name_of(prefix), sharpness, distance(groups.mixed, tokens.mixed),
                  distance(groups.value, tokens.value), distance(groups.query, tokens.query),
                  distance(groups.key, tokens.key), groups.key_weight / tokens.key_weight - 1);
      constexpr double stated = 2e-3, of_keys = 4e-2;  // the last keys' gradients fall fast
      CHECK(distance(groups.mixed, tokens.mixed) <= stated);
      CHECK(distance(groups.value, tokens.value) <= of_keys);
      CHECK(distance(groups.query, tokens.query) <= stated);
      CHECK(distance(groups.key, tokens.key) <= of_keys);
      CHECK(groups.key_weight == Approx(tokens.key_weight).epsilon(stated));
      const Results wrong = attention(TokenGroups::grouped(length), prefix, sharpness, Neighbours::equal);
      CHECK(distance(wrong.mixed, tokens.mixed) > 5 * stated);
    }
  }
}

}  // namespace
