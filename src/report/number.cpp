// SPDX-License-Identifier: Apache-2.0
#include "report/number.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace sigprop::report {

std::string number(const profile::Quantity& q) {
  if (q.representable()) return digits(q.value, 4);
  if (std::isnan(q.value) || std::isnan(q.log10)) return "none";
  if (std::isinf(q.log10)) return q.value < 0 ? "-infinite" : "infinite";
  char buffer[48];
  const double exponent = std::floor(q.log10);
  std::snprintf(buffer, sizeof buffer, "%.3fe%+.0f", std::pow(10.0, q.log10 - exponent), exponent);
  return buffer;
}

namespace {

/// Is the byte within a UTF-8 character, not its first?
bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

}  // namespace

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues_character(c); }));
}

std::string fixed(double x, int digits) {
  char buffer[48];
  std::snprintf(buffer, sizeof buffer, "%.*f", digits, x);
  const bool rounds_to_zero = std::strtod(buffer, nullptr) == 0;
  return rounds_to_zero && buffer[0] == '-' ? buffer + 1 : buffer;
}

std::string digits(double x, int significant) {
  char buffer[48];
  std::snprintf(buffer, sizeof buffer, "%.*g", significant, x);
  return buffer;
}

std::string percent(double x) {
  const double value = 100 * x, size = std::abs(value);
  return std::isfinite(value) ? fixed(value, size < 0.995 ? 2 : size < 9.95 ? 1 : 0) + "%" : "";
}

std::string right(const std::string& text, std::size_t width) {
  const std::size_t taken = characters(text);
  return taken >= width ? " " + text : std::string(width - taken, ' ') + text;
}

std::string left(const std::string& text, std::size_t width) {
  constexpr std::size_t dots = 3;
  const std::size_t taken = characters(text);
  if (taken <= width) return text + std::string(width - taken, ' ');
  std::size_t start = 0;
  for (std::size_t cut = taken - width + dots; cut > 0; --cut) {
    do ++start;
    while (start < text.size() && continues_character(text[start]));
  }
  return "..." + text.substr(start);
}

std::string exact(double x) {
  if (!std::isfinite(x)) return "";
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, x).ptr;
  return {buffer, end};
}

}  // namespace sigprop::report
