// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>
#include <string>

/// What documents of equations have in common.
namespace sigprop::report {

/// Up to the title. Defines \\fit, which makes an equation that is wider than the page smaller.
void begin_document(std::ostream& out, const std::string& title);

/// Any text: special characters, Greek letters, lowered and raised digits as LaTeX has them, what
/// it has not as a question mark.
[[nodiscard]] std::string latex_text(const std::string& text);

/// Five significant digits: 1.2 \\cdot 10^{-5}.
[[nodiscard]] std::string latex_number(double x);

}  // namespace sigprop::report
