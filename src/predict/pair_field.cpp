// SPDX-License-Identifier: Apache-2.0
#include "predict/pair_field.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "predict/chebyshev.hpp"
#include "predict/limits.hpp"
#include "predict/symmetric.hpp"

namespace sigprop::predict {
namespace {

using Index = Eigen::Index;

constexpr std::size_t row_points = 7;
constexpr std::size_t column_points = 4;
constexpr std::size_t functionals = 3;
constexpr double smallest_variance = 1e-6;  ///< below it the logarithms over v are those at it

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

}  // namespace

PairFieldTable::Reduced PairFieldTable::reduced(double v, double rho, double shared, double keys) {
  const auto [place, made] = known_.try_emplace({v, rho, shared, keys});
  if (!made) return place->second;
  const formula::PairMeans<double> pair = formula::softmax_pair_means(v, rho, shared, keys, head_width_);
  return place->second = {std::log(pair.overlap * keys) / v,
                          std::log(pair.query_jacobian / (pair.overlap * (1 - 1 / shared))) / v,
                          pair.key_jacobian / pair.query_jacobian - rho};
}

PairField PairFieldTable::operator()(const Eigen::VectorXd& score_variance, const Eigen::MatrixXd& correlation) {
  const auto held = [](double v) { return std::clamp(v, smallest_variance, last_tabulated_score_variance); };
  PairField field{Eigen::MatrixXd::Zero(length_, length_), Eigen::MatrixXd::Zero(length_, length_),
                  Eigen::MatrixXd::Zero(length_, length_)};
  const auto set = [&](Index i, Index m, const Reduced& r) {  // counting from 0, i < m
    const double v = held(score_variance[i]), shared = static_cast<double>(i + 1), keys = static_cast<double>(m + 1);
    const double overlap = std::exp(v * r[0]) / keys;
    const double query = overlap * (1 - 1 / shared) * std::exp(v * r[1]);
    field.overlap(m, i) = overlap;
    field.query_jacobian(m, i) = query;
    field.key_jacobian(m, i) = query * (correlation(m, i) + r[2]);
  };
  for (Index m = 1; m < length_; ++m) field.overlap(m, 0) = 1 / static_cast<double>(m + 1);
  constexpr Index fewest_for_a_grid = 12;
  if (length_ < fewest_for_a_grid) {
    for (Index i = 1; i < length_; ++i) {
      for (Index m = i + 1; m < length_; ++m) {
        set(i, m,
            reduced(held(score_variance[i]), std::max(0.0, correlation(m, i)), static_cast<double>(i + 1),
                    static_cast<double>(m + 1)));
      }
    }
  } else {
    const Grid grid(length_);
    std::array<std::array<double, row_points * column_points>, functionals> table;
    for (std::size_t a = 0; a < row_points; ++a) {
      const double shared = grid.shared(a);
      const double v = held(between(shared, length_, [&](Index i) { return score_variance[i]; }));
      for (std::size_t b = 0; b < column_points; ++b) {
        const double keys = grid.keys(shared, b);
        const double rho = between(keys, length_, [&](Index m) {
          return between(shared, length_,
                         [&](Index i) { return correlation(std::max(m, i + 1), i); });  // of unlike rows
        });
        const Reduced r = reduced(v, std::max(0.0, rho), shared, keys);
        for (std::size_t f = 0; f < functionals; ++f) table[f][a * column_points + b] = r[f];
      }
    }
    for (auto& values : table) {
      for (std::size_t a = 0; a < row_points; ++a) to_coefficients(&values[a * column_points], column_points, 1);
      for (std::size_t b = 0; b < column_points; ++b) to_coefficients(&values[b], row_points, column_points);
    }
    std::vector<double> logarithm(static_cast<std::size_t>(length_));
    for (Index m = 0; m < length_; ++m) logarithm[static_cast<std::size_t>(m)] = std::log(static_cast<double>(m + 1));
    for (Index i = 1; i + 1 < length_; ++i) {
      const double x = grid.row_coordinate(static_cast<double>(i + 1));
      std::array<std::array<double, column_points>, functionals> line;
      for (std::size_t f = 0; f < functionals; ++f) {
        for (std::size_t b = 0; b < column_points; ++b)
          line[f][b] = chebyshev_sum(row_points, x, [&](std::size_t a) { return table[f][a * column_points + b]; });
      }
      const double first = std::log(static_cast<double>(i + 2));
      const double reach = logarithm.back() - first;
      for (Index m = i + 1; m < length_; ++m) {
        const double theta = reach > 0 ? (logarithm[static_cast<std::size_t>(m)] - first) / reach : 0.5;
        const double y = 2 * theta - 1;
        Reduced r;
        for (std::size_t f = 0; f < functionals; ++f)
          r[f] = chebyshev_sum(column_points, y, [&](std::size_t b) { return line[f][b]; });
        set(i, m, r);
      }
    }
  }
  for (Eigen::MatrixXd* part : {&field.overlap, &field.query_jacobian, &field.key_jacobian}) {
    mirror(*part);
  }
  return field;
}

}  // namespace sigprop::predict
