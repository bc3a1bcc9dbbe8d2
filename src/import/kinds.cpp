// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <stdexcept>

#include "import/family.hpp"

namespace sigprop::importer {
namespace {

using spec::Rule;
using spec::RulePtr;

RulePtr made(Rule::Kind kind, Json example) {
  Rule rule;
  rule.kind = kind;
  rule.example = std::move(example);
  return std::make_shared<const Rule>(std::move(rule));
}

RulePtr between(Rule::Kind kind, double low, double high, Json example, bool above = false, bool below = false) {
  Rule rule;
  rule.kind = kind;
  rule.minimum = low;
  rule.maximum = high;
  rule.above_minimum = above;
  rule.below_maximum = below;
  rule.example = std::move(example);
  return std::make_shared<const Rule>(std::move(rule));
}

/// One side, or height and width.
RulePtr extent() {
  const RulePtr side = between(Rule::Kind::integer, 1, 1e5, 16);
  Rule pair;
  pair.kind = Rule::Kind::array;
  pair.alternatives = {side};
  pair.fewest = pair.most = 2;
  pair.example = {16, 16};
  Rule rule;
  rule.kind = Rule::Kind::either;
  rule.alternatives = {side, std::make_shared<const Rule>(std::move(pair))};
  rule.example = 16;
  return std::make_shared<const Rule>(std::move(rule));
}

}  // namespace

RulePtr rule_of(Kind kind) {
  constexpr auto integer = Rule::Kind::integer, number = Rule::Kind::number;
  // Sizes, rates and standard deviations have the ranges that they have in a spec.
  static const std::map<Kind, RulePtr> rules = {
      {Kind::count, between(integer, 1, 1e6, 12)},
      {Kind::size, between(integer, 1, 1e7, 64)},
      {Kind::width, between(integer, 2, 1e7, 768)},  // a norm needs two features
      {Kind::words, between(integer, 2, 1e9, 30522)},
      {Kind::index, between(integer, -1, 1e9, 0)},  // -1: none, in old files
      {Kind::amount, between(integer, 0, 1e7, 1)},
      {Kind::rate, between(number, 0, 1, 0.1, false, true)},
      {Kind::deviation, between(number, 0, 1, 0.02)},
      {Kind::factor, between(number, 0, 1e3, 1.0)},
      {Kind::epsilon, between(number, 0, 1, 1e-5)},
      {Kind::base, between(number, 1, 1e12, 10000, true)},
      {Kind::share, between(number, 0, 1, 0.25, true)},
      {Kind::flag, made(Rule::Kind::boolean, false)},
      {Kind::text, made(Rule::Kind::text, "gelu")},
      {Kind::extent, extent()},
      {Kind::object, made(Rule::Kind::object, Json::object())},
  };
  return rules.at(kind);
}

Kind kind_named(const std::string& name) {
  static const std::map<std::string, Kind> kinds = {
      {"count", Kind::count},       {"size", Kind::size},   {"width", Kind::width},         {"words", Kind::words},
      {"amount", Kind::amount},     {"index", Kind::index}, {"rate", Kind::rate},           {"factor", Kind::factor},
      {"epsilon", Kind::epsilon},   {"base", Kind::base},   {"deviation", Kind::deviation}, {"share", Kind::share},
      {"flag", Kind::flag},         {"text", Kind::text},   {"extent", Kind::extent},       {"object", Kind::object},
      {"anything", Kind::anything},
  };
  const auto found = kinds.find(name);
  if (found == kinds.end()) throw std::logic_error("\"" + name + "\" is no kind of value");
  return found->second;
}

const Role& role_named(const std::string& name) {
  static const std::map<std::string, Role> roles = {
      // The input.
      {"vocabulary", {Kind::words}},
      {"positions", {Kind::size}},
      {"padding", {Kind::index, true}},
      {"position_kind", {Kind::text}},
      {"segments", {Kind::index}},
      {"table_width", {Kind::size, true}},
      {"words_scaled", {Kind::flag}},
      {"embedding_factor", {Kind::factor}},
      {"embedding_dropout", {Kind::rate}},
      {"image", {Kind::extent}},
      {"patch", {Kind::extent}},
      {"patches", {Kind::size}},
      {"channels", {Kind::size}},
      {"registers", {Kind::amount}},
      // Sizes.
      {"width", {Kind::width}},
      {"layers", {Kind::count}},
      {"decoder_layers", {Kind::count, true}},
      {"layers_beside", {Kind::anything, true}},
      {"heads", {Kind::size}},
      {"decoder_heads", {Kind::size}},
      {"kv_heads", {Kind::size, true}},
      {"multi_query", {Kind::flag}},
      {"grouped_heads", {Kind::flag}},
      {"head_width", {Kind::size, true}},
      {"query_rank", {Kind::size, true}},
      {"kv_rank", {Kind::size}},
      {"fixed_key_width", {Kind::size}},
      {"turning_key_width", {Kind::size}},
      {"ffn_width", {Kind::size, true}},
      {"decoder_ffn_width", {Kind::size}},
      {"expansion", {Kind::size}},
      // Attention.
      {"attention_dropout", {Kind::rate}},
      {"causal", {Kind::flag, true}},
      {"not_causal", {Kind::flag, true}},
      {"window", {Kind::index, true}},
      {"window_of_both_sides", {Kind::index, true}},
      {"window_used", {Kind::flag}},
      {"layers_before_window", {Kind::index}},
      {"query_key_normed", {Kind::flag}},
      {"score_scalar", {Kind::size}},
      {"score_scale", {Kind::factor}},
      {"scaled_scores", {Kind::flag}},
      {"scores_by_layer", {Kind::flag}},
      {"rotary", {Kind::object, true}},
      {"rotary_scaling", {Kind::object, true}},
      {"rotary_base", {Kind::base, true}},
      {"rotary_share", {Kind::share, true}},
      {"rotary_width", {Kind::size, true}},
      // The feed-forward network.
      {"activation", {Kind::text}},
      {"ffn_kind", {Kind::text}},
      {"gated", {Kind::flag}},
      {"ffn_dropout", {Kind::rate}},
      {"experts", {Kind::size}},
      {"chosen_experts", {Kind::size}},
      {"expert_width", {Kind::size}},
      {"normalized_choice", {Kind::flag}},
      {"routed_factor", {Kind::factor}},
      {"shared_experts", {Kind::amount, true}},
      {"shared_width", {Kind::amount, true}},
      {"dense_layers", {Kind::amount, true}},
      // Norms and residuals.
      {"pre", {Kind::flag}},
      {"parallel", {Kind::flag}},
      {"no_final_norm", {Kind::flag}},
      {"epsilon", {Kind::epsilon}},
      {"residual_dropout", {Kind::rate}},
      {"attention_end_dropout", {Kind::rate}},
      {"ffn_end_dropout", {Kind::rate}},
      {"final_dropout", {Kind::rate}},
      {"branch", {Kind::factor}},
      {"branch_by_depth", {Kind::factor}},
      {"learned_branch", {Kind::factor}},
      // Initialization.
      {"std", {Kind::deviation}},
      {"factor", {Kind::factor}},
      {"cut", {Kind::factor, true}},
  };
  const auto found = roles.find(name);
  if (found == roles.end()) throw std::logic_error("the import reads no \"" + name + "\" of a configuration");
  return found->second;
}

}  // namespace sigprop::importer
