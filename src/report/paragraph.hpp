// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <string>

namespace sigprop::report {

/// A label of up to nine characters and a paragraph beside it, wrapped at 100 columns.
void paragraph(std::ostream& out, const std::string& label, const std::string& text);

}  // namespace sigprop::report
