// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>

namespace sigprop::predict {

/// Effective rank of tokens whose expected products are `dots`, in D features. Neighbouring tokens are taken in groups
/// that grow with their place, the first tokens alone; within a group they count as exchangeable.
[[nodiscard]] double effective_rank_of(const Eigen::MatrixXd& dots, double width);

}  // namespace sigprop::predict
