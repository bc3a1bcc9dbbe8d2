// SPDX-License-Identifier: Apache-2.0
#include "predict/pair_field.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "predict/chebyshev.hpp"
#include "predict/limits.hpp"

namespace sigprop::predict {
namespace {

using Eigen::ArrayXd;
using Eigen::Index;

constexpr std::size_t row_points = 7;
constexpr std::size_t column_points = 4;
constexpr std::size_t rough_points = 6;  ///< over ρ: error below 1e-3 of ln(P M)/v up to v = 16
constexpr double smallest_variance = 1e-6;  ///< below it the logarithms over v are those at it

using Reduced = std::array<double, 3>;
using ReducedRow = std::array<ArrayXd, 3>;
constexpr std::size_t functionals = 3;

/// Row number n, from 1, of a quantity by row, linear in ln n.
template <class At>
double between(double n, Index length, const At& at) {
  const Index low = std::clamp<Index>(static_cast<Index>(n), 1, length);
  const Index high = std::min(low + 1, length);
  if (high == low) return at(low - 1);
  const double share = std::clamp(
      std::log(n / static_cast<double>(low)) / std::log(static_cast<double>(high) / static_cast<double>(low)), 0.0,
      1.0);
  return (1 - share) * at(low - 1) + share * at(high - 1);
}

/// The grid of nodes: rows I from 2 to L - 1, columns θ in [0, 1].
class Grid {
 public:
  explicit Grid(Index length) : length_(static_cast<double>(length)), reach_(std::log((length_ - 1) / 2)) {}

  [[nodiscard]] double shared(std::size_t a) const {
    return 2 * std::exp((chebyshev_point(a, row_points) + 1) / 2 * reach_);
  }
  [[nodiscard]] double keys(double shared, std::size_t b) const {
    return (shared + 1) * std::pow(length_ / (shared + 1), (chebyshev_point(b, column_points) + 1) / 2);
  }
  [[nodiscard]] double row_coordinate(double shared) const { return 2 * std::log(shared / 2) / reach_ - 1; }

 private:
  double length_;
  double reach_;
};

/// Reduced functionals over I, θ and, where its depth is above 1, ρ: Chebyshev sums in I, powers in the others.
class Surface {
 public:
  explicit Surface(std::size_t depth) : depth_(depth) {
    for (auto& values : values_) values.resize(row_points * column_points * depth);
  }

  [[nodiscard]] std::size_t depth() const { return depth_; }

  void set(std::size_t a, std::size_t b, std::size_t c, const Reduced& values) {
    for (std::size_t f = 0; f < functionals; ++f) values_[f][at(a, b, c)] = values[f];
  }

  /// Once all values are set.
  void interpolate() {
    for (auto& values : values_) {
      for (std::size_t a = 0; a < row_points; ++a) {
        for (std::size_t b = 0; b < column_points; ++b) to_powers(&values[at(a, b, 0)], depth_, 1);
        for (std::size_t c = 0; c < depth_; ++c) to_powers(&values[at(a, 0, c)], column_points, depth_);
      }
      for (std::size_t rest = 0; rest < column_points * depth_; ++rest)
        to_coefficients(&values[rest], row_points, column_points * depth_);
    }
  }

  /// Along one row of pairs, y = 2θ - 1 and z = 2ρ - 1.
  [[nodiscard]] ReducedRow row(double x, const ArrayXd& y, const ArrayXd& z) const {
    ReducedRow out;
    for (std::size_t f = 0; f < functionals; ++f) {
      const auto power = [&](std::size_t b, std::size_t c) {
        return chebyshev_sum(row_points, x, [&](std::size_t a) { return values_[f][at(a, b, c)]; });
      };
      for (std::size_t c = depth_; c-- > 0;) {
        ArrayXd of_theta = ArrayXd::Constant(y.size(), power(column_points - 1, c));
        for (std::size_t b = column_points - 1; b-- > 0;) of_theta = of_theta * y + power(b, c);
        out[f] = c + 1 == depth_ ? of_theta : ArrayXd(out[f] * z + of_theta);
      }
    }
    return out;
  }

 private:
  [[nodiscard]] std::size_t at(std::size_t a, std::size_t b, std::size_t c) const {
    return (a * column_points + b) * depth_ + c;
  }

  std::size_t depth_;
  std::array<std::vector<double>, functionals> values_;
};

double held(double v) {
  return std::clamp(v, smallest_variance, last_tabulated_score_variance);
}

/// Puts the functionals of rows i and i + 1 to the last into the field, from ln(P M)/v, ln[T12_q/(P (1-1/I))]/v and T12_k/T12_q - ρ.
void set_row(Index i, double v, const ReducedRow& reduced, const Eigen::MatrixXd& correlation, PairField& field) {
  const Index length = correlation.rows(), count = length - i - 1;
  const double shared = static_cast<double>(i + 1);
  const ArrayXd keys = ArrayXd::LinSpaced(count, shared + 1, static_cast<double>(length));
  const ArrayXd overlap = (v * reduced[0]).exp() / keys;
  const ArrayXd query = (1 - 1 / shared) * overlap * (v * reduced[1]).exp();
  field.overlap.col(i).tail(count) = overlap;
  field.query_jacobian.col(i).tail(count) = query;
  field.key_jacobian.col(i).tail(count) = query * (correlation.col(i).tail(count).array() + reduced[2]);
}

/// Every pair by itself: few keys are no grid.
template <class Exact>
void fill_pair_by_pair(const Eigen::VectorXd& score_variance, const Eigen::MatrixXd& correlation, const Exact& exact,
                       PairField& field) {
  const Index length = correlation.rows();
  for (Index i = 1; i + 1 < length; ++i) {
    const Index count = length - i - 1;
    const double v = held(score_variance[i]), shared = static_cast<double>(i + 1);
    ReducedRow values;
    values.fill(ArrayXd(count));
    for (Index n = 0; n < count; ++n) {
      const double rho = std::max(0.0, correlation(i + 1 + n, i));
      const Reduced r = exact(v, rho, shared, shared + 1 + static_cast<double>(n));
      for (std::size_t f = 0; f < functionals; ++f) values[f][n] = r[f];
    }
    set_row(i, v, values, correlation, field);
  }
}

/// Values at the nodes; over correlations too where they are rough.
template <class Exact>
Surface surface_of(const Grid& grid, const Eigen::VectorXd& score_variance, const Eigen::MatrixXd& correlation,
                   Correlations kind, const Exact& exact) {
  const Index length = correlation.rows();
  const bool rough = kind == Correlations::rough;
  Surface out(rough ? rough_points : 1);
  for (std::size_t a = 0; a < row_points; ++a) {
    const double shared = grid.shared(a);
    const double v = held(between(shared, length, [&](Index i) { return score_variance[i]; }));
    for (std::size_t b = 0; b < column_points; ++b) {
      const double keys = grid.keys(shared, b);
      const auto there = [&] {
        return between(keys, length, [&](Index m) {
          return between(shared, length,
                         [&](Index i) { return correlation(std::max(m, i + 1), i); });  // of unlike rows
        });
      };
      for (std::size_t c = 0; c < out.depth(); ++c) {
        const double rho = rough ? (chebyshev_point(c, rough_points) + 1) / 2 : std::max(0.0, there());
        out.set(a, b, c, exact(v, rho, shared, keys));
      }
    }
  }
  out.interpolate();
  return out;
}

}  // namespace

std::array<double, 3> PairFieldTable::reduced(double v, double rho, double shared, double keys) {
  const auto [place, made] = known_.try_emplace({v, rho, shared, keys});
  if (!made) return place->second;
  const formula::PairMeans<double> pair = pair_means(v, rho, shared, keys, head_);
  return place->second = {std::log(pair.overlap * keys) / v,
                          std::log(pair.query_jacobian / (pair.overlap * (1 - 1 / shared))) / v,
                          pair.key_jacobian / pair.query_jacobian - rho};
}

PairField PairFieldTable::operator()(const Eigen::VectorXd& score_variance, const Eigen::MatrixXd& correlation,
                                     Correlations kind) {
  const auto exact = [&](double v, double rho, double shared, double keys) { return reduced(v, rho, shared, keys); };
  const Eigen::MatrixXd none = Eigen::MatrixXd::Zero(length_, length_);
  PairField field{none, none, none};
  for (Index m = 1; m < length_; ++m) field.overlap(m, 0) = 1 / static_cast<double>(m + 1);
  constexpr Index fewest_for_a_grid = 12;
  if (length_ < fewest_for_a_grid) {
    fill_pair_by_pair(score_variance, correlation, exact, field);
    return field;
  }
  const Grid grid(length_);
  const Surface values = surface_of(grid, score_variance, correlation, kind, exact);
  const ArrayXd logarithm = ArrayXd::LinSpaced(length_, 1, static_cast<double>(length_)).log();
  for (Index i = 1; i + 1 < length_; ++i) {
    const Index count = length_ - i - 1;
    const double first = logarithm[i + 1], reach = logarithm[length_ - 1] - first;
    const ArrayXd theta = reach > 0 ? ArrayXd((logarithm.tail(count) - first) / reach) : ArrayXd::Constant(count, 0.5);
    const ArrayXd rho = correlation.col(i).tail(count).array().cwiseMax(0.0);
    const double x = grid.row_coordinate(static_cast<double>(i + 1));
    set_row(i, held(score_variance[i]), values.row(x, 2 * theta - 1, 2 * rho - 1), correlation, field);
  }
  return field;
}

}  // namespace sigprop::predict
