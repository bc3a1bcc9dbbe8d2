// SPDX-License-Identifier: Apache-2.0
// The presets are those of the table in docs/spec.md.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "check/presets.hpp"

namespace {

using namespace sigprop;
using Kind = check::Location::Kind;
using check::Needs;

constexpr double none = std::numeric_limits<double>::infinity();
constexpr auto nowhere = static_cast<Kind>(-1);

struct Row {
  const char* quantity;
  Kind at;
  Kind over;
  double min;
  double max;
  Needs needs = Needs::nothing;
};

void check_preset(const std::string& name, const std::vector<Row>& rows) {
  const auto& list = check::presets();
  const auto preset = std::find_if(list.begin(), list.end(), [&](const auto& each) { return each.name == name; });
  REQUIRE(preset != list.end());
  REQUIRE(preset->conditions.size() == rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const check::Condition& condition = preset->conditions[i].condition;
    INFO(name << ", " << rows[i].quantity);
    CHECK(condition.quantity == rows[i].quantity);
    CHECK(condition.at.kind == rows[i].at);
    CHECK((condition.over ? condition.over->kind : nowhere) == rows[i].over);
    CHECK(condition.min.value_or(-none) == rows[i].min);
    CHECK(condition.max.value_or(none) == rows[i].max);
    CHECK(preset->conditions[i].needs == rows[i].needs);
  }
}

TEST_CASE("the presets have the bounds that the documents list") {
  CHECK(check::preset_names() == std::vector<std::string>{"trainable", "stable", "flat"});
  check_preset("trainable",
               {{"forward.variance", Kind::layers, Kind::first, -none, 1e4},
                {"backward.variance", Kind::layers, Kind::last, 1e-4, 1e4},
                {"weights.*.gradient_fraction", Kind::every, nowhere, 1e-6, none, Needs::gradients},
                {"rank_residual", Kind::every, nowhere, 0.1, none, Needs::tokens},
                {"attention.entropy_fraction", Kind::every, nowhere, 0.1, none, Needs::attention},
                {"cross_attention.entropy_fraction", Kind::every, nowhere, 0.1, none, Needs::cross_attention}});
  check_preset("stable",
               {{"forward.variance", Kind::last, Kind::first, 0.01, 100},
                {"backward.variance", Kind::first, Kind::last, 0.01, 100},
                {"weights.all.gradient_norm", Kind::first, Kind::last, 0.1, 10},
                {"weights.*.gradient_fraction", Kind::every, nowhere, 1e-6, none, Needs::gradients},
                {"rank_residual", Kind::every, nowhere, 0.3, none, Needs::tokens},
                {"attention.entropy_fraction", Kind::every, nowhere, 0.3, none, Needs::attention},
                {"cross_attention.entropy_fraction", Kind::every, nowhere, 0.3, none, Needs::cross_attention}});
  check_preset("flat", {{"forward.variance", Kind::last, Kind::first, 0.95, 1.05},
                        {"weights.all.gradient_norm", Kind::every, Kind::last, 0.8, 1.25}});
}

}  // namespace
