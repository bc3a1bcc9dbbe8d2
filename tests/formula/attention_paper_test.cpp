// SPDX-License-Identifier: Apache-2.0
#include "sigprop/formula/attention_paper.hpp"

#include <catch2/catch.hpp>

#include "support/attention_inputs.hpp"
#include "support/domain_message.hpp"
#include "support/every_scalar.hpp"

namespace sigprop::test {
namespace {

using formula::attention_paper_backward;
using formula::attention_paper_forward;
using formula::attention_paper_value_gradient;
using formula::AttentionShape;
using formula::Gradient;
using formula::Moments;

/// The published formulas of one head, written again with fifty digits: input (s = σ², r), w_q =
/// w_k = w.
struct Published {
  Digits50 s, r, L, d, k, w, w_v, p;

  [[nodiscard]] Digits50 variance() const {
    const Digits50 S = d * s * w * w, own = 1 - r;
    const Digits50 spread = own * own * (L - 1) * S * s * s;
    const Digits50 sharp = exp(own * d * S * s) / (1 - p) * (4 * own * own * S * s * s + own * s);
    return d * w_v * ((spread + sharp) / L + r * s);
  }
  [[nodiscard]] Digits50 covariance() const {
    const Digits50 own = 1 - r;
    return d * w_v * (r * s + (2 * own * own * d * w * w * s * s * s + own * s) / L);
  }
  [[nodiscard]] Digits50 gradient(const Digits50& g, const Digits50& r_g) const {
    return g * k * w_v * (1 + (L - 1) * r_g * (1 - p)) / (L * (1 - p));
  }
  [[nodiscard]] Digits50 gradient_covariance(const Digits50& g, const Digits50& r_g) const {
    return g * k * w_v * (1 + (L - 1) * r_g) / L;
  }
};

/// One head with equal query and key weights.
AttentionShape<double> one_head(Random& random) {
  auto shape = random_shape(random);
  shape.heads = 1;
  shape.key_weight = shape.query_weight;
  return shape;
}

TEST_CASE("attention as published equals the published formula on generated inputs") {
  Random random(131);
  for (int i = 0; i < 50; ++i) {
    const auto shape = one_head(random);
    const double s = random.log_uniform(0.1, 2), r = random.uniform();
    const Moments<double> x{0, s, r * s, 0.1 * s};
    const Gradient<double> b{random.uniform(0.5, 2), random.uniform(0, 0.5), 0.1};
    const Published published{s,
                              Digits50(x.covariance) / Digits50(s),
                              shape.length,
                              shape.width,
                              shape.head_width,
                              shape.query_weight,
                              shape.value_weight,
                              shape.dropout};
    const auto z = attention_paper_forward(x, shape);
    check_close(std::array{z.mean, z.variance, z.covariance},
                std::array{Digits50(0), published.variance(), published.covariance()}, 1e-12);
    const auto g = attention_paper_backward(b, shape);
    const Digits50 r_g = Digits50(b.covariance) / Digits50(b.variance);
    check_close(std::array{g.variance, g.covariance},
                std::array{published.gradient(b.variance, r_g), published.gradient_covariance(b.variance, r_g)}, 1e-12);
  }
}

TEST_CASE("attention as published without scores averages the values") {
  auto shape = plain_shape<double>(0.0);
  shape.query_weight = 0;
  const auto z = attention_paper_forward<double>({0, 1, 0.2, 0.1}, shape);
  CHECK(z.variance == Approx(0.2 + 0.8 / 256).epsilon(1e-12));
  CHECK(z.covariance == Approx(z.variance).epsilon(1e-12));
  CHECK(z.cross_covariance == Approx(0.1).epsilon(1e-12));
}

TEST_CASE("attention as published passes equal tokens on and a coherent gradient back") {
  const auto shape = plain_shape<double>(0.0);
  const auto z = attention_paper_forward<double>({0, 1, 1, 1}, shape);
  CHECK(z.variance == Approx(1).epsilon(1e-12));
  CHECK(z.covariance == Approx(1).epsilon(1e-12));
  const auto g = attention_paper_backward<double>({1, 1, 1}, shape);
  CHECK(g.variance == Approx(1).epsilon(1e-12));
  CHECK(g.covariance == Approx(1).epsilon(1e-12));
}

TEST_CASE("attention as published adds up over heads in the gradient") {
  auto shape = plain_shape<double>();
  const Gradient<double> b{1, 0.2, 0.1};
  const auto eight = attention_paper_backward(b, shape);
  shape.heads = 1;
  CHECK(attention_paper_backward(b, shape).variance == Approx(eight.variance / 8).epsilon(1e-14));
}

TEST_CASE("attention as published names the argument outside its domain") {
  const Moments<double> x{0, 1, 0.2, 0};
  auto dropped = plain_shape<double>(1.0), empty = plain_shape<double>(), negative = plain_shape<double>();
  empty.length = 0;
  negative.value_weight = -1;
  CHECK(domain_message([&] { return attention_paper_forward(x, dropped); }) ==
        "drop probability p is 1, but must be in [0, 1)");
  CHECK(domain_message([&] { return attention_paper_forward(x, empty); }) ==
        "sequence length is 0, but must be at least 1");
  CHECK(domain_message([&] { return attention_paper_forward(x, negative); }) ==
        "value weight variance is -1, but must be at least 0");
  CHECK(domain_message([&] {
          return attention_paper_value_gradient<double>({1, 0, 0}, dropped);
        }) == "drop probability p is 1, but must be in [0, 1)");
  CHECK(domain_message([&] {
          return attention_paper_backward<double>({1, 0, 0}, empty);
        }) == "sequence length is 0, but must be at least 1");
  CHECK(domain_message([&] {
          return attention_paper_backward<double>({1, 0, 0}, negative);
        }) == "weight variance is -1, but must be at least 0");
}

TEST_CASE("attention as published reads alike with every scalar type") {
  const auto forward_by_correlation = []<class T>(const T& r) {
    return values(attention_paper_forward(Moments<T>{T(0), T(1), r, T(0.1)}, plain_shape<T>()));
  };
  const auto backward_by_dropout = []<class T>(const T& p) {
    return values(attention_paper_backward(Gradient<T>{T(1), T(0.3), T(0.1)}, plain_shape<T>(p)));
  };
  check_every_scalar(forward_by_correlation, 0.2);
  check_every_scalar(backward_by_dropout, 0.1);
}

}  // namespace
}  // namespace sigprop::test
