// SPDX-License-Identifier: Apache-2.0
#include "sigprop/report/schemes.hpp"

#include "report/csv_field.hpp"
#include "report/json_value.hpp"
#include "report/number.hpp"
#include "report/paragraph.hpp"

namespace sigprop::report {
namespace {

using scheme::Scheme;

/// A scheme's formulas by the weight classes they hold for.
std::vector<std::pair<const char*, std::string>> formulas_of(const Scheme& scheme) {
  const scheme::Formulas& f = scheme.formulas;
  return {{"embedding", f.embedding}, {"query_key", f.query_key}, {"value", f.value},      {"output", f.output},
          {"ffn_in", f.ffn_in},       {"ffn_out", f.ffn_out},     {"residual", f.residual}};
}

std::string default_of(const scheme::Parameter& parameter) {
  return parameter.value ? exact(*parameter.value) : "by the model";
}

void write_scheme(std::ostream& out, const Scheme& scheme) {
  paragraph(out, "scheme", scheme.name);
  for (const auto& [name, formula] : formulas_of(scheme)) {
    const std::string label = name == std::string("query_key") ? "q, k" : name;
    if (!formula.empty()) paragraph(out, label, formula);
  }
  paragraph(out, "norm", name_of(scheme.norm));
  for (const scheme::Parameter& parameter : scheme.parameters)
    paragraph(out, "parameter", parameter.name + " = " + default_of(parameter) + ": " + parameter.about);
  paragraph(out, "source", scheme.source + " (" + name_of(scheme.evidence) + ")");
}

}  // namespace

void write_schemes_table(std::ostream& out, const std::vector<Scheme>& schemes) {
  if (schemes.size() == 1) return write_scheme(out, schemes.front());
  out << "Standard deviations by weight class. d width, f FFN width, k head width, H heads, N layers, layer l = 1..N,\n"
         "p dropout, r token correlation, m and m_L width and depth over those of a small model.\n";
  for (const Scheme& scheme : schemes) {
    out << '\n';
    write_scheme(out, scheme);
  }
}

void write_schemes_csv(std::ostream& out, const std::vector<Scheme>& schemes) {
  out << "name,embedding,query_key,value,output,ffn_in,ffn_out,residual,norm,source,evidence\n";
  for (const Scheme& scheme : schemes) {
    out << scheme.name;
    for (const auto& [name, formula] : formulas_of(scheme)) out << ',' << csv_field(formula);
    out << ',' << name_of(scheme.norm) << ',' << csv_field(scheme.source) << ',' << name_of(scheme.evidence) << '\n';
  }
}

void write_schemes_json(std::ostream& out, const std::vector<Scheme>& schemes) {
  Json list = Json::array();
  for (const Scheme& scheme : schemes) {
    Json one = {{"name", scheme.name}};
    for (const auto& [name, formula] : formulas_of(scheme)) one[name] = formula;
    one["norm"] = name_of(scheme.norm);
    one["source"] = scheme.source;
    one["evidence"] = name_of(scheme.evidence);
    one["parameters"] = Json::array();
    for (const scheme::Parameter& p : scheme.parameters) {
      one["parameters"].push_back({{"name", p.name},
                                   {"default", p.value ? Json(*p.value) : Json(nullptr)},
                                   {"min", p.lowest},
                                   {"max", p.highest},
                                   {"about", p.about}});
    }
    list.push_back(std::move(one));
  }
  out << Json{{"sigprop", SIGPROP_VERSION}, {"command", "schemes"}, {"schemes", list}}.dump(2) << '\n';
}

}  // namespace sigprop::report
