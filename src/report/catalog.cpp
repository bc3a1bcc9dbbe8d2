// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "report/csv_field.hpp"
#include "report/paragraph.hpp"
#include "sigprop/report/report.hpp"

namespace sigprop::report {

const std::vector<Formula>& formulas() {
  static const std::vector<Formula> list = {
#include "formula_catalog.inc"
  };
  return list;
}

namespace {

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
