// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "sigprop/simulate/simulate.hpp"
#include "support/comparison.hpp"
#include "support/spec.hpp"

/// Stacks under a causal mask, token by token: prediction against simulation.
namespace sigprop::test {

/// Relative errors that the theory states, of second moments of a token, gradient variances of a
/// token, and gradient norms of queries and keys.
struct CausalErrors {
  double forward;
  double gradient;
  double score_weight;
};

/// A measured profile with every token, and the judgement of predictions of it.
class CausalOracle {
 public:
  CausalOracle(const nlohmann::json& spec, std::size_t replicates, std::uint64_t seed) : replicates_(replicates) {
    simulate::Settings settings;
    settings.replicates = replicates;
    settings.seed = seed;
    settings.largest_rank = 0;
    settings.tokens = lists;
    measured_ = simulate::simulate(network_of(spec), settings).profile;
  }

  /// The prediction lies within the stated errors and Student's t at every token of every point;
  /// prints the largest differences.
  void expect(const std::string& what, const nlohmann::json& spec, predict::Prefix prefix,
              const CausalErrors& stated) const {
    const profile::Profile predicted = predict(spec, prefix);
    Worst forward, gradient, weight;
    for (std::size_t i = 0; i < predicted.points.size(); ++i) {
      const profile::Point &p = predicted.points[i], &m = measured_.points[i];
      for (std::size_t t = 0; t < p.forward.tokens.size(); ++t) {
        const std::string place = p.path + ", token " + std::to_string(t + 1);
        judge(place + " forward", p.forward.tokens[t], m.forward.tokens[t], stated.forward, forward);
        judge(place + " gradient", p.backward.tokens[t], m.backward.tokens[t], stated.gradient, gradient);
      }
      REQUIRE(p.forward.gram.size() == m.forward.gram.size());
      for (std::size_t t = 0; t < p.forward.gram.size(); ++t)
        judge(p.path + ", product " + std::to_string(t), p.forward.gram[t], m.forward.gram[t], stated.forward, forward);
    }
    for (std::size_t i = 0; i < predicted.layers.size(); ++i) {
      for (std::size_t w = 0; w < 2; ++w) {
        const profile::Weight &p = predicted.layers[i].weights[w], &m = measured_.layers[i].weights[w];
        judge(predicted.layers[i].path + " " + p.name, *p.gradient_norm, *m.gradient_norm, stated.score_weight, weight);
      }
    }
    for (const auto& [name, worst] : {std::pair{"forward", forward}, {"gradient", gradient}, {"W_q, W_k", weight}}) {
      std::printf("%s, %s: worst predicted/measured %.3f +- %.3f (%s), rms %.1f %% of which noise %.1f %%\n",
                  what.c_str(), name, worst.ratio, worst.error, worst.place.c_str(), 100 * rms(worst.squares, worst),
                  100 * rms(worst.noise, worst));
    }
  }

  /// A wrong prediction of one token's gradient at a point must not pass the same limits.
  void reject(const std::string& wrong, const nlohmann::json& spec, predict::Prefix prefix, std::size_t point,
              std::size_t token, const CausalErrors& stated) const {
    reject(wrong + ", token " + std::to_string(token + 1) + " at point " + std::to_string(point),
           predict(spec, prefix).points[point].backward.tokens[token], measured_.points[point].backward.tokens[token],
           stated.gradient);
  }

  /// Nor one of the gradient norm of the last layer's queries.
  void reject_last_query(const std::string& wrong, const nlohmann::json& spec, predict::Prefix prefix,
                         const CausalErrors& stated) const {
    reject(wrong + ", W_q of the last layer", *predict(spec, prefix).layers.back().weights.front().gradient_norm,
           *measured_.layers.back().weights.front().gradient_norm, stated.score_weight);
  }

 private:
  static constexpr profile::TokenLists lists{true, 8};
  static constexpr std::size_t comparisons = 10000;  ///< more than all oracles of causal masks make together

  struct Worst {
    double ratio = 1, error = 0;
    std::string place;
    double squares = 0, noise = 0, count = 0;
  };

  [[nodiscard]] static double rms(double squares, const Worst& worst) { return std::sqrt(squares / worst.count); }

  /// All predictions of a process share their tables, which take longer than what reads them.
  [[nodiscard]] static profile::Profile predict(const nlohmann::json& spec, predict::Prefix prefix) {
    static predict::Predictor predictor;
    return predictor(network_of(spec), predict::Theory::full, {prefix, lists});
  }

  [[nodiscard]] double limit(const profile::Quantity& predicted, const profile::Quantity& measured,
                             double stated) const {
    return stated * std::abs(predicted.value) + critical_t(replicates_, comparisons) * measured.scatter->standard_error;
  }

  void reject(const std::string& wrong, const profile::Quantity& predicted, const profile::Quantity& measured,
              double stated) const {
    std::printf("%s: predicted/measured %.3f\n", wrong.c_str(), predicted.value / measured.value);
    INFO("the wrong formula passes: " << wrong << ": predicted " << predicted.value << ", measured " << measured.value);
    CHECK(std::abs(predicted.value - measured.value) > limit(predicted, measured, stated));
  }

  void judge(const std::string& place, const profile::Quantity& predicted, const profile::Quantity& measured,
             double stated, Worst& worst) const {
    const double ratio = predicted.value / measured.value, error = measured.scatter->standard_error / measured.value;
    INFO(place << ": predicted " << predicted.value << ", measured " << measured.value << " +- "
               << measured.scatter->standard_error);
    CHECK(std::abs(predicted.value - measured.value) <= limit(predicted, measured, stated));
    worst.squares += (ratio - 1) * (ratio - 1);
    worst.noise += error * error;
    ++worst.count;
    if (std::abs(ratio - 1) > std::abs(worst.ratio - 1)) worst.ratio = ratio, worst.error = error, worst.place = place;
  }

  std::size_t replicates_;
  profile::Profile measured_;
};

/// Width 512, 32 tokens, heads of 64 features; no dropout unless given.
[[nodiscard]] inline nlohmann::json causal_stack(std::size_t layers, const char* placement, double dropout) {
  return {{"sequence_length", 32},
          {"batch", 2},
          {"input", {{"variance", 1}, {"token_correlation", 0.2}}},
          {"stack",
           {{"layers", layers},
            {"width", 512},
            {"attention", {{"heads", 8}, {"dropout", dropout}, {"mask", "causal"}}},
            {"ffn", {{"width", 2048}, {"activation", "gelu"}}},
            {"norm", {{"kind", "layer_norm"}, {"placement", placement}, {"final", false}}},
            {"residual", {{"dropout", dropout}}}}},
          {"init", {{"scheme", "xavier"}}}};
}

[[nodiscard]] inline nlohmann::json without_mask(nlohmann::json spec) {
  spec["stack"]["attention"]["mask"] = "none";
  return spec;
}

}  // namespace sigprop::test
