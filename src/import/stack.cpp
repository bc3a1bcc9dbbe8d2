// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "import/keys.hpp"
#include "import/subject.hpp"
#include "spec/fields.hpp"

namespace sigprop::importer {
namespace {

std::size_t count(const Subject& subject, const char* role, std::size_t fallback = 0) {
  return spec::count(subject.values, role, fallback);
}

bool flag(const Subject& subject, const char* role, bool fallback) {
  return subject.values.value(role, fallback);
}

bool is_causal(const Subject& subject) {
  return flag(subject, "causal", subject.family.layout.causal) && !flag(subject, "not_causal", false);
}

/// One for all, where a flag of the class says so.
std::size_t kv_heads_of(const Subject& subject, std::size_t heads) {
  const bool has_flag = subject.values.contains("multi_query");
  if (!has_flag || flag(subject, "grouped_heads", false)) return count(subject, "kv_heads", heads);
  return flag(subject, "multi_query", false) ? 1 : heads;
}

Json heads_of(const Subject& subject) {
  const std::size_t heads = count(subject, "heads"), kv_heads = kv_heads_of(subject, heads);
  Json out = {{"heads", heads}};
  if (kv_heads != heads) out["kv_heads"] = kv_heads;
  const std::size_t head_width = head_width_of(subject);
  if (head_width * heads != count(subject, "width")) out["head_width"] = head_width;
  return out;
}

/// The factor on scores, where it is not 1/√(head width).
std::optional<double> score_scale_of(const Subject& subject) {
  const Layout& layout = subject.family.layout;
  if (layout.deviations == Deviations::t5 || !flag(subject, "scaled_scores", true)) return 1.0;
  if (layout.score_by_scalar) return 1 / std::sqrt(spec::number(subject.values, "score_scalar", 1));
  if (layout.score_scale) return layout.score_scale;
  if (subject.values.contains("score_scale")) return spec::number(subject.values, "score_scale", 1);
  return std::nullopt;
}

void add_rotary(const Subject& subject, Json& attention) {
  const auto rotary = rotary_of(subject);
  if (!rotary) return;
  attention["rotary_base"] = rotary->base;
  if (rotary->width != head_width_of(subject)) attention["rotary_width"] = rotary->width;
}

Json attention_of(const Subject& subject, bool causal) {
  Json out = heads_of(subject);
  out["mask"] = causal ? "causal" : "none";
  const double dropout = spec::number(subject.values, "attention_dropout", 0);
  if (dropout > 0) out["dropout"] = dropout;
  if (const auto scale = score_scale_of(subject)) out["score_scale"] = *scale;
  add_rotary(subject, out);
  const Layout& layout = subject.family.layout;
  if (flag(subject, "query_key_normed", !layout.query_key_norm.empty()))
    out["query_key_norm"] = layout.query_key_norm.empty() ? layout.norm : layout.query_key_norm;
  if (layout.query_key_norm_of_all) out["query_key_norm_over"] = "all_heads";
  return out;
}

void name_window(const Subject& subject) {
  const bool both_sides = subject.values.contains("window_of_both_sides");
  const char* role = both_sides ? "window_of_both_sides" : "window";
  const double window = spec::number(subject.values, role, 0);
  const auto most = static_cast<double>(subject.tokens);
  const bool reaches = window <= 0 || (both_sides ? window / 2 + 1 : window) >= most;
  const bool unused = !flag(subject, "window_used", true) || spec::number(subject.values, "layers_before_window", -1) >=
                                                                 spec::number(subject.values, "layers", 0);
  if (reaches || unused) return;
  subject.findings.warnings.push_back(
      key_of(subject.family, role) + " is " + std::to_string(static_cast<std::size_t>(window)) +
      ", less than the sequence, which a spec cannot express: written with attention to all "
      "tokens" +
      (both_sides ? "" : " before"));
}

constexpr Version gelu_is_tanh_from{5, 18, 0};

/// Gemma's first files say "gelu" and mean its tanh form; which of them is drawn depends on the
/// version (measured).
std::string legacy_gelu(const Subject& subject) {
  std::string name = subject.library >= gelu_is_tanh_from ? "gelu_tanh" : "gelu";
  subject.findings.notes.push_back(
      key_of(subject.family, "activation") +
      " is \"gelu\", which transformers takes for its tanh form from 5.18.0 on, but not from "
      "4.57.1 to 5.17.0: written as " +
      name + "; --library chooses");
  return name;
}

/// "gated-gelu" is a gate and the activation behind it, which T5 then takes in its tanh form.
std::string ffn_activation(const Subject& subject) {
  if (subject.values.contains("ffn_kind")) {
    const std::string kind = spec::text(subject.values, "ffn_kind", "");
    const std::string name = is_gated(subject) ? kind.substr(kind.find('-') + 1) : kind;
    return activation_named(subject, "ffn_kind", kind == "gated-gelu" ? "gelu_new" : name);
  }
  const Layout& layout = subject.family.layout;
  const std::string given = spec::text(subject.values, "activation", layout.activation);
  const auto found = layout.activation_names.find(given);
  const std::string& name = found == layout.activation_names.end() ? given : found->second;
  if (layout.gelu_is_tanh && name == "gelu") return legacy_gelu(subject);
  return activation_named(subject, "activation", name);
}

void add_experts(const Subject& subject, Json& ffn) {
  const Layout& layout = subject.family.layout;
  const std::size_t width = count(subject, "expert_width", ffn["width"].get<std::size_t>());
  ffn["width"] = width;
  ffn["experts"] = count(subject, "experts");
  ffn["top_k"] = count(subject, "chosen_experts", 1);
  const double router = spec::number(subject.values, "std", 0);
  if (router > 0) ffn["router_std"] = router;
  const bool by_softmax = layout.router == "softmax", normalized = flag(subject, "normalized_choice", true);
  if (!normalized) ffn["router"] = by_softmax ? "softmax_over_all" : "plain_sigmoid";
  if (normalized && !by_softmax) ffn["router"] = layout.router;
  const double factor = spec::number(subject.values, "routed_factor", 1);
  if (factor != 1) ffn["routed_scale"] = factor;
  const std::size_t shared = count(subject, "shared_width", count(subject, "shared_experts") * width);
  if (shared > 0) ffn["shared_width"] = shared;
  if (shared > 0 && layout.shared_gate) ffn["shared_gate"] = true;
  const std::size_t dense = count(subject, "dense_layers");
  if (dense == 0) return;
  subject.findings.warnings.push_back(key_of(subject.family, "dense_layers") + " is " + std::to_string(dense) +
                                      ", layers without experts, which a spec cannot express: written with experts "
                                      "in all layers");
}

std::size_t ffn_width_of(const Subject& subject) {
  return count(subject, "ffn_width", count(subject, "expansion", 4) * count(subject, "width"));
}

Json ffn_of(const Subject& subject) {
  Json out = {{"width", ffn_width_of(subject)}, {"activation", ffn_activation(subject)}};
  if (is_gated(subject)) out["gated"] = true;
  const double dropout = spec::number(subject.values, "ffn_dropout", 0);
  if (dropout > 0) out["dropout"] = dropout;
  if (subject.values.contains("experts")) add_experts(subject, out);
  return out;
}

std::string placement_of(const Subject& subject) {
  const auto found = subject.values.find("pre");
  if (found == subject.values.end()) return subject.family.layout.placement;
  return found->get<bool>() ? "pre" : "post";
}

Json norm_of(const Subject& subject) {
  const std::string placement = placement_of(subject);
  const Layout& layout = subject.family.layout;
  Json out = {{"kind", layout.norm},
              {"placement", placement},
              {"final", layout.final_norm && placement != "post" && !flag(subject, "no_final_norm", false)}};
  const double epsilon = spec::number(subject.values, "epsilon", layout.epsilon);
  if (epsilon > 0) out["epsilon"] = epsilon;
  const bool by_factor = layout.deviations == Deviations::t5;
  const double gain = by_factor ? spec::number(subject.values, "factor", 1) : layout.norm_gain;
  if (gain != 1) out["gain"] = gain;
  if (gain != 1 && out["final"]) out["final_gain"] = gain;
  return out;
}

Json residual_of(const Subject& subject) {
  Json out = Json::object();
  const bool learned = subject.values.contains("learned_branch");
  double branch = spec::number(subject.values, learned ? "learned_branch" : "branch", 1);
  if (subject.values.contains("branch_by_depth"))
    branch = spec::number(subject.values, "branch_by_depth", 1) / std::sqrt(static_cast<double>(layers_in(subject)));
  if (branch != 1) out["branch"] = branch;
  if (learned) out["learned_branch"] = true;
  const double dropout = spec::number(subject.values, "residual_dropout", 0);
  const double of_attention = spec::number(subject.values, "attention_end_dropout", dropout);
  const double of_ffn = spec::number(subject.values, "ffn_end_dropout", dropout);
  if (dropout > 0) out["dropout"] = dropout;
  if (of_attention == of_ffn) return out;
  for (std::size_t layer = 0; layer < layers_in(subject); ++layer) {
    out["dropout"].push_back(of_attention);
    out["dropout"].push_back(of_ffn);
  }
  return out;
}

Json layers_of(const Subject& subject, std::size_t layers, bool causal) {
  Json out = {{"layers", layers},
              {"width", count(subject, "width")},
              {"attention", attention_of(subject, causal)},
              {"ffn", ffn_of(subject)},
              {"norm", norm_of(subject)}};
  if (const Json residual = residual_of(subject); !residual.empty()) out["residual"] = residual;
  const double at_end = spec::number(subject.values, "final_dropout", 0);
  if (at_end > 0) out["final_dropout"] = at_end;
  if (flag(subject, "parallel", subject.family.layout.parallel)) out["parallel"] = true;
  if (subject.family.layout.tied) out["tied"] = true;
  return out;
}

/// The encoder's layers with what a decoder has of its own.
Json decoder_of(const Subject& subject, Json layers) {
  layers["layers"] = count(subject, "decoder_layers", count(subject, "layers"));
  layers["ffn"]["width"] = count(subject, "decoder_ffn_width", layers["ffn"]["width"].get<std::size_t>());
  layers["attention"]["heads"] = count(subject, "decoder_heads", count(subject, "heads"));
  layers["cross_attention"] = layers["attention"];
  layers["attention"]["mask"] = "causal";
  return layers;
}

}  // namespace

std::size_t head_width_of(const Subject& subject) {
  return count(subject, "head_width", count(subject, "width") / count(subject, "heads", 1));
}

bool is_gated(const Subject& subject) {
  return flag(subject, "gated", subject.family.layout.gated) ||
         spec::text(subject.values, "ffn_kind", "").starts_with("gated-");
}

/// Without those that stand beside the stack.
std::size_t layers_in(const Subject& subject) {
  const std::size_t all = count(subject, "layers"), beside = subject.values.value("layers_beside", Json()).size();
  return beside < all ? all - beside : all;
}

Json stacks_of(const Subject& subject) {
  for (const std::string& fact : subject.family.layout.beyond) subject.findings.warnings.push_back(fact);
  name_window(subject);
  const std::size_t layers = layers_in(subject);
  if (!subject.family.layout.encoder_decoder) return {{"stack", layers_of(subject, layers, is_causal(subject))}};
  const Json encoder = layers_of(subject, layers, false);
  return {{"encoder", encoder}, {"decoder", decoder_of(subject, encoder)}};
}

}  // namespace sigprop::importer
