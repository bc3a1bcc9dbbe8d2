// SPDX-License-Identifier: Apache-2.0
#include "predict/tokens/token_pairs.hpp"

#include "predict/tables/curve.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::predict {

double common_own(const TokenPairs& pairs) {
  constexpr double farthest = 1.1;
  const Eigen::ArrayXd sizes = own(pairs);
  if (nearly_constant(sizes)) return pairs.within(0, 0);
  if (sizes.maxCoeff() <= farthest * sizes.minCoeff()) return pairs.groups->mean(sizes);
  throw NotCovered(
      "behind a causal mask, a norm on queries and keys of tokens of different second moments, as without a norm "
      "before the attention, is not covered by this theory yet");
}

}  // namespace sigprop::predict
