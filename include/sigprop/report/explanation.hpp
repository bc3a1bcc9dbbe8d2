// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "sigprop/profile/recursion.hpp"
#include "sigprop/report/report.hpp"

/// One layer's equations with their numbers (docs/explain.md).
namespace sigprop::report {

/// The same thing in Unicode and in LaTeX.
struct Notation {
  std::string text;
  std::string latex;
};

struct EquationLine {
  Notation left;
  Notation symbols;  ///< right side
  Notation numbers;  ///< the same with numbers in the place of symbols
  double value = 0;
  bool is_number = false;  ///< the right side is nothing but the value
};

/// A number that no equation of the layer gives.
struct GivenNumber {
  Notation symbol;
  double value = 0;
  std::string meaning;  ///< may be empty
};

struct ExplanationStep {
  std::string title;
  std::string formulas;  ///< as `sigprop formulas` names them
  std::string point;     ///< of the profile, which the step ends at; may be empty
  std::vector<GivenNumber> given;
  std::vector<EquationLine> equations;
};

/// The recursion of a run of equal layers with its equations.
struct LayerRecursion : profile::LayerRecursion {
  Notation second_moment;  ///< q' by q and r; empty where no double holds its numbers
  Notation token_dot;      ///< c' likewise
  std::optional<Notation> gain_expression;
};

struct Explanation {
  std::string name;
  std::string theory;
  std::string layer;
  std::string remark;     ///< on what was explained in the model's place; may be empty
  bool unmasked = false;  ///< were masks taken off?
  std::vector<std::string> warnings;
  std::vector<ExplanationStep> forward;
  std::vector<ExplanationStep> backward;
  std::optional<LayerRecursion> recursion;
};

/// Like a worked example, 100 columns wide.
void write_table(std::ostream& out, const Explanation& explanation);
/// One row an equation.
void write_csv(std::ostream& out, const Explanation& explanation);
void write_json(std::ostream& out, const Explanation& explanation, const Provenance& provenance);
/// As a document that pdflatex compiles.
void write_latex(std::ostream& out, const Explanation& explanation);

}  // namespace sigprop::report
