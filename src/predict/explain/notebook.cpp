// SPDX-License-Identifier: Apache-2.0
#include "predict/explain/notebook.hpp"

#include <cmath>
#include <stdexcept>

namespace sigprop::predict {

std::string subscript(const std::string& digits) {
  constexpr const char* figures[] = {"₀", "₁", "₂", "₃", "₄", "₅", "₆", "₇", "₈", "₉"};
  std::string out;
  for (const char c : digits) out += figures[c - '0'];
  return out;
}

scalar::Symbol indexed(const char* text, const char* latex, const std::string& index, bool squared, bool positive) {
  const std::size_t number = index.find_first_not_of("0123456789");
  const std::string digits = index.substr(0, number), rest = number == std::string::npos ? "" : index.substr(number);
  std::string out = text, primes;
  if (digits.empty()) {
    out += "_" + index;
  } else {
    out += subscript(digits);
    for (std::size_t i = 0; i < rest.size(); ++i) primes += "\\prime";
    for (std::size_t i = 0; i < rest.size(); ++i) out += "′";
  }
  std::string base = std::string(latex) + "_{" + (digits.empty() ? index : digits) + "}";
  if (primes.empty()) return {out + (squared ? "²" : ""), base + (squared ? "^2" : ""), positive};
  if (base.find('^') != std::string::npos) base = "{" + base + "}";
  return {out + (squared ? "²" : ""), base + "^{" + primes + (squared ? " 2" : "") + "}", positive};
}

void Notebook::begin(const void* component, const std::string& title, const std::string& formulas) {
  component_ = component;
  steps().push_back({title, formulas, {}, {}, {}});
}

scalar::Expression Notebook::note(const scalar::Symbol& left, const Expression& right, bool across) {
  if (out_ == nullptr) return right;
  if (!std::isfinite(right.sample()))
    throw std::overflow_error(out_->layer + ", step \"" + steps().back().title + "\": " + left.text +
                              " is beyond double's range, so that the step cannot be told in numbers; choose variances "
                              "nearer to 1, or see the profile that predict prints");
  const auto [place, fresh] = noted_.try_emplace({component_, left.text}, right.sample());
  const bool known = !fresh && backward_ && place->second == right.sample() && noted_by_[left.text] == component_;
  place->second = right.sample();
  noted_by_[left.text] = component_;
  if (right.sample() == 0) return Expression(0);
  if (!known) steps().back().equations.push_back({left, right, across});
  return {left, right.sample()};
}

scalar::Expression Notebook::only_named(const scalar::Symbol& symbol, const Expression& x) {
  if (x.sample() == 0 || x.sample() == 1) return Expression(x.sample());
  return {symbol, x.sample()};
}

}  // namespace sigprop::predict
