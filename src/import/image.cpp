// SPDX-License-Identifier: Apache-2.0
#include "import/family.hpp"

namespace sigprop::importer {
namespace {

/// Pre-LN on the patches of an image. ViT draws its class token and positions; DeiT, which has one
/// token more, leaves them 0.
Family image(const std::string& type, std::size_t special_tokens, bool special_drawn) {
  return {
      .type = type,
      .layout = {.tables = {}, .special_tokens = special_tokens, .special_drawn = special_drawn},
      .keys = {{"hidden_size", Kind::width, {"width"}, 768},
               {"num_hidden_layers", Kind::count, {"layers"}, 12},
               {"num_attention_heads", Kind::size, {"heads"}, 12},
               {"intermediate_size", Kind::size, {"ffn_width"}, 3072},
               {"hidden_act", Kind::text, {"activation"}, "gelu"},
               {"hidden_dropout_prob", Kind::rate, {"residual_dropout", "embedding_dropout"}, 0.0},
               {"attention_probs_dropout_prob", Kind::rate, {"attention_dropout"}, 0.0},
               {"initializer_range", Kind::deviation, {"std"}, 0.02},
               {"layer_norm_eps", Kind::epsilon, {"epsilon"}, 1e-12},
               {"image_size", Kind::extent, {"image"}, 224},
               {"patch_size", Kind::extent, {"patch"}, 16},
               {"num_channels", Kind::size, {"channels"}, 3}},
      .limits = {},
      .idle = {"qkv_bias", "encoder_stride", "pooler_output_size", "pooler_act"},
  };
}

}  // namespace

std::vector<Family> image_families() {
  return {image("vit", 1, true), image("deit", 2, false)};
}

}  // namespace sigprop::importer
