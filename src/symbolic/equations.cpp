// SPDX-License-Identifier: Apache-2.0
#include "sigprop/symbolic/equations.hpp"

#include "symbolic/readings.hpp"

namespace sigprop::symbolic {

using scalar::Expression;

std::vector<Equation> equations_of(const std::string& formula) {
  std::vector<Equation> out;
  for (const Reading<Expression>& reading : readings<Expression>()) {
    if (formula != reading.name) continue;
    // Samples lie inside each variable's range, at places of their own, so that no two expressions are equal by chance.
    Reader<Expression> reader([](const Variable& variable) {
      double place = 0.5;
      for (const char c : variable.symbol.text) place = 0.3 + 0.4 * (place + static_cast<unsigned char>(c) % 17) / 18;
      return Expression(variable.symbol, variable.low + place * (variable.high - variable.low));
    });
    for (const Read<Expression>& read : (reader.*reading.read)()) out.push_back({read.text, read.latex, read.value});
  }
  return out;
}

}  // namespace sigprop::symbolic
