// SPDX-License-Identifier: Apache-2.0
#include "predict/slopes/walk_in_jets.hpp"

#include "predict/walk/profile_writer.hpp"

namespace sigprop::predict {

profile::Profile walk_in_jets(const network::Lifted<SlopeJet>& network, const network::Outline& outline, Theory theory,
                              const std::shared_ptr<SoftmaxTables<ArgumentJet>>& tables) {
  return profile_of_alike(network, outline, theory, tables);
}

}  // namespace sigprop::predict
