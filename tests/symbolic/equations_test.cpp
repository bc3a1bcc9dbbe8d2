// SPDX-License-Identifier: Apache-2.0
// Every closed formula read with every number type: the same numbers, the same derivatives.
#include "sigprop/symbolic/equations.hpp"

#include <boost/math/differentiation/autodiff.hpp>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "sigprop/scalar/jet.hpp"
#include "sigprop/scalar/scalars.hpp"
#include "support/random.hpp"
#include "symbolic/readings.hpp"

namespace {

using namespace sigprop;
using scalar::Dual;
using scalar::Expression;
using symbolic::Variable;
using Jet = scalar::Jet<1>;

/// Values by a variable's name, drawn when first asked for.
class Point {
 public:
  explicit Point(std::uint64_t seed) : random_(seed) {}
  double operator()(const Variable& variable) {
    const auto [place, fresh] = values_.try_emplace(variable.symbol.text, 0.0);
    if (fresh) place->second = random_.uniform(variable.low, variable.high);
    return place->second;
  }
  [[nodiscard]] const std::map<std::string, double>& values() const { return values_; }

 private:
  test::Random random_;
  std::map<std::string, double> values_;
};

template <class T>
symbolic::Reads<T> read(std::size_t formula, const symbolic::Source<T>& source) {
  symbolic::Reader<T> reader(source);
  return (reader.*symbolic::readings<T>()[formula].read)();
}

TEST_CASE("every closed formula is the same read as number, dual number, jet and expression") {
  for (std::size_t f = 0; f < symbolic::readings<double>().size(); ++f) {
    const std::string name = symbolic::readings<double>()[f].name;
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      Point point(seed);
      const auto numbers = read<double>(f, [&](const Variable& v) { return point(v); });
      const auto trees = read<Expression>(f, [&](const Variable& v) { return Expression(v.symbol, point(v)); });
      const auto at = [&](const std::string& symbol) { return point.values().at(symbol); };
      for (std::size_t i = 0; i < numbers.size(); ++i) {
        INFO(name << ": " << numbers[i].text << " = " << trees[i].value.text());
        CHECK(trees[i].value.evaluate(at) == Approx(numbers[i].value).epsilon(1e-10).margin(1e-14));
        CHECK(trees[i].value.sample() == Approx(numbers[i].value).epsilon(1e-10).margin(1e-14));
      }
      for (const auto& [by, value] : point.values()) {
        const std::string& symbol = by;
        const auto duals = read<Dual>(f, [&](const Variable& v) {
          return v.symbol.text == symbol ? Dual(boost::math::differentiation::make_fvar<double, 1>(point(v)))
                                         : Dual(point(v));
        });
        const auto jets =
            read<Jet>(f, [&](const Variable& v) { return v.symbol.text == symbol ? Jet(point(v), 0) : Jet(point(v)); });
        for (std::size_t i = 0; i < numbers.size(); ++i) {
          const double slope = duals[i].value.derivative(1), size = std::abs(numbers[i].value / value);
          INFO(name << ": ∂" << numbers[i].text << "/∂" << symbol);
          CHECK(jets[i].value.slopes[0] == Approx(slope).epsilon(1e-10).margin(1e-10 * size));
          CHECK(trees[i].value.derivative(symbol).evaluate(at) == Approx(slope).epsilon(1e-9).margin(1e-9 * size));
        }
      }
    }
  }
}

TEST_CASE("a formula without a closed form has no equations") {
  CHECK(symbolic::equations_of("softmax_row").empty());
  CHECK(symbolic::equations_of("dropout").size() == 7);
  CHECK(symbolic::equations_of("dropout")[1].right.text() == "(σ² + p μ²)/(1 - p)");
}

}  // namespace
