// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "sigprop/measured/inspect.hpp"
#include "sigprop/spec/read.hpp"

namespace sigprop::measured {
namespace {

using nlohmann::json;

double number_in(const json& config, const char* key, double fallback) {
  const auto found = config.find(key);
  return found != config.end() && found->is_number() ? found->get<double>() : fallback;
}

bool flag_in(const json& config, const char* key) {
  const auto found = config.find(key);
  return found != config.end() && found->is_boolean() && found->get<bool>();
}

/// What a class multiplies its words' table by.
double word_factor(const json& config, const std::string& type, const network::Network& network) {
  static const std::set<std::string> by_root_width{"gemma", "gemma2", "gemma3_text", "vaultgemma"};
  const bool by_width = by_root_width.count(type) > 0 || flag_in(config, "scale_embedding");
  return (by_width ? std::sqrt(static_cast<double>(network.width)) : 1) * number_in(config, "embedding_multiplier", 1) *
         number_in(config, "scale_emb", 1);
}

/// What a configuration says that its spec has put elsewhere.
void follow(const json& whole, const network::Network& network, Expected& out) {
  if (!whole.is_object()) return;
  const auto text = whole.find("text_config");
  const json& config = text != whole.end() && text->is_object() ? *text : whole;
  const std::string type = config.contains("model_type") && config["model_type"].is_string()
                               ? config["model_type"].get<std::string>()
                               : std::string();
  static const std::set<std::string> one_more{"gemma", "gemma2", "gemma3_text", "vaultgemma"};  // than the weight
  if (one_more.count(type) > 0) out.gain = 0;
  if (out.token_std) *out.token_std /= word_factor(config, type, network);
  // Tables that a spec holds in another form: sines, and words behind a narrower table's weights.
  static const std::set<std::string> sines{"marian", "m2m_100", "pegasus"};
  if (sines.count(type) > 0) out.position_std = out.segment_std = std::nullopt;
  out.has_biases = type.rfind("siglip", 0) != 0;  // which draws some with 1e-6
  const double table = number_in(config, "word_embed_proj_dim", static_cast<double>(network.width));
  if (table != static_cast<double>(network.width)) out.token_std = std::nullopt;
  if (out.patch_std) {
    const double kept = std::sqrt(1 - number_in(config, "hidden_dropout_prob", 0));
    for (auto* std : {&out.patch_std, &out.class_std, &out.position_std})
      if (*std) **std *= kept;
  }
  if (type == "clip_vision_model") out.patch_std = out.class_std = out.position_std = std::nullopt;  // behind a norm
  const auto factor = config.find("initializer_factor");
  if (type == "t5" && factor != config.end() && factor->is_number()) out.gain = factor->get<double>();
  const auto by_layer = config.find("scale_attn_by_inverse_layer_idx");
  out.query_by_layer = by_layer != config.end() && by_layer->is_boolean() && by_layer->get<bool>();
}

std::optional<double> std_of(const network::BasicTable<double>& table) {
  return table.used ? std::optional(table.std) : std::nullopt;
}

}  // namespace

Expected expected_of(const spec::ReadResult& read, std::string_view config) {
  Expected out;
  out.stacks = read.stacks;
  const network::Network& network = *read.network;
  if (const auto* embedding = std::get_if<network::Embedding>(&network.source)) {
    out.token_std = std_of(embedding->token);
    out.position_std = std_of(embedding->position);
    out.segment_std = std_of(embedding->segment);
  } else if (const auto* given = std::get_if<network::GivenInput>(&network.source)) {
    if (given->class_tokens > 0) out.class_std = given->class_std;
    out.position_std = std_of(given->position);
    if (given->pixels > 0) out.patch_std = std::sqrt(given->variance / static_cast<double>(given->pixels));
  }
  if (!config.empty()) follow(json::parse(config, nullptr, false), network, out);
  return out;
}

NameMap names_of(std::string_view text) {
  const json map = json::parse(text, nullptr, false);
  if (!map.is_object())
    throw std::runtime_error("must be a JSON object: a regular expression and what it means, \"query\" or a list");
  NameMap out;
  for (const auto& [regex, meaning] : map.items()) {
    const json list = meaning.is_array() ? meaning : json::array({meaning});
    std::vector<std::string> weights;
    for (const json& weight : list) {
      if (!weight.is_string())
        throw std::runtime_error("\"" + regex + "\" means " + weight.dump() +
                                 ", but must mean a weight's name or a list of them");
      weights.push_back(weight.get<std::string>());
    }
    if (weights.empty())
      throw std::runtime_error("\"" + regex + "\" means an empty list, but must mean at least one weight");
    out.emplace_back(regex, std::move(weights));
  }
  return out;
}

}  // namespace sigprop::measured
