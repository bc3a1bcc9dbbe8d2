// SPDX-License-Identifier: Apache-2.0
#include "predict/walk/profile_writer.hpp"
#include "predict/walk/walk_in.hpp"
#include "sigprop/scalar/wide.hpp"

namespace sigprop::predict {

profile::Profile walk_in_wide(const network::Network& network, Theory theory) {
  // Large scores take seconds to tabulate, and searches and slopes ask for many walks alike.
  thread_local const auto tables = std::make_shared<SoftmaxTables<scalar::Wide>>();
  return profile_of_alike(network::lifted<scalar::Wide>(network), network::outline_of(network), theory, tables);
}

}  // namespace sigprop::predict
