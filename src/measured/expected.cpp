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

/// What a configuration says that its spec has put elsewhere.
void follow(const json& config, const network::Network& network, Expected& out) {
  if (!config.is_object()) return;
  const std::string type = config.contains("model_type") && config["model_type"].is_string()
                               ? config["model_type"].get<std::string>()
                               : std::string();
  // Their norms multiply by 1 + weight, and their embedding is multiplied by the root of the width.
  static const std::set<std::string> gemmas{"gemma", "gemma2"};
  if (gemmas.count(type) > 0) {
    out.gain = 0;
    if (out.token_std) *out.token_std /= std::sqrt(static_cast<double>(network.width));
  }
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
    if (given->class_tokens > 0 && !out.stacks.empty() && out.stacks.front().layers() > 0)
      out.patch_std = out.stacks.front().std.front().query;
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
