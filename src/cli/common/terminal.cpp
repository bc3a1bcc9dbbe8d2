// SPDX-License-Identifier: Apache-2.0
#include "cli/common/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace sigprop::cli {

std::size_t terminal_columns() {
  constexpr std::size_t usual_columns = 100;
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const char* text = std::getenv("COLUMNS");
  if (text == nullptr) return usual_columns;
  const std::string_view given = text;
  std::size_t columns = 0;
  const auto read = std::from_chars(given.data(), given.data() + given.size(), columns);
  return read.ec == std::errc() && columns > 0 ? columns : usual_columns;
}

}  // namespace sigprop::cli
