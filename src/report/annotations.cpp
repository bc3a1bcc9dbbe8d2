// SPDX-License-Identifier: Apache-2.0
#include "report/check_list.hpp"
#include "sigprop/report/plain_text.hpp"

namespace sigprop::report {
namespace {

/// A message of a workflow command; in a property commas and colons are escaped too.
std::string escaped(const std::string& text, bool property) {
  std::string out;
  for (const char c : plain_lines(text)) {
    if (c == '%') {
      out += "%25";
    } else if (c == '\r') {
      out += "%0D";
    } else if (c == '\n') {
      out += "%0A";
    } else if (property && c == ':') {
      out += "%3A";
    } else if (property && c == ',') {
      out += "%2C";
    } else {
      out += c;
    }
  }
  return out;
}

void write_error(std::ostream& out, const Finding& finding) {
  out << "::error ";
  if (finding.file != "-") out << "file=" << escaped(finding.file, true) << ',';
  if (finding.line > 0) out << "line=" << finding.line << ',';
  out << "title=" << escaped("sigprop check: " + finding.title, true) << "::" << escaped(finding.message, false)
      << '\n';
}

}  // namespace

void write_github(std::ostream& out, const std::vector<CheckedSpec>& specs) {
  constexpr std::size_t shown = 10;  // errors of one step that GitHub turns into annotations
  const std::vector<Finding> all = findings(specs);
  for (std::size_t i = 0; i < all.size() && i < shown; ++i) write_error(out, all[i]);
  if (all.size() > shown) {
    out << "::notice title=sigprop check::" << all.size() - shown << " of " << all.size()
        << " errors are not shown here, for GitHub shows " << shown << " of a step: the step's log has all\n";
  }
}

}  // namespace sigprop::report
