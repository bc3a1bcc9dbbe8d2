// SPDX-License-Identifier: Apache-2.0 Prediction against simulation for the blocks of today's
// models, each without a mask and with a causal one, and with a named wrong model that the same
// comparison rejects in the quantity where it errs.
#include <catch2/catch.hpp>
#include <cstdio>
#include <functional>
#include <utility>
#include <vector>

#include "sigprop/simulate/simulate.hpp"
#include "sigprop/verify/verify.hpp"
#include "support/engine.hpp"
#include "support/spec.hpp"

namespace {

using nlohmann::json;
using namespace sigprop;

/// A plausible mistake, as a change of the spec or of the network.
struct Wrong {
  const char* name;
  json patch = json::object();
  std::function<void(network::Network&)> change = [](network::Network&) {};
};

json base() {
  return test::parsed(R"({
    "sequence_length": 64, "batch": 2,
    "input": {"variance": 1, "token_correlation": 0.2},
    "stack": {"layers": 3, "width": 256, "attention": {"heads": 4, "dropout": 0.1},
              "ffn": {"width": 768, "activation": "gelu"},
              "norm": {"kind": "layer_norm", "placement": "pre"}, "residual": {"dropout": 0.1}},
    "init": {"scheme": "lecun"},
    "gradient": {"token_correlation": 0.1}})");
}

json changed(json spec, const json& patch) {
  spec = test::merged(std::move(spec), patch);
  return spec;
}

bool rejected(const verify::Verification& verification, const char* quantity) {
  for (const verify::QuantityVerdict& verdict : verification.quantities) {
    if (verdict.quantity == quantity) return verdict.disagreeing > 0;
  }
  return false;
}

/// Each with the quantity by which it is rejected.
using Wrongs = std::vector<std::pair<Wrong, const char*>>;

void check_one(const std::string& name, const json& spec, const Wrongs& wrongs, bool post_norm) {
  const network::Network network = test::network_of(spec);
  simulate::Settings settings = test::engine_settings();
  settings.replicates = 40;
  settings.seed = 30;
  const simulate::Result measured = simulate::simulate(network, settings);
  verify::Options options;
  options.replicates = measured.replicates;
  const auto compare = [&](const network::Network& predicted) {
    return verify::verify(predict::predict(predicted, predict::Theory::full), measured.profile,
                          {256, 64, 64, post_norm, false}, options);
  };
  INFO(name);
  const verify::Verification right = compare(network);
  std::printf("%s: %s\n", name.c_str(), right.sentence.c_str());
  INFO(right.sentence);
  CHECK(right.agrees());
  for (const auto& [wrong, quantity] : wrongs) {
    network::Network mistaken = test::network_of(changed(spec, wrong.patch));
    wrong.change(mistaken);
    const verify::Verification other = compare(mistaken);
    INFO("the wrong model passes: " << wrong.name << ": " << quantity << ": " << other.sentence);
    CHECK(rejected(other, quantity));
  }
}

/// A stack with a change, without a mask and with one.
void check(const std::string& name, const json& patch, const Wrongs& wrongs) {
  if (!test::has_engine()) return;
  const json causal = {{"stack", {{"attention", {{"mask", "causal"}}}}}};
  check_one(name, changed(base(), patch), wrongs, false);
  check_one(name + ", causal", changed(changed(base(), patch), causal), wrongs, false);
}

void check(const std::string& name, const json& patch, const Wrong& wrong, const char* quantity) {
  check(name, patch, {{wrong, quantity}});
}

json in_attention(const json& patch) {
  return {{"stack", {{"attention", patch}}}};
}

json placed(const char* placement) {
  return {{"stack", {{"norm", {{"placement", placement}}}}}};
}

TEST_CASE("prediction agrees with simulation: SwiGLU behind RMSNorm") {
  check("gated", {{"stack", {{"ffn", {{"gated", true}, {"activation", "silu"}}}, {"norm", {{"kind", "rms_norm"}}}}}},
        {"without its gate", {{"stack", {{"ffn", {{"gated", false}}}}}}}, "backward.variance");
}

TEST_CASE("prediction agrees with simulation: norms with an epsilon as large as the signal's variance") {
  const json small = {{"input", {{"variance", 1e-4}}}, {"stack", {{"norm", {{"epsilon", 1e-4}}}}}};
  const Wrong wrong{"without the epsilon", {{"stack", {{"norm", {{"epsilon", 0}}}}}}};
  check("epsilon", small, {{wrong, "forward.variance"}, {wrong, "backward.variance"}});
  check("epsilon of an RMSNorm", changed(small, {{"stack", {{"norm", {{"kind", "rms_norm"}}}}}}), wrong,
        "forward.variance");
  const json gated = {
      {"input", {{"variance", 0.5}}},
      {"stack",
       {{"norm", {{"kind", "rms_norm"}, {"epsilon", 0.1}}}, {"ffn", {{"activation", "silu"}, {"gated", true}}}}}};
  check("epsilon before a gate", gated, wrong, "forward.variance");
  const json inner = {{"stack", {{"norm", {{"inner", true}, {"epsilon", 0.05}}}}}};
  check("epsilon of inner norms", inner, wrong, "forward.variance");
}

TEST_CASE("prediction agrees with simulation: Post-LN with an epsilon") {
  if (!test::has_engine()) return;
  const json spec = changed(base(), {{"stack", {{"norm", {{"placement", "post"}, {"epsilon", 0.3}}}}}});
  const Wrong wrong{"without the epsilon", {{"stack", {{"norm", {{"epsilon", 0}}}}}}};
  check_one("epsilon, Post-LN", spec, {{wrong, "backward.variance"}}, true);
}

TEST_CASE("prediction agrees with simulation: a norm of queries and keys with an epsilon as large as they are") {
  const json norm = in_attention({{"query_key_norm", "rms_norm"}, {"norm_epsilon", 0.5}});
  check("epsilon of a norm of queries and keys", norm, {"without the epsilon", in_attention({{"norm_epsilon", 0}})},
        "attention.score_variance");
}

TEST_CASE("prediction agrees with simulation: dropout inside the feed-forward network") {
  check("dropout before ffn_out", {{"stack", {{"ffn", {{"dropout", 0.3}}}}}},
        {"without it", {{"stack", {{"ffn", {{"dropout", 0}}}}}}}, "forward.variance");
}

TEST_CASE("prediction agrees with simulation: an input that sequences have in common") {
  check("common input", {{"input", {{"token_correlation", 0.3}, {"cross_correlation", 0.2}}}},
        {"independent sequences", {{"input", {{"cross_correlation", 0}}}}}, "forward.cross_dot");
}

TEST_CASE("prediction agrees with simulation: embedding tables of different deviations, one segment") {
  const json tables = {{"input",
                        {{"variance", nullptr},
                         {"token_correlation", nullptr},
                         {"embedding",
                          {{"vocabulary", 500},
                           {"tables", {"token", "position", "segment"}},
                           {"segments", 1},
                           {"std", {{"token", 0.5}, {"position", 0.8}, {"segment", 0.2}}}}}}}};
  const Wrong segments{"two segments", {{"input", {{"embedding", {{"segments", 2}}}}}}};
  const Wrong deviation{"one deviation", {{"input", {{"embedding", {{"std", 0.56}}}}}}};
  check("three tables", tables, {{segments, "forward.token_dot"}, {deviation, "forward.token_dot"}});
}

/// The branches of a parallel layer one after the other, the point behind the second.
void make_sequential(network::Network& network) {
  for (network::Component& repeat : network.body) {
    if (!std::holds_alternative<network::Repeat>(repeat.op)) continue;
    auto& layer = std::get<network::Repeat>(repeat.op).of;
    const auto both = std::get<network::Residual>(layer.front().op);
    const auto& parallel = std::get<network::Parallel>(both.of.back().op);
    const std::string point = layer.front().point;
    layer.clear();
    for (const auto& list : parallel.of) {
      network::Residual branch{both.skip, both.branch, {both.of.front()}};
      branch.of.insert(branch.of.end(), list.begin(), list.end());
      layer.push_back({branch, ""});
    }
    layer.back().point = point;
  }
}

TEST_CASE("prediction agrees with simulation: attention and feed-forward network side by side") {
  check("parallel", {{"stack", {{"parallel", true}}}}, {"one after the other", json::object(), make_sequential},
        "weights.value.gradient_norm");
}

TEST_CASE("prediction agrees with simulation: norms before and behind every branch") {
  check("sandwich", placed("sandwich"), {"norms before only", placed("pre")}, "forward.variance");
}

TEST_CASE("prediction agrees with simulation: norms behind every branch only") {
  check("output", placed("output"), {"norms before instead", placed("pre")}, "forward.variance");
}

TEST_CASE("prediction agrees with simulation: norms of every head's queries and keys") {
  const Wrong wrong{"without that norm", in_attention({{"query_key_norm", nullptr}})};
  const char* quantity = "attention.score_variance";
  const json large = {{"init", {{"std", {{"query", 0.1}, {"key", 0.08}}}}}};
  check("rms norm of queries and keys", changed(in_attention({{"query_key_norm", "rms_norm"}}), large), wrong,
        quantity);
  check("layer norm of queries and keys, sharp scores",
        changed(in_attention({{"query_key_norm", "layer_norm"}, {"score_scale", 0.4}}), large), wrong, quantity);
}

TEST_CASE("prediction agrees with simulation: a norm of the queries, and of the keys, of all heads together") {
  const json narrow = {{"stack", {{"attention", {{"heads", 32}, {"score_scale", 0.7}}}}}};
  const json norm = in_attention({{"query_key_norm", "rms_norm"}, {"query_key_norm_over", "all_heads"}});
  check("rms norm of all heads, sharp scores", changed(narrow, norm),
        {"a norm of every head", in_attention({{"query_key_norm_over", "head"}})}, "attention.entropy");
}

TEST_CASE("prediction agrees with simulation: dropout behind the final norm") {
  check("final dropout", {{"stack", {{"final_dropout", 0.3}}}}, {"without it", {{"stack", {{"final_dropout", 0}}}}},
        "backward.variance");
}

TEST_CASE("prediction agrees with simulation: tokens of different second moments behind a causal mask") {
  if (!test::has_engine()) return;
  const auto spec_of = [](bool gated, const json& norm) {
    const json stack = {{"ffn", {{"gated", gated}, {"activation", "silu"}}},
                        {"attention", {{"mask", "causal"}, {"query_key_norm", "rms_norm"}}}};
    json spec = changed(base(), {{"stack", stack}});
    spec["stack"]["norm"] = norm;
    return spec;
  };
  const Wrong plain{"without a norm of queries and keys", in_attention({{"query_key_norm", nullptr}})};
  const Wrong relu{"another activation", {{"stack", {{"ffn", {{"activation", "relu"}}}}}}};
  const Wrong exact{"without the epsilon", {{"stack", {{"norm", {{"epsilon", 0}}}}}}};
  check_one("no norms but of queries and keys", spec_of(false, {{"kind", "none"}}),
            {{plain, "attention.score_variance"}, {relu, "forward.variance"}}, false);
  check_one("norms behind every branch, with an epsilon",
            spec_of(true, {{"kind", "rms_norm"}, {"placement", "output"}, {"epsilon", 0.3}}),
            {{plain, "attention.score_variance"}, {exact, "forward.variance"}}, false);
}

TEST_CASE("prediction agrees with simulation: rotary positions") {
  const Wrong wrong{"without rotary positions", in_attention({{"rotary_base", nullptr}, {"rotary_width", nullptr}})};
  const char* quantity = "attention.score_variance";
  check("rotary", in_attention({{"rotary_base", 10000}}), wrong, quantity);
  check("rotary, half of a head", in_attention({{"rotary_base", 10000}, {"rotary_width", 32}}), wrong, quantity);
  check("rotary, sharp scores", in_attention({{"rotary_base", 10000}, {"score_scale", 0.4}}), wrong, quantity);
}

/// Heads that share their keys and values count once.
void count_key_heads(std::vector<network::Component>& list) {
  for (network::Component& component : list) {
    if (auto* repeat = std::get_if<network::Repeat>(&component.op)) count_key_heads(repeat->of);
    if (auto* residual = std::get_if<network::Residual>(&component.op)) count_key_heads(residual->of);
    if (auto* attention = std::get_if<network::Attention>(&component.op)) attention->heads = attention->kv_heads;
  }
}

TEST_CASE("prediction agrees with simulation: grouped heads") {
  check("grouped", in_attention({{"kv_heads", 2}}),
        {"heads that share keys count once", json::object(),
         [](network::Network& network) { count_key_heads(network.body); }},
        "forward.variance");
}

TEST_CASE("prediction agrees with simulation: two of four experts") {
  check("experts", {{"stack", {{"ffn", {{"experts", 4}, {"top_k", 2}}}}}},
        {"all four experts", {{"stack", {{"ffn", {{"top_k", 4}}}}}}}, "forward.variance");
}

TEST_CASE("prediction agrees with simulation: experts behind a router") {
  const auto ffn = [](const json& keys) { return json{{"stack", {{"ffn", keys}}}}; };
  check("router", ffn({{"experts", 4}, {"top_k", 2}, {"router_std", 0.06}}),
        {{{"a token's first expert alone", ffn({{"top_k", 1}})}, "forward.variance"},
         {{"weights of sharp logits", ffn({{"router_std", 1}})}, "forward.variance"}});
}

TEST_CASE("prediction agrees with simulation: what weighs experts, and what all tokens take beside them") {
  const auto ffn = [](json keys) {
    for (const auto& [name, value] : {std::pair{"experts", json(4)}, {"top_k", json(2)}, {"router_std", json(0.06)}})
      keys[name] = value;
    return json{{"stack", {{"ffn", keys}}}};
  };
  const json of_all = ffn({{"router", "softmax_over_all"}}), plain = ffn({{"router", "plain_sigmoid"}});
  check("softmax over all", of_all, {"over a token's experts", ffn({{"router", "softmax"}})}, "forward.variance");
  check("sigmoid", ffn({{"router", "sigmoid"}}), {"without the sum", plain}, "forward.variance");
  check("plain sigmoid", plain, {"softmax over all", of_all}, "forward.variance");
  const json shared = ffn({{"shared_width", 192}}), gated = ffn({{"shared_width", 192}, {"shared_gate", true}});
  check("shared", shared, {"without it", ffn({{"shared_width", nullptr}})}, "forward.variance");
  check("shared behind a gate", gated, {"without the gate", ffn({{"shared_gate", nullptr}})}, "forward.variance");
  check("scaled", ffn({{"routed_scale", 1.5}}), {"without the scale", ffn({{"routed_scale", nullptr}})},
        "forward.variance");
}

TEST_CASE("prediction agrees with simulation: a gain of the last norm, and a scale of the embedding") {
  check("final gain", {{"stack", {{"norm", {{"placement", "pre"}, {"final_gain", 2}}}}}},
        {"gain 1", {{"stack", {{"norm", {{"final_gain", 1}}}}}}}, "backward.variance");
}

TEST_CASE("prediction agrees with simulation: another scale of the scores") {
  check("score scale", in_attention({{"score_scale", 0.25}}), {"1/sqrt(k)", in_attention({{"score_scale", nullptr}})},
        "attention.score_variance");
}

// ---- encoder and decoder ---------------------------------------------------------------------------------------------

json encoder_decoder(const char* placement, const char* mask) {
  json spec = changed(base(), placed(placement));
  spec["encoder"] = spec["decoder"] = spec["stack"];
  spec["decoder"]["cross_attention"] = spec["stack"]["attention"];
  spec["decoder"]["attention"]["mask"] = mask;
  spec.erase("stack");
  return spec;
}

/// Every cross-attention of the list reads its own signal instead.
void turn_to_self(std::vector<network::Component>& list, network::Mask mask) {
  for (network::Component& component : list) {
    if (auto* residual = std::get_if<network::Residual>(&component.op)) turn_to_self(residual->of, mask);
    auto* attention = std::get_if<network::Attention>(&component.op);
    if (attention == nullptr || !attention->cross) continue;
    attention->cross = false;
    attention->mask = mask;
  }
}

void keep_last_cross_attention(network::Network& network, network::Mask mask) {
  network::Component last = network.body.front();
  auto& others = std::get<network::Repeat>(network.body.front().op);
  std::get<network::Repeat>(last.op).times = 1;
  --others.times;
  turn_to_self(others.of, mask);
  network.body.insert(network.body.begin() + 1, last);
}

void check_encoder_decoder(const char* placement, const char* mask) {
  if (!test::has_engine()) return;
  const network::Mask kind = std::string(mask) == "causal" ? network::Mask::causal : network::Mask::none;
  const Wrong wrong{"only the decoder's last layer attends to the encoder", json::object(),
                    [kind](network::Network& network) { keep_last_cross_attention(network, kind); }};
  check_one(std::string("encoder-decoder, ") + placement + ", mask " + mask, encoder_decoder(placement, mask),
            {{wrong, "backward.variance"}}, std::string(placement) == "post");
}

TEST_CASE("prediction agrees with simulation: a Pre-LN encoder and decoder") {
  check_encoder_decoder("pre", "none");
  check_encoder_decoder("pre", "causal");
}

TEST_CASE("prediction agrees with simulation: a Post-LN encoder and decoder") {
  check_encoder_decoder("post", "none");
  check_encoder_decoder("post", "causal");
}

}  // namespace
