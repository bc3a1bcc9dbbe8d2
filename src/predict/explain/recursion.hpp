// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "predict/explain/recorder.hpp"
#include "sigprop/network/outline.hpp"
#include "sigprop/predict/explain.hpp"

namespace sigprop::predict {

/// The recursion of the run that a layer is one of; none for a layer with neighbours of another
/// kind, or a signal whose mean is not 0.
[[nodiscard]] std::optional<Recursion> recursion_of(const network::Network& network, Theory theory,
                                                    const network::Outline& outline, const Recorded& walked,
                                                    std::size_t layer,
                                                    const std::shared_ptr<Functionals<double>::Tables>& tables);

}  // namespace sigprop::predict
