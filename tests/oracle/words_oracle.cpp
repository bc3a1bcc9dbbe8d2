// SPDX-License-Identifier: Apache-2.0
// Words without a mask: tokens that repeat attract each other. Prediction of their sequences
// against simulation, in one stack and in an encoder that a decoder reads; tokens that all count
// as alike are rejected.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "sigprop/profile/quantities.hpp"
#include "sigprop/simulate/simulate.hpp"
#include "support/comparison.hpp"
#include "support/spec.hpp"
#include "support/temporary.hpp"

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

/// T5's scores and norms, words alone: a decoder behind a mask reads an encoder's words.
json encoder_decoder() {
  json stack = {{"layers", 2},
                {"width", 192},
                {"attention", {{"heads", 3}, {"score_scale", 1.0}, {"dropout", 0.1}}},
                {"ffn", {{"width", 768}, {"activation", "relu"}}},
                {"norm", {{"kind", "rms_norm"}, {"placement", "pre"}, {"final", true}}}};
  json decoder = stack;
  decoder["attention"]["mask"] = "causal";
  decoder["cross_attention"] = stack["attention"];
  return {{"sequence_length", 48},
          {"input", {{"embedding", {{"vocabulary", 2000}, {"tables", {"token"}}}}}},
          {"encoder", stack},
          {"decoder", decoder},
          {"init", {{"scheme", "lecun"}, {"std", {{"query", 0.009}, {"embedding", 1.0}}}}}};
}

/// OLMo-2's norms of branches' outputs: a gate reads a small signal without a norm, and the ε of
/// the norm after it is as large as what the gate makes of it.
json small_signal() {
  return {{"sequence_length", 48},
          {"input", {{"embedding", {{"vocabulary", 5000}, {"tables", {"token"}}}}}},
          {"stack",
           {{"layers", 2},
            {"width", 192},
            {"attention", {{"heads", 3}, {"mask", "causal"}}},
            {"ffn", {{"width", 512}, {"activation", "silu"}, {"gated", true}}},
            {"norm", {{"kind", "rms_norm"}, {"placement", "output"}, {"epsilon", 2e-6}, {"final", true}}}}},
          {"init",
           {{"std",
             {{"query", 0.03},
              {"key", 0.03},
              {"value", 0.03},
              {"output", 0.03},
              {"ffn_in", 0.02},
              {"ffn_gate", 0.02},
              {"ffn_out", 0.02},
              {"embedding", 0.02}}}}}};
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

profile::Profile measured_of(const json& spec) {
  simulate::Settings settings;
  settings.replicates = replicates;
  settings.seed = 91;
  return simulate::simulate(network_of(spec), settings).profile;
}

profile::Profile alike_tokens_of(const json& spec) {
  predict::Options all_alike;
  all_alike.sequences = 0;
  return test::predicted(spec, predict::Theory::full, all_alike);
}

/// A decoder takes its own words as alike.
bool follows_words(const std::string& path) {
  return !path.starts_with("decoder/");
}

void check_points(const Judge& judge, const profile::Profile& predicted, const Errors& stated) {
  for (std::size_t i = 0; i < judge.measured.points.size(); ++i) {
    const profile::Point &p = predicted.points[i], &m = judge.measured.points[i];
    INFO(m.path);
    judge.expect("second moment", p.forward.second_moment, m.forward.second_moment, stated.moment);
    if (follows_words(m.path))
      judge.expect("effective rank", *p.forward.effective_rank, *m.forward.effective_rank, stated.rank);
    judge.expect("gradient", p.backward.variance, m.backward.variance, stated.gradient);
    CHECK(std::abs(p.forward.token_dot.value - m.forward.token_dot.value) <=
          0.015 * m.forward.second_moment.value +
              critical_t(replicates, comparisons) * m.forward.token_dot.scatter->standard_error);
  }
}

/// A decoder's own W_q and W_k are low, by as much as its words attract each other.
constexpr double words_as_alike = 0.1;

double stated_of(const std::string& layer, const std::string& weight, const Errors& stated) {
  if (weight == "query" || weight == "key") return follows_words(layer) ? stated.score_weight : words_as_alike;
  return weight == "cross_query" || weight == "cross_key" ? stated.score_weight : stated.weight;
}

void check_weights(const std::string& name, const Judge& judge, const profile::Profile& predicted,
                   const Errors& stated) {
  for (std::size_t i = 0; i < judge.measured.layers.size(); ++i) {
    const profile::Layer &p = predicted.layers[i], &m = judge.measured.layers[i];
    INFO(name << ", " << m.path);
    for (std::size_t w = 0; w < m.weights.size(); ++w) {
      judge.expect(m.weights[w].name, *p.weights[w].gradient_norm, *m.weights[w].gradient_norm,
                   stated_of(m.path, m.weights[w].name, stated));
      std::printf("%s, %s, %s: predicted/measured %.3f +- %.3f\n", name.c_str(), m.path.c_str(),
                  m.weights[w].name.c_str(), p.weights[w].gradient_norm->value / m.weights[w].gradient_norm->value,
                  m.weights[w].gradient_norm->scatter->standard_error / m.weights[w].gradient_norm->value);
    }
  }
}

/// Tokens that are alike fail in a weight.
void reject_weight(const std::string& name, const Judge& judge, const profile::Profile& alike, std::size_t layer,
                   std::size_t weight, double stated) {
  const profile::Weight& m = judge.measured.layers[layer].weights[weight];
  judge.reject(name + ", " + judge.measured.layers[layer].path + ' ' + m.name,
               *alike.layers[layer].weights[weight].gradient_norm, *m.gradient_norm, stated);
}

void reject_rank(const std::string& name, const Judge& judge, const profile::Profile& alike, double stated) {
  judge.reject(name + ", effective rank", *alike.points.front().forward.effective_rank,
               *judge.measured.points.front().forward.effective_rank, stated);
}

void check(const std::string& name, const json& spec, const Errors& stated, Alike alike_tokens) {
  const profile::Profile measured = measured_of(spec), alike = alike_tokens_of(spec);
  const profile::Profile predicted = test::predicted(spec);
  const Judge judge{measured};
  check_points(judge, predicted, stated);
  check_weights(name, judge, predicted, stated);
  for (std::size_t layer = 0; alike_tokens == Alike::fail_in_score_weights && layer < measured.layers.size(); ++layer)
    reject_weight(name, judge, alike, layer, 0, stated.score_weight);
  reject_rank(name, judge, alike, stated.rank);
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

/// The words of the project's licence, numbered as they first appear, in sequences of 96.
std::string licence_ids() {
  std::ifstream file(SIGPROP_SOURCE "/LICENSE");
  std::map<std::string, std::size_t> ids;
  json all = json::array();
  for (std::string word; file >> word;) all.push_back(ids.try_emplace(word, ids.size()).first->second);
  REQUIRE(all.size() > 1000);
  const std::string path = own_path("licence.json");
  std::ofstream(path) << test::text_of(all);
  return path;
}

TEST_CASE("words of a text: closed form") {
  json spec = bert(0.02);
  const std::string path = licence_ids();
  spec["input"]["embedding"]["words"] = {{"file", path}};
  check("licence", spec, {0.005, 0.08, 0.02, 0.05, 0.02}, Alike::fail_in_score_weights);
  std::filesystem::remove(path);
}

TEST_CASE("words that match as often as a text's, behind a mask and without") {
  json spec = words_alone();
  spec["input"]["embedding"]["words"] = {{"match", 0.1}};
  check("match 0.1", spec, {0.02, 0.15, 0.05, 0.03, 0.03}, Alike::fail_in_score_weights);
  spec["stack"]["attention"]["mask"] = "causal";
  const profile::Profile measured = measured_of(spec), predicted = test::predicted(spec);
  const Judge judge{measured};
  for (std::size_t i = 0; i < measured.points.size(); ++i) {
    const profile::Point &p = predicted.points[i], &m = measured.points[i];
    INFO(m.path);
    judge.expect("second moment", p.forward.second_moment, m.forward.second_moment, 0.03);
    judge.expect("token product", p.forward.token_dot, m.forward.token_dot, 0.03);
  }
  // As often as Zipf's law has it of 5000 words.
  json law = spec;
  law["input"]["embedding"]["words"] = {{"law", "zipf"}};
  judge.reject("token product of Zipf's law", test::predicted(law).points.front().forward.token_dot,
               measured.points.front().forward.token_dot, 0.03);
}

TEST_CASE("a gate of a small signal, and a norm whose ε is as large as its output") {
  const profile::Profile measured = measured_of(small_signal());
  const Judge judge{measured};
  const Errors stated{0.02, 0.1, 0.03, 0.1, 0.03};
  check_points(judge, test::predicted(small_signal()), stated);
  check_weights("small signal", judge, test::predicted(small_signal()), stated);
  // Without ε the norm is blind to the size of a token.
  json blind = small_signal();
  blind["stack"]["norm"]["epsilon"] = 0;
  judge.reject("second moment without ε", test::predicted(blind).points[1].forward.second_moment,
               measured.points[1].forward.second_moment, stated.moment);
}

TEST_CASE("words that an encoder reads, and a decoder by cross-attention: drawn rows") {
  const std::string name = "encoder and decoder";
  const Errors stated{0.02, 0.15, 0.05, 0.03, 0.03};
  const profile::Profile measured = measured_of(encoder_decoder()), alike = alike_tokens_of(encoder_decoder());
  const Judge judge{measured};
  const profile::Profile predicted = test::predicted(encoder_decoder());
  REQUIRE(predicted.sequences > 0);
  check_points(judge, predicted, stated);
  check_weights(name, judge, predicted, stated);
  constexpr std::size_t query = 0, cross_query = 4;
  for (std::size_t layer = 0; layer < measured.layers.size(); ++layer)
    reject_weight(name, judge, alike, layer, follows_words(measured.layers[layer].path) ? query : cross_query,
                  stated.score_weight);
  reject_rank(name, judge, alike, stated.rank);
}

}  // namespace
}  // namespace sigprop::test
