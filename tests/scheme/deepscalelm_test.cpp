// SPDX-License-Identifier: Apache-2.0
// DeepScaleLM: the authors' recursion against their values, and our own solution against its aim.
#include <catch2/catch.hpp>

#include "sigprop/predict/predict.hpp"
#include "sigprop/predict/propagator.hpp"
#include "support/reference.hpp"
#include "support/scheme.hpp"
#include "support/spec.hpp"

namespace {

using namespace sigprop;
using nlohmann::json;
using test::apply;

/// The paper's 192-layer model under another initialization.
json deep_model(const char* scheme, const char* activation, const char* placement, int layers) {
  json spec = test::project_spec("figure-192-deepscalelm.json");
  spec["stack"]["layers"] = layers;
  spec["stack"]["ffn"]["activation"] = activation;
  spec["stack"]["norm"]["placement"] = placement;
  spec["stack"]["residual"] = {{"dropout", 0.1}};
  spec["init"] = {{"scheme", scheme}};
  return spec;
}

double layer_norm(const profile::Layer& layer) {
  double sum = 0;
  for (const profile::Weight& weight : layer.weights) sum += std::pow(weight.gradient_norm->value, 2);
  return std::sqrt(sum);
}

void check_values(const json& golden, const char* choice, const scheme::Task& task) {
  const scheme::Settings settings = apply(choice, task);
  for (std::size_t i = 0; i < golden.at("layers").size(); ++i) {
    const std::size_t layer = golden.at("layers")[i];
    INFO("layer " << layer);
    const double wanted = golden.at("std_value_output")[i];
    CHECK(settings.std[layer - 1].value == Approx(wanted).margin(5.1e-6));
    CHECK(settings.std[layer - 1].output == settings.std[layer - 1].value);
  }
}

TEST_CASE("deepscalelm reproduces the authors' deviations to four digits") {
  const auto reference = test::read_reference("golden.json");
  const json& golden = reference.at("deepscalelm");
  scheme::Task task = test::task(192);
  task.stack.width = 1024;
  task.stack.attention.heads = 16;
  task.stack.ffn_width = 4096;
  check_values(golden.at("d1024_p0.1_N192_beta2_0.005_r0_0.221"), "deepscalelm:branches=400", task);
  check_values(golden.at("d768_p0.1_N12_beta2_1/6"), "deepscalelm:branches=12", test::base_task());
}

TEST_CASE("deepscalelm gives the deviations that the 192-layer spec has written out", "[bulk]") {
  const json spec = test::project_spec("figure-192-deepscalelm.json");
  json by_scheme = spec;
  by_scheme["init"] = {{"scheme", "deepscalelm"}, {"parameters", {{"branches", 400}}}};
  by_scheme["stack"]["residual"] = {{"dropout", 0.1}};
  const profile::Profile written = test::predicted(spec), made = test::predicted(by_scheme);
  for (std::size_t layer = 0; layer < written.layers.size(); ++layer) {
    for (std::size_t i = 0; i < written.layers[layer].weights.size(); ++i)
      CHECK(made.layers[layer].weights[i].std == Approx(written.layers[layer].weights[i].std).epsilon(1e-6));
  }
  CHECK(made.points.back().forward.variance.value ==
        Approx(written.points.back().forward.variance.value).epsilon(1e-6));
}

TEST_CASE("deepscalelm keeps λ² + β² at 1 and weighs β by the number of branches") {
  const scheme::Settings settings = apply("deepscalelm", test::base_task());
  CHECK(std::pow(settings.branch.front(), 2) == Approx(2.0 / 24));
  CHECK(std::pow(settings.branch.front(), 2) + std::pow(settings.skip.front(), 2) == Approx(1));
  CHECK(std::pow(apply("deepscalelm:alpha=2:k=3", test::base_task()).branch.front(), 2) == Approx(3.0 / 576));
}

TEST_CASE("deepscalelm is flat over 192 and 1000 layers", "[bulk]") {
  for (const int layers : {192, 1000}) {
    const profile::Profile profile = test::predicted(deep_model("deepscalelm", "relu", "pre", layers));
    for (const profile::Point& point : profile.points) CHECK(point.forward.variance.value == Approx(1).epsilon(0.05));
    const double first = layer_norm(profile.layers.front());
    for (const profile::Layer& layer : profile.layers) CHECK(layer_norm(layer) == Approx(first).epsilon(0.10));
  }
}

TEST_CASE("deepscalelm_full gives every branch variance 1, whatever the activation, width, placement, dropout and mask",
          "[bulk]") {
  for (const char* activation : {"relu", "gelu", "silu", "tanh", "squared_relu"}) {
    for (const network::Placement placement : {network::Placement::pre, network::Placement::post}) {
      for (const double dropout : {0.0, 0.2}) {
        scheme::Task task = test::task(4);
        task.stack.activation = activation == std::string("gelu")   ? network::ActivationKind::gelu
                                : activation == std::string("silu") ? network::ActivationKind::silu
                                : activation == std::string("tanh") ? network::ActivationKind::tanh
                                : activation == std::string("relu") ? network::ActivationKind::relu
                                                                    : network::ActivationKind::squared_relu;
        task.stack.placement = placement;
        task.stack.attention.mask = dropout > 0 ? network::Mask::causal : network::Mask::none;
        task.stack.ffn_width = 1000;
        task.stack.dropout.assign(task.stack.branches(), dropout);
        task.stack.ffn_dropout = dropout / 2;
        auto& embedding = std::get<network::Embedding>(task.model.source);
        embedding.token.std = embedding.position.std = embedding.segment.std = 0;  // left to the scheme
        INFO(activation << ' ' << dropout);
        const scheme::Settings settings = apply("deepscalelm_full", task);
        network::Stack stack = task.stack;
        stack.std = settings.std;
        stack.skip = settings.skip;
        stack.branch = settings.branch;
        embedding.token.std = embedding.position.std = embedding.segment.std = *settings.embedding;
        predict::Propagator signal(task.model, stack.attention.mask);
        CHECK(signal.variance_after({}) == Approx(1));
        for (std::size_t branch = 0; branch < stack.branches(); ++branch) {
          const auto residual = network::residual_of(stack, branch);
          CHECK(signal.variance_after(std::get<network::Residual>(residual.front().op).of) == Approx(1).epsilon(1e-9));
          signal.advance(residual);
        }
        CHECK(signal.variance_after({}) == Approx(1).epsilon(1e-9));
      }
    }
  }
}

TEST_CASE("deepscalelm_full removes the deviation that the authors' formulas leave with GELU") {
  const auto off = [](const char* scheme) {
    // The scheme is solved for tokens that are alike.
    const profile::Profile profile =
        test::predicted(deep_model(scheme, "gelu", "pre", 48), predict::Theory::full, {.sequences = 0});
    double worst = 0;
    for (const profile::Point& point : profile.points)
      worst = std::max(worst, std::abs(point.forward.variance.value - 1));
    return worst;
  };
  CHECK(off("deepscalelm") > 0.05);
  CHECK(off("deepscalelm_full") < 1e-9);
}

TEST_CASE("admin's skips are the deviations of the sums before them, behind a mask too") {
  const auto mask = GENERATE(network::Mask::none, network::Mask::causal);
  scheme::Task task = test::base_task();
  task.stack.placement = network::Placement::post;
  task.stack.attention.mask = mask;
  const scheme::Settings settings = apply("admin", task);
  CHECK(settings.skip.front() == 1);
  network::Stack stack = task.stack;
  stack.std = settings.std;
  stack.skip = settings.skip;
  predict::Propagator signal(task.model, mask);
  for (std::size_t branch = 0; branch + 1 < stack.branches(); ++branch) {
    const auto residual = network::residual_of(stack, branch);
    CHECK(signal.variance_after({residual.front()}) == Approx(std::pow(settings.skip[branch + 1], 2)));
    signal.advance(residual);
  }
  CHECK(settings.branch == std::vector<double>(24, 1.0));
}

TEST_CASE("the solved schemes say what they cannot do") {
  CHECK_THROWS_WITH(scheme::apply(*scheme::find("admin"), test::base_task()),
                    "admin scales the sums that a norm follows: set the norm's placement to post");
  scheme::Task task = test::base_task();
  task.stack.parallel = true;
  CHECK_THROWS_WITH(
      apply("deepscalelm_full", task),
      "deepscalelm_full gives every branch variance 1, and a parallel layer has two functions on one branch: set "
      "\"parallel\": false");
  task = test::base_task();
  task.stack.parallel = true;
  CHECK_THROWS_WITH(
      apply("deepscalelm", task),
      "deepscalelm gives every branch variance 1, and a parallel layer has two functions on one branch: set "
      "\"parallel\": false");
  task = test::base_task();
  task.stack.experts = 4;
  CHECK_THROWS_WITH(apply("deepscalelm", task),
                    "deepscalelm has no rule for experts: remove \"experts\", or take deepscalelm_full");
  task = test::base_task();
  task.stack.gated = true;
  CHECK_THROWS_WITH(apply("deepscalelm", task),
                    "deepscalelm has no rule for a gated feed-forward network: set \"gated\": false");
  task = test::base_task();
  task.model.source = network::GivenInput{0, 1, 0};
  CHECK_THROWS_WITH(apply("deepscalelm", task),
                    "deepscalelm divides by the token correlation, which is 0 at the input: give the input a positive "
                    "one, or take deepscalelm_full");
  CHECK_NOTHROW(apply("deepscalelm_full", task));
  CHECK_THROWS_WITH(
      apply("deepscalelm:branches=1", test::base_task()),
      "k/branches^alpha is 2.000000, but must be at most 1, the whole variance: lower k or raise branches");
}

}  // namespace
