// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Configurations of other libraries as specs. The room is called import, which no namespace can be
/// with comfort: it is a word of C++20.
namespace sigprop::importer {

/// What a configuration does not say.
struct Options {
  std::optional<std::size_t> sequence_length;  ///< tokens; an image model knows its own
  std::size_t batch = 1;                       ///< sequences
  std::optional<double> token_correlation;     ///< between an image's embedded patches; 0.2 where not given
  std::string library = "5.23.0";  ///< version of transformers whose initialization is meant; "5" is the newest 5
  std::string as;                  ///< a model type that the configuration is read as, whatever its own
  std::string part;                ///< of a model of several: "text", "vision" or "audio"; text where not given
  bool any_length = false;         ///< sequences may have any length where none is given: only weights are of interest
  bool strict = false;             ///< warnings are errors
};

/// A spec, or what is wrong: `spec` is empty if and only if there are errors.
struct Imported {
  std::string spec;                   ///< JSON text that the spec reader accepts
  std::vector<std::string> notes;     ///< how the spec says what the configuration says, and what was assumed
  std::vector<std::string> warnings;  ///< what the configuration says and the spec does not
  std::vector<std::string> errors;    ///< "FILE: /json/pointer is VALUE, but must be RANGE ..."
};

/// A model type that the import knows.
struct ModelType {
  std::string name;
  bool is_imported = false;
  std::string remark;  ///< why it cannot be, or what a spec leaves out of every model of the type; empty: nothing
};

/// All that the import knows, in the order in which they are shown.
[[nodiscard]] std::vector<ModelType> model_types();

/// The spec of a Hugging Face config.json (docs/import.md), with the initialization that its model
/// class draws by default. `file` stands in errors. Throws nothing but std::bad_alloc.
[[nodiscard]] Imported from_hugging_face(std::string_view text, const std::string& file, const Options& options);

}  // namespace sigprop::importer
