// SPDX-License-Identifier: Apache-2.0
// What a prediction follows, by dual numbers, against differences between predictions.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <span>

#include "sigprop/check/check.hpp"
#include "sigprop/network/knobs.hpp"
#include "sigprop/network/outline.hpp"
#include "sigprop/scalar/scalar.hpp"
#include "support/spec.hpp"

namespace {

using namespace sigprop;
using network::Knob;
using nlohmann::json;
using predict::Theory;
using test::changed;

constexpr const char* quantities[] = {"forward.variance last", "backward.variance first/last",
                                      "weights.all.gradient_norm first", "weights.value.gradient_fraction first",
                                      "forward.token_correlation last"};

/// The network with a knob moved by a step as slopes are defined. Sizes are rounded to whole ones.
network::Network moved(const network::Network& network, const Knob& knob, double step) {
  struct Move {
    bool from_zero;
    double step;
    double operator()(double x) const { return from_zero ? step : x * (1 + step); }
    std::size_t operator()(std::size_t n) const {
      return static_cast<std::size_t>(std::lround(static_cast<double>(n) * (1 + step)));
    }
  };
  network::Network out = network;
  network::change_knob(out, knob.name, Move{knob.is_zero(), step});
  return out;
}

/// Fourth-order differences: central, or to one side from 0.
struct Difference {
  std::vector<double> steps, weights;
};

Difference difference(double h, bool one_sided) {
  if (one_sided) return {{0, h, 2 * h, 3 * h, 4 * h}, {-25 / (12 * h), 4 / h, -3 / h, 4 / (3 * h), -1 / (4 * h)}};
  return {{-2 * h, -h, h, 2 * h}, {1 / (12 * h), -2 / (3 * h), 2 / (3 * h), -1 / (12 * h)}};
}

/// A size that no quadrature and no rounding of another size follows.
bool is_exact(const Knob& knob) {
  return knob.name == "batch" || knob.name == "input.embedding.vocabulary";
}

/// A size of which differences by whole numbers say too little.
bool is_few(const Knob& knob) {
  return knob.whole && knob.lowest < (is_exact(knob) ? 32 : 8);
}

/// A norm's formula looks at whether what it stands before is homogeneous: a bias of 0 is.
bool jumps(const Knob& knob) {
  return knob.is_zero() && knob.name.find("bias") != std::string::npos;
}

/// Slopes of words are differences of predictions too.
const predict::Options tokens_alike{.sequences = 0};

/// The slopes of all quantities by one knob.
std::vector<double> differences(const network::Network& network, Theory theory, const Knob& knob,
                                predict::Predictor& predictor, const std::vector<check::Condition>& asked) {
  // Of a size the smallest step is one.
  // Behind a mask a prediction's last digits move with the grids of its quadratures.
  const double h = knob.whole ? 1 / knob.lowest : knob.is_zero() && !network::has_mask(network) ? 1e-5 : 1e-3;
  const Difference rule = difference(h, knob.is_zero());
  std::vector<double> out(asked.size(), 0);
  for (std::size_t s = 0; s < rule.steps.size(); ++s) {
    const profile::Profile profile = predictor(moved(network, knob, rule.steps[s]), theory, tokens_alike);
    for (std::size_t q = 0; q < asked.size(); ++q)
      out[q] += rule.weights[s] * check::read(asked[q], profile).log10 * std::log(10.0);
  }
  return out;
}

/// Softmax functionals are quadratures whose grids move with length and head width; behind a mask
/// they are tabulated.
double accuracy(const std::string& knob, bool quadrature, bool masked) {
  if (masked && knob == "attention.head_width") return 2e-3;
  if (quadrature) return 2e-4;
  return masked ? 1e-5 : 1e-6;
}

void check_slopes(const json& spec, Theory theory = Theory::full) {
  network::Network network = test::network_of(spec);
  std::vector<Knob> knobs = network::knobs_of(network);
  if (network::has_mask(network)) {  // every length has its tables, which cost seconds
    std::erase_if(knobs, [](const Knob& knob) { return knob.name == "sequence_length"; });
  }
  predict::Predictor predictor;
  std::vector<check::Condition> asked;
  std::vector<predict::Slopes> slopes;
  // Behind a mask slopes are differences of predictions, which no quantity has to itself.
  const std::size_t first = network::has_mask(network) ? 2 : 0;
  for (const char* quantity : std::span(quantities).subspan(first)) {
    const check::Condition condition = check::reading_of(quantity);
    if (theory == Theory::paper && condition.quantity.rfind("weights", 0) == 0) continue;
    const auto reading = [&](const profile::Profile& profile) { return check::read(condition, profile); };
    slopes.push_back(predict::slopes(network, theory, tokens_alike, knobs, reading));
    CHECK(slopes.back().by_differences == network::has_mask(network));
    CHECK(slopes.back().value.log10 == Approx(reading(predictor(network, theory, tokens_alike)).log10).margin(1e-12));
    asked.push_back(condition);
  }
  double worst = 0;
  for (std::size_t k = 0; k < knobs.size(); ++k) {
    if (jumps(knobs[k]) || is_few(knobs[k])) continue;
    const bool quadrature = knobs[k].whole && !is_exact(knobs[k]);
    const double stated = accuracy(knobs[k].name, quadrature, network::has_mask(network));
    const std::vector<double> measured = differences(network, theory, knobs[k], predictor, asked);
    for (std::size_t q = 0; q < asked.size(); ++q) {
      const double slope = slopes[q].by_knob[k], apart = std::abs(slope - measured[q]) / std::max(1.0, std::abs(slope));
      INFO(asked[q].quantity << " by " << knobs[k].name << ": dual " << slope << ", difference " << measured[q]);
      CHECK(apart <= stated);
      if (!quadrature) worst = std::max(worst, apart);
    }
  }
  std::printf("%zu knobs, largest difference of a slope %.1e\n", knobs.size(), worst);
}

TEST_CASE("slopes of BERT, DeiT and DeepScaleLM are those of differences", "[bulk]") {
  check_slopes(test::project_spec("bert-base.json"));
  check_slopes(test::project_spec("deit-small.json"));
  json deep = changed({{"layers", 12}, {"ffn", {{"activation", "gelu"}}}, {"norm", {{"placement", "post"}}}},
                      {{"init", {{"scheme", "deepscalelm_full"}}}});
  check_slopes(deep);
}

TEST_CASE("slopes of every kind of block are those of differences", "[bulk]") {
  const json gated = {{"width", 256}, {"activation", "silu"}, {"gated", true}};
  check_slopes(changed({{"ffn", {{"activation", "gelu_tanh"}}}, {"residual", {{"dropout", 0.1}, {"branch", 0.5}}}}));
  check_slopes(changed(
      {{"ffn", gated}, {"norm", {{"kind", "rms_norm"}}}, {"attention", {{"rotary_base", 10000}, {"kv_heads", 2}}}}));
  check_slopes(changed({{"parallel", true}, {"ffn", {{"experts", 4}, {"top_k", 2}, {"activation", "gelu"}}}}));
  check_slopes(changed({{"norm", {{"placement", "post"}, {"gain", 0.7}}}, {"attention", {{"dropout", 0.2}}}},
                       {{"batch", 64}, {"gradient", {{"token_correlation", 0.2}, {"cross_correlation", 0.1}}}}));
  check_slopes(
      changed({{"norm", {{"placement", "sandwich"}, {"inner", true}}}, {"attention", {{"query_key_norm", "rms_norm"}}}},
              {{"input", {{"variance", 2}, {"mean", 0.3}, {"token_correlation", 0.1}}}}));
  check_slopes(changed({{"residual", {{"skip", {1, 0.9, 0.8, 1, 1, 1, 0.9, 0.9}}}}}, {{"init",
                                                                                       {{"std",
                                                                                         {{"query", 0.3},
                                                                                          {"key", 0.3},
                                                                                          {"value", 0.1},
                                                                                          {"output", 0.1},
                                                                                          {"ffn_in", 0.1},
                                                                                          {"ffn_out", 0.05},
                                                                                          {"bias", 0.1}}}}}}));
}

TEST_CASE("slopes by a router's deviation are those of differences") {
  check_slopes(changed({{"ffn", {{"experts", 4}, {"top_k", 2}, {"router_std", 0.1}, {"activation", "gelu"}}}}));
}

TEST_CASE("slopes by numbers of heads and experts are those of differences", "[bulk]") {
  check_slopes(changed({{"attention", {{"heads", 16}}}, {"ffn", {{"experts", 24}, {"top_k", 12}}}}));
}

TEST_CASE("slopes of an encoder with its decoder, and of the published theory, are those of differences", "[bulk]") {
  json both = test::encoder_decoder_of(test::small_stack());
  both["decoder"]["attention"]["mask"] = "none";
  check_slopes(both);
  check_slopes(changed({{"attention", {{"dropout", 0.1}}}}), Theory::paper);
}

TEST_CASE("slopes behind a causal mask are those of differences", "[bulk]") {
  const json causal = {{"layers", 2}, {"attention", {{"mask", "causal"}}}}, brief = {{"sequence_length", 24}};
  check_slopes(changed(causal, brief));
  json rotary = changed(causal, brief);
  rotary = test::merged(rotary, {{"batch", 64},
                                 {"gradient", {{"token_correlation", 0.2}, {"cross_correlation", 0.1}}},
                                 {"stack",
                                  {{"norm", {{"kind", "rms_norm"}, {"placement", "post"}}},
                                   {"attention", {{"rotary_base", 10000}, {"dropout", 0.1}}},
                                   {"ffn", {{"width", 256}, {"activation", "silu"}, {"gated", true}}}}}});
  check_slopes(rotary);
}

TEST_CASE("behind a causal mask slopes come by differences, of sizes too", "[bulk]") {
  json spec = changed({{"layers", 2}, {"attention", {{"mask", "causal"}}}}, {{"sequence_length", 32}});
  network::Network network = test::network_of(spec);
  const std::vector<Knob> knobs = network::knobs_of(network);
  const auto reading = [](const profile::Profile& p) { return p.points.back().forward.variance; };
  const predict::Slopes slopes = predict::slopes(network, Theory::full, {}, knobs, reading);
  CHECK(slopes.by_differences);
  CHECK(predict::predict(network, Theory::full).points.back().forward.variance.value == slopes.value.value);
  spec["stack"]["attention"]["mask"] = "none";
  network::Network open = test::network_of(spec);
  const predict::Slopes exact = predict::slopes(open, Theory::full, {}, network::knobs_of(open), reading);
  for (std::size_t k = 0; k < knobs.size(); ++k) {
    INFO(knobs[k].name);
    CHECK(std::isfinite(slopes.by_knob[k]));
    // What comes before attention cannot tell a mask.
    if (knobs[k].name == "init.std.ffn_in") CHECK(slopes.by_knob[k] == Approx(exact.by_knob[k]).epsilon(0.1));
  }
}

TEST_CASE("behind a causal mask that averages, the slope by the sequence length is that of its mean of 1/i") {
  constexpr double length = 32;
  network::Network network =
      test::network_of(test::parsed(R"({"sequence_length": 32, "input": {"variance": 1}, "components": [
      {"attention": {"width": 64, "heads": 1, "mask": "causal", "query_std": 0, "key_std": 0, "value_std": 0.1, "output_std": 0.1}}]})"));
  const predict::Slopes slopes =
      predict::slopes(network, Theory::full, {}, network::knobs_of(network),
                      [](const profile::Profile& p) { return p.points.back().forward.variance; });
  double sum = 0, squares = 0;
  for (double i = 1; i <= length; ++i) sum += 1 / i, squares += 1 / (i * i);
  // The mean is H_L/L, and H_L grows with L by π²/6 - H_L^(2).
  const double pi = scalar::pi<double>();
  const double slope = length * (pi * pi / 6 - squares) / sum - 1;
  CHECK(slopes.by_differences);
  CHECK(slopes.by_knob.front() == Approx(slope).epsilon(1e-3));
}

TEST_CASE("behind a causal mask slopes stay within what probabilities and correlations can be") {
  json spec = test::parsed(R"({"sequence_length": 32, "input": {"variance": 1}, "components": [
      {"attention": {"width": 64, "heads": 1, "mask": "causal", "query_std": 0, "key_std": 0, "value_std": 0.1, "output_std": 0.1}}]})");
  const auto slope = [&](const std::string& name) {
    network::Network network = test::network_of(spec);
    std::vector<Knob> knobs = network::knobs_of(network);
    std::erase_if(knobs, [&](const Knob& knob) { return knob.name != name; });
    REQUIRE(knobs.size() == 1);
    const auto reading = [](const profile::Profile& p) { return p.points.back().forward.variance; };
    return predict::slopes(network, Theory::full, {}, knobs, reading).by_knob.front();
  };
  double sum = 0;
  for (double i = 1; i <= 32; ++i) sum += 1 / i;
  spec["input"]["token_correlation"] = 1;  // r + (1 - r) H_L/L
  CHECK(slope("input.token_correlation") == Approx(1 - sum / 32).epsilon(1e-4));
  spec["input"]["token_correlation"] = 0;  // in proportion to 1/(1 - p)
  spec["components"][0]["attention"]["dropout"] = 0.9995;
  CHECK(slope("attention.dropout") == Approx(0.9995 / 0.0005).epsilon(1e-2));
}

TEST_CASE("what has no logarithm in a double has no slopes") {
  network::Network network = test::network_of(test::small_stack());
  const auto of = [&](const auto& reading) {
    return predict::slopes(network, Theory::full, {}, network::knobs_of(network), reading);
  };
  CHECK_THROWS_WITH(of([](const profile::Profile& p) { return p.points.back().forward.mean; }),
                    "is 0 and has no logarithm: ask for another");
  network = test::network_of(test::parsed(R"({"sequence_length": 4, "input": {"variance": 1}, "components": [
      {"repeat": {"times": 400, "of": [{"linear": {"in": 50, "out": 50, "weight_std": 1e6}}]}}]})"));
  CHECK_THROWS_AS(of([](const profile::Profile& p) { return p.points.back().forward.variance; }), std::range_error);
}

}  // namespace
