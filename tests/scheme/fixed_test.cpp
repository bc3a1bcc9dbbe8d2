// SPDX-License-Identifier: Apache-2.0 The schemes that follow from sizes alone: values worked out
// apart from the code, for d = 768, f = 3072, 12 heads of 64, at the last of
// 12 layers.
#include <array>
#include <catch2/catch.hpp>

#include "support/scheme.hpp"

namespace {

using namespace sigprop;
using test::apply;

struct Spot {
  const char* scheme;
  std::array<double, 11> values;  ///< embedding, q, k, v, o, ffn_in, ffn_out, skip, branch, gain, score scale
};

constexpr Spot spots[] = {
    {"xavier",
     {0.036084392, 0.049029034, 0.049029034, 0.049029034, 0.036084392, 0.022821773, 0.022821773, 1, 1, 1, 0.125}},
    {"xavier:per_head=0",
     {0.036084392, 0.036084392, 0.036084392, 0.036084392, 0.036084392, 0.022821773, 0.022821773, 1, 1, 1, 0.125}},
    {"lecun", {0, 0.036084392, 0.036084392, 0.036084392, 0.036084392, 0.036084392, 0.018042196, 1, 1, 1, 0.125}},
    {"kaiming", {0, 0.051031036, 0.051031036, 0.051031036, 0.051031036, 0.051031036, 0.025515518, 1, 1, 1, 0.125}},
    {"torch_linear", {1, 0.020833333, 0.020833333, 0.020833333, 0.020833333, 0.020833333, 0.010416667, 1, 1, 1, 0.125}},
    {"gpt2", {0.02, 0.02, 0.02, 0.02, 0.0040824829, 0.02, 0.0040824829, 1, 1, 1, 0.125}},
    {"gpt2:output_scaling=0", {0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 1, 1, 1, 0.125}},
    {"bert", {0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 1, 1, 1, 0.125}},
    {"bert:truncation=2",
     {0.017592513, 0.017592513, 0.017592513, 0.017592513, 0.017592513, 0.017592513, 0.017592513, 1, 1, 1, 0.125}},
    {"llama", {0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 1, 1, 1, 0.125}},
    {"llama:std=0.006", {0.006, 0.006, 0.006, 0.006, 0.006, 0.006, 0.006, 1, 1, 1, 0.125}},
    {"olmo_mitchell",
     {0.035600081, 0.035600081, 0.035600081, 0.035600081, 0.0072668362, 0.035600081, 0.0036334181, 1, 1, 1, 0.125}},
    {"small_init",
     {0.022821773, 0.022821773, 0.022821773, 0.022821773, 0.0060140653, 0.022821773, 0.0060140653, 1, 1, 1, 0.125}},
    {"wang_init", {0.02, 0.02, 0.02, 0.02, 0.0060140653, 0.02, 0.0060140653, 1, 1, 1, 0.125}},
    {"t5", {1, 0.004510549, 0.036084392, 0.036084392, 0.036084392, 0.036084392, 0.018042196, 1, 1, 1, 1}},
    {"deepnorm",
     {0, 0.036084392, 0.036084392, 0.011527937, 0.011527937, 0.0072909073, 0.0072909073, 2.2133638, 1, 1, 0.125}},
    {"sub_ln", {0, 0.036084392, 0.036084392, 0.064327995, 0.064327995, 0.040684596, 0.040684596, 1, 1, 1, 0.125}},
    {"ds_init", {0, 0.010416667, 0.010416667, 0.010416667, 0.010416667, 0.0065880785, 0.0065880785, 1, 1, 1, 0.125}},
    {"ds_init:exponent=0.25",
     {0, 0.019387601, 0.019387601, 0.019387601, 0.019387601, 0.012261796, 0.012261796, 1, 1, 1, 0.125}},
    {"t_fixup",
     {0.31020162, 0.036084392, 0.036084392, 0.012989693, 0.012989693, 0.0082154031, 0.0082154031, 1, 1, 1, 0.125}},
    {"rezero", {0, 0.036084392, 0.036084392, 0.036084392, 0.036084392, 0.022821773, 0.022821773, 1, 0, 1, 0.125}},
    {"skipinit", {0, 0.036084392, 0.036084392, 0.036084392, 0.036084392, 0.022821773, 0.022821773, 1, 0, 1, 0.125}},
    {"layerscale", {0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 1, 0.1, 1, 0.125}},
    {"layerscale:scale=0.5", {0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 1, 0.5, 1, 0.125}},
    {"mup", {0.02, 0.011547005, 0.011547005, 0.011547005, 0.0023570226, 0.011547005, 0.0023570226, 1, 1, 1, 0.015625}},
    {"depth_mup",
     {0.02, 0.011547005, 0.011547005, 0.011547005, 0.011547005, 0.011547005, 0.011547005, 1, 0.40824829, 1, 0.015625}},
    {"completep",
     {0.02, 0.011547005, 0.011547005, 0.011547005, 0.011547005, 0.011547005, 0.011547005, 1, 0.16666667, 1, 0.015625}},
    {"completep:base_layers=4:base_width=128",
     {0.02, 0.0081649658, 0.0081649658, 0.0081649658, 0.0081649658, 0.0081649658, 0.0081649658, 1, 0.33333333, 1,
      0.015625}},
    {"layernorm_scaling", {0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02, 1, 1, 0.28867513, 0.125}},
    {"noci_depth_scale",
     {0, 0.036084392, 0.036084392, 0.036084392, 0.036084392, 0.022821773, 0.022821773, 1, 0.20412415, 1, 0.125}},
};

double last(const std::vector<double>& values, double fallback) {
  return values.empty() ? fallback : values.back();
}

TEST_CASE("schemes give the values of their sources") {
  for (const Spot& spot : spots) {
    INFO(spot.scheme);
    const scheme::Settings s = apply(spot.scheme, test::base_task());
    const network::LayerStd& std = s.std.back();
    const std::array<double, 11> found = {s.embedding.value_or(0),
                                          std.query,
                                          std.key,
                                          std.value,
                                          std.output,
                                          std.ffn_in,
                                          std.ffn_out,
                                          last(s.skip, 1),
                                          last(s.branch, 1),
                                          last(s.gain, 1),
                                          s.score_scale.value_or(0.125)};
    for (std::size_t i = 0; i < found.size(); ++i) {
      INFO("value " << i);
      CHECK(found[i] == Approx(spot.values[i]).epsilon(1e-6));
    }
    CHECK(std.ffn_gate == std.ffn_in);
  }
}

TEST_CASE("schemes with a value by layer have that of the first layer too") {
  const scheme::Task task = test::base_task();
  CHECK(apply("olmo_mitchell", task).std.front().output == Approx(0.98657809 / std::sqrt(2 * 768)));
  CHECK(apply("ds_init", task).std.front().output == Approx(1 / std::sqrt(768)));
  CHECK(apply("layernorm_scaling", task).gain[1] == 1);
  CHECK(apply("layernorm_scaling", task).gain[2] == Approx(1 / std::sqrt(2)));
}

TEST_CASE("biases are 0 but where a library's layers draw them") {
  for (const scheme::Scheme& scheme : scheme::schemes()) {
    INFO(scheme.name);
    const network::LayerStd std = apply(scheme.name, test::base_task()).std.front();
    const bool drawn = scheme.name == "torch_linear";
    CHECK(std.bias == Approx(drawn ? 1 / std::sqrt(3 * 768.0) : 0));
    CHECK(std.ffn_out_bias == Approx(drawn ? 1 / std::sqrt(3 * 3072.0) : 0));
  }
}

TEST_CASE("layerscale and its scale follow depth") {
  const auto scale = [](std::size_t layers) { return apply("layerscale", test::task(layers)).branch.front(); };
  CHECK(scale(18) == 0.1);
  CHECK(scale(24) == 1e-5);
  CHECK(scale(36) == 1e-6);
}

TEST_CASE("deepnorm takes the depth of both stacks") {
  scheme::Task encoder = test::base_task();
  encoder.other_layers = 6;
  scheme::Task decoder = test::task(6);
  decoder.other_layers = 12;
  decoder.decoder = true;
  const double product = std::pow(std::pow(12.0, 4) * 6, 1.0 / 16);
  CHECK(apply("deepnorm", encoder).skip.front() == Approx(0.81 * product));
  CHECK(apply("deepnorm", encoder).std.front().value == Approx(0.87 / product / std::sqrt(768)));
  CHECK(apply("deepnorm", decoder).skip.front() == Approx(std::pow(18.0, 0.25)));
  CHECK(apply("deepnorm", decoder).std.front().value == Approx(std::pow(72.0, -0.25) / std::sqrt(768)));
}

TEST_CASE("schemes for one stack refuse an encoder with a decoder") {
  scheme::Task task = test::base_task();
  task.other_layers = 6;
  for (const char* name : {"sub_ln", "t_fixup", "deepscalelm", "deepscalelm_full", "admin"}) {
    CHECK_THROWS_WITH(apply(name, task), std::string(name) +
                                             " is given for a single stack; for an encoder with a "
                                             "decoder take deepnorm or t5");
  }
}

TEST_CASE("a truncated normal is narrower by the published factors") {
  CHECK(scheme::truncated_std(0) == 1);
  CHECK(scheme::truncated_std(2) == Approx(0.87963).margin(5e-6));
  CHECK(scheme::truncated_std(3) == Approx(0.98658).margin(5e-6));
  CHECK(scheme::truncated_std(0.0101) == Approx(scheme::truncated_std(0.0099) * 0.0101 / 0.0099).epsilon(1e-4));
  CHECK(scheme::truncated_std(1e-9) == Approx(1e-9 / std::sqrt(3)));
  CHECK(scheme::truncated_std(0.001) == Approx(0.001 / std::sqrt(3)).epsilon(1e-4));  // a uniform
}

}  // namespace
