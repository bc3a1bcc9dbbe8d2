// SPDX-License-Identifier: Apache-2.0
#include "predict/walk_in.hpp"

#include "predict/walk.hpp"

namespace sigprop::predict {

profile::Profile walk_in_double(const network::Network& network, const network::Outline& outline, Theory theory,
                                const std::shared_ptr<SoftmaxTables<double>>& tables) {
  profile::Profile result = blank_profile(outline);
  Exchangeable<double> algebra(network, theory, tables);
  walk_network(network, outline, algebra, algebra, result);
  return result;
}

}  // namespace sigprop::predict
