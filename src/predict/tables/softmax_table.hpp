// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <type_traits>
#include <utility>
#include <vector>

#include "predict/tables/chebyshev.hpp"
#include "predict/tables/head.hpp"
#include "predict/tables/limits.hpp"
#include "predict/tables/score_tiles.hpp"
#include "sigprop/formula/attention.hpp"
#include "sigprop/scalar/jet.hpp"

namespace sigprop::predict {

/// Arguments of what is tabulated here, and of an activation: as a function of variables, a table
/// is one of jets in so many directions, score variance, correlation, keys and head width.
inline constexpr std::size_t few_arguments = 4;

/// The exact softmax functionals of one attention shape (L keys, a kind of head), interpolated over
/// score variance v and row correlation ρ.
///
/// v is cut into tiles (score_tiles.hpp) up to 256. A tile is a Chebyshev sum, in v in the first
/// and in ln v in the others, times one in ρ over [0, 1], of the logarithms of the functionals; it
/// is computed when first met. Relative error against the exact functionals below 5e-4 up to v =
/// 16, 5e-3 up to 64, 3e-2 (at ρ near 1) up to 256; λ, of which the tile holds the values, is
/// within 0.01. Beyond v = 256 the functionals continue as
/// powers of v: 1 - S2, T and the entropy like v^-1/2, T12 with its own slope there.
template <class T>
class SoftmaxTable {
 public:
  using Node = typename scalar::Traits<T>::Tabulated;

  SoftmaxTable(const Node& keys, const Node& head_width, bool normalized)
      : keys_(keys), head_width_(head_width), normalized_(normalized) {}
  SoftmaxTable(const Node& keys, Head head) : SoftmaxTable(keys, Node(head.width), head.normalized) {}

  [[nodiscard]] formula::SoftmaxMeans<T> operator()(const T& v, const T& rho) {
    if (scalar::value_of(keys_) <= 1) return {{T(1), T(0), T(0), T(0), T(0)}, {T(1), T(0), T(0)}};
    const T clamped_rho = rho < T(0) ? T(0) : rho > T(1) ? T(1) : rho;
    if (!(v > T(last_tabulated_score_variance))) return inside(v, clamped_rho);
    return beyond(v, clamped_rho);
  }

 private:
  static constexpr std::size_t variance_points = 8;
  static constexpr std::size_t most_correlation_points = 16;
  static constexpr std::size_t row_points = 14;
  static constexpr std::size_t row_functionals = 5;
  static constexpr std::size_t pair_functionals = 3;

  struct Tile {
    std::array<std::array<Node, row_points>, row_functionals> row;
    std::array<std::array<Node, variance_points * most_correlation_points>, pair_functionals> pair;
  };

  /// Sharp scores bend within 1/v of ρ = 1.
  [[nodiscard]] static std::size_t correlation_points(int tile) { return tile <= 2 ? 8 : most_correlation_points; }

  [[nodiscard]] const Tile& tile(int index) {
    const auto found = tiles_.find(index);
    if (found != tiles_.end()) return found->second;
    using std::log;
    Tile& tile = tiles_[index];
    const std::size_t count = correlation_points(index);
    for (std::size_t a = 0; a < row_points; ++a) {
      const Node v(score_variance_at(chebyshev_point(a, row_points), index));
      const formula::RowMeans<Node> row = row_means(v, keys_, head_width_, normalized_);
      tile.row[0][a] = log(row.squares);
      tile.row[1][a] = log(row.query_jacobian);
      tile.row[2][a] = log(row.key_jacobian);
      tile.row[3][a] = log(row.entropy);
      tile.row[4][a] = row.leak;
    }
    for (std::size_t a = 0; a < variance_points; ++a) {
      const Node v(score_variance_at(chebyshev_point(a, variance_points), index));
      for (std::size_t b = 0; b < count; ++b) {
        const Node rho((chebyshev_point(b, count) + 1) / 2);
        const formula::PairMeans<Node> pair = pair_means(v, rho, keys_, keys_, head_width_, normalized_);
        const std::size_t at = a * count + b;
        tile.pair[0][at] = log(pair.overlap);
        tile.pair[1][at] = log(pair.query_jacobian);
        tile.pair[2][at] = pair.key_jacobian / pair.query_jacobian;
      }
    }
    for (auto& values : tile.row) to_coefficients(values.data(), row_points, 1);
    for (auto& values : tile.pair) {
      for (std::size_t a = 0; a < variance_points; ++a) to_coefficients(&values[a * count], count, 1);
      for (std::size_t b = 0; b < count; ++b) to_coefficients(&values[b], variance_points, count);
    }
    return tile;
  }

  [[nodiscard]] formula::SoftmaxMeans<T> inside(const T& v, const T& rho) {
    using std::exp;
    const int index = score_tile(scalar::value_of(v));
    const Tile& t = tile(index);
    const T x = score_coordinate(v, index);
    const T y = T(2) * rho - T(1);
    const auto row = [&](std::size_t f) {
      return chebyshev_sum(row_points, x, [&](std::size_t j) { return T(t.row[f][j]); });
    };
    const std::size_t count = correlation_points(index);
    const auto pair = [&](std::size_t f) {
      return chebyshev_sum(variance_points, x, [&](std::size_t a) {
        return chebyshev_sum(count, y, [&](std::size_t b) { return T(t.pair[f][a * count + b]); });
      });
    };
    formula::SoftmaxMeans<T> out;
    out.row = {exp(row(0)), exp(row(1)), exp(row(2)), exp(row(3)), row(4)};
    const T query_jacobian = exp(pair(1));
    out.pair = {exp(pair(0)), query_jacobian, pair(2) * query_jacobian};
    return out;
  }

  [[nodiscard]] formula::SoftmaxMeans<T> beyond(const T& v, const T& rho) {
    using std::log;
    using std::pow;
    const T edge(last_tabulated_score_variance);
    formula::SoftmaxMeans<T> out = inside(edge, rho);
    const T before = inside(edge / T(2), rho).pair.query_jacobian;
    const T slope = log(out.pair.query_jacobian / before) / T(std::log(2.0));
    const T half = pow(v / edge, T(-0.5));
    const T pair_factor = pow(v / edge, slope);
    out.row.squares = T(1) - (T(1) - out.row.squares) * half;
    out.row.query_jacobian *= half;
    out.row.key_jacobian *= half;
    out.row.entropy *= half;
    out.pair.query_jacobian *= pair_factor;
    out.pair.key_jacobian *= pair_factor;
    return out;
  }

  Node keys_;
  Node head_width_;
  bool normalized_;
  std::map<int, Tile> tiles_;
};

/// Those of every sequence length and kind of head that was met. Predictions of many models share
/// them.
template <class T>
class SoftmaxTables {
 public:
  [[nodiscard]] SoftmaxTable<T>& of(double keys, Head head) {
    using Node = typename SoftmaxTable<T>::Node;
    if constexpr (std::is_same_v<Node, scalar::Jet<few_arguments>>) {
      const Node variable_keys(keys, 2), variable_width(head.width, 3);
      return tables_.try_emplace({keys, head}, variable_keys, variable_width, head.normalized).first->second;
    } else {
      return tables_.try_emplace({keys, head}, Node(keys), head).first->second;
    }
  }

 private:
  std::map<std::pair<double, Head>, SoftmaxTable<T>> tables_;
};

}  // namespace sigprop::predict
