// SPDX-License-Identifier: Apache-2.0
#include "import/family.hpp"

namespace sigprop::importer {
namespace {

/// Post-LN with a norm and dropout on the sum of three tables.
Family bert() {
  return {
      .type = "bert",
      .layout = {.placement = "post", .tables = {"token", "position", "segment"}, .embedding_norm = true},
      .keys = {{"vocab_size", Kind::words, {"vocabulary"}, 30522},
               {"hidden_size", Kind::width, {"width"}, 768},
               {"num_hidden_layers", Kind::count, {"layers"}, 12},
               {"num_attention_heads", Kind::size, {"heads"}, 12},
               {"intermediate_size", Kind::size, {"ffn_width"}, 3072},
               {"hidden_act", Kind::text, {"activation"}, "gelu"},
               {"hidden_dropout_prob", Kind::rate, {"residual_dropout", "embedding_dropout"}, 0.1},
               {"attention_probs_dropout_prob", Kind::rate, {"attention_dropout"}, 0.1},
               {"max_position_embeddings", Kind::size, {"positions"}, 512},
               {"initializer_range", Kind::deviation, {"std"}, 0.02},
               {"layer_norm_eps", Kind::epsilon, {"epsilon"}, 1e-12},
               {"type_vocab_size", Kind::index, {"segments"}, 2},
               {"is_decoder", Kind::flag, {"causal"}, nullptr}},
      .limits =
          {{"position_embedding_type", Kind::text, "absolute", {"absolute"}, "written with a table of positions"}},
      .idle = {},
  };
}

/// BERT but for its vocabulary and for positions that are counted from the padding word's number +
/// 1.
Family roberta() {
  Family family = bert();
  family.type = "roberta";
  family.layout.positions_after_padding = true;
  family.keys.front().fallback = 50265;
  family.keys.push_back({"pad_token_id", Kind::index, {"padding"}, 1, true});
  return family;
}

/// Post-LN too, under names of its own and without segments.
Family distilbert() {
  return {
      .type = "distilbert",
      .layout = {.placement = "post", .epsilon = 1e-12, .tables = {"token", "position"}, .embedding_norm = true},
      .keys = {{"vocab_size", Kind::words, {"vocabulary"}, 30522},
               {"dim", Kind::width, {"width"}, 768},
               {"n_layers", Kind::count, {"layers"}, 6},
               {"n_heads", Kind::size, {"heads"}, 12},
               {"hidden_dim", Kind::size, {"ffn_width"}, 3072},
               {"activation", Kind::text, {"activation"}, "gelu"},
               {"dropout", Kind::rate, {"residual_dropout", "embedding_dropout"}, 0.1},
               {"attention_dropout", Kind::rate, {"attention_dropout"}, 0.1},
               {"max_position_embeddings", Kind::size, {"positions"}, 512},
               {"initializer_range", Kind::deviation, {"std"}, 0.02}},
      .limits = {{"sinusoidal_pos_embds", Kind::flag, false, {false}, "written with a random table of positions"}},
      .idle = {"qa_dropout", "seq_classif_dropout", "tie_weights_"},
      .aliases = {{"hidden_size", "dim"}, {"num_attention_heads", "n_heads"}, {"num_hidden_layers", "n_layers"}},
  };
}

}  // namespace

std::vector<Family> bert_families() {
  return {bert(), roberta(), distilbert()};
}

}  // namespace sigprop::importer
