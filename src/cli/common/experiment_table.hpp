// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/experiment/experiment.hpp"
#include "sigprop/report/experiment.hpp"

namespace sigprop::cli {

/// The settings that were measured beside both theories, with the percentiles of their errors.
/// `replicates` as asked for, 0 for the grid's own; `measured` in the order of the task. No rows
/// where nothing was measured.
[[nodiscard]] report::ErrorTable error_table(const experiment::Task& task, std::size_t replicates,
                                             const std::vector<std::optional<experiment::Measured>>& measured);

}  // namespace sigprop::cli
