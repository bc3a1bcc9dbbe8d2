// SPDX-License-Identifier: Apache-2.0
#include "sigprop/report/plain_text.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "report/csv_field.hpp"
#include "report/latex.hpp"

namespace {

using namespace sigprop::report;

TEST_CASE("what people write stays as it is") {
  for (const char* text : {"", "bert-base", "Größe 1024, N = 12", "模型 №1", "γ² of layer 3", "a::b", "x##y",
                           "\U0001F600", "\u00A0", "\uFFFD"})
    CHECK(plain_text(text) == text);
}

TEST_CASE("control characters are shown, not sent") {
  CHECK(plain_text(std::string("a\0b", 3)) == "a\\x00b");
  CHECK(plain_text("\x1b[31mred\x1b[0m") == "\\x1b[31mred\\x1b[0m");
  CHECK(plain_text("a\r\nb\tc") == "a\\r\\nb\\tc");
  CHECK(plain_text("\x7f\b\a") == "\\x7f\\x08\\x07");
  CHECK(plain_text("\u009b31m") == "\\u009b31m");
  CHECK(plain_text("\u0080\u0085") == "\\u0080\\u0085");
}

TEST_CASE("every control character of one byte and of two is shown") {
  for (int code = 0; code < 0xA0; ++code) {
    if (code >= 0x20 && code < 0x7F) continue;
    const std::string text = code < 0x80 ? std::string(1, static_cast<char>(code))
                                         : std::string{static_cast<char>(0xC2), static_cast<char>(code)};
    INFO(code);
    CHECK(plain_text("x" + text + "y").find(text) == std::string::npos);
  }
}

TEST_CASE("marks of direction and ends of lines in Unicode are shown") {
  for (const char* text : {"\u202e", "\u202a", "\u2066", "\u2069", "\u200f", "\u061c", "\u2028", "\u2029", "\ufeff"})
    CHECK(plain_text(text).rfind("\\u", 0) == 0);
  CHECK(plain_text("a\u202eb") == "a\\u202eb");
}

TEST_CASE("bytes that are no UTF-8 are shown: cut off, overlong, surrogates, beyond Unicode") {
  CHECK(plain_text("\xff") == "\\xff");
  CHECK(plain_text("\xc3") == "\\xc3");
  CHECK(plain_text("\xc0\x8a") == "\\xc0\\x8a");
  CHECK(plain_text("\xe0\x80\x8a") == "\\xe0\\x80\\x8a");
  CHECK(plain_text("\xed\xa0\x80") == "\\xed\\xa0\\x80");
  CHECK(plain_text("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");
  CHECK(plain_text("\xe2\x82") == "\\xe2\\x82");
}

TEST_CASE("no text is a command to GitHub's runner") {
  CHECK(plain_text("::error::x") == "\\x3a:error::x");
  CHECK(plain_text("  ::set-output name=a::b") == "  \\x3a:set-output name=a::b");
  CHECK(plain_text("a ##[error]") == "a \\x23#[error]");
}

TEST_CASE("lines stay lines where they are meant to") {
  CHECK(plain_lines("a\n::b\n\x1b\n") == "a\n\\x3a:b\n\\x1b\n");
}

TEST_CASE("a field of CSV is one line, and no formula of a spreadsheet") {
  CHECK(csv_field("layer 1/ffn") == "layer 1/ffn");
  CHECK(csv_field("a,\"b\"") == "\"a,\"\"b\"\"\"");
  CHECK(csv_field("a\nb") == "a\\nb");
  for (const char* text : {"=1+1", "+1", "-1", "@SUM(A1)"}) CHECK(csv_field(text) == std::string("'") + text);
  for (const char* text : {"-", "=", ""}) CHECK(csv_field(text) == text);  // one sign is none
  CHECK(csv_field("=HYPERLINK(\"x\")") == "\"'=HYPERLINK(\"\"x\"\")\"");
}

TEST_CASE("LaTeX gets no macro, no comment and no mathematics from a text") {
  CHECK(latex_text("\\input{x}%$#_^~&") == "\\textbackslash{}input\\{x\\}\\%\\$\\#\\_\\^{}\\textasciitilde{}\\&");
  CHECK(latex_text("a\nb") == "a\\textbackslash{}nb");
}

}  // namespace
