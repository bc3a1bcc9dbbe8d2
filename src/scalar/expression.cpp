// SPDX-License-Identifier: Apache-2.0
#include "sigprop/scalar/expression.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "scalar/expression_node.hpp"
#include "scalar/written_function.hpp"

namespace sigprop::scalar {

using Node = Expression::Node;
using Kind = Node::Kind;
using Term = Node::Term;
using Factor = Node::Factor;

Expression::Expression(double number) : Expression(Builder::number(Number(number), number)) {}
Expression::Expression(const Symbol& symbol, double sample) : Expression(Builder::symbol(symbol, sample)) {}

Expression Expression::function(const Symbol& name, const std::vector<Expression>& arguments, double sample) {
  return Builder::function(name, arguments, sample);
}

double Expression::sample() const {
  return node_->sample;
}

bool Expression::is_number() const {
  return node_->kind == Kind::number;
}

const std::string& Expression::key() const {
  return node_->key;
}

template <>
Expression pi<Expression>() {
  return Expression(Symbol{"π", "\\pi", true}, std::numbers::pi);
}

// ---- arithmetic ------------------------------------------------------------------------------------------------------

Expression operator+(const Expression& a, const Expression& b) {
  return Builder::sum(Number(), {{Number(1, 1), a}, {Number(1, 1), b}}, a.sample() + b.sample());
}

Expression operator-(const Expression& a, const Expression& b) {
  return Builder::sum(Number(), {{Number(1, 1), a}, {Number(-1, 1), b}}, a.sample() - b.sample());
}

Expression operator-(const Expression& a) {
  return Builder::scaled(Number(-1, 1), a);
}

Expression operator*(const Expression& a, const Expression& b) {
  return Builder::product(Number(1, 1), {{a, Number(1, 1)}, {b, Number(1, 1)}}, a.sample() * b.sample());
}

Expression operator/(const Expression& a, const Expression& b) {
  return Builder::product(Number(1, 1), {{a, Number(1, 1)}, {b, Number(-1, 1)}}, a.sample() / b.sample());
}

Expression sqrt(const Expression& x) {
  return Builder::product(Number(1, 1), {{x, Number(1, 2)}}, std::sqrt(x.sample()));
}

Expression pow(const Expression& x, const Expression& power) {
  const Node& node = Builder::of(power);
  return node.kind == Kind::number ? Builder::power(x, node.number) : exp(power * log(x));
}

// ---- functions -------------------------------------------------------------------------------------------------------

namespace {

Expression one_over_root(const Expression& x) {
  return Expression(1) / sqrt(Expression(1) - x * x);
}

Expression bell(const Expression& x) {
  return Expression(2) / sqrt(pi<Expression>()) * exp(-(x * x));
}

Expression cos(const Expression& x);

using E = Expression;
const WrittenFunction exponential{
    {"exp", "\\exp"}, [](double x) { return std::exp(x); }, [](const E& x) { return exp(x); }, true};
const WrittenFunction logarithm{
    {"ln", "\\ln"}, [](double x) { return std::log(x); }, [](const E& x) { return E(1) / x; }};
const WrittenFunction sine{{"sin", "\\sin"}, [](double x) { return std::sin(x); }, [](const E& x) { return cos(x); }};
const WrittenFunction cosine{
    {"cos", "\\cos"}, [](double x) { return std::cos(x); }, [](const E& x) { return -sin(x); }};
const WrittenFunction arcsine{{"arcsin", "\\arcsin"}, [](double x) { return std::asin(x); }, one_over_root};
const WrittenFunction arccosine{
    {"arccos", "\\arccos"}, [](double x) { return std::acos(x); }, [](const E& x) { return -one_over_root(x); }};
const WrittenFunction hyperbolic_tangent{
    {"tanh", "\\tanh"}, [](double x) { return std::tanh(x); }, [](const E& x) { return E(1) - tanh(x) * tanh(x); }};
const WrittenFunction error{{"erf", "\\operatorname{erf}"}, [](double x) { return std::erf(x); }, bell};
const WrittenFunction error_complement{
    {"erfc", "\\operatorname{erfc}"}, [](double x) { return std::erfc(x); }, [](const E& x) { return -bell(x); }};

Expression cos(const Expression& x) {
  return Builder::function(cosine, x);
}

/// By the argument of that place, from 0.
Expression partial(const Node& node, std::size_t place) {
  if (node.written != nullptr) return node.written->derivative(node.arguments[0]);
  const std::string at = std::to_string(place + 1);
  return Expression::function({"∂" + at + " " + node.symbol.text, "\\partial_{" + at + "}" + node.symbol.latex},
                              node.arguments, std::numeric_limits<double>::quiet_NaN());
}

}  // namespace

Expression exp(const Expression& x) {
  return Builder::function(exponential, x);
}
Expression log(const Expression& x) {
  return Builder::function(logarithm, x);
}
Expression sin(const Expression& x) {
  return Builder::function(sine, x);
}
Expression asin(const Expression& x) {
  return Builder::function(arcsine, x);
}
Expression acos(const Expression& x) {
  return Builder::function(arccosine, x);
}
Expression tanh(const Expression& x) {
  return Builder::function(hyperbolic_tangent, x);
}
Expression erf(const Expression& x) {
  return Builder::function(error, x);
}
Expression erfc(const Expression& x) {
  return Builder::function(error_complement, x);
}
Expression abs(const Expression& x) {
  return x.sample() < 0 ? -x : x;
}

// ---- reading ---------------------------------------------------------------------------------------------------------

double Expression::evaluate(
    const std::function<double(const std::string&)>& symbol,
    const std::function<double(const std::string&, const std::vector<double>&)>& function) const {
  const Node& node = *node_;
  switch (node.kind) {
    case Kind::number:
      return node.number.value;
    case Kind::symbol:
      return node.symbol.text == "π" ? std::numbers::pi : symbol(node.symbol.text);
    case Kind::sum: {
      double out = node.number.value;
      for (const Term& term : node.terms) out += term.coefficient.value * term.of.evaluate(symbol, function);
      return out;
    }
    case Kind::product: {
      double out = node.number.value;
      for (const Factor& factor : node.factors)
        out *= std::pow(factor.base.evaluate(symbol, function), factor.exponent.value);
      return out;
    }
    case Kind::function:
      break;
  }
  std::vector<double> arguments;
  for (const Expression& argument : node.arguments) arguments.push_back(argument.evaluate(symbol, function));
  return node.written != nullptr ? node.written->value(arguments[0]) : function(node.symbol.text, arguments);
}

std::vector<std::pair<Symbol, double>> Expression::symbols() const {
  std::vector<std::pair<Symbol, double>> out;
  collect(out);
  return out;
}

void Expression::collect(std::vector<std::pair<Symbol, double>>& out) const {
  const Node& node = *node_;
  const auto is_this = [&](const auto& met) { return met.first.text == node.symbol.text; };
  if (node.kind == Kind::symbol && std::none_of(out.begin(), out.end(), is_this))
    out.emplace_back(node.symbol, node.sample);
  for (const Term& term : node.terms) term.of.collect(out);
  for (const Factor& factor : node.factors) factor.base.collect(out);
  for (const Expression& argument : node.arguments) argument.collect(out);
}

bool Expression::is_finite() const {
  const Node& node = *node_;
  const auto finite = [](const auto& parts, const auto& number, const auto& inner) {
    return std::all_of(parts.begin(), parts.end(),
                       [&](const auto& part) { return std::isfinite(number(part)) && inner(part).is_finite(); });
  };
  return std::isfinite(node.number.value) &&
         finite(
             node.terms, [](const Term& t) { return t.coefficient.value; }, [](const Term& t) { return t.of; }) &&
         finite(
             node.factors, [](const Factor& f) { return f.exponent.value; }, [](const Factor& f) { return f.base; }) &&
         finite(
             node.arguments, [](const Expression&) { return 0.0; }, [](const Expression& e) { return e; });
}

Expression Expression::derivative(const std::string& symbol) const {
  const Node& node = *node_;
  Expression out;
  switch (node.kind) {
    case Kind::number:
      return out;
    case Kind::symbol:
      return Expression(node.symbol.text == symbol ? 1.0 : 0.0);
    case Kind::sum:
      for (const Term& term : node.terms) out += Builder::scaled(term.coefficient, term.of.derivative(symbol));
      return out;
    case Kind::product:
      for (const Factor& factor : node.factors) {
        const Expression inner = factor.base.derivative(symbol);
        if (inner.key() == "0") continue;
        out += Builder::number(factor.exponent, factor.exponent.value) * *this / factor.base * inner;
      }
      return out;
    case Kind::function:
      break;
  }
  for (std::size_t i = 0; i < node.arguments.size(); ++i) {
    const Expression inner = node.arguments[i].derivative(symbol);
    if (inner.key() != "0") out += partial(node, i) * inner;
  }
  return out;
}

Expression Expression::substituted(const std::string& symbol, const Expression& by) const {
  const Node& node = *node_;
  switch (node.kind) {
    case Kind::number:
      return *this;
    case Kind::symbol:
      return node.symbol.text == symbol ? by : *this;
    case Kind::sum: {
      Expression out = Builder::number(node.number, node.number.value);
      for (const Term& term : node.terms) out += Builder::scaled(term.coefficient, term.of.substituted(symbol, by));
      return out;
    }
    case Kind::product: {
      Expression out = Builder::number(node.number, node.number.value);
      for (const Factor& factor : node.factors)
        out *= Builder::power(factor.base.substituted(symbol, by), factor.exponent);
      return out;
    }
    case Kind::function:
      break;
  }
  std::vector<Expression> arguments;
  for (const Expression& argument : node.arguments) arguments.push_back(argument.substituted(symbol, by));
  if (node.written != nullptr) return Builder::function(*node.written, arguments[0]);
  return function(node.symbol, arguments, std::numeric_limits<double>::quiet_NaN());
}

}  // namespace sigprop::scalar
