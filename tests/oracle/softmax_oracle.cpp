// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "oracle/expect.hpp"
#include "oracle/simulated_softmax.hpp"
#include "sigprop/formula/softmax.hpp"
#include "sigprop/formula/softmax_leak.hpp"
#include "sigprop/formula/softmax_means.hpp"
#include "sigprop/formula/softmax_odd_key.hpp"

namespace sigprop::test {
namespace {

constexpr double quadrature = 1e-4;  ///< stated error of the row and pair functionals

TEST_CASE("softmax rows against their simulation") {
  for (const double v : {0.5, 4.0}) {
    INFO("v " << v);
    Random random(241);
    Replicates s2, s3, t, t_x, h;
    for (int replicate = 0; replicate < 20000; ++replicate) {
      const Vector x = normal_vector(random, 32, std::sqrt(v));
      const Vector a = softmax(x);
      const double mean_score = a.dot(x);
      s2.add(a.squaredNorm());
      s3.add(a.array().cube().sum());
      t.add(softmax_jacobian(a).squaredNorm());
      t_x.add((a.array().square() * (x.array() - mean_score).square()).sum() / v);
      h.add(entropy(a));
    }
    const auto row = formula::softmax_row(v, 32.0);
    expect("S2", row.squares, s2, quadrature);
    expect("S3", row.cubes, s3, quadrature);
    expect("T", row.jacobian, t, quadrature);
    expect("T_x", row.score_jacobian, t_x, quadrature);
    expect("entropy", row.entropy, h, quadrature);
    reject("S2 in the limit of small v", std::exp(v) / 32, s2, quadrature);
    reject("T as S2", row.squares, t, quadrature);
  }
}

TEST_CASE("pairs of softmax rows against their simulation") {
  const double v = 3, rho = 0.6;
  Random random(242);
  Replicates p, t12;
  for (int replicate = 0; replicate < 20000; ++replicate) {
    const ScorePair scores = correlated_scores(random, 32, v, rho);
    const Vector a = softmax(scores.first.head(12)), b = softmax(scores.second);
    p.add(a.dot(b.head(12)));
    const Eigen::MatrixXd j = softmax_jacobian(a), other = softmax_jacobian(b);
    t12.add(j.cwiseProduct(other.topLeftCorner(12, 12)).sum());
  }
  const auto pair = formula::softmax_pair(v, rho, 12.0, 32.0);
  expect("P", pair.overlap, p, quadrature);
  expect("T12", pair.jacobian, t12, quadrature);
  reject("P in the limit of small v", std::exp(rho * v) / 32, p, quadrature);
  reject("T12 as P(1 - 1/i)", pair.overlap * (1 - 1.0 / 12), t12, quadrature);
}

TEST_CASE("one key with a score variance of its own against its simulation") {
  const double v = 1.5, own = 6;
  Random random(245);
  Replicates share, square;
  for (int replicate = 0; replicate < 40000; ++replicate) {
    Vector x = normal_vector(random, 32, std::sqrt(v));
    x[0] *= std::sqrt(own / v);
    const double a = softmax(x)[0];
    share.add(a);
    square.add(a * a);
  }
  const auto key = formula::softmax_odd_key(v, own, 32.0);
  constexpr double stated = 1e-5;
  expect("E[A]", key.share, share, stated);
  expect("E[A²]", key.square, square, stated);
  const auto like_others = formula::softmax_odd_key(v, v, 32.0);
  reject("a key like the others", like_others.share, share, stated);
  reject("E[A²] of a key like the others", like_others.square, square, stated);
  reject("E[A] as the share of its mean weight", std::exp(own / 2) / (std::exp(own / 2) + 31 * std::exp(v / 2)), share,
         stated);
}

TEST_CASE("softmax functionals of a narrow head against queries and keys") {
  const double v = 4, rho = 0.4, k = 16;
  Random random(243);
  Replicates s2, t_q, t_k, h, p, t12_q, t12_k;
  for (int replicate = 0; replicate < 8000; ++replicate) {
    const auto draw = draw_queries_and_keys(random, 32, 16, v, rho);
    const Vector a = softmax(draw.keys * draw.first / std::sqrt(k)),
                 b = softmax(draw.keys * draw.second / std::sqrt(k));
    const Eigen::MatrixXd j = softmax_jacobian(a), other = softmax_jacobian(b);
    s2.add(a.squaredNorm());
    h.add(entropy(a));
    t_q.add((j * draw.keys).squaredNorm() / (k * v));
    t_k.add(draw.first.squaredNorm() / k * j.squaredNorm());
    p.add(a.dot(b));
    t12_q.add((j * draw.keys).cwiseProduct(other * draw.keys).sum() / (k * v));
    t12_k.add(draw.first.dot(draw.second) / k * j.cwiseProduct(other).sum());
  }
  const auto row = formula::softmax_row_means(v, 32.0, k);
  const auto pair = formula::softmax_pair_means(v, rho, 32.0, 32.0, k);
  constexpr double row_nodes = 1e-3, pair_nodes = 0.04;  // the pair average is an approximation
  expect("S2", row.squares, s2, row_nodes);
  expect("entropy", row.entropy, h, row_nodes);
  expect("T_q", row.query_jacobian, t_q, row_nodes);
  expect("T_k", row.key_jacobian, t_k, row_nodes);
  expect("P", pair.overlap, p, pair_nodes);
  expect("T12_q", pair.query_jacobian, t12_q, pair_nodes);
  expect("rho T12_k", pair.key_jacobian, t12_k, pair_nodes);
  reject("T_q without the head's width", formula::softmax_row(v, 32.0).jacobian, t_q, row_nodes);
  reject("T_q as T_k", row.key_jacobian, t_q, row_nodes);
}

TEST_CASE("the published softmax forms against a simulation at small v, and their failure at large") {
  for (const double v : {0.1, 3.0}) {
    Random random(244);
    Replicates square, gradient;
    for (int replicate = 0; replicate < 3000; ++replicate) {
      const Vector a = softmax(normal_vector(random, 300, std::sqrt(v)));
      square.add(a.squaredNorm() / 300);
      const double squares = a.squaredNorm();
      gradient.add((squares - 2 * a.array().cube().sum() + squares * squares) / 300);
    }
    const double mean_square = 1.0 / (300.0 * 300.0), stated = 0.005;
    const auto first = formula::softmax_paper(v, 300.0), second = formula::softmax_paper_second(v, 300.0);
    if (v < 1) {
      expect("first form", first.variance + mean_square, square, stated);
      expect("second form", second.variance + mean_square, square, stated);
      expect("first form, gradient", first.gradient_gain, gradient, 0.01);
      expect("second form, gradient", second.gradient_gain, gradient, 0.01);
    } else {
      reject("first form at v = 3", first.variance + mean_square, square, stated);
      reject("first form at v = 3, gradient", first.gradient_gain, gradient, 0.01);
    }
  }
}

TEST_CASE("what a row's average gains from keys that are not orthogonal, against keys drawn") {
  constexpr int keys = 16, features = 48;
  for (const double v : {0.3, 2.0}) {
    INFO("v " << v);
    Random random(246);
    Replicates gain;
    for (int replicate = 0; replicate < 200000; ++replicate) {
      Eigen::MatrixXd x(features, keys);
      for (int j = 0; j < keys; ++j) x.col(j) = std::sqrt(features) * normal_vector(random, features, 1).normalized();
      const Vector a = softmax(x.transpose() * normal_vector(random, features, std::sqrt(v / features)));
      // Less the same of orthogonal keys, whose mean is S2.
      const Vector free = softmax(normal_vector(random, keys, std::sqrt(v)));
      gain.add((x * a).squaredNorm() / features - free.squaredNorm());
    }
    const double scale = v / features, squares = formula::softmax_row(v, 1.0 * keys).squares;
    constexpr double second_order = 0.15;  // 1/d² beside 1/d
    expect("the gain", scale * formula::softmax_leak(v, 1.0 * keys), gain, second_order);
    reject("(1 - S2)²", scale * (1 - squares) * (1 - squares), gain, second_order);
  }
}

}  // namespace
}  // namespace sigprop::test
