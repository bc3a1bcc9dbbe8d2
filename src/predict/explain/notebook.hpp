// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sigprop/predict/explain.hpp"
#include "sigprop/scalar/expression.hpp"

namespace sigprop::predict {

/// A name as text and in LaTeX with an index behind it: ("σ", "\\sigma", 3) is σ₃.
[[nodiscard]] scalar::Symbol indexed(const char* text, const char* latex, const std::string& index,
                                     bool squared = false, bool positive = false);

/// Of a whole number, as it stands in a line of Unicode: ₁₂.
[[nodiscard]] std::string subscript(const std::string& digits);

/// Where a walk in expressions writes its equations down. What it notes becomes a symbol, so that
/// the next equation names it instead of containing it. Values of 0 are not noted and stay numbers:
/// they vanish from what is made of them.
class Notebook {
 public:
  using Expression = scalar::Expression;

  explicit Notebook(Explanation& out) : out_(&out) {}
  /// One that writes nothing down and leaves every expression as it is.
  Notebook() = default;

  /// What a symbol of this step means that no equation gives.
  void explain(const std::string& symbol, const std::string& meaning) {
    if (out_ != nullptr) steps().back().meanings[symbol] = meaning;
  }

  /// The same in every step.
  void explain_everywhere(const std::string& symbol, const std::string& meaning) { out_->meanings[symbol] = meaning; }

  // ---- equations -----------------------------------------------------------------------------------------------------

  void begin(const void* component, const std::string& title, const std::string& formulas);
  void turn_back() { backward_ = true; }

  /// Writes left = right down and gives the symbol. On the way back what the same component noted
  /// on the way forward is only named again, unless another component has given the name to
  /// something else since. Throws std::overflow_error, naming the step, for what no double holds.
  [[nodiscard]] Expression note(const scalar::Symbol& left, const Expression& right, bool across = false);

  /// A symbol whose equation is not told, such as a share that neighbours leave.
  [[nodiscard]] static Expression only_named(const scalar::Symbol& symbol, const Expression& x);

  void reach(const std::string& point) { steps().back().point = point; }

 private:
  [[nodiscard]] std::vector<ExplainedStep>& steps() { return backward_ ? out_->backward : out_->forward; }

  Explanation* out_ = nullptr;
  std::map<std::pair<const void*, std::string>, double> noted_;
  std::map<std::string, const void*> noted_by_;  ///< the last component, by a symbol's text
  const void* component_ = nullptr;
  bool backward_ = false;
};

}  // namespace sigprop::predict
