// SPDX-License-Identifier: Apache-2.0
#include "measured/names.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "sigprop/measured/inspect.hpp"
#include "spec/nearest.hpp"

namespace sigprop::measured {
namespace {

struct Known {
  const char* regex;
  std::vector<std::string> weights;
  const char* example;  ///< a name that it finds; empty for what nobody mistypes
};

/// The first one that is found in a name decides.
const std::vector<Known>& known_names() {
  static const std::vector<Known> all{
      // Buffers of masks and positions, and parts that no spec has: heads, biases of scores.
      {R"((^|\.)(attn|attention)\.(masked_)?bias$|inv_freq$|position_ids$|num_batches_tracked$)", {"outside"}, ""},
      {R"((^|\.)(lm_head|score|classifier|qa_outputs|pooler|predictions|seq_relationship|embed_out|head)\.)",
       {"outside"},
       "lm_head.weight"},
      {R"(relative_attention_bias|project_(in|out)\.|final_logits_bias|embedding_hidden_mapping_in|embeddings_project)",
       {"outside"},
       ""},
      // What makes features of sound, masks, global attention beside the local one, states of latent
      // attention, learned scales, and what balances experts.
      {R"((_global|conv|conv\d|feature_projection\.projection)\.(weight|bias)$|parametrizations|mask_token$|masked_spec)",
       {"outside"},
       ""},
      {R"((q_a_proj|q_b_proj|kv_a_proj_with_mqa|kv_b_proj)\.weight$|lambda_?\d$|correction_bias$|contact_head\.)",
       {"outside"},
       ""},
      {R"(\.bias$|in_proj_bias$)", {"bias"}, "layers.0.mlp.up_proj.bias"},
      {R"(((^|\.)ln|ln_?\w|ln_\w+|[nN]orm\w*|layer_norms?\.\d)\.weight$)", {"gain"}, "layers.0.input_layernorm.weight"},
      {R"((cls_token|distillation_token|class_token|class_embedding|register_tokens)$)",
       {"class_token"},
       "embeddings.cls_token"},
      {R"((embeddings\.position_embeddings|pos_embed)$)", {"embedding.position"}, "embeddings.position_embeddings"},
      {R"(patch_embed\w*(\.proj\w*)?\.weight$)", {"patch"}, "embeddings.patch_embeddings.projection.weight"},
      {R"((position_embeddings?|embed_positions|positions_embed|wpe)\.weight$)", {"embedding.position"}, "wpe.weight"},
      {R"(token_type_embeddings\.weight$)", {"embedding.segment"}, "embeddings.token_type_embeddings.weight"},
      {R"((word_embeddings|embed_tokens|tokens_embed|token_embedding|embed_in|wte|tok_embeddings|(^|\.)shared)\.weight$)",
       {"embedding.token"},
       "embed_tokens.weight"},
      {R"((c_attn|query_key_value|\.qkv|Wqkv|qkv_proj)\.weight$|in_proj_weight$)",
       {"query", "key", "value"},
       "h.0.attn.c_attn.weight"},
      {R"(EncDecAttention\.q\.weight$|encoder_attn\.q_proj\.weight$)", {"cross_query"}, ""},
      {R"(EncDecAttention\.k\.weight$|encoder_attn\.k_proj\.weight$)", {"cross_key"}, ""},
      {R"(EncDecAttention\.v\.weight$|encoder_attn\.v_proj\.weight$)", {"cross_value"}, ""},
      {R"(EncDecAttention\.o\.weight$|encoder_attn\.out_proj\.weight$)", {"cross_output"}, ""},
      {R"((query|q_lin|q_proj|\.q|\.wq)\.weight$)", {"query"}, "layers.0.self_attn.q_proj.weight"},
      {R"((key|k_lin|k_proj|\.k|\.wk)\.weight$)", {"key"}, "layers.0.self_attn.k_proj.weight"},
      {R"((value|v_lin|v_proj|\.v|\.wv)\.weight$)", {"value"}, "layers.0.self_attn.v_proj.weight"},
      {R"((attention\.(output\.)?dense|attn\.(dense|output|c_proj|proj|Wo|o)|out_lin|o_proj|out_proj|\.o|attention\.wo)\.weight$)",
       {"output"},
       "layers.0.self_attn.o_proj.weight"},
      {R"((block_sparse_moe|mlp|feed_forward)\.(gate|router)\.weight$|shared_expert_gate\.weight$)",
       {"router"},
       "layers.0.mlp.gate.weight"},
      {R"(gate_up_proj(\.weight)?$|(Wi|input_linear)\.weight$)", {"ffn_gate", "ffn_in"}, ""},
      {R"((gate_proj|wi_0|fc12|\.w1)\.weight$)", {"ffn_gate"}, "layers.0.mlp.gate_proj.weight"},
      {R"((intermediate\.dense|intermediate_dense|\.ffn|lin1|fc1|fc11|c_fc|fc_in|dense_h_to_4h|wi|wi_1|up_proj|\.w3|linear1)\.weight$)",
       {"ffn_in"},
       "layers.0.mlp.up_proj.weight"},
      {R"((output\.dense|output_dense|output_linear|ffn_output|mlp\.Wo|lin2|fc2|fc_out|mlp\.c_proj|dense_4h_to_h|\.wo|down_proj|\.w2|linear2)\.weight$)",
       {"ffn_out"},
       "layers.0.mlp.down_proj.weight"},
      {R"(experts\.down_proj$)", {"ffn_out"}, ""},
  };
  return all;
}

std::regex compiled(const std::string& text) {
  try {
    return std::regex(text, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& error) {
    throw std::runtime_error("\"" + text + "\" is no regular expression: " + error.what());
  }
}

void require_known(const std::string& regex, const std::string& weight) {
  const std::vector<std::string> all = weight_names();
  if (std::find(all.begin(), all.end(), weight) != all.end()) return;
  std::string list;
  for (const std::string& name : all) list.append(list.empty() ? "" : ", ").append(name);
  const std::string near = spec::nearest(weight, all);
  throw std::runtime_error("\"" + regex + "\" means \"" + weight + "\", but must mean one of " + list +
                           (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
}

/// With every number as 0.
std::string without_numbers(const std::string& name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const bool digit = name[i] >= '0' && name[i] <= '9';
    if (digit && !out.empty() && out.back() == '0' && i > 0 && name[i - 1] >= '0' && name[i - 1] <= '9') continue;
    out += digit ? '0' : name[i];
  }
  return out;
}

}  // namespace

std::vector<std::string> weight_names() {
  std::vector<std::string> out;
  for (const Known& known : known_names()) {
    for (const std::string& weight : known.weights) {
      if (std::find(out.begin(), out.end(), weight) == out.end()) out.push_back(weight);
    }
  }
  return out;
}

Names::Names(const NameMap& own) {
  for (const auto& [regex, weights] : own) {
    for (const std::string& weight : weights) require_known(regex, weight);
    patterns_.push_back({compiled(regex), weights});
  }
  for (const Known& known : known_names()) patterns_.push_back({compiled(known.regex), known.weights});
}

std::optional<Meaning> Names::of(const std::string& tensor) const {
  constexpr std::size_t longest = 1000;  // a regular expression follows a name letter by letter
  if (tensor.size() > longest) return {};
  static const std::regex layer(R"((?:^|\.)(?:h|layer|layers|block|blocks)\.(\d{1,6})\.)");
  static const std::regex decoder(R"((^|\.)decoder\.)");
  const auto found = std::find_if(patterns_.begin(), patterns_.end(),
                                  [&](const Pattern& pattern) { return std::regex_search(tensor, pattern.regex); });
  if (found == patterns_.end()) return {};
  Meaning out{found->weights, 0, 0};
  std::smatch number;
  if (std::regex_search(tensor, number, layer)) out.layer = std::stoul(number[1]) + 1;
  if (std::regex_search(tensor, decoder)) out.stack = 1;
  return out;
}

std::string Names::nearest(const std::string& tensor) {
  std::vector<std::string> examples;
  const std::string plain = without_numbers(tensor);
  const std::size_t parts = static_cast<std::size_t>(std::count(plain.begin(), plain.end(), '.'));
  for (const Known& known : known_names()) {
    std::string example = known.example;
    if (example.empty()) continue;
    examples.push_back(example);
    // Of a name with more before it, or less, the end counts.
    while (static_cast<std::size_t>(std::count(example.begin(), example.end(), '.')) > parts) {
      example.erase(0, example.find('.') + 1);
      examples.push_back(example);
    }
  }
  return spec::nearest(plain, examples);
}

Region region_of(const Tensor& tensor, const Meaning& meaning, std::size_t part, std::size_t head_width) {
  const std::size_t columns = tensor.columns(), rows = columns == 0 ? 0 : tensor.count() / columns;
  Region out{.columns = columns};
  const std::size_t parts = meaning.weights.size();
  if (parts == 1) return out;
  if (tensor.shape.size() == 2 && columns == parts * rows) {  // (in, out), as GPT-2's
    out.columns = columns / parts;
    out.first_column = part * out.columns;
    return out;
  }
  // Head after head, each with its query, key and value; expert after expert, each with its gate;
  // else one after the other.
  const bool by_head = tensor.name.find("query_key_value") != std::string::npos && head_width > 0;
  const std::size_t of_expert = tensor.shape.size() == 3 ? tensor.shape[1] : rows;
  out.block = std::max<std::size_t>(1, by_head ? head_width : of_expert / parts);
  out.period = parts;
  out.phase = part;
  return out;
}

}  // namespace sigprop::measured
