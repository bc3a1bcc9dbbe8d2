// SPDX-License-Identifier: Apache-2.0
#include "report/explanation_parts.hpp"

#include <cmath>

#include "report/number.hpp"

namespace sigprop::report {
namespace {

using Kind = LayerRecursion::Kind;

constexpr double rounding = 1e-9;

/// A or G(r), in symbols where it has some.
std::string gain_of(const LayerRecursion& x) {
  const std::string value = shown(x.gain);
  if (!x.gain_expression || x.gain_expression->text == value) return value;
  constexpr int digits_of_symbols = 6;
  if (x.gain_expression->text == digits(x.gain, digits_of_symbols)) return value;
  return x.gain_expression->text + " = " + value;
}

std::string of_second_moment(const LayerRecursion& x) {
  const std::string added = x.correlation ? "C(r*)" : "C(r)";
  switch (x.kind) {
    case Kind::resets:
      return "q' = C(r): every layer sets q anew, far on to q* = " + added + " = " + shown(x.limit.value_or(0)) + ".";
    case Kind::settles:
      return "q' = A q + C(r) with A = " + gain_of(x) + ": q goes to q* = " + added +
             "/(1 - A) = " + shown(x.increment) + "/(1 - " + shown(x.gain) + ") = " + shown(x.limit.value_or(0)) + ".";
    case Kind::adds:
      return "q' = q + C(r): every layer adds to q, far on " + added + " = " + shown(x.increment) +
             ", so that q grows like " + shown(x.increment) + " N with the number N of layers.";
    case Kind::scales:
      return "q' = G(r) q: every layer multiplies q, far on by G = " + gain_of(x) + ".";
    case Kind::grows:
      return "q' = A q + C(r) with A = " + shown(x.gain) +
             " above 1: behind the last of these layers q grows by the factor " + shown(x.growth) + " a layer.";
    case Kind::other:
      break;
  }
  const std::string out = "q' is no simple function of q in all of these layers";
  if (x.limit) return out + "; it goes to q* = " + shown(*x.limit) + ".";
  return out + "; behind the last of them q is multiplied by " + shown(x.growth) + " a layer.";
}

std::string of_correlation(const LayerRecursion& x) {
  const std::string out =
      "r is " + shown(x.start_correlation) + " before the layers and " + shown(x.end_correlation) + " behind them";
  if (!x.correlation) return out + ".";
  if (std::abs(x.start_correlation - *x.correlation) <= rounding) return out + ": it stays where it is.";
  const std::string goes = out + "; far on it goes to r* = " + shown(*x.correlation);
  if (x.kind == Kind::other) return goes + ".";
  if (x.kind == Kind::adds)
    return goes + ", where what is added has the same r; the distance shrinks with the number N of layers like N^-" +
           shown(1 - x.shrinking) + ".";
  constexpr double slow = 1e-3;
  if (std::abs(1 - x.shrinking) < slow)
    return goes + ", ever more slowly: the next r follows r with a slope of 1 there.";
  return goes + ", and the distance shrinks by the factor " + shown(x.shrinking) + " a layer.";
}

std::string of_gradient(const LayerRecursion& x) {
  const bool leads = x.limit || x.correlation;
  const auto sentence_of = [](const LayerRecursion::Mode& mode) {
    return mode.exponent ? "in proportion to l^-" + shown(*mode.exponent) + " behind layer l"
                         : "multiplied by " + shown(mode.growth);
  };
  const auto where = [](const LayerRecursion::Mode& mode) {
    return mode.correlation ? " where η/γ² = " + shown(*mode.correlation) : "";
  };
  const std::string back = leads ? "Far on, on the way back through a layer, γ² is "
                                 : "Behind the last of these layers, on the way back through one, γ² is ";
  const auto& [first, second] = x.modes;
  if (std::abs(first.growth - second.growth) <= rounding * first.growth) return back + sentence_of(first) + ".";
  return back + sentence_of(first) + where(first) + "; what a gradient has besides is " + sentence_of(second) +
         where(second) + ".";
}

}  // namespace

std::string shown(double x) {
  constexpr int shown_digits = 5;
  std::string out = digits(x, shown_digits);
  const std::size_t e = out.find('e');
  if (e == std::string::npos) return out;
  constexpr const char* figures[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  const int exponent = std::stoi(out.substr(e + 1));
  out = out.substr(0, e) + "·10" + (exponent < 0 ? "⁻" : "");
  for (const char c : std::to_string(std::abs(exponent))) out += figures[c - '0'];
  return out;
}

bool adds(const EquationLine& line) {
  return !line.is_number && line.numbers.text != shown(line.value) && line.numbers.text != line.symbols.text;
}

bool is_short(const Notation& equation) {
  if (equation.text.empty()) return false;
  constexpr std::size_t longest = 300;
  return characters(equation.text) <= longest;
}

const char* kind_name(LayerRecursion::Kind kind) {
  switch (kind) {
    case Kind::resets:
      return "resets";
    case Kind::settles:
      return "settles";
    case Kind::adds:
      return "adds";
    case Kind::grows:
      return "grows";
    case Kind::scales:
      return "scales";
    case Kind::other:
      break;
  }
  return "other";
}

std::string introduction(const LayerRecursion& x) {
  return "The " + std::to_string(x.layers) + " layers from \"" + x.first + "\" to \"" + x.last +
         "\" are alike. q is a signal's second moment, c its token product and r = c/q, of a signal of mean 0 its "
         "variance, "
         "covariance and correlation; a layer makes q' and c' of them.";
}

std::array<std::string, 3> sentences(const LayerRecursion& x) {
  return {of_second_moment(x), of_correlation(x), of_gradient(x)};
}

}  // namespace sigprop::report
