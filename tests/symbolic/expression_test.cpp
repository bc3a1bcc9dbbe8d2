// SPDX-License-Identifier: Apache-2.0
// Rules of construction, each with the value that it must keep, and what trees are printed as.
#include "sigprop/scalar/expression.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "support/random.hpp"

namespace {

using sigprop::scalar::Expression;
using sigprop::scalar::pi;
using sigprop::scalar::Symbol;
using sigprop::test::Random;

Expression number(double x) {
  return Expression(x);
}

/// Symbols with samples; x may be negative.
struct Variables {
  std::map<std::string, double> values;

  explicit Variables(Random& random) {
    for (const char* name : {"a", "b", "c"}) values[name] = random.uniform(0.5, 2);
    values["x"] = random.uniform(-0.9, 0.9);
  }
  [[nodiscard]] Expression operator()(const std::string& name) const {
    return Expression(Symbol{name, name, name != "x"}, values.at(name));
  }
  [[nodiscard]] double of(const Expression& tree) const {
    return tree.evaluate([&](const std::string& name) { return values.at(name); });
  }
};

/// The sample follows the operations as they were written; the tree is what the rules made of them.
template <class Make>
void check_kept(const char* expected, const Make& make) {
  Random random(7);
  for (int i = 0; i < 20; ++i) {
    const Variables v(random);
    const Expression tree = make(v);
    INFO(tree.text());
    CHECK(tree.text() == expected);
    CHECK(v.of(tree) == Approx(tree.sample()).epsilon(1e-12).margin(1e-14));
  }
}

TEST_CASE("numbers are folded, fractions exactly") {
  check_kept("5/6", [](const Variables&) { return number(1) / number(2) + number(1) / number(3); });
  check_kept("0", [](const Variables& v) { return v("a") * number(0); });
  check_kept("2/3", [](const Variables&) { return sqrt(number(4) / number(9)); });
  check_kept("√(2)", [](const Variables&) { return sqrt(number(2)); });
  check_kept("0.1 a", [](const Variables& v) { return number(0.1) * v("a"); });
}

TEST_CASE("like terms and powers of one base are collected") {
  check_kept("5 a", [](const Variables& v) { return number(2) * v("a") + number(3) * v("a"); });
  check_kept("b", [](const Variables& v) { return v("a") + v("b") - v("a"); });
  check_kept("a³", [](const Variables& v) { return v("a") * v("a") * v("a"); });
  check_kept("a/b²", [](const Variables& v) { return v("a") * v("a") / (v("b") * v("a") * v("b")); });
  check_kept("a", [](const Variables& v) { return sqrt(v("a")) * sqrt(v("a")); });
}

TEST_CASE("a common factor whose sample is 0 leaves the others their samples") {
  const Expression zero({"z", "z"}, 0), a({"a", "a"}, 3), b({"b", "b"}, 2);
  const Expression tree = zero * a + zero * b;
  CHECK(tree.text() == "z (a + b)");
  CHECK(tree.text(Expression::Shown::samples) == "0 · (3 + 2)");
}

TEST_CASE("small numbers that differ are told apart") {
  check_kept("exp(1e-09 a + b) - exp(2e-09 a + b)", [](const Variables& v) {
    return exp(number(1e-9) * v("a") + v("b")) - exp(number(2e-9) * v("a") + v("b"));
  });
}

TEST_CASE("a tree is printed with its samples in the place of its symbols") {
  using Shown = Expression::Shown;
  const Expression a({"a", "a"}, 0.00004), b({"b", "b", false}, -2), s({"σ²", "\\sigma^2"}, 3);
  CHECK((a * b * s * s).text() == "a b (σ²)²");
  CHECK((a * b * s * s).latex() == "a \\, b \\, {\\left(\\sigma^2\\right)}^{2}");
  CHECK((a * b * s * s).text(Shown::samples) == "4·10⁻⁵ · (-2) · 3²");
  CHECK((a * b).latex(Shown::samples) == "4 \\cdot 10^{-5} \\cdot \\left(-2\\right)");
  CHECK((s + b).text(Shown::samples) == "3 + (-2)");
  CHECK((s / a).text(Shown::samples) == "3/(4·10⁻⁵)");
  CHECK((a * a).text(Shown::samples) == "(4·10⁻⁵)²");
  CHECK((sqrt(sigprop::scalar::pi<Expression>()) * s).text(Shown::samples) == "3 · √(π)");
  CHECK(Expression::function({"S2", "S_2"}, {s, b}, 0.5).text(Shown::samples) == "S2(3, -2)");
}

TEST_CASE("common factors are taken out, sums and products laid open") {
  check_kept("a (b + c)", [](const Variables& v) { return v("a") * v("b") + v("a") * v("c"); });
  check_kept("a (b + c + x)", [](const Variables& v) { return v("a") * (v("b") + v("c")) + v("a") * v("x"); });
  check_kept("a c", [](const Variables& v) { return v("a") * v("b") + v("a") * v("c") - v("b") * v("a"); });
  check_kept("2 (a + b)", [](const Variables& v) { return number(2) * v("a") + number(2) * v("b"); });
  check_kept("b", [](const Variables& v) { return v("a") - (v("a") - v("b")); });
  check_kept("(a + b)/c", [](const Variables& v) { return v("a") / v("c") + v("b") / v("c"); });
}

TEST_CASE("a power of a power or of a product is laid open where that is right") {
  check_kept("a", [](const Variables& v) { return sqrt(v("a") * v("a")); });
  check_kept("a √(x²)", [](const Variables& v) { return sqrt(v("a") * v("a") * v("x") * v("x")); });
  check_kept("2 a b", [](const Variables& v) { return sqrt(number(4) * v("a") * v("a")) * v("b"); });
  check_kept("a (1 + b)",
             [](const Variables& v) { return sqrt(v("a") * v("a") * pow(number(1) + v("b"), number(2))); });
}

TEST_CASE("trees are printed as one would write them") {
  Random random(3);
  const Variables v(random);
  const Expression a = v("a"), b = v("b"), x = v("x");
  CHECK((number(1) - x * x).text() == "1 - x²");
  CHECK((-a + b).text() == "b - a");
  CHECK((a / (number(2) * pi<Expression>() * b)).text() == "a/(2 π b)");
  CHECK((a / (number(2) * pi<Expression>() * b)).latex() == "\\frac{a}{2 \\, \\pi \\, b}");
  CHECK(sqrt((number(1) - x) / a).latex() == "\\frac{\\sqrt{1 - x}}{\\sqrt{a}}");
  CHECK(exp(-(a * a)).latex() == "\\exp\\left(-{a}^{2}\\right)");
  CHECK((a * (b + x)).latex() == "a \\, \\left(b + x\\right)");
}

TEST_CASE("derivatives are those of differences, and substitution puts a tree in a symbol's place") {
  Random random(11);
  for (int i = 0; i < 20; ++i) {
    const Variables v(random);
    const Expression a = v("a"), b = v("b"), x = v("x");
    const Expression f = a * exp(-x * b) / sqrt(number(1) + a * a) + asin(x) * log(a) - acos(x * x) * tanh(b) +
                         erf(a * x) * erfc(b) + sin(a) * pow(a, b);
    for (const std::string name : {"a", "b", "x"}) {
      const auto at = [&](double step) {
        Variables moved = v;
        moved.values[name] += step;
        return moved.of(f);
      };
      constexpr double h = 1e-5;
      INFO(f.derivative(name).text());
      CHECK(v.of(f.derivative(name)) == Approx((at(h) - at(-h)) / (2 * h)).epsilon(1e-7).margin(1e-8));
    }
    Variables put = v;
    put.values["a"] = v.values.at("b") * v.values.at("c");
    CHECK(v.of(f.substituted("a", v("b") * v("c"))) == Approx(put.of(f)).epsilon(1e-12));
  }
}

TEST_CASE("a function that is not written out keeps its name, its derivative that of a partial one") {
  const Expression v(Symbol{"v", "v"}, 2);
  const Expression s = Expression::function({"S2", "S_2"}, {v * v, number(64)}, 0.1);
  CHECK(s.text() == "S2(v², 64)");
  CHECK(s.derivative("v").text() == "2 ∂1 S2(v², 64) v");
  CHECK((s * v).symbols().size() == 1);
  CHECK(s.evaluate([](const std::string&) { return 3.0; },
                   [](const std::string&, const std::vector<double>& at) { return at[0] + at[1]; }) == 73);
}

}  // namespace
