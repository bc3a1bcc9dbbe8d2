// SPDX-License-Identifier: Apache-2.0
#include "predict/walk/profile_writer.hpp"
#include "predict/walk/walk_in.hpp"

namespace sigprop::predict {

profile::Profile walk_in_double(const network::Network& network, Theory theory,
                                const std::shared_ptr<SoftmaxTables<double>>& tables) {
  return profile_of_alike(network::lifted<double>(network), network::outline_of(network), theory, tables);
}

}  // namespace sigprop::predict
