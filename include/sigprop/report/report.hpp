// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "sigprop/profile/deviations.hpp"
#include "sigprop/profile/profile.hpp"

/// Profiles and formulas as text. Every writer writes to the stream as it goes and keeps no copy of
/// its output.
namespace sigprop::report {

/// What a result tells of its making.
struct Provenance {
  using Value = std::variant<std::string, double, std::uint64_t, bool>;
  std::string command;                                  ///< "predict"
  std::vector<std::pair<std::string, Value>> settings;  ///< by name
};

/// The result as JSON (docs/results.md). A value outside double's range is {"value": null, "log10":
/// x}. rows: whose covariance is written, where there are any.
void write_json(std::ostream& out, const profile::Profile& profile, const Provenance& provenance,
                const std::vector<profile::DeviationRow>& rows = {});

/// One row a point: every quantity of it, and the layer's quantities in the row of its last point;
/// beside a measured quantity its standard error.
void write_csv(std::ostream& out, const profile::Profile& profile);

/// A table for people, 100 columns wide, of a predicted or a measured profile: one row a point,
/// long profiles folded to head, middle and tail unless `all`; weights, summary and verdicts below.
void write_table(std::ostream& out, const profile::Profile& profile, bool all);

/// A word of the table and of the page, explained.
struct Term {
  const char* name;
  const char* meaning;
};

[[nodiscard]] const std::vector<Term>& legend();

/// The words of the table, one a line.
void write_legend(std::ostream& out);

/// Variance and squared gradient against depth, drawn with block characters, not wider than so many
/// columns; summary and verdicts below.
void write_plot(std::ostream& out, const profile::Profile& profile, std::size_t columns);

/// The table of quantities in Markdown, as docs/results.md has it: first those of a point, then
/// those of a layer.
void write_quantities(std::ostream& out);

/// A formula as its head comment tells it.
struct Formula {
  const char* name;
  const char* what;
  const char* equation;
  const char* symbols;
  const char* status;
  const char* assumes;
  const char* domain;
  const char* source;
  const char* why;
  const char* header;
};

/// All formulas, by header.
[[nodiscard]] const std::vector<Formula>& formulas();

/// A formula with the equations that its code gives, left and right sides; without any, for one
/// that has no closed form.
struct PrintedFormula {
  Formula formula;
  std::vector<std::pair<std::string, std::string>> text;
  std::vector<std::pair<std::string, std::string>> latex;
};

/// The equations alone, one a line.
void write_formulas_text(std::ostream& out, const std::vector<PrintedFormula>& formulas);
/// One align* environment a formula, to be put into a paper that has amsmath.
void write_formulas_latex(std::ostream& out, const std::vector<PrintedFormula>& formulas);
/// A page with all that is known of every formula.
void write_formulas_markdown(std::ostream& out, const std::vector<PrintedFormula>& formulas);
/// The same equations as a document that pdflatex compiles.
void write_formulas_document(std::ostream& out, const std::vector<PrintedFormula>& formulas);

void write_formulas_table(std::ostream& out, const std::vector<Formula>& formulas);
void write_formulas_csv(std::ostream& out, const std::vector<Formula>& formulas);
void write_formulas_json(std::ostream& out, const std::vector<Formula>& formulas);

}  // namespace sigprop::report
