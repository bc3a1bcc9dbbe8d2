// SPDX-License-Identifier: Apache-2.0
#include "predict/tokens/pair_field.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "predict/tables/chebyshev.hpp"
#include "predict/tables/limits.hpp"

namespace sigprop::predict {
namespace {

using Eigen::ArrayXd;
using Eigen::Index;

constexpr std::size_t row_points = 7;
constexpr std::size_t column_points = 4;
constexpr std::size_t rough_points = 6;     ///< over ρ: error below 1e-3 of ln(P M)/v up to v = 16
constexpr double smallest_variance = 1e-6;  ///< below it the logarithms over v are those at it

using Reduced = std::array<double, 3>;
using ReducedRow = std::array<ArrayXd, 3>;
constexpr std::size_t functionals = 3;

/// The groups between whose middles a row lies, and how far, linear in ln n.
struct Bracket {
  Index low;
  Index high;
  double share;
};

Bracket bracket_of(const TokenGroups& groups, double row) {
  const double* begin = groups.middles().data();
  const double* end = begin + groups.count();
  const Index high = std::clamp<Index>(std::upper_bound(begin, end, row) - begin, 1, groups.count() - 1);
  const double from = begin[high - 1], to = begin[high];
  return {high - 1, high, std::clamp(std::log(row / from) / std::log(to / from), 0.0, 1.0)};
}

/// A quantity by row, at a row from 1 on.
template <class At>
double between(const TokenGroups& groups, double row, const At& at) {
  const Bracket bracket = bracket_of(groups, row);
  return (1 - bracket.share) * at(bracket.low) + bracket.share * at(bracket.high);
}

/// Of a later row with an earlier one, or, in one group, of two of its rows. In groups of one the
/// next one stands for it.
double correlation_at(const TokenGroups& groups, const Eigen::MatrixXd& correlation, Index earlier, Index later) {
  if (later > earlier) return correlation(later, earlier);
  if (groups.size(earlier) > 1) return correlation(earlier, groups.count());
  return correlation(earlier + 1, earlier);
}

/// A matrix's pairs of group g with the later ones, before them that of two tokens of the group
/// where there are several.
template <class Matrix>
ArrayXd row_of(const TokenGroups& groups, const Matrix& m, Index g) {
  const Index later = groups.count() - g - 1, together = groups.size(g) > 1 ? 1 : 0;
  ArrayXd out(later + together);
  if (together == 1) out[0] = m(g, groups.count());
  out.tail(later) = m.col(g).tail(later);
  return out;
}

void set_row_of(const TokenGroups& groups, Index g, const ArrayXd& values, Eigen::MatrixXd& m) {
  const Index later = groups.count() - g - 1;
  m.col(g).tail(later) = values.tail(later);
  if (values.size() > later) m(g, groups.count()) = values[0];
}

/// The longer rows of the same pairs.
ArrayXd longer_rows(const TokenGroups& groups, Index g) {
  const Index later = groups.count() - g - 1, together = groups.size(g) > 1 ? 1 : 0;
  ArrayXd out(later + together);
  if (together == 1) out[0] = groups.later(g);
  out.tail(later) = groups.middles().tail(later);
  return out;
}

/// The grid of nodes: rows I from 2 to L - 1, columns θ in [0, 1].
class Grid {
 public:
  explicit Grid(double length) : length_(length), reach_(std::log((length_ - 1) / 2)) {}

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

/// Reduced functionals over I, θ and, where its depth is above 1, ρ: Chebyshev sums in I, powers in
/// the others.
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

/// Puts the functionals of one group's pairs into the field, from ln(P M)/v, ln[T12_q/(P
/// (1-1/I))]/v and T12_k/T12_q - ρ.
void set_row(const TokenGroups& groups, Index g, double v, const ReducedRow& reduced,
             const Eigen::MatrixXd& correlation, PairField& field) {
  const ArrayXd overlap = (v * reduced[0]).exp() / longer_rows(groups, g);
  const ArrayXd query = (1 - 1 / groups.middle(g)) * overlap * (v * reduced[1]).exp();
  set_row_of(groups, g, overlap, field.overlap);
  set_row_of(groups, g, query, field.query_jacobian);
  set_row_of(groups, g, query * (row_of(groups, correlation, g) + reduced[2]), field.key_jacobian);
}

/// Every pair by itself: few keys are no grid.
template <class Exact>
void fill_pair_by_pair(const TokenGroups& groups, const Eigen::VectorXd& score_variance,
                       const Eigen::MatrixXd& correlation, const Exact& exact, PairField& field) {
  for (Index g = 1; g + 1 < groups.count(); ++g) {
    const double v = held(score_variance[g]);
    const ArrayXd rho = row_of(groups, correlation, g).cwiseMax(0.0), keys = longer_rows(groups, g);
    ReducedRow values;
    values.fill(ArrayXd(keys.size()));
    for (Index n = 0; n < keys.size(); ++n) {
      const Reduced r = exact(v, rho[n], groups.middle(g), keys[n]);
      for (std::size_t f = 0; f < functionals; ++f) values[f][n] = r[f];
    }
    set_row(groups, g, v, values, correlation, field);
  }
}

/// Values at the nodes; over correlations too where they are rough.
template <class Exact>
Surface surface_of(const Grid& grid, const TokenGroups& groups, const Eigen::VectorXd& score_variance,
                   const Eigen::MatrixXd& correlation, Correlations kind, const Exact& exact) {
  const bool rough = kind == Correlations::rough;
  Surface out(rough ? rough_points : 1);
  for (std::size_t a = 0; a < row_points; ++a) {
    const double shared = grid.shared(a);
    const double v = held(between(groups, shared, [&](Index g) { return score_variance[g]; }));
    for (std::size_t b = 0; b < column_points; ++b) {
      const double keys = grid.keys(shared, b);
      const auto there = [&] {
        return between(groups, keys, [&](Index h) {
          return between(groups, shared, [&](Index g) { return correlation_at(groups, correlation, g, h); });
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
  const Index count = groups_.count();
  const Eigen::MatrixXd none = Eigen::MatrixXd::Zero(count, groups_.columns());
  PairField field{none, none, none};
  for (Index h = 1; h < count; ++h) field.overlap(h, 0) = 1 / groups_.middle(h);
  constexpr double fewest_for_a_grid = 12;
  const double length = groups_.tokens();
  if (length < fewest_for_a_grid) {
    fill_pair_by_pair(groups_, score_variance, correlation, exact, field);
    return field;
  }
  const Grid grid(length);
  const Surface values = surface_of(grid, groups_, score_variance, correlation, kind, exact);
  for (Index g = 1; g + 1 < count; ++g) {
    const double first = std::log(groups_.middle(g) + 1), reach = std::log(length) - first;
    const ArrayXd keys = longer_rows(groups_, g);
    const ArrayXd theta = reach > 0 ? ArrayXd((keys.log() - first) / reach) : ArrayXd::Constant(keys.size(), 0.5);
    const ArrayXd rho = row_of(groups_, correlation, g).cwiseMax(0.0);
    const double x = grid.row_coordinate(groups_.middle(g));
    set_row(groups_, g, held(score_variance[g]), values.row(x, 2 * theta - 1, 2 * rho - 1), correlation, field);
  }
  return field;
}

}  // namespace sigprop::predict
