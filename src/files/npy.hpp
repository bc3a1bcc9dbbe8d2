// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sigprop::files {

/// An array of numbers as NumPy saves it.
struct NpyArray {
  std::vector<std::size_t> shape;
  std::vector<double> values;  ///< row by row
};

/// What stands before an array's numbers, and their bytes.
struct NpyHeader {
  std::string_view type;  ///< "<f4"
  std::vector<std::size_t> shape;
  bool by_column = false;  ///< in Fortran's order
  std::string_view data;
};

/// Does a file begin as NumPy's do?
[[nodiscard]] bool is_npy(std::string_view bytes);

/// Reads a header of format versions 1 to 3. Throws std::runtime_error that says what is wrong.
[[nodiscard]] NpyHeader npy_header(std::string_view bytes);

/// Reads format versions 1 to 3 with little-endian integers of 1 to 8 bytes or floats of 4 or 8,
/// in C or Fortran order, of at most two dimensions. Throws std::runtime_error that says what is
/// wrong.
[[nodiscard]] NpyArray npy_array(std::string_view bytes);

}  // namespace sigprop::files
