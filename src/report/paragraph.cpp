// SPDX-License-Identifier: Apache-2.0
#include "report/paragraph.hpp"

#include <algorithm>

#include "report/number.hpp"

namespace sigprop::report {

void paragraph(std::ostream& out, const std::string& label, const std::string& text) {
  constexpr std::size_t label_width = 10;
  constexpr std::size_t columns = 100;
  std::size_t column = label_width;
  out << label << std::string(label_width - label.size(), ' ');
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t space = std::min(text.find(' ', start), text.size());
    const std::string word = text.substr(start, space - start);
    const std::size_t width = characters(word);
    if (column > label_width && column + 1 + width > columns) {
      out << '\n' << std::string(label_width, ' ');
      column = label_width;
    } else if (column > label_width) {
      out << ' ';
      ++column;
    }
    out << word;
    column += width;
    start = space + 1;
  }
  out << '\n';
}

}  // namespace sigprop::report
