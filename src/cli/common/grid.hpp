// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "sigprop/spec/edit.hpp"

namespace sigprop::cli {

/// The values that one place of a spec takes in a sweep.
struct Axis {
  std::string path;
  std::vector<std::string> values;  ///< JSON
};

/// PATH=VALUES: A,B,...; FIRST:LAST:COUNT evenly; log:FIRST:LAST:COUNT by equal factors. Whole
/// numbers stay whole. Throws Failure.
[[nodiscard]] Axis axis_of(const std::string& text);

/// Every combination, the last axis changing fastest.
class Grid {
 public:
  explicit Grid(std::vector<Axis> axes);

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::vector<spec::Edit> operator[](std::size_t index) const;

 private:
  std::vector<Axis> axes_;
  std::size_t size_ = 1;
};

}  // namespace sigprop::cli
