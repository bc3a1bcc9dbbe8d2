// SPDX-License-Identifier: Apache-2.0
#include "predict/tokens/word_memory.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace sigprop::predict {

WordMemory::WordMemory(TokenPairs products)
    : products_(std::move(products)), gradient_(TokenPairs::constant(*products_.groups, 0, 0)) {}

std::shared_ptr<const KeyLaw> WordMemory::law(const RowQueries& rows, double v, double head_width, double laws) {
  // Behind norms with an epsilon queries differ by so much from layer to layer.
  constexpr double same = 1e-6;
  constexpr std::size_t most = 4;
  const auto found = std::find_if(known_.begin(), known_.end(), [&](const Known& one) {
    return one.head_width == head_width && one.alike == rows.alike && std::abs(one.v - v) <= same * v;
  });
  if (found != known_.end()) return found->law;
  if (known_.size() == most) known_.erase(known_.begin());
  known_.push_back(
      {v, head_width, rows.alike,
       std::make_shared<const KeyLaw>(key_law(*products_.groups, products_.within, rows, v, head_width, laws))});
  return known_.back().law;
}

void WordMemory::add(const Eigen::MatrixXd& within, const std::optional<double>& across) {
  gradient_.within += within;
  if (!across) return;
  if (!gradient_.has_across()) gradient_.across = Eigen::MatrixXd::Zero(within.rows(), within.cols());
  gradient_.across.array() += *across;
}

}  // namespace sigprop::predict
