// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include "predict/tables/head.hpp"
#include "sigprop/formula/softmax_means.hpp"
#include "sigprop/formula/softmax_odd_key.hpp"

namespace sigprop::predict {

/// The softmax functionals of single rows of every length up to the longest, as a causal mask has
/// them: Chebyshev sums in ln n over [2, longest] and in the score variance, tile by tile, of their
/// logarithms; those of odd keys in √v' as well. Relative error against the exact functionals up to
/// v = 16 and 512 keys below 1e-3; of an odd key's E[A] and E[A²] below 1e-3 and 5e-3 up to v = 1,
/// 4e-3 and 1e-2 up to 4, 2e-2 and 7e-2 up to 16, a tenth of it for at most 32 keys; λ within 0.01
/// (tests/predict/causal_tables_test.cpp).
class RowTable {
 public:
  /// E[A] and E[A²] of one key of a row by the ratio of its score variance to that of the others.
  class OddKey {
   public:
    /// Of √(v'/v); where v' would pass both 256 and four times the largest v of the tile, as there.
    [[nodiscard]] formula::OddKey<double> operator()(double root_ratio) const;

   private:
    friend class RowTable;
    std::vector<double> share_, square_;
    double deviation_ = 0;  ///< √v
    int tile_ = 0;
  };

  RowTable(double longest, Head head) : longest_(longest), head_(head) {}

  /// keys from 2 to the longest. Beyond v = 256 the functionals continue as powers of v.
  [[nodiscard]] formula::RowMeans<double> row(double keys, double v);
  [[nodiscard]] OddKey odd_key(double keys, double v);

 private:
  static constexpr std::size_t row_functionals = 5;
  using Table = std::vector<double>;
  using RowTile = std::array<Table, row_functionals>;
  using OddTile = std::array<Table, 2>;

  [[nodiscard]] const RowTile& row_tile(int index);
  [[nodiscard]] const OddTile& odd_tile(int index);
  [[nodiscard]] double keys_at(double x) const;
  [[nodiscard]] double coordinate(double keys) const;

  double longest_;
  Head head_;
  std::map<int, RowTile> row_tiles_;
  std::map<int, OddTile> odd_tiles_;
};

/// Those of every sequence length and kind of head that was met. Predictions of many models share
/// them.
class RowTables {
 public:
  /// Sequences up to `least_longest` share one table, so that they do not differ by how it is made.
  explicit RowTables(double least_longest = 0) : least_longest_(least_longest) {}

  [[nodiscard]] RowTable& of(double longest, Head head) {
    longest = std::max(longest, least_longest_);
    return tables_.try_emplace({longest, head}, longest, head).first->second;
  }

 private:
  double least_longest_;
  std::map<std::pair<double, Head>, RowTable> tables_;
};

}  // namespace sigprop::predict
