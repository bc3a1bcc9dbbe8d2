// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace sigprop::files {

/// FNV-1a, 64 bits, of these bytes: tells damage, not malice.
[[nodiscard]] constexpr std::uint64_t check_sum(std::string_view bytes) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211U;
  return hash;
}

}  // namespace sigprop::files
