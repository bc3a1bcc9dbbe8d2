// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "files/mapped_file.hpp"

namespace sigprop::measured {

enum class Type { f16, bf16, f32, f64, other };

/// A tensor in a file: its numbers stand row by row.
struct Tensor {
  std::string name;
  std::vector<std::size_t> shape;
  Type type = Type::other;
  std::string_view bytes;
  std::size_t file = 0;

  [[nodiscard]] std::size_t count() const;
  /// As a matrix: its last dimension are the columns.
  [[nodiscard]] std::size_t columns() const { return shape.empty() ? 1 : shape.back(); }
};

/// The tensors of a file or of several.
struct TensorFiles {
  std::vector<files::MappedFile> files;
  std::vector<Tensor> tensors;  ///< in the order in which they lie in the files
};

/// Opens a .safetensors file, those of a .safetensors.index.json, or a .npz. Throws
/// std::runtime_error that names the file.
[[nodiscard]] TensorFiles open_tensors(const std::string& path);

/// The tensors of a .safetensors file's bytes, or of a .npz. Throws std::runtime_error that says
/// what is wrong with them.
[[nodiscard]] std::vector<Tensor> safetensors(std::string_view bytes);
[[nodiscard]] std::vector<Tensor> npz(std::string_view bytes);

/// Puts numbers into `out`, from the first on.
void read_numbers(const Tensor& tensor, std::size_t first, std::size_t count, double* out);

}  // namespace sigprop::measured
