// SPDX-License-Identifier: Apache-2.0
// The equations of a layer: what is printed has the numbers of the prediction.
#include "sigprop/predict/explain.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <set>
#include <sstream>

#include "sigprop/network/outline.hpp"
#include "sigprop/report/report.hpp"
#include "support/spec.hpp"

namespace {

using namespace sigprop;
using nlohmann::json;
using predict::ExplainedEquation;
using predict::ExplainedStep;
using predict::Explanation;
using predict::Theory;
using test::changed;

const profile::Point& point_of(const profile::Profile& profile, const std::string& path) {
  for (const profile::Point& point : profile.points) {
    if (point.path == path) return point;
  }
  FAIL("no point " << path);
  throw;
}

void check_evaluates(const ExplainedEquation& equation) {
  std::map<std::string, double> samples;
  for (const auto& [symbol, value] : equation.right.symbols()) samples[symbol.text] = value;
  bool open = false;
  const double value = equation.right.evaluate([&](const std::string& symbol) { return samples.at(symbol); },
                                               [&](const std::string&, const std::vector<double>&) {
                                                 open = true;  // a quadrature has no value without its table
                                                 return 0.0;
                                               });
  INFO(equation.left.text << " = " << equation.right.text());
  if (!open) CHECK(value == Approx(equation.right.sample()).epsilon(1e-9).margin(1e-14));
}

/// All layers of a model against its prediction; how many numbers were compared.
std::size_t check_explained(const json& spec, Theory theory = Theory::full) {
  const network::Network network = test::network_of(spec);
  const profile::Profile profile = predict::predict(network, theory);
  std::size_t compared = 0;
  const auto check = [&](double explained, const profile::Quantity& predicted) {
    CHECK(explained == Approx(predicted.value).epsilon(1e-10).margin(1e-14));
    ++compared;
  };
  for (std::size_t layer = 1; layer <= profile.layers.size(); ++layer) {
    const Explanation found = predict::explain(network, theory, layer);
    std::map<std::string, std::string> point_by_number;
    for (const ExplainedStep& step : found.forward) {
      INFO(found.layer << ": " << step.title);
      for (const ExplainedEquation& equation : step.equations) check_evaluates(equation);
      if (step.point.empty()) continue;
      const profile::Point& point = point_of(profile, step.point);
      for (const ExplainedEquation& equation : step.equations) {
        const std::string& left = equation.left.text;
        const std::string number = step.title.substr(1, step.title.find(" =") - 1);
        if (left == "σ" + number + "²") {
          check(equation.right.sample(), point.forward.variance);
          point_by_number[number] = step.point;
        }
        if (left == "κ" + number)
          check(equation.right.sample() / point.forward.variance.value, point.forward.token_correlation);
      }
    }
    for (const ExplainedStep& step : found.backward) {
      INFO(found.layer << ": " << step.title);
      for (const ExplainedEquation& equation : step.equations) {
        check_evaluates(equation);
        const std::string& left = equation.left.text;
        for (const auto& [number, path] : point_by_number) {
          const profile::Backward& g = point_of(profile, path).backward;
          if (left == "γ" + number + "²") check(equation.right.sample(), g.variance);
          if (left == "η" + number) check(equation.right.sample(), g.token_dot);
        }
        constexpr const char* weight = "‖∂W_";
        if (left.rfind(weight, 0) != 0) continue;
        const std::string name = left.substr(std::string(weight).size(), left.rfind("‖") - std::string(weight).size());
        for (const profile::Weight& w : profile.layers[layer - 1].weights) {
          if (w.name == name) check(equation.right.sample(), w.gradient_norm.value());
        }
      }
    }
  }
  return compared;
}

TEST_CASE("a layer's equations have the prediction's numbers, for every kind of block", "[bulk]") {
  // Points: two numbers each way, but for a token product of gradients that is 0; weights: a norm
  // each.
  CHECK(check_explained(changed({{"layers", 2}})) == 2 * (2 * 4 + 6) - 2);
  const json gated = {{"width", 256}, {"activation", "silu"}, {"gated", true}};
  CHECK(check_explained(changed({{"layers", 2},
                                 {"ffn", {{"activation", "gelu_tanh"}}},
                                 {"residual", {{"dropout", 0.1}, {"branch", 0.5}}}})) == 26);
  CHECK(check_explained(changed({{"layers", 2},
                                 {"ffn", gated},
                                 {"norm", {{"kind", "rms_norm"}}},
                                 {"attention", {{"rotary_base", 10000}, {"kv_heads", 2}}}})) == 28);
  CHECK(check_explained(changed(
            {{"layers", 2}, {"parallel", true}, {"ffn", {{"experts", 4}, {"top_k", 2}, {"activation", "gelu"}}}})) ==
        19);
  CHECK(check_explained(changed({{"layers", 2}, {"ffn", {{"experts", 4}, {"top_k", 2}, {"router_std", 0.1}}}})) == 28);
  CHECK(check_explained(changed(
            {{"layers", 2}, {"norm", {{"placement", "post"}, {"gain", 0.7}}}, {"attention", {{"dropout", 0.2}}}},
            {{"batch", 3}, {"gradient", {{"token_correlation", 0.2}, {"cross_correlation", 0.1}}}})) == 28);
  CHECK(check_explained(changed({{"layers", 2},
                                 {"norm", {{"placement", "sandwich"}, {"inner", true}}},
                                 {"attention", {{"query_key_norm", "rms_norm"}}}},
                                {{"input", {{"variance", 2}, {"mean", 0.3}, {"token_correlation", 0.1}}}})) >= 26);
  CHECK(check_explained(changed({{"layers", 1}}, {{"init",
                                                   {{"std",
                                                     {{"query", 0.3},
                                                      {"key", 0.3},
                                                      {"value", 0.1},
                                                      {"output", 0.1},
                                                      {"ffn_in", 0.1},
                                                      {"ffn_out", 0.05},
                                                      {"bias", 0.1}}}}}})) == 12);
}

TEST_CASE("an encoder's and a decoder's equations, and the published theory's, have the prediction's numbers",
          "[bulk]") {
  json both = test::encoder_decoder_of(test::small_stack());
  both["decoder"]["attention"]["mask"] = "none";
  CHECK(check_explained(both) == 141);
  CHECK(check_explained(changed({{"layers", 2}, {"attention", {{"dropout", 0.1}}}}), Theory::paper) >= 20);
}

TEST_CASE("the input's equations have the prediction's numbers") {
  const network::Network network = test::network_of(test::project_spec("bert-base.json"));
  const Explanation found = predict::explain(network, Theory::full, 0);
  CHECK(found.layer == "input");
  CHECK(found.backward.empty());
  const profile::Point input = predict::predict(network, Theory::full, {.sequences = 0}).points.front();
  const ExplainedStep& last = found.forward.back();
  CHECK(last.equations.front().right.sample() == Approx(input.forward.variance.value));
  CHECK(last.equations[1].right.sample() / last.equations.front().right.sample() ==
        Approx(input.forward.token_correlation.value));
}

TEST_CASE("names are those of the text: signals by number, parts of a gradient by primes") {
  const Explanation found = predict::explain(test::network_of(test::project_spec("bert-base.json")), Theory::full, 3);
  REQUIRE(found.forward.size() == 11);
  CHECK(found.layer == "layer 3");
  CHECK(found.forward[1].title == "x₁ = attention(x₀)");
  CHECK(found.forward[3].title == "x₃ = x₀ + x₂");
  CHECK(found.forward[3].equations.front().right.text() == "σ₀² + σ₂²");
  CHECK(found.forward[4].point == "layer 3/attention");
  CHECK(found.forward[10].point == "layer 3/ffn");
  CHECK(found.backward.back().title == "skip and branch together, back to x₀");
  CHECK(found.backward.back().equations.front().right.text() == "γ₃² + γ₀′²");
  CHECK(found.backward.back().equations.front().right.latex() == "\\gamma_{3}^2 + \\gamma_{0}^{\\prime 2}");
}

TEST_CASE("on the way back a symbol that another component has used since is told again") {
  const network::Network network =
      test::network_of(test::parsed(R"({"sequence_length": 64, "input": {"variance": 1, "token_correlation": 0.2},
      "components": [{"residual": {"of": [
        {"norm": "layer_norm"},
        {"attention": {"width": 128, "heads": 4, "query_std": 0.1, "key_std": 0.1, "value_std": 0.1, "output_std": 0.1}},
        {"norm": "layer_norm"},
        {"attention": {"width": 128, "heads": 4, "query_std": 0.1, "key_std": 0.2, "value_std": 0.1, "output_std": 0.1}}]}}]})"));
  const Explanation found = predict::explain(network, Theory::full, 1);
  std::vector<std::size_t> told;
  for (const ExplainedStep& step : found.backward) {
    if (step.title.rfind("attention", 0) != 0) continue;
    told.push_back(0);
    for (const ExplainedEquation& equation : step.equations) told.back() += equation.left.text == "S2" ? 1 : 0;
  }
  CHECK(told == std::vector<std::size_t>{0, 1});
}

TEST_CASE("a gain and a scale of 0 are told as what they are") {
  const Explanation gain =
      predict::explain(test::network_of(changed({{"norm", {{"placement", "post"}, {"gain", 0.7}}}})), Theory::full, 1);
  CHECK(gain.forward[4].title == "x₄ = gain x₃");
  const Explanation none =
      predict::explain(test::network_of(changed({{"residual", {{"skip", 0}, {"branch", 0.5}}}})), Theory::full, 1);
  CHECK(none.forward[3].title == "x₃ = β x₂");
}

TEST_CASE("a variance of weights that is below every double is told as 0") {
  const network::Network tiny =
      test::network_of(changed(json::object(), {{"init", {{"std", {{"value", 1e-170}, {"bias", 0.1}}}}}}));
  for (const ExplainedStep& step : predict::explain(tiny, Theory::full, 1).forward) {
    for (const ExplainedEquation& equation : step.equations) {
      const std::string numbers = equation.right.text(scalar::Expression::Shown::samples);
      INFO(numbers);
      CHECK(numbers.find("nan") == std::string::npos);
      CHECK(equation.right.text().find("w_v") == std::string::npos);
    }
  }
}

TEST_CASE("a step with a number that no double holds is refused by its name") {
  const network::Network tiny = test::network_of(changed(json::object(), {{"input", {{"variance", 1e-310}}}}));
  CHECK_THROWS_MATCHES(
      predict::explain(tiny, Theory::full, 1), std::overflow_error,
      Catch::Matchers::Message(
          "layer 1, step \"LayerNorm, back to x₀\": γ₀′² is beyond double's range, so that the step cannot be told in "
          "numbers; choose variances nearer to 1, or see the profile that predict prints"));
}

TEST_CASE("the formulas that a step names are in the catalogue") {
  std::set<std::string> known, named;
  for (const report::Formula& formula : report::formulas()) known.insert(formula.name);
  const json gated = {{"width", 256}, {"activation", "silu"}, {"gated", true}};
  for (const json& spec :
       {test::project_spec("bert-base.json"),
        changed({{"ffn", gated},
                 {"norm", {{"kind", "rms_norm"}, {"inner", true}}},
                 {"attention", {{"rotary_base", 10000}}}}),
        changed({{"attention", {{"query_key_norm", "rms_norm"}}}, {"ffn", {{"experts", 4}, {"top_k", 2}}}}),
        changed({{"attention", {{"query_key_norm", "rms_norm"}}},
                 {"ffn", {{"experts", 4}, {"top_k", 2}, {"router_std", 0.1}}}})}) {
    for (const std::size_t layer : {0, 1}) {
      for (const Theory theory : {Theory::full, Theory::paper}) {
        if (theory == Theory::paper && (spec["stack"]["attention"].contains("rotary_base") ||
                                        spec["stack"]["attention"].contains("query_key_norm")))
          continue;
        const Explanation found = predict::explain(test::network_of(spec), theory, layer);
        for (const auto* steps : {&found.forward, &found.backward}) {
          for (const ExplainedStep& step : *steps) {
            std::stringstream list(step.formulas);
            for (std::string name; std::getline(list >> std::ws, name, ',');) named.insert(name);
          }
        }
      }
    }
  }
  for (const std::string& name : named) {
    INFO(name);
    CHECK(known.contains(name));
  }
  CHECK(named.size() >= 20);
}

TEST_CASE("what has no equations of one layer is refused") {
  const network::Network network = test::network_of(test::small_stack());
  CHECK_THROWS_WITH(predict::explain(network, Theory::full, 5), "there is no layer 5, the model has 4");
  network::Network masked = test::network_of(changed({{"attention", {{"mask", "causal"}}}}));
  CHECK_THROWS_AS(predict::explain(masked, Theory::full, 1), predict::NotCovered);
  network::remove_masks(masked);
  CHECK(predict::explain(masked, Theory::full, 1).forward.size() ==
        predict::explain(network, Theory::full, 1).forward.size());
  const network::Network far =
      test::network_of(test::parsed(R"({"sequence_length": 4, "input": {"variance": 1}, "components": [
      {"repeat": {"times": 400, "of": [{"linear": {"in": 50, "out": 50, "weight_std": 1e6}}]}}]})"));
  CHECK_THROWS_AS(predict::explain(far, Theory::full, 300), std::overflow_error);
}

}  // namespace
