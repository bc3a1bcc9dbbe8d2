// SPDX-License-Identifier: Apache-2.0
#include "predict/walk/profile_writer.hpp"
#include "predict/walk/walk_in.hpp"
#include "sigprop/scalar/wide.hpp"

namespace sigprop::predict {

profile::Profile walk_in_wide(const network::Network& network, const network::Outline& outline, Theory theory) {
  return profile_of_alike(network::lifted<scalar::Wide>(network), outline, theory,
                          std::make_shared<SoftmaxTables<scalar::Wide>>());
}

}  // namespace sigprop::predict
