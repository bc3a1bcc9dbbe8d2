// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <optional>

#include "experiment/subject.hpp"

/// Settings that differ in scales only are one group: they share their random numbers. All maps are
/// linear in these scales (a weight behind which nothing is nonlinear, the gradient that enters),
/// so a group is measured once, at scales of 1, and its settings' moments follow exactly: 9 times
/// fewer products for the linear grid and the attention.
namespace sigprop::experiment {

/// Index of a setting in the product of the axes that are no scales.
[[nodiscard]] std::size_t group_of(const Setting& setting);

/// The setting of a group with all scales 1. Its index is that of the group.
[[nodiscard]] Setting unit_setting(const Grid& grid, std::size_t group);

/// A seed of the group's own.
[[nodiscard]] std::uint64_t group_seed(std::uint64_t seed, const Grid& grid, std::size_t group);

[[nodiscard]] std::optional<Measured> measure_group(Measurer& measurer, int worker, const Grid& grid, std::size_t group,
                                                    std::uint64_t seed, std::size_t replicates,
                                                    const std::atomic<bool>* stop);

/// The moments of a setting from those of its group.
[[nodiscard]] Measured scaled(const Measured& unit, const Setting& setting);

}  // namespace sigprop::experiment
