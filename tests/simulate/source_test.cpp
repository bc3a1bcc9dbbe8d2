// SPDX-License-Identifier: Apache-2.0
#include "simulate/source.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstddef>
#include <memory>

#include "simulate/given_words.hpp"
#include "support/comparison.hpp"

namespace {

using namespace sigprop;
using simulate::Draw;
using simulate::Matrix;
using simulate::Team;
using simulate::Tokens;

/// Mean of x_i · x_j over the pairs i ≠ j of one sequence, per feature.
double token_dot(const Matrix<double>& x) {
  const double length = static_cast<double>(x.rows());
  return (x.colwise().sum().squaredNorm() - x.squaredNorm()) / (length * (length - 1) * static_cast<double>(x.cols()));
}

TEST_CASE("given tokens have their mean, variance and correlation, also a negative one") {
  constexpr Eigen::Index length = 6, width = 16;
  constexpr std::size_t comparisons = 9;
  for (const double r : {0.7, 0.0, -0.2}) {
    const network::GivenInput moments{2, 3, r};
    test::Replicates mean, square, dot;
    for (std::uint32_t replicate = 0; replicate < 1500; ++replicate) {
      const Matrix<double> x =
          simulate::correlated_tokens<double>(Team{1}, Draw(1, replicate), 1, Tokens{1, length}, width, moments);
      mean.add(x.mean());
      square.add(x.squaredNorm() / static_cast<double>(x.size()));
      dot.add(token_dot(x));
    }
    INFO("r = " << r);
    CHECK(test::compare(2, mean, 0, comparisons).agrees());
    CHECK(test::compare(4 + 3, square, 0, comparisons).agrees());
    CHECK(test::compare(4 + 3 * r, dot, 0, comparisons).agrees());
    CHECK_FALSE(test::compare(4 + 3 * (r + 0.2), dot, 0, comparisons).agrees());
  }
}

TEST_CASE("tokens of given products have them, sequence by sequence") {
  constexpr std::size_t comparisons = 8;
  const Eigen::Matrix3d products{{2, 1, 0}, {1, 2, -0.5}, {0, -0.5, 0.5}};
  const auto gram = std::make_shared<const network::Gram>(
      network::gram_of("", 3, {products.data(), products.data() + products.size()}));
  const network::GivenInput given{.gram = gram};
  std::array<test::Replicates, 6> within;
  test::Replicates across;
  for (std::uint32_t replicate = 0; replicate < 1500; ++replicate) {
    const Matrix<double> x =
        simulate::correlated_tokens<double>(Team{1}, Draw(1, replicate), 1, Tokens{2, 3}, 16, given);
    std::size_t pair = 0;
    for (Eigen::Index i = 0; i < 3; ++i)
      for (Eigen::Index j = 0; j <= i; ++j) within[pair++].add(x.row(3 + i).dot(x.row(3 + j)) / 16);
    across.add(x.row(1).dot(x.row(4)) / 16);
  }
  std::size_t pair = 0;
  for (Eigen::Index i = 0; i < 3; ++i) {
    for (Eigen::Index j = 0; j <= i; ++j) {
      INFO("tokens " << i << " and " << j);
      CHECK(test::compare(products(i, j), within[pair], 0, comparisons).agrees());
      CHECK_FALSE(test::compare(products(i, j) + 0.2, within[pair++], 0, comparisons).agrees());
    }
  }
  CHECK(test::compare(0, across, 0, comparisons).agrees());
}

TEST_CASE("a batch takes different sequences of a text, every sequence as often") {
  const auto text = std::make_shared<const network::Text>(network::text_of("", {{1, 2}, {3, 4}, {5, 6}}, 2));
  const network::Embedding embedding{.vocabulary = 9, .token = {true, 1}, .text = text};
  std::array<int, 9> times{};
  constexpr int networks = 3000;
  for (std::uint32_t replicate = 0; replicate < networks; ++replicate) {
    const auto words = simulate::given_words(1, replicate, 4, 2, 2, embedding);
    REQUIRE(words.size() == 4);
    REQUIRE(words[0] % 2 == 1);
    REQUIRE(words[1] == words[0] + 1);
    REQUIRE(words[2] != words[0]);
    ++times[words[0]];
  }
  for (const std::size_t first : {1, 3, 5})
    CHECK(std::abs(times[first] - networks / 3) < 4 * std::sqrt(networks / 4.0));
}

TEST_CASE("words of a match are the same as often") {
  const double match = 0.2;
  const network::Embedding embedding{
      .vocabulary = 50, .token = {true, 1}, .match = match, .exponent = network::exponent_of(match, 50)};
  test::Replicates same;
  for (std::uint32_t replicate = 0; replicate < 2000; ++replicate) {
    const auto words = simulate::given_words(1, replicate, 4, 1, 8, embedding);
    double pairs = 0;
    for (std::size_t i = 0; i < 8; ++i)
      for (std::size_t j = 0; j < i; ++j) pairs += words[i] == words[j] ? 1.0 / 28 : 0;
    same.add(pairs);
  }
  CHECK(test::compare(match, same, 0, 1).agrees());
  CHECK_FALSE(test::compare(match + 0.02, same, 0, 1).agrees());
}

TEST_CASE("tokens of correlation 1 are equal, and of the least correlation sum to their mean") {
  const Matrix<double> equal = simulate::correlated_tokens<double>(Team{1}, Draw(1, 0), 1, Tokens{1, 4}, 3, {0, 1, 1});
  CHECK((equal.row(0) - equal.row(3)).norm() < 1e-12);
  const Matrix<double> least =
      simulate::correlated_tokens<double>(Team{1}, Draw(1, 0), 1, Tokens{1, 4}, 3, {0, 1, -1.0 / 3});
  CHECK(least.colwise().sum().norm() < 1e-7);
}

TEST_CASE("class tokens are rows of a table, the same in every sequence, and positions are added to all") {
  constexpr Eigen::Index length = 6, width = 4000;
  const network::GivenInput input{.class_tokens = 2, .class_std = 0.5, .position = {true, 0.1}};
  Matrix<double> x = Matrix<double>::Constant(2 * length, width, 3);
  simulate::add_tables(Draw(1, 0), 7, Tokens{2, length}, input, x);
  CHECK((x.row(0) - x.row(length)).norm() == 0);
  CHECK((x.row(5) - x.row(length + 5)).norm() == 0);
  const auto variance = [&](Eigen::Index row, double mean) { return (x.row(row).array() - mean).square().mean(); };
  const double scatter = 5 * std::sqrt(2.0 / width);
  for (const Eigen::Index row : {0, 1}) CHECK(variance(row, 0) == Approx(0.26).epsilon(scatter));
  for (const Eigen::Index row : {2, 5}) CHECK(variance(row, 3) == Approx(0.01).epsilon(scatter));
  CHECK(std::abs(x.row(0).dot(x.row(1)) / width) < 5 * 0.26 / std::sqrt(width));
}

TEST_CASE("tokens that are not kept become 0 in every sequence") {
  Matrix<double> x = Matrix<double>::Ones(6, 2);
  simulate::keep_tokens({0, 2}, Tokens{2, 3}, x);
  for (const Eigen::Index row : {0, 2, 3, 5}) CHECK(x.row(row).sum() == 2);
  for (const Eigen::Index row : {1, 4}) CHECK(x.row(row).sum() == 0);
}

network::Embedding tables(bool token, bool position, bool segment, std::size_t vocabulary) {
  return {vocabulary, {token, 1.0}, {position, 1.0}, {segment, 1.0}};
}

/// Two tokens agree in a table's row with this probability: their dot product, for tables of
/// variance 1.
test::Replicates matches(const network::Embedding& embedding, Eigen::Index length) {
  test::Replicates dots;
  for (std::uint32_t replicate = 0; replicate < 600; ++replicate)
    dots.add(token_dot(simulate::embedded_tokens<double>(Draw(2, replicate), 1, Tokens{1, length}, 32, embedding)));
  return dots;
}

TEST_CASE("embedded tokens share words by Zipf's law, segments with probability 2/3, and no positions") {
  constexpr std::size_t comparisons = 6;
  for (const std::size_t vocabulary : {3u, 50u, 1000u}) {
    double harmonic = 0, squares = 0;
    for (std::size_t i = 1; i <= vocabulary; ++i) {
      const double share = 1 / static_cast<double>(i);
      harmonic += share, squares += share * share;
    }
    const test::Replicates words = matches(tables(true, false, false, vocabulary), 20);
    INFO("vocabulary " << vocabulary);
    CHECK(test::compare(squares / (harmonic * harmonic), words, 0, comparisons).agrees());
    CHECK_FALSE(test::compare(1 / static_cast<double>(vocabulary), words, 0, comparisons).agrees());  // uniform words
  }
  CHECK(test::compare(2.0 / 3, matches(tables(false, false, true, 2), 20), 0, comparisons).agrees());
  CHECK(test::compare(0, matches(tables(false, true, false, 2), 20), 0, comparisons).agrees());
}

TEST_CASE("in a single segment all tokens share its row, and a table has its own deviation") {
  network::Embedding embedding = tables(false, true, true, 2);
  embedding.segments = 1;
  embedding.segment.std = 0.5;
  embedding.position.std = 0;
  const Matrix<double> x = simulate::embedded_tokens<double>(Draw(2, 0), 1, Tokens{2, 5}, 4, embedding);
  CHECK((x.rowwise() - x.row(0)).norm() == 0);
  embedding.segment.std = 1;
  const Matrix<double> wide = simulate::embedded_tokens<double>(Draw(2, 0), 1, Tokens{2, 5}, 4, embedding);
  CHECK((wide - 2 * x).norm() < 1e-12);
}

TEST_CASE("a vocabulary of a billion words needs no table of them") {
  const Matrix<float> x =
      simulate::embedded_tokens<float>(Draw(2, 0), 1, Tokens{1, 8}, 4, tables(true, true, true, 1000000000));
  CHECK(x.allFinite());
}

}  // namespace
