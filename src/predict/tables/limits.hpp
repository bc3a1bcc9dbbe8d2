// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace sigprop::predict {

/// Up to this score variance softmax functionals are tabulated from their exact integrals; 4 to a
/// whole power.
inline constexpr double last_tabulated_score_variance = 256;

}  // namespace sigprop::predict
