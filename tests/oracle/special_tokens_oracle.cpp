// SPDX-License-Identifier: Apache-2.0
// An image's class token among its patches, and a loss gradient at it alone: prediction against
// simulation, class token and patches each. Tokens that all count as alike are rejected.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "sigprop/simulate/simulate.hpp"
#include "support/comparison.hpp"
#include "support/spec.hpp"
#include "support/temporary.hpp"

namespace sigprop::test {
namespace {

using nlohmann::json;
using profile::Quantity;

constexpr std::size_t replicates = 200, comparisons = 250;

/// As ViT draws itself, narrow and of four layers. DeiT begins with two tokens that are 0, without
/// positions: the first attention reads rows of different size.
enum class Model { vit, deit };

json image(Model model, const char* at) {
  json patches = {{"variance", 0.3}, {"token_correlation", 0.2}}, token = {{"std", 0}, {"count", 2}};
  if (model == Model::vit) {
    patches["position_std"] = 0.02;
    token = {{"std", 0.02}};
  }
  return {{"sequence_length", 65},
          {"input", {{"patches", patches}, {"class_token", token}}},
          {"stack",
           {{"layers", 4},
            {"width", 192},
            {"attention", {{"heads", 3}}},
            {"ffn", {{"width", 768}, {"activation", "gelu"}}},
            {"norm", {{"kind", "layer_norm"}, {"epsilon", 1e-12}}}}},
          {"gradient", {{"at", at}}},
          {"init", {{"scheme", "bert"}}}};
}

bool agrees(const Quantity& predicted, const Quantity& measured, double stated) {
  return std::abs(predicted.value - measured.value) <=
         stated * std::abs(predicted.value) + critical_t(replicates, comparisons) * measured.scatter->standard_error;
}

void expect(const std::string& what, const Quantity& predicted, const Quantity& measured, double stated) {
  INFO(what << ": predicted " << predicted.value << ", measured " << measured.value << " +- "
            << measured.scatter->standard_error);
  CHECK(agrees(predicted, measured, stated));
}

void check(Model model, const char* at) {
  const network::Network network = network_of(image(model, at));
  simulate::Settings settings;
  settings.replicates = replicates;
  settings.seed = 17;
  const profile::Profile measured = simulate::simulate(network, settings).profile;
  const profile::Profile predicted = predict::predict(network, predict::Theory::full);
  // Relative errors that docs/theory.md states.
  constexpr double moment = 0.02, class_moment = 0.03, gradient = 0.05, score_weight = 0.06, weight = 0.03;
  for (std::size_t i = 0; i < measured.points.size(); ++i) {
    const profile::Point &p = predicted.points[i], &m = measured.points[i];
    INFO(at << ", " << m.path);
    expect("second moment", p.forward.second_moment, m.forward.second_moment, moment);
    expect("of the class token", p.forward.ends->first, m.forward.ends->first, class_moment);
    expect("of a patch", p.forward.ends->last, m.forward.ends->last, moment);
    expect("gradient", p.backward.variance, m.backward.variance, gradient);
    expect("at the class token", p.backward.ends->first, m.backward.ends->first, gradient);
    expect("at a patch", p.backward.ends->last, m.backward.ends->last, gradient);
    std::printf("gradient at %s, %s: class token %.3f, gradient there %.3f +- %.3f, at a patch %.3f\n", at,
                m.path.c_str(), p.forward.ends->first.value / m.forward.ends->first.value,
                p.backward.ends->first.value / m.backward.ends->first.value,
                m.backward.ends->first.scatter->standard_error / m.backward.ends->first.value,
                p.backward.ends->last.value / m.backward.ends->last.value);
  }
  for (std::size_t i = 0; i < measured.layers.size(); ++i) {
    for (std::size_t w = 0; w < measured.layers[i].weights.size(); ++w) {
      const profile::Weight &p = predicted.layers[i].weights[w], &m = measured.layers[i].weights[w];
      expect(measured.layers[i].path + " " + m.name, *p.gradient_norm, *m.gradient_norm, w < 2 ? score_weight : weight);
    }
  }
  // All tokens alike, with the same mean moments.
  network::Network plain = network;
  plain.gradient_tokens.clear();
  plain.gradient_variance = predicted.points.back().backward.variance.value;
  const profile::Forward& input = predicted.points.front().forward;
  plain.source = network::GivenInput{.variance = input.second_moment.value,
                                     .token_correlation = input.token_dot.value / input.second_moment.value};
  const profile::Profile alike = predict::predict(plain, predict::Theory::full);
  const double ratio = alike.points.front().backward.variance.value / measured.points.front().backward.variance.value;
  std::printf("gradient at %s, tokens alike: gradient at the input %.3f\n", at, ratio);
  CHECK_FALSE(agrees(alike.points.front().backward.variance, measured.points.front().backward.variance, gradient));
}

TEST_CASE("a class token and patches, the gradient at all tokens") {
  check(Model::vit, "all");
}

TEST_CASE("a class token and patches, the gradient at the class token") {
  check(Model::vit, "class_token");
}

TEST_CASE("class tokens that begin at 0") {
  check(Model::deit, "all");
}

TEST_CASE("patches of few pixels, which one map embeds") {
  json spec = image(Model::vit, "all");
  json& patches = spec["input"]["patches"];
  patches["pixels"] = 96;
  simulate::Settings settings;
  settings.replicates = replicates;
  settings.seed = 19;
  const profile::Profile measured = simulate::simulate(network_of(spec), settings).profile;
  const profile::Profile predicted = predict::predict(network_of(spec), predict::Theory::full);
  patches.erase("pixels");
  const profile::Profile independent = predict::predict(network_of(spec), predict::Theory::full);
  constexpr double moment = 0.02, gradient = 0.05, score_weight = 0.06, weight = 0.03;
  for (std::size_t i = 0; i < measured.points.size(); ++i) {
    INFO(measured.points[i].path);
    expect("second moment", predicted.points[i].forward.second_moment, measured.points[i].forward.second_moment,
           moment);
    expect("gradient", predicted.points[i].backward.variance, measured.points[i].backward.variance, gradient);
  }
  for (std::size_t i = 0; i < measured.layers.size(); ++i) {
    for (std::size_t w = 0; w < measured.layers[i].weights.size(); ++w) {
      const profile::Weight &p = predicted.layers[i].weights[w], &m = measured.layers[i].weights[w];
      expect(measured.layers[i].path + " " + m.name, *p.gradient_norm, *m.gradient_norm, w < 2 ? score_weight : weight);
      const Quantity& apart = *independent.layers[i].weights[w].gradient_norm;
      if (w >= 2) continue;
      INFO("independent features pass: " << apart.value << " for " << m.gradient_norm->value);
      CHECK_FALSE(agrees(apart, *m.gradient_norm, score_weight));
    }
  }
}

/// Tokens that resemble their neighbours, later ones larger.
json of_products(const std::string& path, const char* mask) {
  json rows = json::array();
  constexpr int length = 48;
  for (int i = 0; i < length; ++i) {
    rows.push_back(json::array());
    for (int j = 0; j < length; ++j)
      rows.back().push_back(std::sqrt((0.5 + i / 24.0) * (0.5 + j / 24.0)) * std::pow(0.8, std::abs(i - j)));
  }
  std::ofstream(path) << test::text_of(rows);
  return {{"sequence_length", length},
          {"input", {{"gram", path}}},
          {"stack",
           {{"layers", 3},
            {"width", 192},
            {"attention", {{"heads", 3}, {"mask", mask}}},
            {"ffn", {{"width", 768}, {"activation", "gelu"}}},
            {"norm", {{"kind", "layer_norm"}}}}},
          {"init", {{"scheme", "lecun"}}}};
}

TEST_CASE("tokens of given products, without a mask and behind one") {
  const std::string path = own_path("gram.json");
  for (const char* mask : {"none", "causal"}) {
    const network::Network network = network_of(of_products(path, mask));
    simulate::Settings settings;
    settings.replicates = replicates;
    settings.seed = 18;
    const profile::Profile measured = simulate::simulate(network, settings).profile;
    const profile::Profile predicted = predict::predict(network, predict::Theory::full);
    network::Network plain = network;
    std::get<network::GivenInput>(plain.source).gram = nullptr;
    const profile::Profile alike = predict::predict(plain, predict::Theory::full);
    constexpr double moment = 0.02, gradient = 0.03, weight = 0.04;
    for (std::size_t i = 0; i < measured.points.size(); ++i) {
      const profile::Point &p = predicted.points[i], &m = measured.points[i];
      INFO(mask << ", " << m.path);
      expect("second moment", p.forward.second_moment, m.forward.second_moment, moment);
      expect("of the first token", p.forward.ends->first, m.forward.ends->first, moment);
      expect("of the last token", p.forward.ends->last, m.forward.ends->last, moment);
      expect("gradient", p.backward.variance, m.backward.variance, gradient);
      CHECK(std::abs(p.forward.token_dot.value - m.forward.token_dot.value) <=
            0.015 * m.forward.second_moment.value +
                critical_t(replicates, comparisons) * m.forward.token_dot.scatter->standard_error);
    }
    for (std::size_t i = 0; i < measured.layers.size(); ++i) {
      for (std::size_t w = 0; w < measured.layers[i].weights.size(); ++w) {
        const profile::Weight &p = predicted.layers[i].weights[w], &m = measured.layers[i].weights[w];
        std::printf("products, mask %s, %s %s: predicted/measured %.3f +- %.3f, tokens alike %.3f\n", mask,
                    measured.layers[i].path.c_str(), m.name.c_str(), p.gradient_norm->value / m.gradient_norm->value,
                    m.gradient_norm->scatter->standard_error / m.gradient_norm->value,
                    alike.layers[i].weights[w].gradient_norm->value / m.gradient_norm->value);
        expect(measured.layers[i].path + " " + m.name, *p.gradient_norm, *m.gradient_norm, weight);
      }
    }
    constexpr std::size_t value = 2;
    CHECK_FALSE(agrees(*alike.layers[0].weights[value].gradient_norm, *measured.layers[0].weights[value].gradient_norm,
                       weight));
  }
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace sigprop::test
