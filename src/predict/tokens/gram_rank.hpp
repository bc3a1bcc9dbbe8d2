// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>

#include "predict/tokens/token_groups.hpp"

namespace sigprop::predict {

/// Effective rank of tokens whose expected products are `dots`, in D features. Neighbouring groups
/// of tokens are taken together in parts that grow with their place, the first tokens alone; within
/// a part tokens count as exchangeable.
[[nodiscard]] double effective_rank_of(const TokenGroups& groups, const Eigen::MatrixXd& dots, double width);

}  // namespace sigprop::predict
