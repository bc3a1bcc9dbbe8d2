// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "sigprop/predict/predict.hpp"
#include "sigprop/spec/read.hpp"

/// Defined in one source: what reads and prints JSON takes a compiler seconds in every test file.
namespace sigprop::test {

/// JSON of a text, and the text of JSON.
[[nodiscard]] nlohmann::json parsed(const std::string& text);
[[nodiscard]] std::string text_of(const nlohmann::json& value);

/// What the reader says to a spec.
[[nodiscard]] spec::ReadResult read(const nlohmann::json& spec, const std::string& folder = "");

/// The network of a spec that must be right.
[[nodiscard]] network::Network network_of(const nlohmann::json& spec);

[[nodiscard]] profile::Profile predicted(const nlohmann::json& spec, predict::Theory theory = predict::Theory::full,
                                         const predict::Options& options = {});

/// A spec of the project's own folder.
[[nodiscard]] nlohmann::json project_spec(const std::string& name);

/// A small Pre-LN stack without dropout, to change in a test.
[[nodiscard]] nlohmann::json small_stack();

/// A value with others merged into it.
[[nodiscard]] nlohmann::json merged(nlohmann::json value, const nlohmann::json& changes);

/// The small stack with changes to it and to the spec around it.
[[nodiscard]] nlohmann::json changed(const nlohmann::json& stack,
                                     const nlohmann::json& more = nlohmann::json::object());

/// The spec of a stack as that of an encoder and a decoder of its kind; the decoder has a mask, and
/// no residual key.
[[nodiscard]] nlohmann::json encoder_decoder_of(nlohmann::json spec);

}  // namespace sigprop::test
