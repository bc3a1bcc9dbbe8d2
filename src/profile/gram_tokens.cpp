// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "sigprop/profile/profile.hpp"

namespace sigprop::profile {

std::vector<std::size_t> gram_tokens(double sequence_length, std::size_t wanted) {
  const double last = std::min(static_cast<double>(wanted), sequence_length) - 1;
  std::vector<std::size_t> out{1};
  for (double i = 1; i <= last; ++i)
    out.push_back(static_cast<std::size_t>(std::round(1 + i * (sequence_length - 1) / last)));
  return out;
}

}  // namespace sigprop::profile
