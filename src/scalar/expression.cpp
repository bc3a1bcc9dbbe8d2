// SPDX-License-Identifier: Apache-2.0
#include "sigprop/scalar/expression.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <stdexcept>

#include "scalar/expression_node.hpp"

namespace sigprop::scalar {

using Node = Expression::Node;
using Kind = Node::Kind;
using Term = Node::Term;
using Factor = Node::Factor;

// ---- numbers ---------------------------------------------------------------------------------------------------------

Number::Number(double x) : numerator(0), denominator(0), value(x) {
  constexpr double largest = 1e15;
  for (long long d = 1; d <= 1024; d *= 2) {  // what a code writes: whole numbers, halves, quarters
    const double n = x * static_cast<double>(d);
    if (std::abs(n) > largest || n != std::floor(n)) continue;
    numerator = static_cast<long long>(n);
    denominator = d;
    return;
  }
}

Number::Number(long long n, long long d) {
  const long long common = std::gcd(n, d) * (d < 0 ? -1 : 1);
  numerator = n / common;
  denominator = d / common;
  value = static_cast<double>(numerator) / static_cast<double>(denominator);
}

std::string Number::key() const {
  if (!exact()) return std::to_string(value);
  return std::to_string(numerator) + (whole() ? "" : "/" + std::to_string(denominator));
}

Number operator+(const Number& a, const Number& b) {
  long long left = 0, right = 0, n = 0, d = 0;
  if (!a.exact() || !b.exact() || __builtin_mul_overflow(a.numerator, b.denominator, &left) ||
      __builtin_mul_overflow(b.numerator, a.denominator, &right) || __builtin_add_overflow(left, right, &n) ||
      __builtin_mul_overflow(a.denominator, b.denominator, &d))
    return Number(a.value + b.value);
  return {n, d};
}

Number operator*(const Number& a, const Number& b) {
  long long n = 0, d = 0;
  if (!a.exact() || !b.exact() || __builtin_mul_overflow(a.numerator, b.numerator, &n) ||
      __builtin_mul_overflow(a.denominator, b.denominator, &d))
    return Number(a.value * b.value);
  return {n, d};
}

Number Number::inverse() const {
  return exact() && numerator != 0 ? Number(denominator, numerator) : Number(1 / value);
}

namespace {

/// a^e where that is exact: a whole power, or a root of squares.
std::optional<Number> exact_power(const Number& a, const Number& e) {
  if (!a.exact()) return Number(std::pow(a.value, e.value));
  if (e.whole() && std::abs(e.numerator) <= 64) {
    Number out(1, 1);
    for (long long i = 0; i < std::abs(e.numerator); ++i) out = out * a;
    return e.numerator < 0 ? out.inverse() : out;
  }
  if (e.exact() && e.denominator == 2 && a.value > 0) {
    const auto root = [](long long n) { return std::llround(std::sqrt(static_cast<double>(n))); };
    const Number half(root(a.numerator), root(a.denominator));
    const Number square = half * half;
    if (square.numerator == a.numerator && square.denominator == a.denominator)
      return exact_power(half, Number(e.numerator, 1));
  }
  return {};
}

}  // namespace

// ---- construction ----------------------------------------------------------------------------------------------------

struct Builder {
  static const Node& of(const Expression& x) { return *x.node_; }

  static Expression made(Node node) {
    node.key = key_of(node);
    return Expression(std::make_shared<const Node>(std::move(node)));
  }

  static Expression number(const Number& n, double sample) {
    Node node;
    node.kind = Kind::number;
    node.number = n;
    node.sample = sample;
    return made(std::move(node));
  }

  static Expression number(long long n) { return number(Number(n, 1), static_cast<double>(n)); }

  static Expression symbol(const Symbol& symbol, double sample) {
    Node node;
    node.kind = Kind::symbol;
    node.symbol = symbol;
    node.sample = sample;
    return made(std::move(node));
  }

  static Expression function(const Symbol& name, const std::vector<Expression>& arguments, bool written,
                             double sample) {
    Node node;
    node.kind = Kind::function;
    node.symbol = name;
    node.arguments = arguments;
    node.written = written;
    node.sample = sample;
    return made(std::move(node));
  }

  /// Is it above 0 wherever it is defined? False where that is not seen.
  static bool positive(const Expression& x) {
    const Node& node = of(x);
    switch (node.kind) {
      case Kind::number:
        return node.number.value > 0;
      case Kind::symbol:
        return node.symbol.positive;
      case Kind::function:
        return node.written && node.symbol.text == "exp";
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

  // ---- products --------------------------------------------------------------------------------------------------------

  static Expression product(Number coefficient, const std::vector<Factor>& factors, double sample) {
    std::vector<Factor> collected;
    for (const Factor& factor : factors) lay_open(factor, coefficient, collected);
    std::erase_if(collected, [](const Factor& factor) { return factor.exponent.is(0); });
    if (coefficient.is(0) || collected.empty()) return number(coefficient, sample);
    const bool single = collected.size() == 1 && collected.front().exponent.is(1) && coefficient.is(1);
    if (single) return with_sample(collected.front().base, sample);
    Node node;
    node.kind = Kind::product;
    node.number = coefficient;
    node.factors = std::move(collected);
    node.sample = sample;
    return made(std::move(node));
  }

  static Expression power(const Expression& x, const Number& exponent, double sample) {
    return product(Number(1, 1), {{x, exponent}}, sample);
  }

  /// The factors of an expression, its coefficient apart.
  static std::vector<Factor> factors_of(const Expression& x, Number& coefficient) {
    const Node& node = of(x);
    if (node.kind == Kind::number) {
      coefficient = node.number;
      return {};
    }
    if (node.kind != Kind::product) return {{x, Number(1, 1)}};
    coefficient = node.number;
    return node.factors;
  }

  // ---- sums ------------------------------------------------------------------------------------------------------------

  static Expression sum(Number constant, const std::vector<Term>& terms, double sample) {
    std::vector<Term> collected;
    for (const Term& term : terms) lay_open(term, constant, collected);
    std::erase_if(collected, [](const Term& term) { return term.coefficient.is(0); });
    if (collected.empty()) return number(constant, sample);
    if (constant.is(0)) {
      if (collected.size() == 1) return scaled(collected.front().coefficient, collected.front().of, sample);
      if (std::optional<Expression> out = without_common_factor(collected, sample)) return *out;
    }
    Node node;
    node.kind = Kind::sum;
    node.number = constant;
    node.terms = std::move(collected);
    node.sample = sample;
    return made(std::move(node));
  }

  static Expression scaled(const Number& coefficient, const Expression& x, double sample) {
    Number own(1, 1);
    const std::vector<Factor> factors = factors_of(x, own);
    return product(coefficient * own, factors, sample);
  }

 private:
  static Expression with_sample(const Expression& x, double sample) {
    if (of(x).sample == sample) return x;
    Node node = of(x);
    node.sample = sample;
    return Expression(std::make_shared<const Node>(std::move(node)));
  }

  static void add(std::vector<Factor>& factors, const Factor& more) {
    for (Factor& factor : factors) {
      if (of(factor.base).key != of(more.base).key) continue;
      factor.exponent = factor.exponent + more.exponent;
      return;
    }
    factors.push_back(more);
  }

  static void lay_open(const Factor& factor, Number& coefficient, std::vector<Factor>& out) {
    const Node& base = of(factor.base);
    if (base.kind == Kind::number) {
      const Number& n = base.number;
      if (const std::optional<Number> folded = exact_power(n, factor.exponent)) {
        coefficient = coefficient * *folded;
      } else if (n.whole()) {
        add(out, factor);
      } else {
        lay_open({number(n.numerator), factor.exponent}, coefficient, out);
        lay_open({number(n.denominator), factor.exponent * Number(-1, 1)}, coefficient, out);
      }
      return;
    }
    if (base.kind != Kind::product) return add(out, factor);
    if (factor.exponent.whole()) {
      lay_open({number(base.number, base.number.value), factor.exponent}, coefficient, out);
      for (const Factor& inner : base.factors)
        lay_open({inner.base, inner.exponent * factor.exponent}, coefficient, out);
      return;
    }
    // Of a root, what is positive comes out; the rest stays together below it.
    std::vector<Factor> rest;
    const double sign = base.number.value < 0 ? -1 : 1;
    lay_open({number(base.number * Number(sign), std::abs(base.number.value)), factor.exponent}, coefficient, out);
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
    double sample = sign;
    for (const Factor& inner : rest) sample *= std::pow(of(inner.base).sample, inner.exponent.value);
    Node node;
    node.kind = Kind::product;
    node.number = Number(sign);
    node.factors = std::move(rest);
    node.sample = sample;
    add(out, {made(std::move(node)), factor.exponent});
  }

  static void add(std::vector<Term>& terms, const Term& more) {
    for (Term& term : terms) {
      if (of(term.of).key != of(more.of).key) continue;
      term.coefficient = term.coefficient + more.coefficient;
      return;
    }
    terms.push_back(more);
  }

  static void lay_open(const Term& term, Number& constant, std::vector<Term>& out) {
    const Node& node = of(term.of);
    if (node.kind == Kind::number) {
      constant = constant + term.coefficient * node.number;
    } else if (node.kind == Kind::sum) {
      constant = constant + term.coefficient * node.number;
      for (const Term& inner : node.terms) lay_open({term.coefficient * inner.coefficient, inner.of}, constant, out);
    } else if (node.kind == Kind::product && !node.number.is(1)) {
      const double sample = node.number.value != 0 ? node.sample / node.number.value : 0;
      lay_open({term.coefficient * node.number, product(Number(1, 1), node.factors, sample)}, constant, out);
    } else {
      add(out, term);
    }
  }

  /// The powers that every term has.
  static std::vector<Factor> common_factors(const std::vector<Term>& terms) {
    Number unit(1, 1);
    std::vector<Factor> common = factors_of(terms.front().of, unit);
    for (const Term& term : terms) {
      const std::vector<Factor> factors = factors_of(term.of, unit);
      for (Factor& shared : common) {
        const auto found = std::find_if(factors.begin(), factors.end(), [&](const Factor& factor) {
          return of(factor.base).key == of(shared.base).key;
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

  static std::optional<Expression> without_common_factor(const std::vector<Term>& terms, double sample) {
    std::vector<Factor> common = common_factors(terms);
    const Number& first = terms.front().coefficient;
    const bool same_coefficient = !first.is(1) && std::all_of(terms.begin(), terms.end(), [&](const Term& term) {
      return std::abs(term.coefficient.value) == std::abs(first.value);
    }) && (first.value > 0 || std::all_of(terms.begin(), terms.end(), [](const Term& t) {
             return t.coefficient.value < 0;
           })) && first.exact();
    if (common.empty() && !same_coefficient) return {};
    const Number coefficient = same_coefficient ? first : Number(1, 1);
    double factor_sample = coefficient.value;
    for (const Factor& factor : common) factor_sample *= std::pow(of(factor.base).sample, factor.exponent.value);
    std::vector<Term> left;
    double rest_sample = 0;
    for (const Term& term : terms) {
      Number unit(1, 1);
      std::vector<Factor> factors = factors_of(term.of, unit);
      double term_sample = of(term.of).sample / (factor_sample / coefficient.value);
      for (const Factor& factor : common) factors.push_back({factor.base, factor.exponent * Number(-1, 1)});
      const Number scale = term.coefficient * coefficient.inverse();
      left.push_back({scale, product(Number(1, 1), factors, term_sample)});
      rest_sample += scale.value * term_sample;
    }
    common.push_back({sum(Number(), left, rest_sample), Number(1, 1)});
    return product(coefficient, common, sample);
  }

  static std::string joined(std::vector<std::string> parts, const char* between) {
    std::sort(parts.begin(), parts.end());
    std::string out;
    for (const std::string& part : parts) out += (out.empty() ? "" : between) + part;
    return out;
  }

  static std::string key_of(const Node& node) {
    std::vector<std::string> parts;
    switch (node.kind) {
      case Kind::number:
        return node.number.key();
      case Kind::symbol:
        return node.symbol.text;
      case Kind::sum:
        for (const Term& term : node.terms) parts.push_back(term.coefficient.key() + "*" + of(term.of).key);
        return "(" + node.number.key() + " + " + joined(std::move(parts), " + ") + ")";
      case Kind::product:
        for (const Factor& factor : node.factors) parts.push_back(of(factor.base).key + "^" + factor.exponent.key());
        return "(" + node.number.key() + " * " + joined(std::move(parts), " * ") + ")";
      case Kind::function:
        break;
    }
    std::string out = node.symbol.text + "(";
    for (const Expression& argument : node.arguments) out += of(argument).key + ",";
    return out + ")";
  }
};

Expression::Expression(double number) : Expression(Builder::number(Number(number), number)) {}
Expression::Expression(const Symbol& symbol, double sample) : Expression(Builder::symbol(symbol, sample)) {}

Expression Expression::function(const Symbol& name, const std::vector<Expression>& arguments, double sample) {
  return Builder::function(name, arguments, false, sample);
}

double Expression::sample() const {
  return node_->sample;
}

const std::string& Expression::key() const {
  return node_->key;
}

template <>
Expression pi<Expression>() {
  return Expression(Symbol{"π", "\\pi", true}, boost::math::constants::pi<double>());
}

Expression operator+(const Expression& a, const Expression& b) {
  return Builder::sum(Number(), {{Number(1, 1), a}, {Number(1, 1), b}}, a.sample() + b.sample());
}

Expression operator-(const Expression& a, const Expression& b) {
  return Builder::sum(Number(), {{Number(1, 1), a}, {Number(-1, 1), b}}, a.sample() - b.sample());
}

Expression operator-(const Expression& a) {
  return Builder::scaled(Number(-1, 1), a, -a.sample());
}

Expression operator*(const Expression& a, const Expression& b) {
  return Builder::product(Number(1, 1), {{a, Number(1, 1)}, {b, Number(1, 1)}}, a.sample() * b.sample());
}

Expression operator/(const Expression& a, const Expression& b) {
  return Builder::product(Number(1, 1), {{a, Number(1, 1)}, {b, Number(-1, 1)}}, a.sample() / b.sample());
}

Expression sqrt(const Expression& x) {
  return Builder::power(x, Number(1, 2), std::sqrt(x.sample()));
}

Expression pow(const Expression& x, const Expression& power) {
  const double sample = std::pow(x.sample(), power.sample());
  const Node& node = Builder::of(power);
  if (node.kind == Kind::number) return Builder::power(x, node.number, sample);
  return Builder::function({"pow", "\\mathrm{pow}"}, {x, power}, true, sample);
}

namespace {

Expression written(const char* text, const char* latex, const Expression& x, double sample) {
  return Builder::function({text, latex}, {x}, true, sample);
}

}  // namespace

Expression exp(const Expression& x) {
  return written("exp", "\\exp", x, std::exp(x.sample()));
}
Expression log(const Expression& x) {
  return written("ln", "\\ln", x, std::log(x.sample()));
}
Expression sin(const Expression& x) {
  return written("sin", "\\sin", x, std::sin(x.sample()));
}
Expression asin(const Expression& x) {
  return written("arcsin", "\\arcsin", x, std::asin(x.sample()));
}
Expression acos(const Expression& x) {
  return written("arccos", "\\arccos", x, std::acos(x.sample()));
}
Expression tanh(const Expression& x) {
  return written("tanh", "\\tanh", x, std::tanh(x.sample()));
}
Expression erf(const Expression& x) {
  return written("erf", "\\operatorname{erf}", x, std::erf(x.sample()));
}
Expression erfc(const Expression& x) {
  return written("erfc", "\\operatorname{erfc}", x, std::erfc(x.sample()));
}
Expression abs(const Expression& x) {
  return x.sample() < 0 ? -x : x;
}

// ---- reading ---------------------------------------------------------------------------------------------------------

namespace {

/// A function that is written out, and its derivative.
struct Written {
  const char* name;
  double (*value)(double);
  Expression (*derivative)(const Expression& x);
};

Expression one_over_root(const Expression& x) {
  return Expression(1) / sqrt(Expression(1) - x * x);
}

Expression bell(const Expression& x) {
  return Expression(2) / sqrt(pi<Expression>()) * exp(-(x * x));
}

double (*const real_exp)(double) = std::exp;
double (*const real_log)(double) = std::log;
double (*const real_sin)(double) = std::sin;
double (*const real_cos)(double) = std::cos;
double (*const real_asin)(double) = std::asin;
double (*const real_acos)(double) = std::acos;
double (*const real_tanh)(double) = std::tanh;
double (*const real_erf)(double) = std::erf;
double (*const real_erfc)(double) = std::erfc;

const Written& written_function(const std::string& name) {
  static const Written all[] = {
      {"exp", real_exp, [](const Expression& x) { return exp(x); }},
      {"ln", real_log, [](const Expression& x) { return Expression(1) / x; }},
      {"sin", real_sin, [](const Expression& x) { return written("cos", "\\cos", x, std::cos(x.sample())); }},
      {"cos", real_cos, [](const Expression& x) { return -sin(x); }},
      {"arcsin", real_asin, [](const Expression& x) { return one_over_root(x); }},
      {"arccos", real_acos, [](const Expression& x) { return -one_over_root(x); }},
      {"tanh", real_tanh, [](const Expression& x) { return Expression(1) - tanh(x) * tanh(x); }},
      {"erf", real_erf, [](const Expression& x) { return bell(x); }},
      {"erfc", real_erfc, [](const Expression& x) { return -bell(x); }},
  };
  for (const Written& one : all) {
    if (name == one.name) return one;
  }
  throw std::logic_error("no function is written out as " + name);
}

/// By the argument of that place, from 0.
Expression partial(const Node& node, std::size_t place) {
  if (node.written && node.symbol.text != "pow")
    return written_function(node.symbol.text).derivative(node.arguments[0]);
  if (node.written) {  // x^p with a p that is no number
    const Expression &x = node.arguments[0], &p = node.arguments[1];
    return place == 0 ? p * pow(x, p - Expression(1)) : pow(x, p) * log(x);
  }
  const std::string at = std::to_string(place + 1);
  return Expression::function({"∂" + at + " " + node.symbol.text, "\\partial_{" + at + "}" + node.symbol.latex},
                              node.arguments, std::numeric_limits<double>::quiet_NaN());
}

}  // namespace

double Expression::evaluate(
    const std::function<double(const std::string&)>& symbol,
    const std::function<double(const std::string&, const std::vector<double>&)>& function) const {
  const Node& node = *node_;
  switch (node.kind) {
    case Kind::number:
      return node.number.value;
    case Kind::symbol:
      return node.symbol.text == "π" ? boost::math::constants::pi<double>() : symbol(node.symbol.text);
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
  if (!node.written) return function(node.symbol.text, arguments);
  if (node.symbol.text == "pow") return std::pow(arguments[0], arguments[1]);
  return written_function(node.symbol.text).value(arguments[0]);
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
      for (const Term& term : node.terms) {
        const Expression inner = term.of.derivative(symbol);
        out += Builder::scaled(term.coefficient, inner, term.coefficient.value * inner.sample());
      }
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
      for (const Term& term : node.terms) {
        const Expression inner = term.of.substituted(symbol, by);
        out += Builder::scaled(term.coefficient, inner, term.coefficient.value * inner.sample());
      }
      return out;
    }
    case Kind::product: {
      Expression out = Builder::number(node.number, node.number.value);
      for (const Factor& factor : node.factors) {
        const Expression inner = factor.base.substituted(symbol, by);
        out *= Builder::power(inner, factor.exponent, std::pow(inner.sample(), factor.exponent.value));
      }
      return out;
    }
    case Kind::function:
      break;
  }
  std::vector<Expression> arguments;
  for (const Expression& argument : node.arguments) arguments.push_back(argument.substituted(symbol, by));
  if (!node.written) return function(node.symbol, arguments, std::numeric_limits<double>::quiet_NaN());
  if (node.symbol.text == "pow") return pow(arguments[0], arguments[1]);
  return written(node.symbol.text.c_str(), node.symbol.latex.c_str(), arguments[0],
                 written_function(node.symbol.text).value(arguments[0].sample()));
}

}  // namespace sigprop::scalar
