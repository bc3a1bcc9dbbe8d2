// SPDX-License-Identifier: Apache-2.0
#include "sigprop/spec/initialize.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "spec/fields.hpp"
#include "spec/names.hpp"
#include "spec/parse.hpp"

namespace sigprop::spec {
namespace {

constexpr const char* stack_keys[] = {"stack", "encoder", "decoder"};

/// The norm object of a stack as a scheme wants it; a note if that changes the model.
void place_norm(Json& norm, const scheme::Scheme& scheme, std::vector<std::string>& notes) {
  using scheme::NormUse;
  const Json before = norm;
  const bool post = scheme.norm == NormUse::post;
  if (scheme.norm == NormUse::none) {
    norm = {{"kind", "none"}};
  } else {
    if (norm.at("kind") == "none" || scheme.norm == NormUse::pre_rms)
      norm["kind"] = scheme.norm == NormUse::pre_rms ? "rms_norm" : "layer_norm";
    if ((text(norm, "placement", "pre") == "post") != post) {
      norm["placement"] = post ? "post" : "pre";
      norm.erase("final");
    }
  }
  if (norm == before) return;
  notes.push_back("the norm becomes " + norm.dump() + ", which " + scheme.name + " was made for, from " +
                  before.dump());
}

/// The spec with the scheme's name for an initialization, and nothing left that would win over the scheme.
Json with_scheme(const Json& spec, const network::Network& before, const SchemeChoice& choice,
                 const scheme::Scheme& scheme, bool keep_norm, std::vector<std::string>& notes) {
  Json out = spec;
  out["init"] = {{"scheme", choice.name}};
  if (!choice.parameters.empty()) out["init"]["parameters"] = choice.parameters;
  if (const auto* embedding = std::get_if<network::Embedding>(&before.source)) {
    out["input"]["embedding"].erase("std");
    if (scheme.formulas.embedding.empty()) out["init"]["std"]["embedding"] = embedding->std;
  }
  for (const char* key : stack_keys) {
    if (!out.contains(key)) continue;
    Json& stack = out[key];
    for (const char* name : {"skip", "branch"}) {
      if (stack.contains("residual")) stack["residual"].erase(name);
    }
    for (const char* name : {"gain", "inner"}) stack["norm"].erase(name);
    if (!keep_norm && scheme.norm != scheme::NormUse::any) place_norm(stack["norm"], scheme, notes);
  }
  return out;
}

/// The spec, which may lack an initialization; null for what is no JSON object.
Json with_some_init(std::string_view text, const SchemeChoice& choice) {
  std::vector<std::string> ignored;
  Json spec = parse(text, ignored).value_or(Json());
  if (!spec.is_object()) return nullptr;
  if (!spec.contains("init") && !spec.contains("components")) spec["init"] = {{"scheme", choice.name}};
  return spec;
}

/// One number where all are equal, else the list.
Json folded(const std::vector<double>& values) {
  const bool equal = std::all_of(values.begin(), values.end(), [&](double x) { return x == values.front(); });
  return equal ? Json(values.front()) : Json(values);
}

Json std_json(const network::Stack& stack, const network::Network& network) {
  Json out = Json::object();
  if (const auto* embedding = std::get_if<network::Embedding>(&network.source)) out["embedding"] = embedding->std;
  for (const WeightClass& weight : weight_classes) {
    if (weight.gated_only && !stack.gated) continue;
    std::vector<double> values;
    bool of_bias = weight.is_bias;  // biases of 0, and an ffn_out_bias like the others, are left to the defaults
    for (const network::LayerStd& std : stack.std) {
      values.push_back(std.*weight.std);
      of_bias = of_bias && std.*weight.std == (weight.std == &network::LayerStd::ffn_out_bias ? std.bias : 0);
    }
    if (!of_bias) out[weight.name] = folded(values);
  }
  return out;
}

void write_scales(Json& json, const network::Stack& stack) {
  json["residual"]["skip"] = folded(stack.skip);
  json["residual"]["branch"] = folded(stack.branch);
  const Json gain = folded(stack.gain);
  if (gain != 1.0) json["norm"]["gain"] = gain;
  if (stack.inner_norm) json["norm"]["inner"] = true;
  if (stack.attention.score_scale != 1 / std::sqrt(static_cast<double>(stack.attention.head_width)))
    json["attention"]["score_scale"] = stack.attention.score_scale;
  if (stack.cross_attention) json["cross_attention"]["score_scale"] = stack.cross_attention->score_scale;
}

/// The spec with the scheme's numbers written out.
std::string written_out(Json spec, const ReadResult& read, std::vector<std::string>& notes) {
  const std::vector<network::Stack>& stacks = read.stacks;
  const bool alike = std_json(stacks.front(), *read.network) == std_json(stacks.back(), *read.network);
  if (alike) {
    spec["init"] = {{"std", std_json(stacks.front(), *read.network)}};
  } else {
    notes.push_back(
        "the deviations of encoder and decoder differ, which init.std cannot state: the spec names the scheme instead");
  }
  auto stack = stacks.begin();
  for (const char* key : stack_keys) {
    if (spec.contains(key)) write_scales(spec[key], *stack++);
  }
  return spec.dump(2) + "\n";
}

void note_truncation(double cut, std::vector<std::string>& notes) {
  if (cut == 0) return;
  char line[160];
  std::snprintf(line, sizeof line,
                "the deviations are those of a normal cut at %g standard deviations: the nominal ones times %.5f", cut,
                scheme::truncated_std(cut));
  notes.emplace_back(line);
}

}  // namespace

Initialized initialize(std::string_view text, const std::string& file, const SchemeChoice& choice, bool keep_norm) {
  Initialized out;
  Json spec = with_some_init(text, choice);
  out.read = read_text(spec.is_null() ? std::string(text) : spec.dump(), file);
  if (!out.read.network) return out;
  if (out.read.stacks.empty()) {
    out.read = {};
    out.read.errors = {file +
                       ": is a list of components, which has no initialization to replace: give a spec with a stack"};
    return out;
  }
  const scheme::Scheme& scheme = *scheme::find(choice.name);
  spec = with_scheme(spec, *out.read.network, choice, scheme, keep_norm, out.notes);
  out.read = read_text(spec.dump(), file);
  if (!out.read.network) return out;
  note_truncation(out.read.truncation, out.notes);
  if (scheme.evidence == scheme::Evidence::recalled)
    out.notes.push_back("the formulas of " + scheme.name + " were recalled, not read in a source");
  out.text = written_out(std::move(spec), out.read, out.notes);
  return out;
}

}  // namespace sigprop::spec
