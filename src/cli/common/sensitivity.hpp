// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/common/prediction.hpp"
#include "sigprop/report/sensitivity.hpp"

namespace sigprop::cli {

/// How a quantity of a spec's prediction follows its knobs, ranked; with progress on a terminal
/// where that takes long. Throws Failure.
[[nodiscard]] report::Sensitivity sensitivity(network::Network network, const TheoryOptions& theory,
                                              const std::string& spec, const std::string& quantity,
                                              const OutputOptions& output);

/// A spec with one of its knobs set so that a quantity of its prediction has the value wanted.
struct Solved {
  std::string text;  ///< JSON, indented
  std::string note;  ///< what was set, and what it gives
};

/// text: the spec; file: its name in messages. target: "QUANTITY = VALUE", as in "backward.variance
/// first/last = 1". adjust: a knob, which must not differ between layers nor be 0. Throws Failure:
/// wrong_usage for what cannot be asked, failed where no value of the knob was found.
[[nodiscard]] Solved solved(const std::string& text, const std::string& file, const TheoryOptions& theory,
                            const std::string& target, const std::string& adjust, const OutputOptions& output);

}  // namespace sigprop::cli
