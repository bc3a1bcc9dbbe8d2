// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "import/family.hpp"
#include "import/findings.hpp"
#include "import/version.hpp"
#include "sigprop/import/import.hpp"

namespace sigprop::importer {

/// A configuration whose values are right one by one, and what there is to say about it.
struct Subject {
  const Family& family;
  const Values& values;
  const Options& options;
  Version library;
  std::size_t tokens;  ///< of a sequence
  Findings& findings;
};

/// The tokens of a sequence: an image's own, else the option's; what `tokens` of a subject is to
/// be.
[[nodiscard]] std::size_t sequence_length(const Subject& subject);

/// The tokens of an image that are no patches.
[[nodiscard]] std::size_t special_tokens(const Subject& subject);

/// Whether positions have a table.
[[nodiscard]] bool has_position_table(const Subject& subject);

/// Height (0) or width (1) of an image or a patch, which may be given as one number.
[[nodiscard]] std::size_t side(const Json& extent, std::size_t which);

/// The input of a spec.
[[nodiscard]] Json input_of(const Subject& subject);

/// Standard deviations of the weights: init.std of a spec.
[[nodiscard]] Json deviations_of(const Subject& subject);

/// The deviation of the elements of the words' table, with the factor that the class applies.
[[nodiscard]] double word_deviation(const Subject& subject);

/// That of all embedding tables; absent where they differ or there is none.
[[nodiscard]] std::optional<double> embedding_deviation(const Subject& subject);

/// The deviation that a table is drawn with.
[[nodiscard]] double table_deviation(const Subject& subject);

/// That of the weights that embed a patch of so many pixels.
[[nodiscard]] double patch_deviation(const Subject& subject, std::size_t pixels);

/// Layers of a stack.
[[nodiscard]] std::size_t layers_in(const Subject& subject);

/// The stack of a spec, or its encoder and decoder, by their names.
[[nodiscard]] Json stacks_of(const Subject& subject);

/// Rotary positions as an attention of a spec has them.
struct RotaryPositions {
  double base;
  std::size_t width;  ///< features of a head that turn
};

/// None where the class has none, or no feature turns.
[[nodiscard]] std::optional<RotaryPositions> rotary_of(const Subject& subject);

/// Features of a head.
[[nodiscard]] std::size_t head_width_of(const Subject& subject);

/// A spec's name of an activation, "" with an error for one that a spec does not have.
[[nodiscard]] std::string activation_named(const Subject& subject, const std::string& role, const std::string& name);

/// Whether the FFN has a gate.
[[nodiscard]] bool is_gated(const Subject& subject);

}  // namespace sigprop::importer
