// SPDX-License-Identifier: Apache-2.0
#include "simulate/normals_kernel.hpp"

[[gnu::flatten]] void sigprop::simulate::normals_portable(const NormalStream& stream, std::uint64_t first,
                                                          std::ptrdiff_t count, float* out) {
  write_normals(stream, first, count, out);
}
