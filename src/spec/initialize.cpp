// SPDX-License-Identifier: Apache-2.0
#include "sigprop/spec/initialize.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "spec/fields.hpp"
#include "spec/lower_init.hpp"
#include "spec/names.hpp"
#include "spec/parse.hpp"

namespace sigprop::spec {
namespace {

constexpr const char* stack_keys[] = {"stack", "encoder", "decoder"};

/// The norm object of a stack as a scheme wants it; a note if that changes the model.
void place_norm(Json& norm, const std::string& pointer, const scheme::Scheme& scheme, std::vector<std::string>& notes) {
  using scheme::NormUse;
  const Json before = norm;
  const char* placement = scheme.norm == NormUse::post ? "post" : "pre";
  if (scheme.norm == NormUse::none) {
    norm = {{"kind", "none"}};
  } else {
    if (norm.at("kind") == "none" || scheme.norm == NormUse::pre_rms)
      norm["kind"] = scheme.norm == NormUse::pre_rms ? "rms_norm" : "layer_norm";
    if (text(norm, "placement", "pre") != placement) {
      norm["placement"] = placement;
      norm.erase("final");
    }
  }
  if (norm == before) return;
  notes.push_back(pointer + " becomes " + norm.dump() + ", which " + scheme.name + " was made for; it was " +
                  before.dump());
}

/// Takes away what would win over a scheme: residual scales, the norm's gain, and that it has no
/// inner norm.
void clear(Json& stack) {
  for (const char* name : {"skip", "branch", "learned_branch"}) {
    if (stack.contains("residual")) stack["residual"].erase(name);
  }
  stack["norm"].erase("gain");
  if (!flag(stack["norm"], "inner", false)) stack["norm"].erase("inner");
}

/// The spec with an initialization that fits any stack, so that only what else is wrong with it
/// shows.
Json with_any_init(Json spec) {
  spec["init"] = {{"scheme", "lecun"}, {"std", {{"embedding", 0.02}}}};
  return spec;
}

/// The embedding under the spec's own initialization, where that has one.
std::optional<network::Embedding> own_embedding(std::string_view text, const std::string& folder) {
  const ReadResult own = read_text(text, "", folder);
  if (!own.network) return std::nullopt;
  return std::get<network::Embedding>(own.network->source);
}

/// The spec with the scheme's name for an initialization, and nothing left that would win over the
/// scheme.
Json with_scheme(const Json& spec, std::string_view text, const std::string& folder, const SchemeChoice& choice,
                 bool keep_norm, std::vector<std::string>& notes) {
  const scheme::Scheme& scheme = *scheme::find(choice.name);
  Json out = spec;
  out["init"] = {{"scheme", choice.name}};
  if (!choice.parameters.empty()) out["init"]["parameters"] = choice.parameters;
  if (member(spec, "input").contains("embedding")) {
    const auto own = scheme::sets_embedding(scheme) ? std::nullopt : own_embedding(text, folder);
    const auto std = own ? network::common_std(*own) : std::nullopt;
    if (!own || std) out["input"]["embedding"].erase("std");  // tables of several deviations keep them
    if (std) out["init"]["std"]["embedding"] = *std;
  }
  for (const char* key : stack_keys) {
    if (!out.contains(key)) continue;
    clear(out[key]);
    if (!keep_norm && scheme.norm != scheme::NormUse::any)
      place_norm(out[key]["norm"], std::string("/") + key + "/norm", scheme, notes);
  }
  return out;
}

/// One number where all are equal, else the list.
Json folded(const std::vector<double>& values) {
  const bool equal = std::all_of(values.begin(), values.end(), [&](double x) { return x == values.front(); });
  return equal ? Json(values.front()) : Json(values);
}

/// Does a spec say the same without this class? Biases are 0 by default, those of ffn_out like the
/// others.
bool is_default(const WeightClass& weight, const network::Stack& stack) {
  return weight.is_bias && std::all_of(stack.std.begin(), stack.std.end(), [&](const network::LayerStd& std) {
           const double others = weight.std == &network::LayerStd::ffn_out_bias ? std.bias : 0;
           return std.*weight.std == others;
         });
}

Json std_json(const network::Stack& stack, const network::Network& network) {
  Json out = Json::object();
  const auto* embedding = std::get_if<network::Embedding>(&network.source);
  const auto common = embedding != nullptr ? network::common_std(*embedding) : std::nullopt;
  if (common) out["embedding"] = *common;
  for (const WeightClass& weight : weight_classes) {
    if ((weight.gated_only && !stack.gated) || is_default(weight, stack)) continue;
    std::vector<double> values;
    for (const network::LayerStd& std : stack.std) values.push_back(std.*weight.std);
    out[weight.name] = folded(values);
  }
  return out;
}

void write_score_scale(Json& json, const network::Attention& attention) {
  const double usual = 1 / std::sqrt(static_cast<double>(attention.head_width));
  if (attention.score_scale != usual) json["score_scale"] = attention.score_scale;
}

void write_scales(Json& json, const network::Stack& stack) {
  json["residual"]["skip"] = folded(stack.skip);
  json["residual"]["branch"] = folded(stack.branch);
  if (stack.learned_branch) json["residual"]["learned_branch"] = true;
  const Json gain = folded(stack.gain);
  if (gain != 1.0) json["norm"]["gain"] = gain;
  if (stack.inner_norm) json["norm"]["inner"] = true;
  write_score_scale(json["attention"], stack.attention);
  if (stack.cross_attention) write_score_scale(json["cross_attention"], *stack.cross_attention);
}

/// The spec with the scheme's numbers written out.
std::string written_out(Json spec, const ReadResult& read) {
  const std::vector<network::Stack>& stacks = read.stacks;
  const Json first = std_json(stacks.front(), *read.network), last = std_json(stacks.back(), *read.network);
  if (first == last) {
    spec["init"] = {{"std", first}};
  } else {
    spec["init"] = {{"encoder", {{"std", first}}}, {"decoder", {{"std", last}}}};
    for (const char* key : {"encoder", "decoder"}) {
      Json& std = spec["init"][key]["std"];
      if (std.contains("embedding")) spec["init"]["std"]["embedding"] = std["embedding"];
      std.erase("embedding");
    }
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

/// A scheme that does not fit was asked for by the user and not by the file.
void blame_choice(const std::string& file, const SchemeChoice& choice, std::vector<std::string>& errors) {
  const std::string place = file + ": " + does_not_fit(choice.name);
  for (std::string& error : errors) {
    if (error.rfind(place, 0) == 0)
      error = file + ": the scheme " + choice.name + " does not fit this model: " + error.substr(place.size());
  }
}

}  // namespace

ReadResult read_without_init(std::string_view text, const std::string& file, const std::string& folder) {
  std::vector<std::string> ignored;
  const std::optional<Json> spec = parse(text, ignored);
  if (!spec || !spec->is_object()) return read_text(text, file, folder);
  ReadResult out =
      read_text(spec->contains("components") ? std::string(text) : with_any_init(*spec).dump(), file, folder);
  if (!out.network || !out.stacks.empty()) return out;
  out = {};
  out.errors = {file + ": is a list of components, which has no initialization to replace: give a spec with a stack"};
  return out;
}

Initialized initialize(std::string_view text, const std::string& file, const SchemeChoice& choice, bool keep_norm,
                       const std::string& folder) {
  Initialized out;
  out.read = read_without_init(text, file, folder);
  if (!out.read.network) return out;
  std::vector<std::string> ignored;
  Json spec = with_scheme(*parse(text, ignored), text, folder, choice, keep_norm, out.notes);
  out.read = read_text(spec.dump(), file, folder);
  blame_choice(file, choice, out.read.errors);
  if (!out.read.network) return out;
  note_truncation(out.read.truncation, out.notes);
  if (scheme::find(choice.name)->evidence == scheme::Evidence::recalled)
    out.notes.push_back("the formulas of " + choice.name + " were recalled, not read in a source");
  out.text = written_out(std::move(spec), out.read);
  return out;
}

}  // namespace sigprop::spec
