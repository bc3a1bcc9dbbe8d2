// SPDX-License-Identifier: Apache-2.0 The tables that stand for exact softmax functionals under a
// causal mask, at places between their nodes.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>

#include "predict/tables/row_table.hpp"
#include "predict/tokens/pair_field.hpp"

namespace {

using namespace sigprop;
using Eigen::Index;

constexpr double head_width = 64;
constexpr predict::Head head{64, false};
using predict::Correlations;

/// Of RowTable's head comment.
constexpr double stated_row_error = 1e-3;
constexpr double stated_leak_error = 0.01;

struct OddKeyErrors {
  double share, square;
};

OddKeyErrors stated_odd_key_errors(double v, double longest) {
  const bool few = longest <= 32;
  if (v <= 1) return few ? OddKeyErrors{1e-4, 5e-4} : OddKeyErrors{1e-3, 5e-3};
  if (v <= 4) return few ? OddKeyErrors{2e-4, 1e-3} : OddKeyErrors{4e-3, 1e-2};
  return few ? OddKeyErrors{1e-3, 3e-3} : OddKeyErrors{2e-2, 7e-2};
}

/// Of PairFieldTable's.
struct PairErrors {
  double overlap, jacobian;
};

PairErrors stated_pair_errors(double v) {
  return v <= 4 ? PairErrors{5e-3, 1e-2} : PairErrors{1e-2, 1.5e-2};
}

double distance(double actual, double exact) {
  return std::abs(actual / exact - 1);
}

TEST_CASE("rows of every length keep their table's stated error") {
  double worst = 0;
  for (const double longest : {12.0, 32.0, 512.0}) {
    predict::RowTable table(longest, head);
    for (const double keys : {2.0, 3.0, 7.0, 12.0, 29.0, 101.0, 350.0, 512.0}) {
      if (keys > longest) continue;
      for (const double v : {0.001, 0.05, 0.6, 1.7, 5.0, 16.0}) {
        INFO("longest " << longest << ", " << keys << " keys, v " << v);
        const auto row = table.row(keys, v), exact = formula::softmax_row_means(v, keys, head_width);
        const auto close = [&](double interpolated, double value) {
          worst = std::max(worst, distance(interpolated, value));
          CHECK(distance(interpolated, value) <= stated_row_error);
        };
        close(row.squares, exact.squares);
        close(row.query_jacobian, exact.query_jacobian);
        close(row.key_jacobian, exact.key_jacobian);
        close(row.entropy, exact.entropy);
        CHECK(row.leak == Approx(exact.leak).margin(stated_leak_error));
      }
    }
  }
  std::printf("row table: worst relative error %.1e\n", worst);
}

TEST_CASE("keys with score variances of their own keep their table's stated error", "[bulk]") {
  for (const double longest : {12.0, 32.0, 512.0}) {
    predict::RowTable table(longest, head);
    for (const double v : {0.05, 0.6, 2.7, 12.0}) {
      const OddKeyErrors stated = stated_odd_key_errors(v, longest);
      OddKeyErrors worst{0, 0};
      for (const double keys : {2.0, 7.0, 29.0, 101.0, 512.0}) {
        if (keys > longest) continue;
        const auto odd_key = table.odd_key(keys, v);
        for (const double root_ratio : {0.0, 0.4, 0.85, 1.0, 1.3, 2.5, 4.0}) {
          INFO("longest " << longest << ", " << keys << " keys, v " << v << ", root of v'/v " << root_ratio);
          const auto key = odd_key(root_ratio);
          const auto exact = formula::softmax_odd_key_means(v, v * root_ratio * root_ratio, keys, head_width);
          CHECK(distance(key.share, exact.share) <= stated.share);
          CHECK(distance(key.square, exact.square) <= stated.square);
          worst.share = std::max(worst.share, distance(key.share, exact.share));
          worst.square = std::max(worst.square, distance(key.square, exact.square));
        }
      }
      std::printf("odd keys up to %.0f, v %.2f: worst relative error of E[A] %.1e, of E[A²] %.1e\n", longest, v,
                  worst.share, worst.square);
    }
  }
}

TEST_CASE("a table of odd keys that neglects their own score variance fails", "[bulk]") {
  predict::RowTable table(32, head);
  const auto exact = formula::softmax_odd_key_means(0.6, 0.6 * 1.3 * 1.3, 29.0, head_width);
  const OddKeyErrors stated = stated_odd_key_errors(0.6, 32);
  CHECK(distance(table.odd_key(29, 0.6)(1).share, exact.share) > stated.share);
  CHECK(distance(table.odd_key(29, 0.6)(1).square, exact.square) > stated.square);
}

TEST_CASE("beyond the last score variance rows approach a single key") {
  predict::RowTable table(64, head);
  const auto edge = table.row(20, 256), far = table.row(20, 25600);
  CHECK(1 - far.squares == Approx((1 - edge.squares) / 10).epsilon(1e-9));
  CHECK(far.entropy == Approx(edge.entropy / 10).epsilon(1e-9));
}

/// Rows whose score variance and correlations change with their length, as the tokens' do behind a
/// causal mask.
struct Rows {
  Eigen::VectorXd score_variance;
  Eigen::MatrixXd correlation;
};

Rows causal_rows(Index length, double v) {
  Rows out{Eigen::VectorXd(length), Eigen::MatrixXd(length, length)};
  for (Index i = 0; i < length; ++i) {
    out.score_variance[i] = v * (1 - 0.5 / static_cast<double>(i + 1));
    for (Index m = 0; m < length; ++m)
      out.correlation(i, m) = i == m ? 1 : 0.2 + 0.8 / static_cast<double>(std::max(i, m) + 1);
  }
  return out;
}

formula::PairMeans<double> exact_pair(const Rows& rows, Index shared, Index keys) {
  return formula::softmax_pair_means(rows.score_variance[shared - 1], rows.correlation(shared - 1, keys - 1),
                                     static_cast<double>(shared), static_cast<double>(keys), head_width);
}

TEST_CASE("pairs of rows keep their field's stated error at every distance", "[bulk]") {
  for (const Index length : {12, 32, 512}) {
    for (const double v : {0.05, 0.7, 4.0, 16.0}) {
      const Rows rows = causal_rows(length, v);
      predict::PairFieldTable table(predict::TokenGroups::single(length), head);
      const predict::PairField field = table(rows.score_variance, rows.correlation, Correlations::smooth);
      const PairErrors stated = stated_pair_errors(v);
      PairErrors worst{0, 0};
      for (const Index shared : {2, 3, 4, 6, 11, 31, 120, 430}) {
        for (const Index keys : {3, 4, 5, 7, 12, 19, 32, 121, 431, 512}) {
          if (keys > length || shared >= keys) continue;
          INFO("length " << length << ", v " << v << ", rows " << shared << " and " << keys);
          const auto exact = exact_pair(rows, shared, keys);
          const double overlap = field.overlap(keys - 1, shared - 1);
          const double query = field.query_jacobian(keys - 1, shared - 1);
          const double key = field.key_jacobian(keys - 1, shared - 1);
          CHECK(distance(overlap, exact.overlap) <= stated.overlap);
          CHECK(distance(query, exact.query_jacobian) <= stated.jacobian);
          CHECK(std::abs(key - exact.key_jacobian) <= stated.jacobian * exact.query_jacobian);
          worst.overlap = std::max(worst.overlap, distance(overlap, exact.overlap));
          worst.jacobian = std::max(worst.jacobian, distance(query, exact.query_jacobian));
        }
      }
      std::printf("pair field of %td rows, v %.2f: worst relative error of P %.1e, of T12 %.1e\n", length, v,
                  worst.overlap, worst.jacobian);
    }
  }
}

TEST_CASE("pairs of rows whose correlations jump are tabulated over them") {
  Rows rows = causal_rows(64, 4);
  for (Index keys = 0; keys < 64; ++keys) {
    for (Index shared = 0; shared < keys; ++shared)
      rows.correlation(keys, shared) *= (keys - shared) % 3 == 0 ? 1 : 0.2;
  }
  rows.correlation.triangularView<Eigen::StrictlyUpper>() = rows.correlation.transpose();
  predict::PairFieldTable table(predict::TokenGroups::single(64), head);
  const predict::PairField rough = table(rows.score_variance, rows.correlation, Correlations::rough);
  const predict::PairField smooth = table(rows.score_variance, rows.correlation, Correlations::smooth);
  double worst_smooth = 0;
  for (Index shared = 2; shared < 64; shared += 5) {
    for (Index keys = shared + 1; keys <= 64; keys += 4) {
      const auto exact = exact_pair(rows, shared, keys);
      CHECK(distance(rough.overlap(keys - 1, shared - 1), exact.overlap) <= stated_pair_errors(4).overlap);
      CHECK(distance(rough.query_jacobian(keys - 1, shared - 1), exact.query_jacobian) <=
            stated_pair_errors(4).jacobian);
      worst_smooth = std::max(worst_smooth, distance(smooth.overlap(keys - 1, shared - 1), exact.overlap));
    }
  }
  CHECK(worst_smooth > 10 * stated_pair_errors(4).overlap);
}

TEST_CASE("a field that neglects how far the longer row goes beyond the shorter one fails") {
  const Rows rows = causal_rows(32, 4);
  predict::PairFieldTable table(predict::TokenGroups::single(32), head);
  const predict::PairField field = table(rows.score_variance, rows.correlation, Correlations::smooth);
  const double neglecting = field.overlap(12, 11) * 13 / 32;
  CHECK(distance(neglecting, exact_pair(rows, 12, 32).overlap) > stated_pair_errors(4).overlap);
}

TEST_CASE("fewer rows than a grid has nodes are exact, the first row reads its one key") {
  const Rows rows = causal_rows(11, 3);
  predict::PairFieldTable table(predict::TokenGroups::single(11), head);
  const predict::PairField field = table(rows.score_variance, rows.correlation, Correlations::smooth);
  for (const auto& [shared, keys] : {std::pair{2, 3}, {4, 9}, {10, 11}})
    CHECK(field.overlap(keys - 1, shared - 1) == Approx(exact_pair(rows, shared, keys).overlap).epsilon(1e-12));
  for (Index keys = 2; keys <= 11; ++keys) {
    CHECK(field.overlap(keys - 1, 0) == Approx(1 / static_cast<double>(keys)).epsilon(1e-12));
    CHECK(field.query_jacobian(keys - 1, 0) == 0);
  }
  CHECK(field.overlap.diagonal().isZero());
}

}  // namespace
