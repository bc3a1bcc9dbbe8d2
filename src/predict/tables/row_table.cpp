// SPDX-License-Identifier: Apache-2.0
#include "predict/tables/row_table.hpp"

#include <algorithm>
#include <cmath>

#include "predict/tables/chebyshev.hpp"
#include "predict/tables/limits.hpp"
#include "predict/tables/score_tiles.hpp"

namespace sigprop::predict {
namespace {

constexpr std::size_t key_points = 10;
constexpr std::size_t variance_points = 10;
constexpr std::size_t odd_key_points = 8;
constexpr std::size_t odd_variance_points = 6;
constexpr std::size_t deviation_points = 16;

/// The largest √v' of a tile: v' reaches 256, and twice as far in √v' as v does.
double last_deviation(int tile) {
  return std::max(std::sqrt(last_tabulated_score_variance), 2 * std::sqrt(score_variance_at(1, tile)));
}

/// The √v' of a tile about which its functionals bend.
double middle_deviation(int tile) {
  return std::max(2.0, std::sqrt(score_variance_at(1, tile)));
}

/// √v' from 0 to the last on [-1, 1].
double deviation_coordinate(double deviation, int tile) {
  const double last = last_deviation(tile), middle = middle_deviation(tile);
  const double held = std::min(deviation, last);
  return 2 * held / (middle + held) * (middle + last) / last - 1;
}

double deviation_at(double x, int tile) {
  const double last = last_deviation(tile), middle = middle_deviation(tile);
  const double y = (x + 1) / 2 * last / (middle + last);
  return middle * y / (1 - y);
}

/// Coefficients along the last of three axes from those along all three, at a place of the first
/// two.
std::vector<double> contracted(const std::vector<double>& table, std::size_t second, std::size_t third, double x,
                               double y) {
  const std::size_t first = table.size() / (second * third);
  std::vector<double> out(third);
  for (std::size_t c = 0; c < third; ++c) {
    out[c] = chebyshev_sum(first, x, [&](std::size_t a) {
      return chebyshev_sum(second, y, [&](std::size_t b) { return table[(a * second + b) * third + c]; });
    });
  }
  return out;
}

/// Values on a grid of Chebyshev points to coefficients along every axis.
void to_coefficients_along(std::vector<double>& table, std::size_t second, std::size_t third) {
  const std::size_t first = table.size() / (second * third);
  for (std::size_t a = 0; a < first; ++a) {
    for (std::size_t b = 0; b < second; ++b) to_coefficients(&table[(a * second + b) * third], third, 1);
    for (std::size_t c = 0; c < third; ++c) to_coefficients(&table[a * second * third + c], second, third);
  }
  for (std::size_t rest = 0; rest < second * third; ++rest) to_coefficients(&table[rest], first, second * third);
}

/// A key's score of one variance, what was computed of it at a place kept for the next integral.
class KeptKeyScore {
 public:
  explicit KeptKeyScore(double variance) : score_(variance, formula::odd_key_step) {}

  [[nodiscard]] double deviation() const { return score_.deviation(); }
  [[nodiscard]] double log_survival(int index) {
    return kept(survivals_, index, [&](double t) { return score_.log_survival(t); });
  }
  [[nodiscard]] formula::OddKey<double> kernels(int index) {
    return kept(kernels_, index, [&](double t) { return score_.kernels(t); });
  }

 private:
  template <class Value, class F>
  static Value kept(std::map<int, Value>& values, int index, const F& f) {
    const auto [place, made] = values.try_emplace(index);
    if (made) place->second = f(std::exp(index * formula::odd_key_step));
    return place->second;
  }

  formula::KeyScore<double> score_;
  std::map<int, double> survivals_;
  std::map<int, formula::OddKey<double>> kernels_;
};

/// formula::softmax_odd_key and softmax_odd_key_means at many places: scores of one variance are
/// computed once.
class OddKeys {
 public:
  explicit OddKeys(Head head) {
    if (head.normalized) return;
    const auto rule = formula::chi_square_rule<double, 4>(static_cast<double>(head.width));
    points_.assign(rule.points.begin(), rule.points.end());
    weights_.assign(rule.weights.begin(), rule.weights.end());
  }

  [[nodiscard]] formula::OddKey<double> operator()(double v, double own, double keys) {
    formula::OddKey<double> mean{0, 0};
    for (std::size_t i = 0; i < points_.size(); ++i) {
      const formula::OddKey<double> key = at(v * points_[i], own * points_[i], keys);
      mean.share += weights_[i] * key.share;
      mean.square += weights_[i] * key.square;
    }
    return mean;
  }

 private:
  [[nodiscard]] formula::OddKey<double> at(double v, double own, double keys) {
    KeptKeyScore& other = scores_.try_emplace(v, v).first->second;
    KeptKeyScore& odd = scores_.try_emplace(own, own).first->second;
    return formula::odd_key_integrals<double>(
        keys, std::max(other.deviation(), odd.deviation()), formula::odd_key_centre(v, keys, odd.deviation()),
        formula::odd_key_step, [&](int index) { return other.log_survival(index); },
        [&](int index) { return odd.kernels(index); });
  }

  std::vector<double> points_{1}, weights_{1};
  std::map<double, KeptKeyScore> scores_;
};

}  // namespace

formula::OddKey<double> RowTable::OddKey::operator()(double root_ratio) const {
  const double x = deviation_coordinate(root_ratio * deviation_, tile_);
  const auto value = [&](const std::vector<double>& table) {
    return std::exp(chebyshev_sum(table.size(), x, [&](std::size_t j) { return table[j]; }));
  };
  return {value(share_), value(square_)};
}

double RowTable::keys_at(double x) const {
  return 2 * std::pow(std::max(longest_, 3.0) / 2, (x + 1) / 2);
}

double RowTable::coordinate(double keys) const {
  return 2 * std::log(keys / 2) / std::log(std::max(longest_, 3.0) / 2) - 1;
}

const RowTable::RowTile& RowTable::row_tile(int index) {
  const auto [place, made] = row_tiles_.try_emplace(index);
  RowTile& tile = place->second;
  if (!made) return tile;
  for (Table& table : tile) table.resize(variance_points * key_points);
  for (std::size_t a = 0; a < variance_points; ++a) {
    const double v = score_variance_at(chebyshev_point(a, variance_points), index);
    for (std::size_t b = 0; b < key_points; ++b) {
      const auto row = row_means(v, keys_at(chebyshev_point(b, key_points)), head_);
      const std::size_t at = a * key_points + b;
      tile[0][at] = std::log(row.squares);
      tile[1][at] = std::log(row.query_jacobian);
      tile[2][at] = std::log(row.key_jacobian);
      tile[3][at] = std::log(row.entropy);
      tile[4][at] = row.leak;
    }
  }
  for (Table& table : tile) to_coefficients_along(table, key_points, 1);
  return tile;
}

const RowTable::OddTile& RowTable::odd_tile(int index) {
  const auto [place, made] = odd_tiles_.try_emplace(index);
  OddTile& tile = place->second;
  if (!made) return tile;
  for (Table& table : tile) table.resize(odd_variance_points * odd_key_points * deviation_points);
  OddKeys odd_keys(head_);
  std::size_t at = 0;
  for (std::size_t a = 0; a < odd_variance_points; ++a) {
    const double v = score_variance_at(chebyshev_point(a, odd_variance_points), index);
    for (std::size_t b = 0; b < odd_key_points; ++b) {
      const double keys = keys_at(chebyshev_point(b, odd_key_points));
      for (std::size_t c = 0; c < deviation_points; ++c, ++at) {
        const double deviation = deviation_at(chebyshev_point(c, deviation_points), index);
        const formula::OddKey<double> key = odd_keys(v, deviation * deviation, keys);
        tile[0][at] = std::log(key.share);
        tile[1][at] = std::log(key.square);
      }
    }
  }
  for (Table& table : tile) to_coefficients_along(table, odd_key_points, deviation_points);
  return tile;
}

formula::RowMeans<double> RowTable::row(double keys, double v) {
  const double edge = last_tabulated_score_variance;
  const double inside = std::min(v, edge);
  const int index = score_tile(inside);
  const RowTile& tile = row_tile(index);
  const auto value = [&](std::size_t f) {
    return contracted(tile[f], key_points, 1, score_coordinate(inside, index), coordinate(keys))[0];
  };
  formula::RowMeans<double> out{std::exp(value(0)), std::exp(value(1)), std::exp(value(2)), std::exp(value(3)),
                                std::clamp(value(4), 0.0, 1.0)};
  if (v > edge) {
    const double half = std::sqrt(edge / v);
    out = {1 - (1 - out.squares) * half, out.query_jacobian * half, out.key_jacobian * half, out.entropy * half,
           out.leak};
  }
  return out;
}

RowTable::OddKey RowTable::odd_key(double keys, double v) {
  const double inside = std::min(v, last_tabulated_score_variance);
  const int index = score_tile(inside);
  const OddTile& tile = odd_tile(index);
  const double x = score_coordinate(inside, index), y = coordinate(keys);
  OddKey out;
  out.tile_ = index;
  out.deviation_ = std::sqrt(inside);
  out.share_ = contracted(tile[0], odd_key_points, deviation_points, x, y);
  out.square_ = contracted(tile[1], odd_key_points, deviation_points, x, y);
  return out;
}

}  // namespace sigprop::predict
