// SPDX-License-Identifier: Apache-2.0
#include "import/family.hpp"

namespace sigprop::importer {
namespace {

Family gpt2() {
  return {
      .type = "gpt2",
      .layout = {.causal = true, .tables = {"token", "position"}, .outputs_by_depth = true},
      .keys = {{"vocab_size", Kind::words, {"vocabulary"}, 50257},
               {"n_positions", Kind::size, {"positions"}, 1024},
               {"n_embd", Kind::width, {"width"}, 768},
               {"n_layer", Kind::count, {"layers"}, 12},
               {"n_head", Kind::size, {"heads"}, 12},
               {"n_inner", Kind::size, {"ffn_width"}, nullptr, true},
               {"activation_function", Kind::text, {"activation"}, "gelu_new"},
               {"resid_pdrop", Kind::rate, {"residual_dropout"}, 0.1},
               {"embd_pdrop", Kind::rate, {"embedding_dropout"}, 0.1},
               {"attn_pdrop", Kind::rate, {"attention_dropout"}, 0.1},
               {"layer_norm_epsilon", Kind::epsilon, {"epsilon"}, 1e-5},
               {"initializer_range", Kind::deviation, {"std"}, 0.02},
               {"scale_attn_weights", Kind::flag, {"scaled_scores"}, true},
               {"scale_attn_by_inverse_layer_idx", Kind::flag, {"scores_by_layer"}, false}},
      .limits = {},
      .idle = {"n_ctx", "summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels",
               "summary_first_dropout", "reorder_and_upcast_attn"},
      .aliases = {{"hidden_size", "n_embd"},
                  {"max_position_embeddings", "n_positions"},
                  {"num_attention_heads", "n_head"},
                  {"num_hidden_layers", "n_layer"}},
  };
}

Family opt() {
  return {
      .type = "opt",
      .layout = {.causal = true, .tables = {"token", "position"}},
      .keys = {{"vocab_size", Kind::words, {"vocabulary"}, 50272},
               {"hidden_size", Kind::width, {"width"}, 768},
               {"num_hidden_layers", Kind::count, {"layers"}, 12},
               {"num_attention_heads", Kind::size, {"heads"}, 12},
               {"ffn_dim", Kind::size, {"ffn_width"}, 3072},
               {"max_position_embeddings", Kind::size, {"positions"}, 2048},
               {"activation_function", Kind::text, {"activation"}, "relu"},
               {"dropout", Kind::rate, {"residual_dropout"}, 0.1},
               {"attention_dropout", Kind::rate, {"attention_dropout"}, 0.0},
               {"init_std", Kind::deviation, {"std"}, 0.02},
               {"do_layer_norm_before", Kind::flag, {"pre"}, true},
               {"_remove_final_layer_norm", Kind::flag, {"no_final_norm"}, false},
               {"word_embed_proj_dim", Kind::size, {"table_width"}, nullptr, true}},
      .limits = {{"layerdrop", Kind::rate, 0.0, {0.0}, "written with all layers, always"}},
      .idle = {"enable_bias", "layer_norm_elementwise_affine", "activation_dropout"},
  };
}

/// The FFN's width and activation have no key: 4 times the width, the tanh form of GELU.
Family bloom() {
  return {
      .type = "bloom",
      .layout =
          {.causal = true,
           .tables = {"token"},
           .embedding_norm = true,
           .activation = "gelu_new",
           .beyond = {"bloom adds a bias to every score that falls with the distance (ALiBi), which a spec cannot "
                      "express: written without positions"}},
      .keys = {{"vocab_size", Kind::words, {"vocabulary"}, 250880},
               {"hidden_size", Kind::width, {"width"}, 64},
               {"n_layer", Kind::count, {"layers"}, 2},
               {"n_head", Kind::size, {"heads"}, 8},
               {"hidden_dropout", Kind::rate, {"residual_dropout"}, 0.0},
               {"attention_dropout", Kind::rate, {"attention_dropout"}, 0.0},
               {"layer_norm_epsilon", Kind::epsilon, {"epsilon"}, 1e-5},
               {"initializer_range", Kind::deviation, {"std"}, 0.02}},
      .limits = {{"n_inner",
                  Kind::size,
                  nullptr,
                  {nullptr},
                  "the class takes 4 times the width instead, and so does the spec"},
                 {"apply_residual_connection_post_layernorm",
                  Kind::flag,
                  false,
                  {false},
                  "written with the skip taken before the norm"}},
      .idle = {"pretraining_tp", "slow_but_exact", "seq_length", "offset_alibi", "bias_dropout_fusion",
               "attention_softmax_in_fp32", "masked_softmax_fusion", "skip_bias_add", "skip_bias_add_qkv",
               "unk_token_id"},
      .aliases = {{"num_hidden_layers", "n_layer"}, {"num_attention_heads", "n_head"}, {"n_embed", "hidden_size"}},
  };
}

Family gpt_neox() {
  return {
      .type = "gpt_neox",
      .layout = {.causal = true, .tables = {"token"}, .rotary_base = 1e4, .rotary_share = 0.25},
      .keys = {{"vocab_size", Kind::words, {"vocabulary"}, 50432},
               {"hidden_size", Kind::width, {"width"}, 6144},
               {"num_hidden_layers", Kind::count, {"layers"}, 44},
               {"num_attention_heads", Kind::size, {"heads"}, 64},
               {"intermediate_size", Kind::size, {"ffn_width"}, 24576},
               {"hidden_act", Kind::text, {"activation"}, "gelu"},
               {"hidden_dropout", Kind::rate, {"residual_dropout", "embedding_dropout"}, 0.0},
               {"attention_dropout", Kind::rate, {"attention_dropout"}, 0.0},
               {"max_position_embeddings", Kind::size, {"positions"}, 2048},
               {"layer_norm_eps", Kind::epsilon, {"epsilon"}, 1e-5},
               {"initializer_range", Kind::deviation, {"std"}, 0.02},
               {"rotary_emb_base", Kind::base, {"rotary_base"}, nullptr, true},
               {"rotary_pct", Kind::share, {"rotary_share"}, nullptr, true},
               {"rope_parameters", Kind::object, {"rotary"}, nullptr, true},
               {"rope_scaling", Kind::object, {"rotary_scaling"}, nullptr, true},
               {"use_parallel_residual", Kind::flag, {"parallel"}, true}},
      .limits = {},
      .idle = {"attention_bias"},
      .aliases = {{"rope_theta", "rotary_emb_base"}, {"partial_rotary_factor", "rotary_pct"}},
  };
}

/// Attention and FFN side by side, always, behind one norm.
Family gptj() {
  return {
      .type = "gptj",
      .layout = {.causal = true, .parallel = true, .tables = {"token"}, .rotary_base = 1e4},
      .keys = {{"vocab_size", Kind::words, {"vocabulary"}, 50400},
               {"n_positions", Kind::size, {"positions"}, 2048},
               {"n_embd", Kind::width, {"width"}, 4096},
               {"n_layer", Kind::count, {"layers"}, 28},
               {"n_head", Kind::size, {"heads"}, 16},
               {"rotary_dim", Kind::size, {"rotary_width"}, 64, true},
               {"n_inner", Kind::size, {"ffn_width"}, nullptr, true},
               {"activation_function", Kind::text, {"activation"}, "gelu_new"},
               {"resid_pdrop", Kind::rate, {"residual_dropout"}, 0.0},
               {"embd_pdrop", Kind::rate, {"embedding_dropout"}, 0.0},
               {"attn_pdrop", Kind::rate, {"attention_dropout"}, 0.0},
               {"layer_norm_epsilon", Kind::epsilon, {"epsilon"}, 1e-5},
               {"initializer_range", Kind::deviation, {"std"}, 0.02}},
      .limits = {},
      // Files of the first versions have scale_attn_weights and rotary, which the class does not
      // read.
      .idle = {"scale_attn_weights", "rotary", "summary_type", "summary_use_proj", "summary_activation",
               "summary_proj_to_labels", "summary_first_dropout"},
      .aliases = {{"hidden_size", "n_embd"},
                  {"max_position_embeddings", "n_positions"},
                  {"num_attention_heads", "n_head"},
                  {"num_hidden_layers", "n_layer"}},
  };
}

}  // namespace

std::vector<Family> gpt_families() {
  return {gpt2(), opt(), bloom(), gpt_neox(), gptj()};
}

}  // namespace sigprop::importer
