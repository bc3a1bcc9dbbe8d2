// SPDX-License-Identifier: Apache-2.0
#include "import/family.hpp"

namespace sigprop::importer {

/// Encoder and decoder with Pre-RMSNorm. Scores are not divided by √d_kv; the query's weights make
/// up for it.
std::vector<Family> t5_families() {
  return {{
      .type = "t5",
      .layout =
          {.norm = "rms_norm",
           .encoder_decoder = true,
           .tables = {"token"},
           .by_fan_in = true,
           .beyond = {"t5 adds a random bias to every score that depends on the distance, which a spec cannot express: "
                      "written without positions"}},
      .keys = {{"vocab_size", Kind::words, {"vocabulary"}, 32128},
               {"d_model", Kind::width, {"width"}, 512},
               {"d_kv", Kind::size, {"head_width"}, 64},
               {"d_ff", Kind::size, {"ffn_width"}, 2048},
               {"num_layers", Kind::count, {"layers"}, 6},
               {"num_decoder_layers", Kind::count, {"decoder_layers"}, nullptr, true},
               {"num_heads", Kind::size, {"heads"}, 8},
               {"dropout_rate",
                Kind::rate,
                {"residual_dropout", "embedding_dropout", "attention_dropout", "ffn_dropout", "final_dropout"},
                0.1},
               {"feed_forward_proj", Kind::text, {"ffn_kind"}, "relu"},
               {"initializer_factor", Kind::factor, {"factor"}, 1.0},
               {"layer_norm_epsilon", Kind::epsilon, {"epsilon"}, 1e-6}},
      .limits = {{"is_encoder_decoder", Kind::flag, true, {true}, "written as encoder and decoder"}},
      // is_gated_act and dense_act_fn repeat feed_forward_proj; the bias of the scores is none of a
      // spec's anyway.
      .idle = {"is_gated_act", "dense_act_fn", "relative_attention_num_buckets", "relative_attention_max_distance",
               "n_positions", "scale_decoder_outputs"},
      .aliases = {{"hidden_size", "d_model"},
                  {"num_attention_heads", "num_heads"},
                  {"num_hidden_layers", "num_layers"},
                  {"head_dim", "d_kv"}},
  }};
}

}  // namespace sigprop::importer
