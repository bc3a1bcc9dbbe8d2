// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "predict/tokens/grouped_tokens.hpp"
#include "predict/walk/profile_writer.hpp"
#include "predict/walk/walk_in.hpp"

namespace sigprop::predict {

profile::Profile profile_of_groups(const network::Lifted<double>& network, const network::Outline& outline,
                                   GroupedTokens field) {
  profile::Profile result = network::blank_profile(outline);
  Algebra<GroupedTokens> algebra(network, std::move(field));
  AlikeAlgebra<double> of_encoder(network, AlikeTokens<double>(network, Theory::full));
  ProfileWriter writer(outline, algebra, result);
  ProfileWriter encoder_writer(outline, of_encoder, result);
  walk_network(algebra, of_encoder, writer, encoder_writer);
  return result;
}

profile::Profile walk_by_token(const network::Lifted<double>& network, const network::Outline& outline, Prefix prefix,
                               const profile::TokenLists& tokens, const std::shared_ptr<RowTables>& rows) {
  profile::Profile result = profile_of_groups(network, outline, GroupedTokens(network, prefix, tokens, rows));
  result.prefix = name_of(prefix);
  return result;
}

}  // namespace sigprop::predict
