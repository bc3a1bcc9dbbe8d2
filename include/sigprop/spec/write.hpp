// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "sigprop/network/network.hpp"

namespace sigprop::spec {

/// The spec of a network with its component list written out (JSON, two spaces of indent). Reading
/// it gives the same network; numbers are written with as many digits as a double needs. `checks`:
/// what ReadResult told of them, written out as it is.
[[nodiscard]] std::string expanded_text(const network::Network& network, const std::string& checks = "[]");

/// The JSON Schema (draft 2020-12) of a spec. It accepts what the reader accepts but for rules
/// across fields, which a schema cannot state (docs/spec.md lists them).
[[nodiscard]] std::string schema_text();

}  // namespace sigprop::spec
