// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "sigprop/profile/profile.hpp"

/// Numbers and cells of tables.
namespace sigprop::report {

/// Four significant digits; beyond double's range mantissa and exponent from the logarithm.
[[nodiscard]] std::string number(const profile::Quantity& q);

[[nodiscard]] std::string fixed(double x, int digits);

/// So many significant digits, as few as are needed.
[[nodiscard]] std::string digits(double x, int significant);

/// Of a fraction, three digits: "0.12%", "9.4%", "25%"; empty for what is no number.
[[nodiscard]] std::string percent(double x);

/// Characters of a UTF-8 text, which may be fewer than its bytes.
[[nodiscard]] std::size_t characters(const std::string& text);

/// Right-aligned in a cell of that many columns, always with a blank before it.
[[nodiscard]] std::string right(const std::string& text, std::size_t width);

/// Left-aligned; of a longer text the end is kept, behind three dots.
[[nodiscard]] std::string left(const std::string& text, std::size_t width);

/// The shortest text that reads back as the same double; empty for what no double holds.
[[nodiscard]] std::string exact(double x);

}  // namespace sigprop::report
