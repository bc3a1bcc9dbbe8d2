// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <ostream>
#include <string>

namespace sigprop::report {

/// A label of up to nine characters and a paragraph beside it, wrapped at 100 columns.
void paragraph(std::ostream& out, const std::string& label, const std::string& text);

/// Characters of a UTF-8 text, which may be fewer than its bytes.
[[nodiscard]] std::size_t characters(const std::string& text);

}  // namespace sigprop::report
