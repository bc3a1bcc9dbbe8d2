// SPDX-License-Identifier: Apache-2.0
#include "sigprop/verify/verify.hpp"

#include <boost/math/distributions/students_t.hpp>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <string>

namespace {

using namespace sigprop;
using profile::Quantity;
using profile::WeightRole;

/// One point and one layer; every measured number with a standard error of 1 % of it.
profile::Profile made(double scale, bool measured) {
  const auto q = [&](double value) {
    const double x = scale * value;
    return measured ? Quantity(x, {0.01 * std::abs(x), 0.08 * std::abs(x)}) : Quantity(x);
  };
  profile::Profile out;
  profile::Point point;
  point.path = "layer 1/ffn";
  point.layer = 1;
  point.forward = {.mean = q(0.0),
                   .variance = q(2.0),
                   .second_moment = q(2.0),
                   .token_dot = q(0.5),
                   .cross_dot = {},
                   .token_correlation = q(0.25),
                   .rank_residual = q(0.8),
                   .effective_rank = q(12.0),
                   .ends = {},
                   .tokens = {},
                   .gram = {}};
  point.backward = {.variance = q(3.0),
                    .token_dot = q(0.3),
                    .cross_dot = {},
                    .token_correlation = q(0.1),
                    .norm = q(40.0),
                    .ends = {},
                    .tokens = {}};
  out.points.push_back(point);
  profile::Layer layer;
  layer.index = 1;
  layer.path = "layer 1";
  layer.attention = profile::AttentionMetrics{.score_variance = q(0.7), .entropy = q(4.0), .entropy_fraction = q(0.9)};
  layer.weights = {{.name = "query", .role = WeightRole::query, .std = 0.1, .gradient_norm = q(7.0)},
                   {.name = "value", .role = WeightRole::value, .std = 0.1, .gradient_norm = q(9.0)}};
  out.layers.push_back(layer);
  return out;
}

verify::Model exact() {
  verify::Model model;
  model.exact = true;
  return model;
}

verify::Options thirty() {
  verify::Options options;
  options.replicates = 30;
  return options;
}

TEST_CASE("equal profiles agree in every quantity, and the sentence gives the power") {
  const verify::Verification result = verify::verify(made(1, false), made(1, true), exact(), thirty());
  CHECK(result.agrees());
  CHECK(result.comparisons.size() == 15);
  CHECK(result.quantities.size() == 15);
  const double one_error = -std::expm1(std::log1p(-1e-6) / 15);
  const boost::math::students_t student(29);
  CHECK(result.critical_t == Approx(boost::math::quantile(boost::math::complement(student, one_error / 2))));
  // The least error seen with 95 %: t standard errors of 1 %, 1.645 more, and float32's rounding.
  const double seen = (result.critical_t + 1.645) * 0.01 + 1e-5;
  for (const auto& verdict : result.quantities) {
    if (verdict.quantity == "backward.variance") CHECK(verdict.detectable == Approx(seen));
  }
  char percent[16];
  std::snprintf(percent, sizeof percent, "%.2g %%", 100 * seen);
  CHECK_THAT(result.sentence,
             Catch::Matchers::StartsWith(std::string("all 15 comparisons agree; an error would have been seen above ") +
                                         percent + " of forward.variance, " + percent + " of backward.variance, "));
}

TEST_CASE("tokens are compared one by one, each at its place, where both list them") {
  profile::Profile predicted = made(1, false), measured = made(1, true);
  const Quantity token(2, {0.02, 0.16});
  predicted.points[0].forward.tokens = {2.0, 2.0};
  measured.points[0].forward.tokens = {token, token};
  predicted.points[0].backward.tokens = {2.0, 1.0};
  measured.points[0].backward.tokens = {token, token};
  const verify::Verification result = verify::verify(predicted, measured, exact(), thirty());
  CHECK(result.comparisons.size() == 15 + 4);
  CHECK(result.disagreeing == 1);
  for (const auto& verdict : result.quantities) {
    if (verdict.disagreeing == 0) continue;
    CHECK(verdict.quantity == "backward.tokens.variance");
    CHECK(verdict.worst.path == "layer 1/ffn, token 2");
  }
  CHECK(verify::verify(predicted, made(1, true), exact(), thirty()).comparisons.size() == 15);
}

TEST_CASE("the sentence of a difference beyond the noise gives its place, its numbers and what was allowed") {
  const verify::Verification result = verify::verify(made(0.5, false), made(1, true), exact(), thirty());
  CHECK_FALSE(result.agrees());
  CHECK(
      result.sentence ==
      "14 of 15 comparisons disagree; the worst is backward.variance at layer 1/ffn: predicted 1.5, measured 3 ± 0.03, "
      "100 % too low where 14 % is allowed");
}

TEST_CASE("a disagreement with what was measured without scatter, as where all of it was 0, gives no error") {
  profile::Profile measured = made(1, true);
  measured.layers[0].weights[0].gradient_norm = Quantity(0);
  const verify::Verification result = verify::verify(made(1, false), measured, exact(), thirty());
  CHECK_FALSE(result.agrees());
  CHECK_THAT(result.sentence, Catch::Contains("query") && Catch::Contains("measured 0, "));
}

TEST_CASE("a difference that the model error covers agrees, and a tolerance takes its place") {
  verify::Options options = thirty();
  options.tolerance = 0.6;
  CHECK(verify::verify(made(0.5, false), made(1, true), exact(), options).disagreeing ==
        8);  // a factor of two is 100 % of the prediction
  options.tolerance = 1.1;
  CHECK(verify::verify(made(0.5, false), made(1, true), exact(), options).agrees());
}

TEST_CASE("z is the difference over the standard error") {
  const verify::Verification result = verify::verify(made(1.05, false), made(1, true), exact(), thirty());
  for (const verify::Comparison& c : result.comparisons) {
    if (c.quantity == "forward.mean") {
      CHECK(c.z == 0);
    } else {
      CHECK(c.z == Approx(5).epsilon(1e-9));
      CHECK(c.agrees);
    }
  }
}

TEST_CASE("few replicates see little: the same difference is a disagreement only with more of them") {
  verify::Options few;
  few.replicates = 3;
  const verify::Verification result = verify::verify(made(0.5, false), made(1, true), exact(), few);
  CHECK(result.agrees());
  CHECK(result.quantities.front().compared == 1);
  CHECK(result.sentence.find("would have been seen") != std::string::npos);
  few.replicates = 1;
  CHECK_THROWS_AS(verify::verify(made(1, false), made(1, true), exact(), few), std::logic_error);
}

/// The comparison of one quantity; there must be one.
const verify::Comparison& comparison_of(const verify::Verification& result, const std::string& quantity) {
  for (const verify::Comparison& c : result.comparisons) {
    if (c.quantity == quantity) return c;
  }
  throw std::logic_error("no comparison of " + quantity);
}

TEST_CASE("scores and entropy of cross-attention are compared, with the error granted to those of attention") {
  profile::Profile predicted = made(1, false), measured = made(1, true);
  for (profile::Profile* profile : {&predicted, &measured})
    profile->layers[0].cross_attention = profile->layers[0].attention;
  measured.layers[0].cross_attention->score_variance.value = 7;
  measured.layers[0].cross_attention->entropy->value = 1;
  const verify::Verification result = verify::verify(predicted, measured, {}, thirty());
  CHECK(result.comparisons.size() == 15 + 2);
  CHECK(result.disagreeing == 2);
  for (const std::string quantity : {"score_variance", "entropy"}) {
    const verify::Comparison& cross = comparison_of(result, "cross_attention." + quantity);
    const verify::Comparison& self = comparison_of(result, "attention." + quantity);
    CHECK_FALSE(cross.agrees);
    CHECK(cross.model_error == self.model_error);
    CHECK(cross.scale == self.scale);
  }
}

TEST_CASE("every query's and key's weight is granted the error of scores, whatever its name") {
  profile::Profile predicted = made(1, false), measured = made(1, true);
  for (profile::Profile* profile : {&predicted, &measured}) {
    std::vector<profile::Weight>& weights = profile->layers[0].weights;
    const Quantity norm = *weights[0].gradient_norm;
    for (const auto& [name, role] : {std::pair("cross_query", WeightRole::query),
                                     {"cross_key", WeightRole::key},
                                     {"query_2", WeightRole::query},
                                     {"ffn_gate", WeightRole::gate}})
      weights.push_back({.name = name, .role = role, .std = 0.1, .gradient_norm = norm});
  }
  const verify::Verification result = verify::verify(predicted, measured, {}, thirty());
  const auto granted = [&](const std::string& name) {
    return comparison_of(result, "weights." + name + ".gradient_norm").model_error;
  };
  CHECK(granted("query") != granted("value"));
  for (const char* name : {"cross_query", "cross_key", "query_2"}) CHECK(granted(name) == granted("query"));
  CHECK(granted("ffn_gate") == granted("value"));
}

TEST_CASE("what a theory does not have is not compared, and other places are refused") {
  profile::Profile predicted = made(1, false);
  predicted.layers[0].weights[0].gradient_norm.reset();
  predicted.layers[0].attention->entropy.reset();
  CHECK(verify::verify(predicted, made(1, true), exact(), thirty()).comparisons.size() == 13);
  predicted.points.clear();
  CHECK_THROWS_AS(verify::verify(predicted, made(1, true), exact(), thirty()), std::logic_error);
}

TEST_CASE("the model error is 0 for exact models, grows with depth over width, and is larger after the residual sum") {
  using verify::Kind;
  const verify::Context shallow{2, 2, 0.2}, deep{20, 20, 0.2};
  const verify::Model pre{256, 64, 64, false, false}, post{256, 64, 64, true, false}, wide{1024, 64, 64, false, false};
  for (const Kind kind :
       {Kind::forward, Kind::gradient, Kind::scores, Kind::entropy, Kind::value_weight, Kind::score_weight}) {
    CHECK(verify::model_error(kind, exact(), deep) == 0);
    CHECK(verify::model_error(kind, pre, deep) > verify::model_error(kind, pre, shallow));
    CHECK(verify::model_error(kind, wide, deep) < verify::model_error(kind, pre, deep));
    CHECK(verify::model_error(kind, pre, shallow) > 0);
    CHECK(verify::model_error(kind, pre, deep) < 0.6);
  }
  CHECK(verify::model_error(Kind::gradient, post, deep) > verify::model_error(Kind::gradient, pre, deep));
}

}  // namespace
