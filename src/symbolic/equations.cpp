// SPDX-License-Identifier: Apache-2.0
#include "sigprop/symbolic/equations.hpp"

#include "symbolic/readings.hpp"

namespace sigprop::symbolic {

using scalar::Expression;

namespace {

bool takes_softmax(const std::string& formula) {
  return formula == "attention_forward" || formula == "attention_backward";
}

/// The functionals of softmax rows, which readings take as numbers, as what they are: functions of
/// the score variance v, the keys L and the head width k, those of a pair of rows also of the
/// correlation ρ.
Expression with_functions(Expression x) {
  const Expression v({"v", "v"}, 1), keys({"L", "L"}, 1), width({"k", "k"}, 1), rho({"ρ", "\\rho"}, 1);
  for (const auto& [symbol, sample] : x.symbols()) {
    const std::string& name = symbol.text;
    if (name == "S2" || name == "T_q" || name == "T_k" || name == "λ")
      x = x.substituted(name, Expression::function(symbol, {v, keys, width}, sample));
    if (name == "P" || name == "T12_q" || name == "ρT12_k")
      x = x.substituted(name, Expression::function(symbol, {rho, v, keys, width}, sample));
  }
  return x;
}

}  // namespace

std::vector<Equation> equations_of(const std::string& formula) {
  std::vector<Equation> out;
  for (const Reading<Expression>& reading : readings<Expression>()) {
    if (formula != reading.name) continue;
    // Samples lie inside each variable's range, at places of their own, so that no two expressions
    // are equal by chance.
    Reader<Expression> reader([](const Variable& variable) {
      double place = 0.5;
      for (const char c : variable.symbol.text) place = 0.3 + 0.4 * (place + static_cast<unsigned char>(c) % 17) / 18;
      return Expression(variable.symbol, variable.low + place * (variable.high - variable.low));
    });
    for (const Read<Expression>& read : (reader.*reading.read)())
      out.push_back({read.text, read.latex, takes_softmax(formula) ? with_functions(read.value) : read.value});
  }
  return out;
}

}  // namespace sigprop::symbolic
