// SPDX-License-Identifier: Apache-2.0
// Words without a mask: tokens that repeat attract each other. Prediction of their sequences
// against simulation; tokens that all count as alike are rejected.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <string>

#include "sigprop/profile/quantities.hpp"
#include "sigprop/simulate/simulate.hpp"
#include "support/comparison.hpp"
#include "support/spec.hpp"

namespace sigprop::test {
namespace {

using nlohmann::json;

constexpr std::size_t replicates = 200, comparisons = 200;

/// Words, positions and segments as BERT embeds them.
json bert(double query_std) {
  return {
      {"sequence_length", 96},
      {"input",
       {{"embedding", {{"vocabulary", 30522}, {"tables", {"token", "position", "segment"}}, {"norm", "layer_norm"}}}}},
      {"stack",
       {{"layers", 3},
        {"width", 192},
        {"attention", {{"heads", 3}, {"dropout", 0.1}}},
        {"ffn", {{"width", 768}, {"activation", "gelu"}}},
        {"norm", {{"kind", "layer_norm"}, {"placement", "post"}}},
        {"residual", {{"dropout", 0.1}}}}},
      {"init", {{"scheme", "bert"}, {"std", {{"query", query_std}, {"key", query_std}}}}}};
}

/// Words alone, Pre-LN, scores of variance 1.
json words_alone() {
  return {{"sequence_length", 64},
          {"input", {{"embedding", {{"vocabulary", 5000}, {"tables", {"token"}}}}}},
          {"stack",
           {{"layers", 3},
            {"width", 192},
            {"attention", {{"heads", 3}}},
            {"ffn", {{"width", 768}, {"activation", "gelu"}}},
            {"norm", {{"kind", "layer_norm"}}}}},
          {"init", {{"scheme", "lecun"}, {"std", {{"embedding", 1.0}}}}}};
}

/// Relative errors that docs/theory.md states.
struct Errors {
  double moment, rank, gradient, score_weight, weight;
};

struct Judge {
  const profile::Profile& measured;

  [[nodiscard]] double limit(const profile::Quantity& predicted, const profile::Quantity& one, double stated) const {
    return stated * std::abs(predicted.value) + critical_t(replicates, comparisons) * one.scatter->standard_error;
  }
  void expect(const std::string& what, const profile::Quantity& predicted, const profile::Quantity& one,
              double stated) const {
    INFO(what << ": predicted " << predicted.value << ", measured " << one.value << " +- "
              << one.scatter->standard_error);
    CHECK(std::abs(predicted.value - one.value) <= limit(predicted, one, stated));
  }
  void reject(const std::string& what, const profile::Quantity& predicted, const profile::Quantity& one,
              double stated) const {
    std::printf("%s, tokens alike: predicted/measured %.3f\n", what.c_str(), predicted.value / one.value);
    INFO("tokens that are alike pass: " << what);
    CHECK(std::abs(predicted.value - one.value) > limit(predicted, one, stated));
  }
};

enum class Alike { fail_in_score_weights, fail_in_rank };

void check(const std::string& name, const json& spec, const Errors& stated, Alike alike_tokens) {
  simulate::Settings settings;
  settings.replicates = replicates;
  settings.seed = 91;
  const profile::Profile measured = simulate::simulate(network_of(spec), settings).profile;
  const profile::Profile predicted = test::predicted(spec);
  predict::Options all_alike;
  all_alike.sequences = 0;
  const profile::Profile alike = test::predicted(spec, predict::Theory::full, all_alike);
  const Judge judge{measured};
  for (std::size_t i = 0; i < measured.points.size(); ++i) {
    const profile::Point &p = predicted.points[i], &m = measured.points[i];
    INFO(name << ", " << m.path);
    judge.expect("second moment", p.forward.second_moment, m.forward.second_moment, stated.moment);
    judge.expect("effective rank", *p.forward.effective_rank, *m.forward.effective_rank, stated.rank);
    judge.expect("gradient", p.backward.variance, m.backward.variance, stated.gradient);
    CHECK(std::abs(p.forward.token_dot.value - m.forward.token_dot.value) <=
          0.015 * m.forward.second_moment.value +
              critical_t(replicates, comparisons) * m.forward.token_dot.scatter->standard_error);
  }
  for (std::size_t i = 0; i < measured.layers.size(); ++i) {
    const profile::Layer &p = predicted.layers[i], &m = measured.layers[i];
    INFO(name << ", " << m.path);
    for (std::size_t w = 0; w < m.weights.size(); ++w) {
      const bool scores = w < 2;
      judge.expect(m.weights[w].name, *p.weights[w].gradient_norm, *m.weights[w].gradient_norm,
                   scores ? stated.score_weight : stated.weight);
      std::printf("%s, %s, %s: predicted/measured %.3f +- %.3f\n", name.c_str(), m.path.c_str(),
                  m.weights[w].name.c_str(), p.weights[w].gradient_norm->value / m.weights[w].gradient_norm->value,
                  m.weights[w].gradient_norm->scatter->standard_error / m.weights[w].gradient_norm->value);
    }
    if (alike_tokens == Alike::fail_in_score_weights) {
      judge.reject(name + ", " + m.path + " query", *alike.layers[i].weights[0].gradient_norm,
                   *m.weights[0].gradient_norm, stated.score_weight);
    }
  }
  judge.reject(name + ", effective rank", *alike.points.front().forward.effective_rank,
               *measured.points.front().forward.effective_rank, stated.rank);
}

TEST_CASE("words, positions and segments with scores of small variance: closed form") {
  check("BERT", bert(0.02), {0.005, 0.08, 0.02, 0.05, 0.02}, Alike::fail_in_score_weights);
}

TEST_CASE("the same with scores of variance 1: drawn rows") {
  check("BERT, sharp", bert(0.1), {0.005, 0.08, 0.05, 0.03, 0.03}, Alike::fail_in_rank);
}

TEST_CASE("words alone, whose tokens are equal: drawn rows") {
  check("words", words_alone(), {0.02, 0.15, 0.05, 0.03, 0.03}, Alike::fail_in_score_weights);
}

}  // namespace
}  // namespace sigprop::test
