// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/softmax_means.hpp"

#include <catch2/catch.hpp>

#include "support/domain_message.hpp"
#include "support/every_scalar.hpp"

namespace sigprop::test {
namespace {

using formula::leak_share;
using formula::PairMeans;
using formula::RowMeans;
using formula::softmax_leak;
using formula::softmax_pair;
using formula::softmax_pair_means;
using formula::softmax_pair_normalized;
using formula::softmax_row;
using formula::softmax_row_means;
using formula::softmax_row_normalized;

template <class T>
std::array<T, 5> numbers(const RowMeans<T>& mean) {
  return {mean.squares, mean.query_jacobian, mean.key_jacobian, mean.entropy, mean.leak};
}

template <class T>
std::array<T, 3> numbers(const PairMeans<T>& mean) {
  return {mean.overlap, mean.query_jacobian, mean.key_jacobian};
}

/// E over ξ = χ²_k/k by a fine trapezoid in ln ξ instead of four nodes.
std::array<double, 5> fine_row_means(double v, double keys, double k) {
  std::array<double, 5> sum{};
  double total = 0;
  for (double log_xi = -4; log_xi <= 2.5; log_xi += 0.05) {
    const double xi = std::exp(log_xi), weight = std::exp(k / 2 * (log_xi - xi + 1));
    if (weight < 1e-12) continue;
    const auto row = softmax_row(v * xi, keys);
    total += weight;
    sum[0] += weight * row.squares;
    sum[1] += weight * ((1 - 1 / k) * row.jacobian + row.score_jacobian / k);
    sum[2] += weight * xi * row.jacobian;
    sum[3] += weight * row.entropy;
    sum[4] += weight * xi * softmax_leak(v * xi, keys);
  }
  for (double& x : sum) x /= total;
  sum[4] = leak_share(sum[4], sum[0]);
  return sum;
}

TEST_CASE("equal scores do not see the head width") {
  const auto row = softmax_row_means(0.0, 16.0, 8.0);
  const double jacobian = (1 - 1.0 / 16) / 16;
  check_close(numbers(row),
              std::array{1.0 / 16, jacobian, jacobian, std::log(16.0), leak_share(softmax_leak(0.0, 16.0), 1.0 / 16)},
              1e-4);
  const auto pair = softmax_pair_means(0.0, 0.5, 16.0, 16.0, 8.0);
  check_close(numbers(pair), std::array{1.0 / 16, jacobian, 0.5 * jacobian}, 1e-4);
}

TEST_CASE("a very wide head is no average at all") {
  const auto row = softmax_row(2.0, 32.0);
  check_close(numbers(softmax_row_means(2.0, 32.0, 1e7)),
              std::array{row.squares, row.jacobian, row.jacobian, row.entropy,
                         leak_share(softmax_leak(2.0, 32.0), row.squares)},
              1e-4);
  const auto pair = softmax_pair(2.0, 0.4, 32.0, 32.0);
  check_close(numbers(softmax_pair_means(2.0, 0.4, 32.0, 32.0, 1e7)),
              std::array{pair.overlap, pair.jacobian, 0.4 * pair.jacobian}, 1e-4);
}

TEST_CASE("four nodes are enough for k ≥ 8 and v ≤ 16") {
  for (const double k : {8.0, 16.0, 64.0}) {
    for (const double v : {0.5, 4.0, 16.0}) {
      INFO("head width " << k << ", v " << v);
      auto few = numbers(softmax_row_means(v, 64.0, k)), fine = fine_row_means(v, 64, k);
      CHECK(few[4] == Approx(fine[4]).margin(0.01));
      few[4] = fine[4];
      check_close(few, fine, k < 16 ? 3e-3 : 1e-3);
    }
  }
}

TEST_CASE("pairs take three, two or one node as the head width allows") {
  const double v = 1.0, rho = 0.3;
  const auto plain = softmax_pair(v, rho, 8.0, 8.0);
  CHECK(softmax_pair_means(v, rho, 8.0, 8.0, 2.0).overlap == plain.overlap);
  CHECK(softmax_pair_means(v, rho, 8.0, 8.0, 1.0).key_jacobian == rho * plain.jacobian);
  const double spread = std::sqrt((1 + rho * rho) / 4), lean = 2 * rho / (1 + rho * rho);
  double mean = 0;
  for (const double shift : {-spread, spread}) {
    const double xi = 1 + lean * shift;
    mean += softmax_pair(v * xi, (rho + shift) / xi, 8.0, 8.0).overlap / 2;
  }
  CHECK(softmax_pair_means(v, rho, 8.0, 8.0, 4.0).overlap == Approx(mean).epsilon(1e-12));
}

TEST_CASE("pairs of any head width and correlation stay within the domain of the scores") {
  for (const double k : {1.0, 2.5, 6.0, 6.5, 8.0, 64.0}) {
    for (const double rho : {0.0, 0.3, 0.7, 1.0}) {
      INFO("head width " << k << ", rho " << rho);
      const auto mean = softmax_pair_means(4.0, rho, 16.0, 32.0, k);
      CHECK(mean.overlap > 0);
      CHECK(mean.overlap < 1);
    }
  }
}

TEST_CASE("two shared keys at sharp scores keep pairs finite, negative nodes included") {
  for (const double k : {8.0, 16.0, 64.0}) {
    for (const double v : {3.0, 16.0, 100.0}) {
      INFO("head width " << k << ", v " << v);
      CHECK(softmax_pair_means(v, 0.0, 2.0, 2.0, k).overlap == Approx(0.5).epsilon(1e-4));
      CHECK(softmax_pair_means(v, 0.1, 2.0, 16.0, k).query_jacobian > 0);
    }
  }
}

TEST_CASE("at rho = 0 the key functional is finite and positive") {
  CHECK(softmax_pair_means(4.0, 0.0, 16.0, 16.0, 64.0).key_jacobian > 0);
}

TEST_CASE("the means over head width name the argument outside their domain") {
  CHECK(domain_message([] { return softmax_row_means(1.0, 4.0, 0.5); }) == "head width is 0.5, but must be at least 1");
  CHECK(domain_message([] { return softmax_pair_means(-1.0, 0.0, 4.0, 4.0, 2.0); }) ==
        "score variance v is -1, but must be at least 0");
  CHECK(domain_message([] { return softmax_pair_means(1.0, 0.0, 4.0, 4.0, 0.0); }) ==
        "head width is 0, but must be at least 1");
  CHECK(domain_message([] { return softmax_pair_means(1.0, 0.0, 4.0, 2.0, 64.0); }) ==
        "number of keys is 2, but must be at least the number of shared keys");
}

TEST_CASE("the means over head width read alike with every scalar type", "[bulk]") {
  const auto row_by_variance = []<class T>(const T& v) { return numbers(softmax_row_means(v, T(16), T(64))); };
  const auto row_by_head_width = []<class T>(const T& k) { return numbers(softmax_row_means(T(2), T(16), k)); };
  const auto pair_by_variance = []<class T>(const T& v) {
    return numbers(softmax_pair_means(v, T(0.3), T(8), T(8), T(64)));
  };
  const ScalarLimits limits{.rounding = 1e-10, .slope = 3e-4};
  check_every_scalar(row_by_variance, 1.2, limits);
  check_every_scalar(row_by_head_width, 48, {.rounding = 1e-10, .slope = 1e-2});
  check_every_scalar(pair_by_variance, 1.3, limits);
}

// ---- behind a norm of queries and keys -------------------------------------------------------------------------------

TEST_CASE("normalized rows have the functionals of one score variance, the Jacobian less the direction of the query") {
  for (const double v : {0.0, 0.8, 9.0}) {
    const auto row = softmax_row(v, 24.0);
    CHECK(numbers(softmax_row_normalized(v, 24.0, 4.0)) == std::array{row.squares, 0.75 * row.jacobian,
                                                                      0.75 * row.jacobian, row.entropy,
                                                                      leak_share(softmax_leak(v, 24.0), row.squares)});
  }
  CHECK(softmax_row_normalized(2.0, 24.0, 1.0).query_jacobian == 0);
}

TEST_CASE("a very wide head does not see its norm") {
  check_close(numbers(softmax_row_normalized(2.0, 32.0, 1e7)), numbers(softmax_row_means(2.0, 32.0, 1e7)), 1e-4);
  check_close(numbers(softmax_pair_normalized(2.0, 0.4, 32.0, 32.0, 1e7)),
              numbers(softmax_pair_means(2.0, 0.4, 32.0, 32.0, 1e7)), 1e-4);
}

TEST_CASE("normalized pairs take three, two or one node as the head width allows") {
  const double v = 1.0, rho = 0.3;
  const auto at = [&](double cosine) { return softmax_pair(v, cosine, 8.0, 8.0); };
  CHECK(softmax_pair_normalized(v, rho, 8.0, 8.0, 2.0).overlap == at(rho).overlap);
  const double two = (1 - rho * rho) / 2, three = (1 - rho * rho) / 4 * std::sqrt(3.0);
  const auto pair_of_four = softmax_pair_normalized(v, rho, 8.0, 8.0, 4.0);
  CHECK(pair_of_four.overlap == Approx((at(rho - two).overlap + at(rho + two).overlap) / 2).epsilon(1e-12));
  CHECK(
      pair_of_four.key_jacobian ==
      Approx(0.75 / 2 * ((rho - two) * at(rho - two).jacobian + (rho + two) * at(rho + two).jacobian)).epsilon(1e-12));
  const auto pair_of_sixteen = softmax_pair_normalized(v, rho, 8.0, 8.0, 16.0);
  CHECK(pair_of_sixteen.query_jacobian ==
        Approx(15.0 / 16 * (at(rho - three).jacobian / 6 + at(rho).jacobian * 2 / 3 + at(rho + three).jacobian / 6))
            .epsilon(1e-12));
}

TEST_CASE("equal queries stay equal behind a norm") {
  const auto pair = softmax_pair(3.0, 1.0, 16.0, 16.0);
  const auto mean = softmax_pair_normalized(3.0, 1.0, 16.0, 16.0, 8.0);
  CHECK(mean.overlap == Approx(pair.overlap).epsilon(1e-14));
  CHECK(mean.query_jacobian == Approx(7.0 / 8 * pair.jacobian).epsilon(1e-14));
  CHECK(mean.key_jacobian == Approx(mean.query_jacobian).epsilon(1e-14));
}

TEST_CASE("normalized pairs of any head width and correlation stay within the domain of the scores") {
  for (const double k : {1.0, 2.5, 6.5, 8.0, 64.0}) {
    for (const double rho : {0.0, 0.3, 0.7, 0.99}) {
      INFO("head width " << k << ", rho " << rho);
      const auto mean = softmax_pair_normalized(4.0, rho, 16.0, 32.0, k);
      CHECK(mean.overlap > 0);
      CHECK(mean.overlap < 1);
    }
  }
}

TEST_CASE("the normalized means name the argument outside their domain") {
  CHECK(domain_message([] { return softmax_row_normalized(1.0, 4.0, 0.5); }) ==
        "head width is 0.5, but must be at least 1");
  CHECK(domain_message([] { return softmax_row_normalized(-1.0, 4.0, 8.0); }) ==
        "score variance v is -1, but must be at least 0");
  CHECK(domain_message([] { return softmax_row_normalized(1.0, 0.0, 8.0); }) ==
        "number of keys is 0, but must be at least 1");
  CHECK(domain_message([] { return softmax_pair_normalized(1.0, 0.0, 4.0, 4.0, 0.0); }) ==
        "head width is 0, but must be at least 1");
  CHECK(domain_message([] { return softmax_pair_normalized(-1.0, 0.0, 4.0, 4.0, 2.0); }) ==
        "score variance v is -1, but must be at least 0");
  CHECK(domain_message([] { return softmax_pair_normalized(1.0, 0.0, 0.0, 2.0, 64.0); }) ==
        "number of shared keys is 0, but must be at least 1");
  CHECK(domain_message([] { return softmax_pair_normalized(1.0, 0.0, 4.0, 2.0, 64.0); }) ==
        "number of keys is 2, but must be at least the number of shared keys");
}

TEST_CASE("the normalized means read alike with every scalar type", "[bulk]") {
  const auto row_by_variance = []<class T>(const T& v) { return numbers(softmax_row_normalized(v, T(16), T(64))); };
  const auto row_by_head_width = []<class T>(const T& k) { return numbers(softmax_row_normalized(T(2), T(16), k)); };
  const auto pair_by_variance = []<class T>(const T& v) {
    return numbers(softmax_pair_normalized(v, T(0.3), T(8), T(8), T(64)));
  };
  const ScalarLimits limits{.rounding = 1e-10, .slope = 3e-4};
  check_every_scalar(row_by_variance, 1.2, limits);
  check_every_scalar(row_by_head_width, 48, limits);
  check_every_scalar(pair_by_variance, 1.3, limits);
}

}  // namespace
}  // namespace sigprop::test
