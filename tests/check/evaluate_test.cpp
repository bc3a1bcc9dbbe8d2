// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <map>

#include "check/made.hpp"

namespace {

using namespace sigprop;
using namespace sigprop::test;

const check::Location input{Kind::layer, 0}, one{Kind::layer, 1}, two{Kind::layer, 2}, three{Kind::layer, 3};
const check::Location first{Kind::first}, last{Kind::last}, every{Kind::every};

TEST_CASE("every quantity that may be named is read from its own place in the profile") {
  const std::map<std::string, double> at_last = {{"forward.mean", 4.01},
                                                 {"forward.variance", 4.02},
                                                 {"forward.second_moment", 4.03},
                                                 {"forward.token_dot", 4.04},
                                                 {"forward.cross_dot", 4.05},
                                                 {"forward.token_correlation", 4.06},
                                                 {"token_correlation", 4.06},
                                                 {"forward.rank_residual", 4.07},
                                                 {"rank_residual", 4.07},
                                                 {"forward.effective_rank", 4.08},
                                                 {"backward.variance", 4.11},
                                                 {"backward.token_dot", 4.12},
                                                 {"backward.cross_dot", 4.13},
                                                 {"backward.token_correlation", 4.14},
                                                 {"backward.norm", 4.15},
                                                 {"forward.first_second_moment", 4.09},
                                                 {"forward.last_second_moment", 4.1},
                                                 {"backward.first_variance", 4.16},
                                                 {"backward.last_variance", 4.17},
                                                 {"attention.score_variance", 2.21},
                                                 {"attention.entropy", 2.22},
                                                 {"attention.entropy_fraction", 2.23},
                                                 {"cross_attention.score_variance", 2.31},
                                                 {"cross_attention.entropy", 2.32},
                                                 {"cross_attention.entropy_fraction", 2.33},
                                                 {"weights.all.gradient_norm", 10},
                                                 {"weights.*.gradient_norm", 8},
                                                 {"weights.query.gradient_norm", 6},
                                                 {"weights.cross_value.gradient_norm", 8}};
  for (const auto& [quantity, value] : at_last) {
    INFO(quantity);
    CHECK(outcome_of(asked(quantity, last, {}, 100.0)).value.value == Approx(value));
  }
  for (const std::string& quantity : check::quantity_names()) {
    if (quantity.rfind("weights.", 0) == 0) continue;
    INFO(quantity);
    CHECK(at_last.count(quantity) == 1);
  }
}

TEST_CASE("a layer is its last point, the first layer is not the input, and every means points inside layers too") {
  const auto path_of = [](check::Location at) { return outcome_of(asked("forward.variance", at, {}, 100.0)).path; };
  CHECK(path_of(input) == "input");
  CHECK(path_of(one) == "layer 1/ffn");
  CHECK(path_of(two) == "layer 2/ffn");
  CHECK(path_of(first) == "layer 1/ffn");
  CHECK(path_of(last) == "layer 2/ffn");
  const check::Outcome all = outcome_of(asked("forward.variance", every, {}, 100.0));
  CHECK(all.places == 5);
  CHECK(all.path == "layer 2/ffn");
  CHECK(outcome_of(asked("forward.variance", every, 1e-3, {})).path == "input");
}

TEST_CASE("quantities of layers know layers only") {
  CHECK(outcome_of(asked("attention.entropy", first, {}, 100.0)).path == "layer 1/attention");
  CHECK(outcome_of(asked("cross_attention.entropy", two, {}, 100.0)).path == "layer 2/cross_attention");
  CHECK(outcome_of(asked("weights.query.gradient_norm", last, {}, 100.0)).path == "layer 2/query");
  CHECK(outcome_of(asked("weights.all.gradient_norm", every, {}, 100.0)).places == 2);
  CHECK(outcome_of(asked("weights.*.gradient_norm", every, {}, 100.0)).places == 4);
  CHECK(fault_of(asked("attention.entropy", input, {}, 1.0)) ==
        "/checks/0/at is 0, but must be a layer that has attention.entropy: the first is 1, the last 2");
}

TEST_CASE("of a model in which only some layers have a quantity, first and last are those that have it") {
  profile::Profile profile = made();
  profile.layers[0].attention.reset();
  CHECK(outcome_of(asked("attention.entropy", first, {}, 100.0), profile).path == "layer 2/attention");
  CHECK(fault_of(asked("attention.entropy", one, {}, 1.0), profile) ==
        "/checks/0/at is 1, but must be a layer that has attention.entropy: the first is 2, the last 2");
}

TEST_CASE("a ratio divides the first place by the second, each weight by itself") {
  const check::Outcome variance = outcome_of(ratio_of("forward.variance", last, first, 1.0));
  CHECK(variance.value.value == Approx(4.02 / 2.02));
  CHECK(variance.path == "layer 2/ffn over layer 1/ffn");
  CHECK_FALSE(variance.passed());
  profile::Profile profile = made();
  profile.layers[1].weights[1].gradient_norm = 40;
  const check::Outcome weights = outcome_of(ratio_of("weights.*.gradient_norm", last, first, 100.0), profile);
  CHECK(weights.places == 2);
  CHECK(weights.value.value == Approx(10));
  CHECK(weights.path == "layer 2/cross_value over layer 1/cross_value");
  const check::Outcome points = outcome_of(ratio_of("forward.variance", every, input, 150.0));
  CHECK(points.places == 5);
  CHECK(points.failing == 2);
  CHECK(points.path == "layer 2/ffn over input");
  CHECK(outcome_of(ratio_of("forward.variance", first, every, 1000.0)).path == "layer 1/ffn over input");
}

TEST_CASE("of several weights those are judged that the layer has, and it must have one") {
  profile::Profile profile = made();
  profile.layers[1].weights.erase(profile.layers[1].weights.begin());
  const check::Outcome outcome = outcome_of(asked("weights.*.gradient_norm", two, {}, 1.0), profile);
  CHECK(outcome.places == 1);
  CHECK(outcome.path == "layer 2/cross_value");
  CHECK(outcome_of(ratio_of("weights.*.gradient_norm", two, one, 1.0), profile).places == 1);
  CHECK(fault_of(asked("weights.*.gradient_norm", three, {}, 1.0), profile) ==
        "/checks/0/at is 3, but must be a layer that has weights.*.gradient_norm: the first is 1, the last 2");
  profile.layers[0].weights.pop_back();
  CHECK(fault_of(ratio_of("weights.*.gradient_norm", two, one, 1.0), profile) ==
        "/checks/0/quantity is \"weights.*.gradient_norm\", but no weight stands at both places of the ratio: name "
        "places "
        "that have it");
}

TEST_CASE("a ratio of a negative number is negative") {
  profile::Profile profile = made();
  profile.points.back().forward.mean = -4.02;
  const check::Outcome outcome = outcome_of(ratio_of("forward.mean", last, first, 1.0), profile);
  CHECK(outcome.value.value == Approx(-2));
  CHECK(outcome.passed());
}

TEST_CASE("what a ratio over 0 is fails, and is told") {
  profile::Profile profile = made();
  profile.points.back().forward.mean = 0;
  const check::Outcome infinite = outcome_of(ratio_of("forward.mean", first, last, 1.0), profile);
  CHECK_FALSE(infinite.passed());
  CHECK(std::isinf(infinite.value.value));
  profile.points[2].forward.mean = 0;
  const check::Outcome none = outcome_of(ratio_of("forward.mean", first, last, 1.0), profile);
  CHECK_FALSE(none.passed());
  CHECK(std::isnan(none.value.value));
  profile.points.back().forward.variance = std::nan("");
  CHECK_FALSE(outcome_of(asked("forward.variance", every, {}, 1e300), profile).passed());
}

TEST_CASE("the ends of the layers are neither the input nor what lies inside") {
  profile::Profile profile = made();
  profile.points[0].forward.variance = profile.points[1].forward.variance = profile.points[3].forward.variance = 1e9;
  const check::Outcome outcome =
      outcome_of(asked("forward.variance", {check::Location::Kind::layers}, {}, 10.0), profile);
  CHECK(outcome.passed());
  CHECK(outcome.places == 2);
  CHECK(outcome.path == "layer 2/ffn");
}

TEST_CASE("a weight's part in its layer's gradient is judged for each that does not wait") {
  profile::Profile profile = made();
  const auto fraction = [&](const char* name) {
    return outcome_of(asked(std::string("weights.") + name + ".gradient_fraction", every, 1e-6, {}), profile);
  };
  CHECK(fraction("query").value.value == Approx(0.6));
  profile.layers[1].weights[0].gradient_norm = 0;
  CHECK_FALSE(fraction("*").passed());
  CHECK(fraction("*").path == "layer 2/query");
  CHECK(fraction("cross_value").passed());
  profile.layers[1].weights[0].waits = true;
  CHECK(fraction("*").passed());
}

TEST_CASE("the worst of many places is told, and how many fail") {
  const check::Outcome outcome = outcome_of(asked("forward.variance", every, 1.5, 3.5));
  CHECK(outcome.failing == 3);
  CHECK(outcome.path == "input");
  CHECK(outcome.excess == Approx(std::log10(1.5 / 0.02)));
  CHECK_FALSE(outcome.passed());
  CHECK(outcome_of(asked("forward.variance", every, 0.02, 4.02)).passed());
}

TEST_CASE("what no double holds is judged, not passed by") {
  profile::Profile profile = made();
  profile.points.back().forward.variance = {std::numeric_limits<double>::infinity(), 3000};
  const check::Outcome outcome = outcome_of(asked("forward.variance", every, {}, 1e300), profile);
  CHECK_FALSE(outcome.passed());
  CHECK(outcome.excess == Approx(2700));
  CHECK(outcome_of(ratio_of("forward.variance", last, first, 1e300), profile).excess == Approx(2700).epsilon(1e-3));
}

TEST_CASE("a check that cannot be evaluated is a fault, never a pass") {
  profile::Profile profile = made();
  CHECK(fault_of(asked("forward.variance", three, {}, 1.0)) ==
        "/checks/0/at is 3, but must be a layer that has forward.variance: the first is 0, the last 2");
  CHECK(fault_of(ratio_of("forward.variance", three, first, 1.0)) ==
        "/checks/0/ratio/0 is 3, but must be a layer that has forward.variance: the first is 0, the last 2");
  CHECK(fault_of(ratio_of("forward.variance", first, three, 1.0)) ==
        "/checks/0/ratio/1 is 3, but must be a layer that has forward.variance: the first is 0, the last 2");
  CHECK(
      fault_of(asked("weights.ffn_gate.gradient_norm", every, {}, 1.0)) ==
      "/checks/0/quantity is \"weights.ffn_gate.gradient_norm\", but the weights of this model are query, cross_value: "
      "name one of them, * for each or all for a layer's together");
  profile.points.back().forward.cross_dot.reset();
  CHECK(fault_of(asked("forward.cross_dot", last, {}, 1.0), profile) ==
        "/checks/0/quantity is \"forward.cross_dot\", but the theory full has no value of it at layer 2/ffn: name "
        "another "
        "quantity");
  profile.theory = "paper";
  profile.layers[1].weights[0].gradient_norm.reset();
  CHECK(
      fault_of(asked("weights.all.gradient_norm", every, {}, 1.0), profile) ==
      "/checks/0/quantity is \"weights.all.gradient_norm\", but the theory paper has no value of it at layer 2: check "
      "with --theory full, or name another quantity");
  profile.layers.clear();
  CHECK(fault_of(asked("weights.all.gradient_norm", every, {}, 1.0), profile) ==
        "/checks/0/quantity is \"weights.all.gradient_norm\", but this model has no weights: name another quantity");
  CHECK(fault_of(asked("attention.entropy", every, {}, 1.0), profile) ==
        "/checks/0/quantity is \"attention.entropy\", but no layer of this model has it: name another quantity");
  profile.points.resize(1);
  CHECK(fault_of(asked("forward.variance", last, {}, 1.0), profile) ==
        "/checks/0/quantity is \"forward.variance\", but no layer of this model has it: ask for \"at\": 0, the input");
}

TEST_CASE("one check's fault leaves the others their outcomes, in order") {
  const check::Evaluation evaluation =
      check::evaluate({asked("forward.variance", last, {}, 1.0), asked("forward.variance", three, {}, 1.0),
                       asked("forward.mean", last, {}, 5.0)},
                      made(), 64);
  REQUIRE(evaluation.outcomes.size() == 2);
  CHECK(evaluation.outcomes[0].check.condition.quantity == "forward.variance");
  CHECK(evaluation.outcomes[1].check.condition.quantity == "forward.mean");
  CHECK(evaluation.faults.size() == 1);
}

}  // namespace
