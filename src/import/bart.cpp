// SPDX-License-Identifier: Apache-2.0
#include "import/family.hpp"

namespace sigprop::importer {

/// Encoder and decoder with Post-LN, a table of positions, and a norm on the embedding. Each has
/// its own depth, heads and FFN.
std::vector<Family> bart_families() {
  return {{
      .type = "bart",
      .layout = {.placement = "post", .encoder_decoder = true, .tables = {"token", "position"}, .embedding_norm = true},
      .keys = {{"vocab_size", Kind::words, {"vocabulary"}, 50265},
               {"d_model", Kind::width, {"width"}, 1024},
               {"encoder_layers", Kind::count, {"layers"}, 12},
               {"decoder_layers", Kind::count, {"decoder_layers"}, 12},
               {"encoder_attention_heads", Kind::size, {"heads"}, 16},
               {"decoder_attention_heads", Kind::size, {"decoder_heads"}, 16},
               {"encoder_ffn_dim", Kind::size, {"ffn_width"}, 4096},
               {"decoder_ffn_dim", Kind::size, {"decoder_ffn_width"}, 4096},
               {"activation_function", Kind::text, {"activation"}, "gelu"},
               {"dropout", Kind::rate, {"residual_dropout", "embedding_dropout"}, 0.1},
               {"attention_dropout", Kind::rate, {"attention_dropout"}, 0.0},
               {"activation_dropout", Kind::rate, {"ffn_dropout"}, 0.0},
               {"max_position_embeddings", Kind::size, {"positions"}, 1024},
               {"init_std", Kind::deviation, {"std"}, 0.02}},
      .limits = {{"is_encoder_decoder", Kind::flag, true, {true}, "written as encoder and decoder"},
                 {"scale_embedding", Kind::flag, false, {false}, "written with words of the table's own size"},
                 {"encoder_layerdrop", Kind::rate, 0.0, {0.0}, "written with all layers, always"},
                 {"decoder_layerdrop", Kind::rate, 0.0, {0.0}, "written with all layers, always"}},
      // The number of layers stands twice in a file; the others are of old files, and of the
      // class's every layer anyway.
      .idle = {"num_hidden_layers", "add_bias_logits", "add_final_layer_norm", "normalize_before",
               "normalize_embedding", "static_position_embeddings", "classif_dropout", "extra_pos_embeddings",
               "force_bos_token_to_be_generated", "gradient_checkpointing"},
      .aliases = {{"hidden_size", "d_model"}, {"num_attention_heads", "encoder_attention_heads"}},
  }};
}

}  // namespace sigprop::importer
