// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "predict/row_table.hpp"
#include "predict/softmax_table.hpp"
#include "sigprop/network/outline.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::predict {

/// One walk in one number type, each compiled in a file of its own. No summary yet.
[[nodiscard]] profile::Profile walk_in_double(const network::Network& network, const network::Outline& outline,
                                              Theory theory, const std::shared_ptr<SoftmaxTables<double>>& tables);
[[nodiscard]] profile::Profile walk_in_wide(const network::Network& network, const network::Outline& outline,
                                            Theory theory);

/// Token by token, in double, by the theory `full`.
[[nodiscard]] profile::Profile walk_token_by_token(const network::Network& network, const network::Outline& outline,
                                                   Prefix prefix, const profile::TokenLists& tokens,
                                                   const std::shared_ptr<RowTables>& rows);

}  // namespace sigprop::predict
