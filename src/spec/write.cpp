// SPDX-License-Identifier: Apache-2.0
#include "sigprop/spec/write.hpp"

#include "spec/names.hpp"
#include "spec/rule.hpp"

namespace sigprop::spec {
namespace {

using network::Component;

Json list_json(const std::vector<Component>& list);

Json repeat_json(const network::Repeat& op, Json of) {
  Json body = {{"times", op.times}, {"of", std::move(of)}};
  if (op.tied) body["tied"] = true;
  return {{"repeat", body}};
}

struct ToJson {
  Json operator()(const network::Linear& op) const {
    Json body = {{"in", op.in}, {"out", op.out}, {"weight_std", op.weight_std}};
    if (op.bias_std != 0) body["bias_std"] = op.bias_std;
    if (op.name != network::Linear{}.name) body["name"] = op.name;
    return {{"linear", body}};
  }
  Json operator()(const network::GatedLinear& op) const {
    Json body = {{"in", op.in}, {"out", op.out}, {"gate_std", op.gate_std}, {"weight_std", op.weight_std}};
    if (op.bias_std != 0) body["bias_std"] = op.bias_std;
    body["activation"] = name_of(activation_names, op.activation);
    return {{"gated_linear", body}};
  }
  Json operator()(const network::Activation& op) const { return {{"activation", name_of(activation_names, op.kind)}}; }
  Json operator()(const network::Dropout& op) const { return {{"dropout", op.probability}}; }
  Json operator()(const network::Norm& op) const {
    const char* kind = name_of(norm_names, op.kind);
    if (op.epsilon == 0) return {{"norm", kind}};
    return {{"norm", {{"kind", kind}, {"epsilon", op.epsilon}}}};
  }
  Json operator()(const network::Attention& op) const {
    Json body = {{"width", op.width}, {"heads", op.heads}};
    if (op.kv_heads != op.heads) body["kv_heads"] = op.kv_heads;
    body["head_width"] = op.head_width;
    body["mask"] = name_of(mask_names, op.mask);
    body["dropout"] = op.dropout;
    body["score_scale"] = op.score_scale;
    if (op.rotary_base) body["rotary_base"] = *op.rotary_base;
    if (op.rotary_base && op.rotary_width != op.head_width) body["rotary_width"] = op.rotary_width;
    if (op.query_key_norm) body["query_key_norm"] = name_of(norm_names, *op.query_key_norm);
    if (op.query_key_norm_of_all) body["query_key_norm_over"] = "all_heads";
    if (op.norm_epsilon != 0) body["norm_epsilon"] = op.norm_epsilon;
    body["query_std"] = op.query_std;
    body["key_std"] = op.key_std;
    body["value_std"] = op.value_std;
    body["output_std"] = op.output_std;
    if (op.bias_std != 0) body["bias_std"] = op.bias_std;
    if (op.inner_norm) body["inner_norm"] = name_of(norm_names, *op.inner_norm);
    return {{"attention", body}};
  }
  Json operator()(const network::Residual& op) const {
    Json body = {{"skip", op.skip}, {"branch", op.branch}, {"of", list_json(op.of)}};
    if (op.learned_branch) body["learned_branch"] = true;
    return {{"residual", body}};
  }
  Json operator()(const network::Repeat& op) const { return repeat_json(op, list_json(op.of)); }
  Json operator()(const network::Parallel& op) const {
    Json lists = Json::array();
    for (const std::vector<Component>& list : op.of) lists.push_back(list_json(list));
    return {{"parallel", {{"of", lists}}}};
  }
  Json operator()(const network::Experts& op) const {
    Json body = {{"count", op.count}, {"top_k", op.chosen}, {"of", list_json(op.of)}};
    if (op.has_router()) body["router_std"] = op.router_std;
    if (op.router != network::Router::softmax) body["router"] = name_of(router_names, op.router);
    return {{"experts", body}};
  }
};

/// `outer`: points lie on this level, so that a component without one must say so.
Json component_json(const Component& component, bool outer) {
  if (const auto* repeat = std::get_if<network::Repeat>(&component.op)) {
    Json of = Json::array();
    for (const Component& inner : repeat->of) of.push_back(component_json(inner, outer));
    return repeat_json(*repeat, of);
  }
  Json out = std::visit(ToJson{}, component.op);
  if (outer && component.point.empty()) out["point"] = false;
  if (outer && !component.point.empty() && component.point != network::kind_name(component))
    out["point"] = component.point;
  return out;
}

Json list_json(const std::vector<Component>& list) {
  Json out = Json::array();
  for (const Component& component : list) out.push_back(component_json(component, false));
  return out;
}

Json embedding_json(const network::Network& network) {
  const auto& embedding = std::get<network::Embedding>(network.source);
  Json out = {{"vocabulary", embedding.vocabulary}, {"tables", Json::array()}};
  const auto std = network::common_std(embedding);
  if (std) out["std"] = *std;
  for (const TableName& name : table_names) {
    const network::BasicTable<double>& table = embedding.*name.table;
    if (!table.used) continue;
    out["tables"].push_back(name.name);
    if (!std) out["std"][name.name] = table.std;
  }
  if (embedding.segment.used && embedding.segments != 2) out["segments"] = embedding.segments;
  if (embedding.match) out["words"] = {{"match", *embedding.match}};
  if (embedding.text) out["words"] = {{"file", embedding.text->file}};
  for (const Component& component : network.input) {
    const auto* norm = std::get_if<network::Norm>(&component.op);
    if (norm == nullptr) {
      out.update(std::visit(ToJson{}, component.op));
      continue;
    }
    out["norm"] = name_of(norm_names, norm->kind);
    if (norm->epsilon != 0) out["norm_epsilon"] = norm->epsilon;
  }
  return out;
}

Json patches_json(const network::GivenInput& given) {
  Json out;
  out["patches"] = {{"variance", given.variance}, {"token_correlation", given.token_correlation}};
  if (given.position.used) out["patches"]["position_std"] = given.position.std;
  if (given.pixels > 0) out["patches"]["pixels"] = given.pixels;
  if (given.class_tokens > 0) out["class_token"] = {{"std", given.class_std}, {"count", given.class_tokens}};
  return out;
}

Json input_json(const network::Network& network) {
  if (const auto* given = std::get_if<network::GivenInput>(&network.source)) {
    if (given->gram) return {{"gram", given->gram->file}};
    Json out = {{"mean", given->mean}, {"variance", given->variance}, {"token_correlation", given->token_correlation}};
    if (given->cross_correlation != 0) out["cross_correlation"] = given->cross_correlation;
    return given->is_image() ? patches_json(*given) : out;
  }
  return {{"embedding", embedding_json(network)}};
}

Json thresholds_json(const profile::Thresholds& t) {
  return {{"exploding_variance", t.exploding_variance}, {"exploding_gradient", t.exploding_gradient},
          {"vanishing_gradient", t.vanishing_gradient}, {"rank_collapse", t.rank_collapse},
          {"entropy_collapse", t.entropy_collapse},     {"negligible_gradient", t.negligible_gradient}};
}

}  // namespace

std::string expanded_text(const network::Network& network, const std::string& checks) {
  Json body = Json::array();
  for (const Component& component : network.body) body.push_back(component_json(component, true));
  Json out = {{"name", network.name},
              {"sequence_length", network.sequence_length},
              {"batch", network.batch},
              {"width", network.width},
              {"input", input_json(network)},
              {"components", body},
              {"gradient",
               {{"variance", network.gradient_variance},
                {"token_correlation", network.gradient_token_correlation},
                {"cross_correlation", network.gradient_cross_correlation}}},
              {"thresholds", thresholds_json(network.thresholds)}};
  if (!network.gradient_tokens.empty()) out["gradient"]["at"] = network.gradient_tokens;
  Json kept = Json::parse(checks);
  if (!kept.empty()) out["checks"] = std::move(kept);
  return out.dump(2) + "\n";
}

}  // namespace sigprop::spec
