// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

#include "measured/tensors.hpp"
#include "sigprop/measured/inspect.hpp"

namespace sigprop::measured {

/// A part of a matrix: of every `period` blocks of so many rows the one of this number, of its rows
/// these columns.
struct Region {
  std::size_t block = 1;
  std::size_t period = 1;
  std::size_t phase = 0;
  std::size_t first_column = 0;
  std::size_t columns = 0;

  [[nodiscard]] bool has_row(std::size_t row) const { return row / block % period == phase; }
};

/// Some of a region's elements, in their order, at equal distances: what copies are found by.
constexpr std::size_t sampled = 2048;

struct Measured {
  Statistics statistics;
  std::vector<float> sample;  ///< at most `sampled`
};

/// by_row: of an embedding; rows of zeros are counted and left out, as the padding's, and the
/// smallest and the largest of the others are told.
/// done: called with what has been read, some megabytes each.
[[nodiscard]] Measured measure(const Tensor& tensor, const Region& region, bool by_row,
                               const std::function<void(std::string_view)>& done = {});

/// The largest singular value of a region of a matrix, from below; 0 where an element is no finite
/// number. Reads the region a dozen times.
[[nodiscard]] double spectral_norm(const Tensor& tensor, const Region& region);

}  // namespace sigprop::measured
