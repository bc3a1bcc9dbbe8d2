// SPDX-License-Identifier: Apache-2.0
#include "predict/walk_in_jets.hpp"

#include "predict/walk.hpp"

namespace sigprop::predict {

profile::Profile walk_in_jets(const network::Network& network, const network::Outline& outline, Theory theory,
                              const std::shared_ptr<SoftmaxTables<Few>>& tables,
                              const Numbers<scalar::Jet<jet_directions>>& numbers) {
  profile::Profile result = blank_profile(outline);
  Exchangeable<scalar::Jet<jet_directions>> algebra(network, theory, tables, numbers);
  walk_network(network, outline, algebra, algebra, result);
  return result;
}

}  // namespace sigprop::predict
