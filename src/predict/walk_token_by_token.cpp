// SPDX-License-Identifier: Apache-2.0
#include "predict/token_by_token.hpp"
#include "predict/walk.hpp"
#include "predict/walk_in.hpp"

namespace sigprop::predict {

profile::Profile walk_token_by_token(const network::Network& network, const network::Outline& outline, Prefix prefix,
                                     const profile::TokenLists& tokens, const std::shared_ptr<RowTables>& rows,
                                     const Numbers<double>& numbers) {
  profile::Profile result = blank_profile(outline);
  TokenByToken algebra(network, prefix, tokens, rows, numbers);
  Exchangeable<double> of_encoder(network, Theory::full, std::make_shared<SoftmaxTables<double>>(), numbers);
  walk_network(network, outline, algebra, of_encoder, result);
  result.prefix = prefix == Prefix::means ? "means" : "actual";
  return result;
}

}  // namespace sigprop::predict
