// SPDX-License-Identifier: Apache-2.0
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

Json heads_of(const Subject& subject) {
  const std::size_t heads = count(subject, "heads"), kv_heads = count(subject, "kv_heads", heads);
  const std::size_t head_width = count(subject, "head_width");
  Json out = {{"heads", heads}};
  if (kv_heads != heads) out["kv_heads"] = kv_heads;
  if (head_width > 0 && head_width * heads != count(subject, "width")) out["head_width"] = head_width;
  return out;
}

/// The factor on scores, where it is not 1/√(head width).
std::optional<double> score_scale_of(const Subject& subject) {
  const Layout& layout = subject.family.layout;
  if (layout.by_fan_in || !flag(subject, "scaled_scores", true)) return 1.0;
  if (layout.score_by_scalar) return 1 / std::sqrt(spec::number(subject.values, "score_scalar", 1));
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
  const std::string norm = subject.family.layout.query_key_norm;
  if (!norm.empty()) out["query_key_norm"] = norm;
  if (subject.family.layout.query_key_norm_of_all) out["query_key_norm_over"] = "all_heads";
  return out;
}

void name_window(const Subject& subject) {
  const std::size_t window = count(subject, "window");
  const bool reaches = window == 0 || window >= subject.tokens;
  const bool unused = !flag(subject, "window_used", true) || spec::number(subject.values, "layers_before_window", -1) >=
                                                                 spec::number(subject.values, "layers", 0);
  if (reaches || unused) return;
  subject.findings.warnings.push_back(
      key_of(subject.family, "window") + " is " + std::to_string(window) +
      ", less than the sequence, which a spec cannot express: written with attention to all "
      "tokens before");
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
  const std::string name = spec::text(subject.values, "activation", layout.activation);
  if (layout.gelu_is_tanh && name == "gelu") return legacy_gelu(subject);
  return activation_named(subject, "activation", name);
}

Json ffn_of(const Subject& subject) {
  Json out = {{"width", count(subject, "ffn_width", 4 * count(subject, "width"))},
              {"activation", ffn_activation(subject)}};
  if (is_gated(subject)) out["gated"] = true;
  const double dropout = spec::number(subject.values, "ffn_dropout", 0);
  if (dropout > 0) out["dropout"] = dropout;
  if (subject.values.contains("experts")) {
    out["experts"] = count(subject, "experts");
    out["top_k"] = count(subject, "chosen_experts", 1);
    const double router = spec::number(subject.values, "std", 0);
    if (router > 0) out["router_std"] = router;
  }
  return out;
}

std::string placement_of(const Subject& subject) {
  const auto found = subject.values.find("pre");
  if (found == subject.values.end()) return subject.family.layout.placement;
  return found->get<bool>() ? "pre" : "post";
}

Json norm_of(const Subject& subject) {
  const std::string placement = placement_of(subject);
  Json out = {{"kind", subject.family.layout.norm},
              {"placement", placement},
              {"final", placement != "post" && !flag(subject, "no_final_norm", false)}};
  const double epsilon = spec::number(subject.values, "epsilon", subject.family.layout.epsilon);
  if (epsilon > 0) out["epsilon"] = epsilon;
  const double gain = spec::number(subject.values, "factor", 1);
  if (gain != 1) out["gain"] = gain;
  return out;
}

Json layers_of(const Subject& subject, std::size_t layers, bool causal) {
  Json out = {{"layers", layers},
              {"width", count(subject, "width")},
              {"attention", attention_of(subject, causal)},
              {"ffn", ffn_of(subject)},
              {"norm", norm_of(subject)}};
  const double dropout = spec::number(subject.values, "residual_dropout", 0);
  if (dropout > 0) out["residual"] = {{"dropout", dropout}};
  const double at_end = spec::number(subject.values, "final_dropout", 0);
  if (at_end > 0) out["final_dropout"] = at_end;
  if (flag(subject, "parallel", subject.family.layout.parallel)) out["parallel"] = true;
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

void name_gain(const Subject& subject) {
  const double factor = spec::number(subject.values, "factor", 1);
  if (factor == 1) return;
  subject.findings.warnings.push_back(
      key_of(subject.family, "factor") + " is " + Json(factor).dump() +
      " and the gain of the final norms with it, which a spec cannot express: written with gain 1 there");
}

}  // namespace

std::size_t head_width_of(const Subject& subject) {
  return count(subject, "head_width", count(subject, "width") / count(subject, "heads", 1));
}

bool is_gated(const Subject& subject) {
  return subject.family.layout.gated || spec::text(subject.values, "ffn_kind", "").starts_with("gated-");
}

Json stacks_of(const Subject& subject) {
  for (const std::string& fact : subject.family.layout.beyond) subject.findings.warnings.push_back(fact);
  name_window(subject);
  name_gain(subject);
  const std::size_t layers = count(subject, "layers");
  if (!subject.family.layout.encoder_decoder) return {{"stack", layers_of(subject, layers, is_causal(subject))}};
  const Json encoder = layers_of(subject, layers, false);
  return {{"encoder", encoder}, {"decoder", decoder_of(subject, encoder)}};
}

}  // namespace sigprop::importer
