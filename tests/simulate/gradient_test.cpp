// SPDX-License-Identifier: Apache-2.0
// The hand-written backward passes against central differences of the forward pass, in float64.
#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "sigprop/network/outline.hpp"
#include "simulate/replicate.hpp"
#include "support/random.hpp"
#include "support/spec.hpp"

namespace {

using nlohmann::json;
using namespace sigprop;
using simulate::Matrix;

/// One random network of a spec, of which single numbers can be shifted.
class Subject {
 public:
  explicit Subject(const json& spec)
      : network_(test::network_of(spec)),
        outline_(network::outline_of(network_)),
        layout_(simulate::layout_of(network_, outline_, {0})) {
    simulate::Probe<double> probe;
    probe.weight = [this](std::uint32_t tensor, const Matrix<double>& w) { weights[tensor] = w; };
    probe.weight_gradient = [this](std::uint32_t tensor, const Matrix<double>& g) { weight_gradients[tensor] = g; };
    probe.input = [this](const Matrix<double>& x) { input = x; };
    probe.input_gradient = [this](const Matrix<double>& g) { input_gradient = g; };
    sample = run(probe, simulate::Policy::keep);
  }

  /// Σ g ∘ f(x), g the output gradient: its derivatives are what the backward pass computes.
  [[nodiscard]] double loss(simulate::Probe<double> probe) const {
    double sum = 0;
    probe.output = [&](const Matrix<double>& y, const Matrix<double>& g) { sum = y.cwiseProduct(g).sum(); };
    static_cast<void>(run(probe, simulate::Policy::keep));
    return sum;
  }

  [[nodiscard]] double weight_slope(std::uint32_t tensor, Eigen::Index element, double step) const {
    const auto shifted = [&](double by) {
      simulate::Probe<double> probe;
      probe.weight = [&](std::uint32_t at, Matrix<double>& w) {
        if (at == tensor) w.data()[element] += by;
      };
      return loss(probe);
    };
    return (shifted(step) - shifted(-step)) / (2 * step);
  }

  [[nodiscard]] double input_slope(Eigen::Index element, double step) const {
    const auto shifted = [&](double by) {
      simulate::Probe<double> probe;
      probe.input = [&](Matrix<double>& x) { x.data()[element] += by; };
      return loss(probe);
    };
    return (shifted(step) - shifted(-step)) / (2 * step);
  }

  [[nodiscard]] simulate::Sample run(const simulate::Probe<double>& probe, simulate::Policy policy) const {
    return simulate::run_replicate<double>({network_, outline_, layout_}, simulate::Draw(5, 3), simulate::Team{1},
                                           policy, nullptr, &probe);
  }

  std::map<std::uint32_t, Matrix<double>> weights;
  std::map<std::uint32_t, Matrix<double>> weight_gradients;
  Matrix<double> input;
  Matrix<double> input_gradient;
  simulate::Sample sample;

 private:
  network::Network network_;
  network::Outline outline_;
  simulate::Layout layout_;
};

/// Gradients at elements drawn at random: `per_tensor` of every weight and of the input.
void check_gradients(const json& spec, int per_tensor = 4) {
  constexpr double step = 1e-5;
  constexpr double tolerance =
      2e-6;  // of the tensor's largest gradient: truncation of order step², rounding 1e-16/step
  INFO(test::text_of(spec));
  const Subject subject(spec);
  test::Random random(7);
  const auto pick = [&](const Matrix<double>& m) {
    return static_cast<Eigen::Index>(random.uniform() * static_cast<double>(m.size()));
  };
  REQUIRE(subject.weight_gradients.size() == subject.weights.size());
  for (const auto& [tensor, gradient] : subject.weight_gradients) {
    for (int i = 0; i < per_tensor; ++i) {
      const Eigen::Index element = pick(gradient);
      INFO("weight tensor " << tensor << ", element " << element << ", gradient " << gradient.data()[element]);
      CHECK(std::abs(subject.weight_slope(tensor, element, step) - gradient.data()[element]) <=
            tolerance * (1e-3 + gradient.cwiseAbs().maxCoeff()));
    }
  }
  for (int i = 0; i < per_tensor; ++i) {
    const Eigen::Index element = pick(subject.input);
    INFO("input element " << element << ", gradient " << subject.input_gradient.data()[element]);
    CHECK(std::abs(subject.input_slope(element, step) - subject.input_gradient.data()[element]) <=
          tolerance * (1e-3 + subject.input_gradient.cwiseAbs().maxCoeff()));
  }
}

json components(json::array_t list) {
  return {{"sequence_length", 5},
          {"batch", 2},
          {"width", 8},
          {"input", {{"variance", 1}, {"mean", 0.3}, {"token_correlation", 0.2}}},
          {"components", std::move(list)}};
}

json linear(int in, int out) {
  return {{"linear", {{"in", in}, {"out", out}, {"weight_std", 0.4}, {"bias_std", 0.2}}}};
}

json attention(const json& more = json::object()) {
  json op = {{"width", 8},       {"heads", 4},        {"query_std", 0.5}, {"key_std", 0.4},
             {"value_std", 0.3}, {"output_std", 0.3}, {"bias_std", 0.2}};
  op.update(more);
  return {{"attention", op}};
}

json side_by_side(json::array_t lists) {
  return {{"parallel", {{"of", std::move(lists)}}}};
}

json small_stack() {
  json spec = test::small_stack();
  spec["sequence_length"] = 6;
  spec["batch"] = 2;
  spec["stack"]["layers"] = 2;
  spec["stack"]["width"] = 8;
  spec["stack"]["attention"] = {{"heads", 2}, {"dropout", 0.2}};
  spec["stack"]["ffn"] = {{"width", 12}, {"activation", "gelu"}};
  spec["stack"]["residual"] = {{"skip", 0.9}, {"branch", 0.7}, {"dropout", 0.1}};
  return spec;
}

TEST_CASE("the gradient of every activation is that of its value") {
  for (const char* name : {"relu", "gelu", "gelu_tanh", "quick_gelu", "silu", "mish", "softplus", "sigmoid", "tanh",
                           "leaky_relu", "squared_relu", "identity"})
    check_gradients(components({linear(8, 6), {{"activation", name}}, linear(6, 3)}));
}

TEST_CASE("the gradient of a gated linear layer is that of its value") {
  check_gradients(components(json::array_t{
      {{"gated_linear",
        {{"in", 8}, {"out", 6}, {"gate_std", 0.5}, {"weight_std", 0.4}, {"bias_std", 0.1}, {"activation", "silu"}}}}}));
}

TEST_CASE("the gradients of norms, dropout and nested residuals are those of their values") {
  check_gradients(components({{{"norm", "layer_norm"}}, linear(8, 8), {{"norm", "rms_norm"}}}));
  check_gradients(components({{{"dropout", 0.4}}, linear(8, 4)}));
  const json inner = {{"residual", {{"skip", 2}, {"branch", -0.5}, {"of", {linear(8, 8), {{"activation", "tanh"}}}}}}};
  check_gradients(components(
      {{{"repeat",
         {{"times", 3}, {"of", {{{"residual", {{"skip", 0.5}, {"branch", 1.5}, {"of", {inner, linear(8, 8)}}}}}}}}}}}));
}

TEST_CASE("the gradient of attention is that of its value, with mask, dropout, grouped keys, rotation and scale") {
  check_gradients(components(json::array_t{attention()}));
  check_gradients(components(json::array_t{attention({{"mask", "causal"}})}));
  check_gradients(components(json::array_t{attention({{"dropout", 0.3}})}));
  check_gradients(components(json::array_t{attention({{"kv_heads", 2}})}));
  check_gradients(components(
      json::array_t{attention({{"kv_heads", 1}, {"head_width", 3}, {"rotary_base", 100}, {"rotary_width", 2}})}));
  check_gradients(components(json::array_t{attention(
      {{"kv_heads", 2}, {"mask", "causal"}, {"dropout", 0.2}, {"rotary_base", 10000}, {"score_scale", 1.3}})}));
}

TEST_CASE(
    "the gradient of attention is that of its value, with norms of queries and keys and a part of the head turned") {
  for (const char* norm : {"rms_norm", "layer_norm"}) {
    check_gradients(components(json::array_t{attention({{"heads", 2}, {"query_key_norm", norm}})}));
    check_gradients(components(json::array_t{attention({{"heads", 4},
                                                        {"kv_heads", 2},
                                                        {"head_width", 5},
                                                        {"query_key_norm", norm},
                                                        {"mask", "causal"},
                                                        {"dropout", 0.2},
                                                        {"rotary_base", 100},
                                                        {"rotary_width", 4}})}));
    check_gradients(components(json::array_t{
        attention({{"heads", 4}, {"kv_heads", 2}, {"query_key_norm", norm}, {"query_key_norm_over", "all_heads"}})}));
  }
  check_gradients(components(json::array_t{attention({{"heads", 2}, {"rotary_base", 100}, {"rotary_width", 2}})}));
}

TEST_CASE("the gradients of lists side by side are those of their sum") {
  const json gelu = json::array({linear(8, 6), {{"activation", "gelu"}}});
  const json dropped = json::array({linear(8, 6), {{"dropout", 0.3}}});
  check_gradients(components(json::array_t{side_by_side({gelu, json::array({linear(8, 6)}), dropped})}));
  const json inside = side_by_side(
      {json::array({attention({{"dropout", 0.2}})}), json::array({linear(8, 8), {{"activation", "tanh"}}})});
  check_gradients(
      components({{{"residual", {{"skip", 0.5}, {"branch", 1.5}, {"of", {{{"norm", "layer_norm"}}, inside}}}}}}));
}

TEST_CASE("the gradients of experts are those of their mean") {
  const json one = json::array({linear(8, 6), {{"activation", "gelu"}}, {{"dropout", 0.2}}, linear(6, 8)});
  const auto experts = [&](int count, int chosen) {
    return json{{"experts", {{"count", count}, {"top_k", chosen}, {"of", one}}}};
  };
  check_gradients(components(json::array_t{experts(3, 2)}));
  check_gradients(components({{{"residual", {{"of", {{{"norm", "rms_norm"}}, experts(4, 1)}}}}}, experts(2, 2)}));
}

TEST_CASE("the gradients of experts go through their router's weights") {
  const json one = json::array({linear(8, 6), {{"activation", "gelu"}}, {{"dropout", 0.2}}, linear(6, 8)});
  const auto experts = [&](int count, int chosen, double std) {
    return json{{"experts", {{"count", count}, {"top_k", chosen}, {"router_std", std}, {"of", one}}}};
  };
  check_gradients(components(json::array_t{experts(4, 2, 0.5)}));
  check_gradients(
      components({{{"residual", {{"of", {{{"norm", "rms_norm"}}, experts(5, 3, 1)}}}}}, experts(3, 3, 0.1)}));
}

TEST_CASE("the gradients of whole small models are those of their values") {
  json spec = small_stack();
  check_gradients(spec);
  spec["stack"]["norm"] = {{"kind", "layer_norm"}, {"placement", "post"}};
  spec["stack"]["attention"]["mask"] = "causal";
  check_gradients(spec);
  spec["stack"]["norm"] = {{"kind", "rms_norm"}, {"placement", "pre"}, {"final", true}};
  spec["stack"]["ffn"] = {{"width", 12}, {"activation", "silu"}, {"gated", true}};
  spec["stack"]["attention"] = {{"heads", 4}, {"kv_heads", 2}, {"rotary_base", 10000}, {"mask", "causal"}};
  check_gradients(spec);
  spec["stack"]["norm"]["gain"] = 1.5;
  spec["stack"]["norm"]["inner"] = true;
  check_gradients(spec);
}

TEST_CASE("the gradients of whole small models of today's blocks are those of their values") {
  json spec = small_stack();
  spec["stack"]["parallel"] = true;
  spec["stack"]["attention"] = {
      {"heads", 2}, {"query_key_norm", "rms_norm"}, {"rotary_base", 100}, {"rotary_width", 2}};
  check_gradients(spec);
  spec = small_stack();
  spec["stack"]["ffn"].update({{"experts", 3}, {"top_k", 2}, {"gated", true}});
  spec["stack"]["norm"]["placement"] = "sandwich";
  check_gradients(spec);
  spec["stack"]["ffn"]["gated"] = false;
  spec["stack"]["norm"]["placement"] = "output";
  spec["stack"]["attention"]["mask"] = "causal";
  check_gradients(spec);
}

TEST_CASE("the gradients of an encoder–decoder are those of its values, through cross-attention") {
  check_gradients(test::encoder_decoder_of(small_stack()), 2);
}

TEST_CASE("a sample holds the squared norms of the weights' gradients") {
  const Subject subject(small_stack());
  double sum = 0;
  for (const auto& [tensor, gradient] : subject.weight_gradients) sum += gradient.squaredNorm();
  const network::Network network = test::network_of(small_stack());
  const network::Outline outline = network::outline_of(network);
  double in_sample = 0;
  for (const std::size_t place : simulate::layout_of(network, outline, {0}).weights) in_sample += subject.sample[place];
  CHECK(in_sample == Approx(sum).epsilon(1e-12));
}

// ---- tied turns ------------------------------------------------------------------------------------------------------

json tied(int times, const json& of, bool is_tied = true) {
  return {{"repeat", {{"times", times}, {"tied", is_tied}, {"of", of}}}};
}

/// The slope of the loss along one element of a weight that `turns` turns share, against the sum of
/// the turns' gradients.
void check_tied_gradient(const json& spec, std::size_t turns) {
  INFO(test::text_of(spec));
  const Subject subject(spec);
  REQUIRE(subject.weight_gradients.size() == turns * subject.weights.size());
  const std::uint32_t stride =
      std::next(subject.weight_gradients.begin())->first - subject.weight_gradients.begin()->first;
  REQUIRE(subject.weights.size() == 1);
  const std::uint32_t tensor = subject.weights.begin()->first;
  Matrix<double> sum =
      Matrix<double>::Zero(subject.weights.begin()->second.rows(), subject.weights.begin()->second.cols());
  for (std::uint32_t turn = 0; turn < turns; ++turn) sum += subject.weight_gradients.at(tensor + turn * stride);
  for (const Eigen::Index element : {Eigen::Index{0}, Eigen::Index{13}, sum.size() - 1})
    CHECK(subject.weight_slope(tensor, element, 1e-5) == Approx(sum.data()[element]).epsilon(1e-6).margin(1e-7));
}

TEST_CASE("the gradients of tied turns add up to that of the one weight they share") {
  const json branch = {
      {"residual", {{"branch", 0.7}, {"of", {linear(8, 8), {{"activation", "tanh"}}, {{"dropout", 0.2}}}}}}};
  check_tied_gradient(components(json::array_t{tied(3, json::array({branch}))}), 3);
  const json inner = {{"residual", {{"of", {tied(2, json::array({linear(8, 8), {{"activation", "tanh"}}}))}}}}};
  check_tied_gradient(components(json::array_t{inner}), 2);
  check_tied_gradient(components(json::array_t{tied(3, json::array({inner}))}), 6);
}

TEST_CASE("tied turns draw one weight and one bias, turns that are not tied each their own") {
  for (const bool is_tied : {true, false}) {
    const Subject subject(components(json::array_t{tied(3, json::array({linear(8, 8)}), is_tied)}));
    CHECK(subject.weights.size() == (is_tied ? 1 : 3));
    CHECK(subject.weight_gradients.size() == 3);
  }
  // x ↦ W(Wx + b) + b leaves b's image in the output of x = 0: the same b twice.
  json one = components(json::array_t{tied(1, json::array({linear(8, 8)}))});
  json two = components(json::array_t{tied(2, json::array({linear(8, 8)}))});
  const auto output = [](const json& spec) {
    Matrix<double> out;
    simulate::Probe<double> probe;
    probe.input = [](Matrix<double>& x) { x.setZero(); };
    probe.output = [&](const Matrix<double>& y, const Matrix<double>&) { out = y; };
    static_cast<void>(Subject(spec).run(probe, simulate::Policy::keep));
    return out;
  };
  const Matrix<double> weight = Subject(one).weights.begin()->second, bias = output(one);
  CHECK((output(two) - (bias * weight.transpose() + bias)).cwiseAbs().maxCoeff() < 1e-12);
}

TEST_CASE("tied turns have dropout masks of their own") {
  const auto kept = [](int times) {
    double count = 0;
    simulate::Probe<double> probe;
    probe.output = [&](const Matrix<double>& y, const Matrix<double>&) {
      count = (y.array() != 0).cast<double>().mean();
    };
    static_cast<void>(Subject(components(json::array_t{tied(times, json::array({{{"dropout", 0.5}}}))}))
                          .run(probe, simulate::Policy::keep));
    return count;
  };
  CHECK(kept(2) < kept(1));  // were the masks the same, what the first turn kept the second would keep
  CHECK(kept(3) < kept(2));
}

// ---- lists side by side and experts ----------------------------------------------------------------------------------

TEST_CASE("a list beside the identity is a residual sum, bit for bit") {
  const json list = json::array({linear(8, 8), {{"activation", "gelu"}}, {{"dropout", 0.2}}});
  const json beside = side_by_side({list, json::array({{{"activation", "identity"}}})});
  const Subject parallel(components(json::array_t{beside}));
  const Subject residual(components(json::array_t{{{"residual", {{"of", list}}}}}));
  CHECK(parallel.input_gradient == residual.input_gradient);
  CHECK(parallel.sample == residual.sample);
}

TEST_CASE("lists side by side are the sum of what each would be alone") {
  const auto run = [](const json& list) {
    Matrix<double> output;
    simulate::Probe<double> probe;
    probe.output = [&](const Matrix<double>& y, const Matrix<double>&) { output = y; };
    const Subject subject(components(json::array_t{list}));
    static_cast<void>(subject.run(probe, simulate::Policy::keep));
    return std::pair{output, subject.input_gradient};
  };
  const json gelu = {{"activation", "gelu"}}, tanh = {{"activation", "tanh"}}, relu = {{"activation", "relu"}};
  const auto all = run(side_by_side({json::array({gelu}), json::array({tanh, relu}), json::array({relu})}));
  const auto first = run(gelu), third = run(relu);
  const auto second = run({{"residual", {{"skip", 0}, {"of", {tanh, relu}}}}});
  CHECK((all.first - first.first - second.first - third.first).cwiseAbs().maxCoeff() < 1e-14);
  CHECK((all.second - first.second - second.second - third.second).cwiseAbs().maxCoeff() < 1e-14);
}

json identity_experts(int count, int chosen, double router_std) {
  return components(json::array_t{
      {{"experts",
        {{"count", count}, {"top_k", chosen}, {"router_std", router_std}, {"of", {{{"activation", "identity"}}}}}}}});
}

/// What enters and leaves experts that do nothing, forward and backward.
struct Passed {
  Matrix<double> input, output, gradient, input_gradient;
};

Passed through_identity_experts(int count, int chosen, double router_std = 0) {
  Passed out;
  simulate::Probe<double> probe;
  probe.input = [&](Matrix<double>& x) { out.input = x; };
  probe.output = [&](const Matrix<double>& y, const Matrix<double>& g) {
    out.output = y;
    out.gradient = g;
  };
  probe.input_gradient = [&](const Matrix<double>& g) { out.input_gradient = g; };
  static_cast<void>(Subject(identity_experts(count, chosen, router_std)).run(probe, simulate::Policy::keep));
  return out;
}

TEST_CASE("a router weighs the experts of its largest logits, so that their weights sum to 1") {
  for (const auto& [count, chosen] : {std::pair{1, 1}, {4, 1}, {5, 2}, {4, 4}}) {
    INFO(chosen << " of " << count);
    const Passed passed = through_identity_experts(count, chosen, 0.7);
    CHECK((passed.output - passed.input).cwiseAbs().maxCoeff() < 1e-14);
    // All experts say the same: no logit moves y.
    CHECK((passed.input_gradient - passed.gradient).cwiseAbs().maxCoeff() < 1e-12);
  }
}

TEST_CASE("every token takes exactly as many experts as it should, forward and backward") {
  for (const auto& [count, chosen] : {std::pair{1, 1}, {4, 1}, {5, 2}, {4, 4}}) {
    INFO(chosen << " of " << count);
    const Passed passed = through_identity_experts(count, chosen);
    CHECK(passed.output == passed.input);  // 1/k is a power of two: sums of k terms x/k are exact
    CHECK(passed.input_gradient == passed.gradient);
  }
}

TEST_CASE("layers computed again in the backward pass give the same bits as layers kept") {
  json spec = small_stack();
  spec["stack"]["attention"]["mask"] = "causal";
  const auto check = [](const json& model) {
    INFO(test::text_of(model));
    const Subject subject(model);
    CHECK(subject.run({}, simulate::Policy::recompute) == subject.sample);
  };
  check(spec);
  spec["stack"]["tied"] = true;
  check(spec);
  spec["stack"]["parallel"] = true;
  spec["stack"]["attention"].update({{"query_key_norm", "rms_norm"}, {"rotary_base", 100}, {"rotary_width", 2}});
  check(spec);
  spec["stack"]["ffn"].update({{"experts", 3}, {"top_k", 2}});
  check(spec);
  spec["stack"]["ffn"]["router_std"] = 0.5;
  check(spec);
}

}  // namespace
