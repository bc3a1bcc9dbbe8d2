// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <optional>

#include "scalar/expression_node.hpp"
#include "scalar/written_function.hpp"

namespace sigprop::scalar {

using Node = Expression::Node;
using Kind = Node::Kind;
using Term = Node::Term;
using Factor = Node::Factor;

namespace {

// ---- keys ------------------------------------------------------------------------------------------------------------

std::string joined(std::vector<std::string> parts, const char* between) {
  std::sort(parts.begin(), parts.end());
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : between) + part;
  return out;
}

std::string key_of(const Node& node) {
  std::vector<std::string> parts;
  switch (node.kind) {
    case Kind::number:
      return node.number.key();
    case Kind::symbol:
      return node.symbol.text;
    case Kind::sum:
      for (const Term& term : node.terms) parts.push_back(term.coefficient.key() + "*" + Builder::of(term.of).key);
      return "(" + node.number.key() + " + " + joined(std::move(parts), " + ") + ")";
    case Kind::product:
      for (const Factor& factor : node.factors)
        parts.push_back(Builder::of(factor.base).key + "^" + factor.exponent.key());
      return "(" + node.number.key() + " * " + joined(std::move(parts), " * ") + ")";
    case Kind::function:
      break;
  }
  std::string out = node.symbol.text + "(";
  for (const Expression& argument : node.arguments) out += Builder::of(argument).key + ",";
  return out + ")";
}

// ---- products --------------------------------------------------------------------------------------------------------

Expression whole(long long n) {
  return Builder::number(Number(n, 1), static_cast<double>(n));
}

/// Is it above 0 wherever it is defined? False where that is not seen.
bool positive(const Expression& x) {
  const Node& node = Builder::of(x);
  switch (node.kind) {
    case Kind::number:
      return node.number.value > 0;
    case Kind::symbol:
      return node.symbol.positive;
    case Kind::function:
      return node.written != nullptr && node.written->positive;
    case Kind::sum:
      return node.number.value >= 0 && std::all_of(node.terms.begin(), node.terms.end(), [](const Term& term) {
               return term.coefficient.value > 0 && positive(term.of);
             });
    case Kind::product:
      break;
  }
  return node.number.value > 0 && std::all_of(node.factors.begin(), node.factors.end(),
                                              [](const Factor& factor) { return positive(factor.base); });
}

/// The sample of factors that are multiplied.
double sample_of(const std::vector<Factor>& factors) {
  double out = 1;
  for (const Factor& factor : factors) out *= std::pow(Builder::of(factor.base).sample, factor.exponent.value);
  return out;
}

/// The factors of an expression, its coefficient apart.
std::vector<Factor> factors_of(const Expression& x, Number& coefficient) {
  const Node& node = Builder::of(x);
  if (node.kind == Kind::number) {
    coefficient = node.number;
    return {};
  }
  if (node.kind != Kind::product) return {{x, Number(1, 1)}};
  coefficient = node.number;
  return node.factors;
}

void add(std::vector<Factor>& factors, const Factor& more) {
  for (Factor& factor : factors) {
    if (Builder::of(factor.base).key != Builder::of(more.base).key) continue;
    factor.exponent = factor.exponent + more.exponent;
    return;
  }
  factors.push_back(more);
}

void lay_open(const Factor& factor, Number& coefficient, std::vector<Factor>& out) {
  const Node& base = Builder::of(factor.base);
  if (base.kind == Kind::number) {
    const Number& n = base.number;
    if (const std::optional<Number> folded = folded_power(n, factor.exponent)) {
      coefficient = coefficient * *folded;
    } else if (n.whole()) {
      add(out, factor);
    } else {
      lay_open({whole(n.numerator), factor.exponent}, coefficient, out);
      lay_open({whole(n.denominator), factor.exponent * Number(-1, 1)}, coefficient, out);
    }
    return;
  }
  if (base.kind != Kind::product) return add(out, factor);
  if (factor.exponent.whole()) {
    lay_open({Builder::number(base.number, base.number.value), factor.exponent}, coefficient, out);
    for (const Factor& inner : base.factors) lay_open({inner.base, inner.exponent * factor.exponent}, coefficient, out);
    return;
  }
  // Of a root, what is positive comes out; the rest stays together below it.
  std::vector<Factor> rest;
  const double sign = base.number.value < 0 ? -1 : 1;
  lay_open({Builder::number(base.number * Number(sign), std::abs(base.number.value)), factor.exponent}, coefficient,
           out);
  for (const Factor& inner : base.factors) {
    if (positive(inner.base)) {
      lay_open({inner.base, inner.exponent * factor.exponent}, coefficient, out);
    } else {
      rest.push_back(inner);
    }
  }
  if (rest.size() == 1 && sign > 0 && rest.front().exponent.is(1))
    return add(out, {rest.front().base, factor.exponent});
  if (rest.empty() && sign > 0) return;
  Node node;
  node.kind = Kind::product;
  node.number = Number(sign);
  node.sample = sign * sample_of(rest);
  node.factors = std::move(rest);
  add(out, {Builder::made(std::move(node)), factor.exponent});
}

// ---- sums ------------------------------------------------------------------------------------------------------------

void add(std::vector<Term>& terms, const Term& more) {
  for (Term& term : terms) {
    if (Builder::of(term.of).key != Builder::of(more.of).key) continue;
    term.coefficient = term.coefficient + more.coefficient;
    return;
  }
  terms.push_back(more);
}

void lay_open(const Term& term, Number& constant, std::vector<Term>& out) {
  const Node& node = Builder::of(term.of);
  if (node.kind == Kind::number) {
    constant = constant + term.coefficient * node.number;
  } else if (node.kind == Kind::sum) {
    constant = constant + term.coefficient * node.number;
    for (const Term& inner : node.terms) lay_open({term.coefficient * inner.coefficient, inner.of}, constant, out);
  } else if (node.kind == Kind::product && !node.number.is(1)) {
    const double sample = node.number.value != 0 ? node.sample / node.number.value : 0;
    lay_open({term.coefficient * node.number, Builder::product(Number(1, 1), node.factors, sample)}, constant, out);
  } else {
    add(out, term);
  }
}

/// The powers that every term has.
std::vector<Factor> common_factors(const std::vector<Term>& terms) {
  Number unit(1, 1);
  std::vector<Factor> common = factors_of(terms.front().of, unit);
  for (const Term& term : terms) {
    const std::vector<Factor> factors = factors_of(term.of, unit);
    for (Factor& shared : common) {
      const auto found = std::find_if(factors.begin(), factors.end(), [&](const Factor& factor) {
        return Builder::of(factor.base).key == Builder::of(shared.base).key;
      });
      const bool same_side = found != factors.end() && found->exponent.value * shared.exponent.value > 0;
      if (!same_side) {
        shared.exponent = Number();
      } else if (std::abs(found->exponent.value) < std::abs(shared.exponent.value)) {
        shared.exponent = found->exponent;
      }
    }
  }
  std::erase_if(common, [](const Factor& factor) { return factor.exponent.value == 0; });
  return common;
}

std::optional<Expression> without_common_factor(const std::vector<Term>& terms, double sample) {
  std::vector<Factor> common = common_factors(terms);
  // A coefficient that all have but for its sign comes out too, a negative one if all are.
  const Number& first = terms.front().coefficient;
  const auto all = [&](const auto& property) { return std::all_of(terms.begin(), terms.end(), property); };
  const bool same_coefficient =
      first.exact() && !first.is(1) &&
      all([&](const Term& term) { return std::abs(term.coefficient.value) == std::abs(first.value); }) &&
      (first.value > 0 || all([](const Term& term) { return term.coefficient.value < 0; }));
  if (common.empty() && !same_coefficient) return {};
  const Number coefficient = same_coefficient ? first : Number(1, 1);
  std::vector<Term> left;
  double rest_sample = 0;
  for (const Term& term : terms) {
    Number unit(1, 1);
    std::vector<Factor> factors = factors_of(term.of, unit);
    for (const Factor& factor : common) add(factors, {factor.base, factor.exponent * Number(-1, 1)});
    const double term_sample = sample_of(factors);  // not a quotient: the common factors may be 0
    const Number scale = term.coefficient * coefficient.inverse();
    left.push_back({scale, Builder::product(Number(1, 1), factors, term_sample)});
    rest_sample += scale.value * term_sample;
  }
  common.push_back({Builder::sum(Number(), left, rest_sample), Number(1, 1)});
  return Builder::product(coefficient, common, sample);
}

}  // namespace

// ---- nodes -----------------------------------------------------------------------------------------------------------

Expression Builder::made(Node node) {
  node.key = key_of(node);
  return Expression(std::make_shared<const Node>(std::move(node)));
}

Expression Builder::number(const Number& n, double sample) {
  Node node;
  node.kind = Kind::number;
  node.number = n;
  node.sample = sample;
  return made(std::move(node));
}

Expression Builder::symbol(const Symbol& symbol, double sample) {
  Node node;
  node.kind = Kind::symbol;
  node.symbol = symbol;
  node.sample = sample;
  return made(std::move(node));
}

Expression Builder::function(const Symbol& name, const std::vector<Expression>& arguments, double sample) {
  Node node;
  node.kind = Kind::function;
  node.symbol = name;
  node.arguments = arguments;
  node.sample = sample;
  return made(std::move(node));
}

Expression Builder::function(const WrittenFunction& written, const Expression& x) {
  Node node;
  node.kind = Kind::function;
  node.symbol = written.name;
  node.arguments = {x};
  node.written = &written;
  node.sample = written.value(x.sample());
  return made(std::move(node));
}

Expression Builder::product(Number coefficient, const std::vector<Factor>& factors, double sample) {
  std::vector<Factor> collected;
  for (const Factor& factor : factors) lay_open(factor, coefficient, collected);
  std::erase_if(collected, [](const Factor& factor) { return factor.exponent.is(0); });
  if (coefficient.is(0) || collected.empty()) return number(coefficient, sample);
  const bool single = collected.size() == 1 && collected.front().exponent.is(1) && coefficient.is(1);
  if (single) return collected.front().base;
  Node node;
  node.kind = Kind::product;
  node.number = coefficient;
  node.factors = std::move(collected);
  node.sample = sample;
  return made(std::move(node));
}

Expression Builder::power(const Expression& x, const Number& exponent) {
  return product(Number(1, 1), {{x, exponent}}, std::pow(x.sample(), exponent.value));
}

Expression Builder::sum(Number constant, const std::vector<Term>& terms, double sample) {
  std::vector<Term> collected;
  for (const Term& term : terms) lay_open(term, constant, collected);
  std::erase_if(collected, [](const Term& term) { return term.coefficient.is(0); });
  if (collected.empty()) return number(constant, sample);
  if (constant.is(0)) {
    if (collected.size() == 1) {
      Number own(1, 1);
      const std::vector<Factor> factors = factors_of(collected.front().of, own);
      return product(collected.front().coefficient * own, factors, sample);
    }
    if (std::optional<Expression> out = without_common_factor(collected, sample)) return *out;
  }
  Node node;
  node.kind = Kind::sum;
  node.number = constant;
  node.terms = std::move(collected);
  node.sample = sample;
  return made(std::move(node));
}

Expression Builder::scaled(const Number& coefficient, const Expression& x) {
  Number own(1, 1);
  const std::vector<Factor> factors = factors_of(x, own);
  return product(coefficient * own, factors, coefficient.value * x.sample());
}

}  // namespace sigprop::scalar
