// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "report/csv_field.hpp"
#include "sigprop/report/report.hpp"

namespace sigprop::report {

const std::vector<Formula>& formulas() {
  static const std::vector<Formula> list = {
#include "formula_catalog.inc"
  };
  return list;
}

namespace {

constexpr std::size_t label_width = 10;

/// A labelled paragraph, wrapped at 100 columns; widths are counted in characters, not bytes.
void paragraph(std::ostream& out, const std::string& label, const std::string& text) {
  constexpr std::size_t columns = 100;
  std::size_t column = label_width;
  out << label << std::string(label_width - label.size(), ' ');
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t space = std::min(text.find(' ', start), text.size());
    const std::string word = text.substr(start, space - start);
    std::size_t width = 0;
    for (const char c : word) width += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
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

void equation(std::ostream& out, std::string text) {
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos;) text.replace(at, 1, "\n    "), at += 5;
  out << "\n    " << text << "\n\n";
}

}  // namespace

void write_formulas_table(std::ostream& out, const std::vector<Formula>& formulas) {
  bool first = true;
  for (const Formula& formula : formulas) {
    if (!first) out << '\n';
    first = false;
    paragraph(out, "formula", formula.name);
    paragraph(out, "", formula.what);
    equation(out, formula.equation);
    paragraph(out, "symbols", formula.symbols);
    paragraph(out, "status", formula.status);
    paragraph(out, "assumes", formula.assumes);
    paragraph(out, "domain", formula.domain);
    paragraph(out, "source", formula.source);
    paragraph(out, "why", formula.why);
  }
}

void write_formulas_csv(std::ostream& out, const std::vector<Formula>& formulas) {
  out << "name,what,equation,status,source,header\n";
  for (const Formula& f : formulas) {
    out << csv_field(f.name) << ',' << csv_field(f.what) << ',' << csv_field(f.equation) << ',' << csv_field(f.status)
        << ',' << csv_field(f.source) << ',' << csv_field(f.header) << '\n';
  }
}

void write_formulas_json(std::ostream& out, const std::vector<Formula>& formulas) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Formula& f : formulas) {
    list.push_back({{"name", f.name},
                    {"what", f.what},
                    {"equation", f.equation},
                    {"symbols", f.symbols},
                    {"status", f.status},
                    {"assumes", f.assumes},
                    {"domain", f.domain},
                    {"source", f.source},
                    {"why", f.why},
                    {"header", f.header}});
  }
  out << nlohmann::ordered_json{{"sigprop", SIGPROP_VERSION}, {"command", "formulas"}, {"formulas", list}}.dump(2)
      << '\n';
}

}  // namespace sigprop::report
