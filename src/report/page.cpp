// SPDX-License-Identifier: Apache-2.0
#include "sigprop/report/page.hpp"

#include <algorithm>

#include "report/check_list.hpp"
#include "report/markup.hpp"
#include "report/number.hpp"
#include "report/page_curves.hpp"
#include "report/table_parts.hpp"
#include "report/weight_rows.hpp"
#include "sigprop/report/plain_text.hpp"

namespace sigprop::report {
namespace {

#include "page_texts.inc"

constexpr std::size_t longest_spec = 150000;  // bytes

/// As text or in an attribute.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : plain_lines(text)) {
    if (const char* instead = entity(c)) {
      out += instead;
    } else {
      out += c;
    }
  }
  return out;
}

/// JSON that cannot end the script element it stands in.
std::string in_script(const Json& json) {
  std::string out;
  for (const char c : text(json)) {
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
  return out;
}

void item(std::ostream& out, bool good, const std::string& sentence) {
  out << "<li><span class=\"" << (good ? "good\">✓" : "bad\">✗") << "</span> " << escaped(sentence) << "</li>\n";
}

void cell(std::ostream& out, const std::string& value, bool number = false) {
  out << (number ? "<td class=\"number\">" : "<td>") << escaped(value) << "</td>";
}

/// A column of numbers is named "#...".
void begin_table(std::ostream& out, const std::string& caption, std::initializer_list<const char*> columns) {
  out << R"(<div class="scroll" tabindex="0" role="region" aria-label=")" << escaped(caption) << "\"><table><caption>"
      << escaped(caption) << "</caption><thead><tr>";
  for (const std::string column : columns) {
    const bool number = column.front() == '#';
    out << "<th scope=\"col\"" << (number ? " class=\"number\">" : ">") << escaped(number ? column.substr(1) : column)
        << "</th>";
  }
  out << "</tr></thead><tbody>\n";
}

void end_table(std::ostream& out) {
  out << "</tbody></table></div>\n";
}

void begin_section(std::ostream& out, const char* id, const char* title) {
  out << "<section id=\"" << id << "\" aria-labelledby=\"h-" << id << "\">\n<h2 id=\"h-" << id << "\">" << title
      << "</h2>\n";
}

void write_checks(std::ostream& out, const Page& page) {
  const std::vector<CheckedSpec> specs{page.checked};
  begin_table(out, "Checks of the spec and presets, worst first",
              {"verdict", "check", "preset", "#value", "must be", "worst at"});
  for (const Listed& listed : worst_first(specs)) {
    const check::Outcome& outcome = *listed.outcome;
    out << "<tr><td class=\"" << (outcome.passed() ? "good\">pass" : "bad\">FAIL") << "</td>";
    cell(out, subject(outcome.check.condition));
    cell(out, outcome.check.preset.empty() ? "the spec's own" : outcome.check.preset);
    cell(out, number(outcome.value), true);
    cell(out, bound(outcome.check.condition));
    cell(out, outcome.path);
    out << "</tr>\n";
  }
  end_table(out);
}

void write_verification(std::ostream& out, const verify::Verification& verification) {
  begin_table(out, "Theory against simulation, of every quantity its worst place",
              {"verdict", "quantity", "at", "#predicted", "#measured", "#off", "#allowed"});
  for (const verify::QuantityVerdict& verdict : verification.quantities) {
    const verify::Comparison& worst = verdict.worst;
    out << "<tr><td class=\"" << (verdict.disagreeing == 0 ? "good\">agrees" : "bad\">DISAGREES") << "</td>";
    cell(out, verdict.quantity);
    cell(out, worst.path);
    cell(out, number(worst.predicted), true);
    cell(out, number(worst.measured), true);
    cell(out, percent(worst.relative()), true);
    cell(out, worst.scale > 0 ? percent(worst.limit / worst.scale) : "", true);
    out << "</tr>\n";
  }
  end_table(out);
}

void write_summary_section(std::ostream& out, const Page& page) {
  const profile::Summary& summary = page.predicted.summary;
  begin_section(out, "summary", "Summary");
  out << "<ul class=\"plain\">\n";
  if (summary.verdicts.empty()) item(out, true, no_verdict);
  for (const profile::Verdict& verdict : summary.verdicts) item(out, false, verdict_sentence(verdict));
  for (const check::Fault& fault : page.checked.faults) item(out, false, "not judged: " + fault.message);
  if (page.verification) {
    const bool agrees = page.verification->agrees();
    item(out, agrees,
         std::string("theory and simulation ") + (agrees ? "agree: " : "disagree: ") + page.verification->sentence);
  }
  out << "</ul>\n<p><b>Variance</b> " << escaped(forward_sentence(summary)) << "</p>\n<p><b>Gradient²</b> "
      << escaped(backward_sentence(summary)) << "</p>\n";
  if (!page.predicted.warnings.empty()) {
    out << "<h3>Warnings</h3>\n<ul>\n";
    for (const std::string& warning : page.predicted.warnings) out << "<li>" << escaped(warning) << "</li>\n";
    out << "</ul>\n";
  }
  if (!page.checked.outcomes.empty()) write_checks(out, page);
  if (page.verification) write_verification(out, *page.verification);
  out << "</section>\n";
}

/// Places of the depth axis that are left out, in words.
std::string left_out(const Json& places, const char* what) {
  const std::size_t all = places["all"].get<std::size_t>(), drawn = places["path"].size();
  if (drawn == all) return "";
  return " Of " + std::to_string(all) + " " + what + " " + std::to_string(drawn) + " are drawn.";
}

void write_curves_section(std::ostream& out, const Page& page, const Json& curves) {
  const std::size_t layers = std::max<std::size_t>(page.predicted.layers.size(), 1);
  begin_section(out, "curves", "Curves over depth");
  out << R"(<p id="keys" class="soft">Theory as lines)"
      << (profile::has_spread(page.predicted) ? "; shaded, where two of three single networks lie" : "")
      << (page.measured ? ", the mean of random networks ± 2 standard errors as points" : "")
      << ". Hover for values; or focus a chart and press ← → (Page Up and Page Down for larger steps, Home and End, "
         "Escape)."
      << left_out(curves["points"], "points") << left_out(curves["layers"], "layers") << "</p>\n"
      << "<noscript><p class=\"bad\">The curves are drawn by JavaScript, which is off here.</p></noscript>\n"
      << "<div id=\"controls\" hidden>\n<label>Layers from <input type=\"number\" id=\"from\" min=\"0\" max=\""
      << layers << "\" value=\"0\"></label>\n<label>to <input type=\"number\" id=\"to\" min=\"0\" max=\"" << layers
      << "\" value=\"" << layers << "\"></label>\n<button type=\"button\" id=\"whole\">Whole depth</button>\n"
      << "<label>Scale <select id=\"scale\"><option value=\"auto\">as suits each</option><option "
         "value=\"log\">logarithmic"
      << "</option><option value=\"linear\">linear</option></select></label>\n</div>\n<div "
         "id=\"charts\"></div>\n</section>\n";
}

void write_weights_section(std::ostream& out, const Page& page) {
  const std::vector<WeightRow> rows = weight_rows(page.predicted);
  if (rows.empty()) return;
  begin_section(out, "weights", "Weights");
  begin_table(out, "From the first layer to the last, by theory",
              {"weight", "#std", "#gradient norm", "#last/first", "#smallest (layer) .. largest"});
  for (const WeightRow& row : rows) {
    out << "<tr>";
    cell(out, row.name);
    cell(out, row.std, true);
    cell(out, row.norm.empty() ? "none in this theory" : row.norm, true);
    cell(out, row.ratio, true);
    cell(out, row.extremes, true);
    out << "</tr>\n";
  }
  end_table(out);
  out << "</section>\n";
}

/// At most so many bytes, cut between characters.
std::string beginning(const std::string& text, std::size_t most) {
  while (most > 0 && most < text.size() && (static_cast<unsigned char>(text[most]) & 0xC0U) == 0x80U) --most;
  return text.substr(0, most);
}

void write_spec_section(std::ostream& out, const Page& page) {
  begin_section(out, "spec", "Spec");
  if (page.spec.size() > longest_spec)
    out << "<p>The first " << longest_spec / 1000 << " of " << page.spec.size() / 1000 << " kB of the spec.</p>\n";
  out << R"(<pre tabindex="0" aria-label="The spec as JSON">)" << escaped(beginning(page.spec, longest_spec))
      << "</pre>\n</section>\n";
}

std::string shown(const Provenance::Value& value) {
  struct Visitor {
    std::string operator()(const std::string& x) const { return x; }
    std::string operator()(double x) const { return digits(x, 6); }
    std::string operator()(std::uint64_t x) const { return std::to_string(x); }
    std::string operator()(bool x) const { return x ? "yes" : "no"; }
  };
  return std::visit(Visitor{}, value);
}

void write_terms_section(std::ostream& out) {
  begin_section(out, "terms", "What the words mean");
  out << "<dl>\n";
  for (const Term& term : legend())
    out << "<dt>" << escaped(term.name) << "</dt><dd>" << escaped(term.meaning) << "</dd>\n";
  out << "</dl>\n</section>\n";
}

void write_making_section(std::ostream& out, const Page& page) {
  begin_section(out, "making", "How this was made");
  begin_table(out, "By sigprop " SIGPROP_VERSION, {"setting", "value"});
  for (const auto& [name, value] : page.provenance.settings) {
    out << "<tr>";
    cell(out, name);
    cell(out, shown(value));
    out << "</tr>\n";
  }
  end_table(out);
  out << "<details><summary>Licence of the plotting library in this page</summary><pre tabindex=\"0\">"
      << escaped(chart_licence) << "</pre></details>\n</section>\n";
}

void write_head(std::ostream& out, const Page& page) {
  const std::string name = escaped(page.predicted.name);
  out << "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      << "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
         "script-src "
         "'unsafe-inline'; img-src data:\">\n"
      << "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"generator\" "
         "content=\"sigprop "
      << SIGPROP_VERSION << "\">\n<link rel=\"icon\" href=\"data:,\">\n<title>" << name
      << " – sigprop</title>\n<style>\n"
      << page_css << "</style>\n</head>\n<body>\n<header>\n<h1>" << name << "</h1>\n<p class=\"soft\">";
  bool first = true;
  for (const auto& [fact, value] : page.facts) {
    out << (first ? "" : " · ") << escaped(fact) << ' ' << escaped(value);
    first = false;
  }
  out << "</p>\n<nav aria-label=\"Parts of this page\"><a href=\"#summary\">Summary</a><a "
         "href=\"#curves\">Curves</a><a "
         "href=\"#weights\">Weights</a><a href=\"#spec\">Spec</a><a href=\"#making\">How this was "
         "made</a></nav>\n</header>\n";
}

}  // namespace

void write_page(std::ostream& out, const Page& page) {
  const Json curves = curves_json(page.predicted, page.measured ? &*page.measured : nullptr);
  write_head(out, page);
  out << "<main>\n";
  write_summary_section(out, page);
  write_curves_section(out, page, curves);
  write_weights_section(out, page);
  write_spec_section(out, page);
  write_terms_section(out);
  write_making_section(out, page);
  out << "</main>\n<script type=\"application/json\" id=\"data\">" << in_script(curves) << "</script>\n<script>\n"
      << chart_js << "</script>\n<script>\n"
      << page_js << "</script>\n</body>\n</html>\n";
}

}  // namespace sigprop::report
