// SPDX-License-Identifier: Apache-2.0
// What holds for every scheme.
#include <catch2/catch.hpp>
#include <set>

#include "support/scheme.hpp"

namespace {

using namespace sigprop;
using test::apply;

bool same(const scheme::Settings& a, const scheme::Settings& b) {
  return a.embedding == b.embedding && a.std == b.std && a.skip == b.skip && a.branch == b.branch && a.gain == b.gain &&
         a.score_scale == b.score_scale && a.truncation == b.truncation;
}

TEST_CASE("scheme names are unique and every scheme tells its source") {
  std::set<std::string> names;
  for (const scheme::Scheme& scheme : scheme::schemes()) {
    INFO(scheme.name);
    CHECK(names.insert(scheme.name).second);
    CHECK(scheme.source.size() > 5);
    CHECK_FALSE(scheme.formulas.value.empty());
    CHECK(scheme::find(scheme.name) == &scheme);
  }
  CHECK(names.size() >= 25);
  CHECK(scheme::find("no_such_scheme") == nullptr);
}

TEST_CASE("a scheme tells a formula for embeddings exactly if it sets them") {
  for (const scheme::Scheme& scheme : scheme::schemes()) {
    INFO(scheme.name);
    CHECK(apply(scheme.name, test::base_task()).embedding.has_value() == !scheme.formulas.embedding.empty());
  }
}

TEST_CASE("every scheme sets finite positive deviations in every layer, and scales for every branch or for none") {
  for (const scheme::Scheme& scheme : scheme::schemes()) {
    INFO(scheme.name);
    const scheme::Task task = test::task(5);
    const scheme::Settings s = apply(scheme.name, task);
    REQUIRE(s.std.size() == 5);
    for (const network::LayerStd& std : s.std) {
      for (const double x : {std.query, std.key, std.value, std.output, std.ffn_in, std.ffn_out}) {
        CHECK(std::isfinite(x));
        CHECK(x > 0);
      }
    }
    for (const auto* scales : {&s.skip, &s.branch, &s.gain}) CHECK((scales->empty() || scales->size() == 10));
  }
}

TEST_CASE("every parameter of a scheme changes what it sets, and its default is what it takes without it") {
  for (const scheme::Scheme& scheme : scheme::schemes()) {
    for (const scheme::Parameter& parameter : scheme.parameters) {
      INFO(scheme.name << ' ' << parameter.name);
      const scheme::Settings plain = apply(scheme.name, test::base_task());
      const auto with = [&](double value) {
        scheme::Task task = test::base_task();
        task.parameters[parameter.name] = value;
        return apply(scheme.name, task);
      };
      if (parameter.value) CHECK(same(with(*parameter.value), plain));
      const double other = parameter.highest == 1 ? 1 - parameter.value.value_or(0) : 1.7;
      CHECK_FALSE(same(with(parameter.name == "branches" ? 17 : other), plain));
    }
  }
}

}  // namespace
