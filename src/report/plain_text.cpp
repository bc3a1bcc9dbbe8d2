// SPDX-License-Identifier: Apache-2.0
#include "sigprop/report/plain_text.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string_view>

namespace sigprop::report {
namespace {

struct Sign {
  std::uint32_t code = 0;
  std::size_t bytes = 1;
  bool valid = false;
};

/// The first sign of a text in UTF-8: no overlong forms, no surrogates.
Sign first_sign(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  const std::uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < bytes) return {lead, 1, false};
  std::uint32_t code = lead & (0x7FU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return {lead, 1, false};
    code = (code << 6U) | (byte(i) & 0x3FU);
  }
  const bool overlong = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
  const bool outside = (code >= 0xD800 && code < 0xE000) || code > 0x10FFFF;
  if (overlong || outside) return {lead, 1, false};
  return {code, bytes, true};
}

/// Moves a terminal's cursor, its colours, or the direction in which people read.
bool steers(std::uint32_t code) {
  if (code < 0x20 || (code >= 0x7F && code < 0xA0)) return true;
  return code == 0x061C || code == 0x200E || code == 0x200F || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0xFEFF;
}

std::string escape(const Sign& sign) {
  if (sign.code == '\n') return "\\n";
  if (sign.code == '\r') return "\\r";
  if (sign.code == '\t') return "\\t";
  std::array<char, 16> out{};
  const bool one_byte = !sign.valid || sign.code < 0x80;
  std::snprintf(out.data(), out.size(), one_byte ? "\\x%02x" : "\\u%04x", static_cast<unsigned>(sign.code));
  return out.data();
}

}  // namespace

std::string plain_text(const std::string& text) {
  std::string out;
  const std::size_t begin = text.find_first_not_of(' ');
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = std::string_view(text).substr(at);
    const Sign sign = first_sign(rest);
    const bool command = (at == begin && rest.rfind("::", 0) == 0) || rest.rfind("##[", 0) == 0;
    out += !sign.valid || steers(sign.code) || command ? escape(sign) : std::string(rest.substr(0, sign.bytes));
    at += sign.bytes;
  }
  return out;
}

std::string plain_lines(const std::string& text) {
  std::string out;
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    out += plain_text(text.substr(begin, end - begin)) + '\n';
    begin = end + 1;
  }
  return out + plain_text(text.substr(begin));
}

}  // namespace sigprop::report
