// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/softmax.hpp"

#include <catch2/catch.hpp>

#include "support/domain_message.hpp"
#include "support/every_scalar.hpp"
#include "support/random.hpp"

namespace sigprop::test {
namespace {

using formula::softmax_paper;
using formula::softmax_paper_second;
using formula::SoftmaxMoments;

template <class T>
std::array<T, 3> numbers(const SoftmaxMoments<T>& y) {
  return {y.mean, y.variance, y.gradient_gain};
}

/// The published forms, written again with fifty digits.
std::array<Digits50, 3> published_first(const Digits50& v, const Digits50& L) {
  return {1 / L, (exp(v) - 1) / (L * L), exp(v) / (L * L)};
}

std::array<Digits50, 3> published_second(const Digits50& v, const Digits50& L) {
  const Digits50 y = exp(v * L / (L - 1));
  const Digits50 root = (L - 1) * exp(v) + 1;
  const Digits50 variance = (y - 1) * y * y / (root * root);
  return {1 / L, variance, variance + 1 / (L * L)};
}

TEST_CASE("softmax of equal scores is 1/L without variance, in both published forms") {
  CHECK(numbers(softmax_paper(0.0, 4.0)) == std::array{0.25, 0.0, 0.0625});
  CHECK(numbers(softmax_paper_second(0.0, 4.0)) == std::array{0.25, 0.0, 0.0625});
  CHECK(softmax_paper(0.0, 1.0).mean == 1);
}

TEST_CASE("the published softmax forms name the argument outside their domain") {
  CHECK(domain_message([] { return softmax_paper(-0.5, 4.0); }) ==
        "centred score variance v is -0.5, but must be at least 0");
  CHECK(domain_message([] { return softmax_paper(1.0, 0.0); }) == "sequence length is 0, but must be at least 1");
  CHECK(domain_message([] { return softmax_paper_second(-0.5, 4.0); }) ==
        "centred score variance v is -0.5, but must be at least 0");
  CHECK(domain_message([] { return softmax_paper_second(1.0, 1.0); }) ==
        "sequence length is 1, but must be at least 2");
}

TEST_CASE("the published softmax forms equal their formulas on generated inputs") {
  Random random(81);
  for (int i = 0; i < 50; ++i) {
    const double v = random.log_uniform(1e-2, 20), length = random.log_uniform(2, 4096);
    check_close(numbers(softmax_paper(v, length)), published_first(v, length), 1e-12);
    check_close(numbers(softmax_paper_second(v, length)), published_second(v, length), 1e-12);
  }
}

TEST_CASE("the published softmax forms read alike with every scalar type") {
  const auto first_by_variance = []<class T>(const T& v) { return numbers(softmax_paper(v, T(300))); };
  const auto second_by_variance = []<class T>(const T& v) { return numbers(softmax_paper_second(v, T(300))); };
  const auto second_by_length = []<class T>(const T& length) { return numbers(softmax_paper_second(T(0.7), length)); };
  check_every_scalar(first_by_variance, 0.7);
  check_every_scalar(second_by_variance, 0.7);
  check_every_scalar(second_by_length, 300);
}

TEST_CASE("the two published softmax forms meet for many scores") {
  const auto first = softmax_paper(0.5, 1e8), second = softmax_paper_second(0.5, 1e8);
  check_close(numbers(first), numbers(second), 1e-7);
}

TEST_CASE("the first published softmax form grows with the score variance") {
  Random random(82);
  for (int i = 0; i < 20; ++i) {
    const double v = random.uniform(0, 10);
    CHECK(softmax_paper(v + 0.1, 64.0).variance > softmax_paper(v, 64.0).variance);
    CHECK(softmax_paper(v + 0.1, 64.0).gradient_gain > softmax_paper(v, 64.0).gradient_gain);
  }
}

}  // namespace
}  // namespace sigprop::test
