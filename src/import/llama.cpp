// SPDX-License-Identifier: Apache-2.0
#include "import/family.hpp"

namespace sigprop::importer {
namespace {

/// Causal Pre-RMSNorm with rotary positions and a gated FFN; the embedding is the words' table
/// alone.
Layout layout(double rotary_base) {
  return {.norm = "rms_norm", .causal = true, .gated = true, .tables = {"token"}, .rotary_base = rotary_base};
}

std::vector<Key> keys(int words, Json ffn_width, Json kv_heads, int positions, double epsilon) {
  return {{"vocab_size", Kind::words, {"vocabulary"}, words},
          {"hidden_size", Kind::width, {"width"}, 4096},
          {"num_hidden_layers", Kind::count, {"layers"}, 32},
          {"num_attention_heads", Kind::size, {"heads"}, 32},
          {"num_key_value_heads", Kind::size, {"kv_heads"}, std::move(kv_heads), true},
          {"intermediate_size", Kind::size, {"ffn_width"}, std::move(ffn_width)},
          {"hidden_act", Kind::text, {"activation"}, "silu"},
          {"attention_dropout", Kind::rate, {"attention_dropout"}, 0.0},
          {"max_position_embeddings", Kind::size, {"positions"}, positions},
          {"initializer_range", Kind::deviation, {"std"}, 0.02},
          {"rms_norm_eps", Kind::epsilon, {"epsilon"}, epsilon},
          {"rope_theta", Kind::base, {"rotary_base"}, nullptr, true},
          {"rope_parameters", Kind::object, {"rotary"}, nullptr, true},
          {"rope_scaling", Kind::object, {"rotary_scaling"}, nullptr, true}};
}

/// Other values of the class where the file has none.
void set_fallbacks(Family& family, const std::vector<std::pair<std::string, Json>>& fallbacks) {
  for (const auto& [name, value] : fallbacks) {
    for (Key& key : family.keys) {
      if (key.name == name) key.fallback = value;
    }
  }
}

Key head_dim() {
  return {"head_dim", Kind::size, {"head_width"}, nullptr, true};
}

Key sliding_window(Json fallback) {
  return {"sliding_window", Kind::size, {"window"}, std::move(fallback), true};
}

/// Biases are 0 at initialization, whether there are some or not.
std::vector<std::string> idle() {
  return {"attention_bias", "mlp_bias", "pretraining_tp"};
}

Family llama() {
  return {.type = "llama",
          .layout = layout(1e4),
          .keys = both(keys(32000, 11008, nullptr, 2048, 1e-6), {head_dim()}),
          .limits = {},
          .idle = idle()};
}

Family mistral() {
  return {.type = "mistral",
          .layout = layout(1e4),
          .keys = both(keys(32000, 14336, 8, 131072, 1e-6), {head_dim(), sliding_window(4096)}),
          .limits = {},
          .idle = idle()};
}

Family mixtral() {
  return {
      .type = "mixtral",
      .layout = layout(1e6),
      .keys = both(keys(32000, 14336, 8, 131072, 1e-5), {head_dim(),
                                                         sliding_window(nullptr),
                                                         {"num_local_experts", Kind::size, {"experts"}, 8},
                                                         {"num_experts_per_tok", Kind::size, {"chosen_experts"}, 2}}),
      .limits = {{"router_jitter_noise", Kind::factor, 0.0, {0.0}, "written without"}},
      .idle = both(idle(), {"output_router_logits", "router_aux_loss_coef"}),
      .aliases = {{"num_experts", "num_local_experts"}}};
}

/// Windows that some layers have, by keys of their own.
std::vector<Key> window_keys() {
  return {sliding_window(4096),
          {"use_sliding_window", Kind::flag, {"window_used"}, false},
          {"max_window_layers", Kind::index, {"layers_before_window"}, 28}};
}

Family qwen2() {
  return {.type = "qwen2",
          .layout = layout(1e4),
          .keys = both(keys(151936, 22016, 32, 32768, 1e-6), window_keys()),
          .limits = {},
          .idle = both(idle(), {"layer_types"})};
}

/// Qwen2 with a norm of every head's queries and keys, and heads as wide as a key says.
Family qwen3() {
  Family family = {.type = "qwen3",
                   .layout = layout(1e4),
                   .keys = both(keys(151936, 22016, 32, 32768, 1e-6), window_keys()),
                   .limits = {},
                   .idle = both(idle(), {"layer_types"})};
  family.layout.query_key_norm = "rms_norm";
  family.keys.push_back({"head_dim", Kind::size, {"head_width"}, 128, true});
  return family;
}

/// Norms behind the branches only.
Family olmo2() {
  Family family = {.type = "olmo2",
                   .layout = layout(1e4),
                   .keys = keys(50304, 11008, nullptr, 2048, 1e-5),
                   .limits = {},
                   .idle = idle()};
  family.layout.placement = "output";
  family.layout.query_key_norm = "rms_norm";
  family.layout.query_key_norm_of_all = true;
  return family;
}

/// Its norms multiply by 1 + weight with weights of 0: gain 1 as everywhere. The embedding is
/// multiplied by √width.
Family gemma() {
  Family family = {.type = "gemma", .layout = layout(1e4), .keys = {}, .limits = {}, .idle = idle()};
  family.layout.embedding_by_root_width = true;
  family.layout.gelu_is_tanh = true;
  family.keys = {{"vocab_size", Kind::words, {"vocabulary"}, 256000},
                 {"hidden_size", Kind::width, {"width"}, 3072},
                 {"num_hidden_layers", Kind::count, {"layers"}, 28},
                 {"num_attention_heads", Kind::size, {"heads"}, 16},
                 {"num_key_value_heads", Kind::size, {"kv_heads"}, 16, true},
                 {"head_dim", Kind::size, {"head_width"}, 256},
                 {"intermediate_size", Kind::size, {"ffn_width"}, 24576},
                 {"hidden_act", Kind::text, {"activation"}, "gelu_pytorch_tanh"},
                 {"attention_dropout", Kind::rate, {"attention_dropout"}, 0.0},
                 {"max_position_embeddings", Kind::size, {"positions"}, 8192},
                 {"initializer_range", Kind::deviation, {"std"}, 0.02},
                 {"rms_norm_eps", Kind::epsilon, {"epsilon"}, 1e-6},
                 {"rope_theta", Kind::base, {"rotary_base"}, nullptr, true},
                 {"rope_parameters", Kind::object, {"rotary"}, nullptr, true},
                 {"rope_scaling", Kind::object, {"rotary_scaling"}, nullptr, true},
                 {"use_bidirectional_attention", Kind::flag, {"not_causal"}, nullptr, true}};
  family.limits = {{"hidden_activation",
                    Kind::text,
                    nullptr,
                    {nullptr, "gelu_pytorch_tanh"},
                    "the class reads hidden_act instead, and so does the spec"}};
  return family;
}

/// Gemma with a norm at both ends of every branch, and scores scaled by a key of their own.
Family gemma2() {
  Family family = gemma();
  family.type = "gemma2";
  family.layout.placement = "sandwich";
  family.layout.gelu_is_tanh = false;
  family.layout.score_by_scalar = true;
  for (Key& key : family.keys) {
    if (key.name == "hidden_act") key.name = "hidden_activation";
  }
  set_fallbacks(family, {{"hidden_size", 2304},
                         {"num_hidden_layers", 26},
                         {"num_attention_heads", 8},
                         {"num_key_value_heads", 4},
                         {"intermediate_size", 9216}});
  family.keys.push_back(sliding_window(4096));
  family.keys.push_back({"query_pre_attn_scalar", Kind::size, {"score_scalar"}, 256});
  family.limits = {{"attn_logit_softcapping", Kind::factor, 50.0, {nullptr}, "written with scores that have no cap"}};
  // Many files name the activation twice; the class reads hidden_activation.
  family.idle = both(family.idle, {"final_logit_softcapping", "layer_types", "cache_implementation", "hidden_act"});
  return family;
}

}  // namespace

std::vector<Family> llama_families() {
  return {llama(), mistral(), mixtral(), qwen2(), qwen3(), olmo2(), gemma(), gemma2()};
}

}  // namespace sigprop::importer
