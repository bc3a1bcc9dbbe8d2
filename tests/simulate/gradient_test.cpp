// SPDX-License-Identifier: Apache-2.0
// The hand-written backward passes against central differences of the forward pass, in float64.
#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "sigprop/network/outline.hpp"
#include "simulate/replicate.hpp"
#include "support/encoder_decoder.hpp"
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
  INFO(spec.dump());
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
  for (const char* name : {"relu", "gelu", "gelu_tanh", "silu", "tanh", "leaky_relu", "squared_relu", "identity"})
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
  check_gradients(components(json::array_t{attention({{"kv_heads", 1}, {"head_width", 3}, {"rotary_base", 100}})}));
  check_gradients(components(json::array_t{attention(
      {{"kv_heads", 2}, {"mask", "causal"}, {"dropout", 0.2}, {"rotary_base", 10000}, {"score_scale", 1.3}})}));
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

TEST_CASE("layers computed again in the backward pass give the same bits as layers kept") {
  json spec = small_stack();
  spec["stack"]["attention"]["mask"] = "causal";
  const Subject subject(spec);
  CHECK(subject.run({}, simulate::Policy::recompute) == subject.sample);
}

}  // namespace
