// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "import/keys.hpp"
#include "import/subject.hpp"
#include "spec/fields.hpp"

namespace sigprop::importer {
namespace {

double value(const Subject& subject, const char* role) {
  return spec::number(subject.values, role, 0);
}

/// T5: by fan-in, with the 1/√d_kv of the scores in the query's weights.
Json t5_deviations(const Subject& subject) {
  const double factor = value(subject, "factor"), width = value(subject, "width"), head = value(subject, "head_width");
  const double by_width = factor / std::sqrt(width);
  Json std = {{"query", factor / std::sqrt(width * head)},
              {"key", by_width},
              {"value", by_width},
              {"output", factor / std::sqrt(value(subject, "heads") * head)},
              {"ffn_in", by_width}};
  if (is_gated(subject)) std["ffn_gate"] = by_width;
  std["ffn_out"] = factor / std::sqrt(value(subject, "ffn_width"));
  return std;
}

/// CLIP: by width; what is added to the stream from outside attention and FFN by depth too.
Json clip_deviations(const Subject& subject) {
  const double by_width = value(subject, "factor") / std::sqrt(value(subject, "width"));
  const double by_depth = by_width / std::sqrt(2 * value(subject, "layers"));
  return {{"query", by_depth},
          {"key", by_depth},
          {"value", by_depth},
          {"output", by_width},
          {"ffn_in", by_width / std::sqrt(2)},
          {"ffn_out", by_depth}};
}

/// Uniform with the variance 2/(fan-in + fan-out).
Json xavier_deviations(const Subject& subject) {
  const double width = value(subject, "width"), of_ffn = std::sqrt(2 / (width + value(subject, "ffn_width")));
  const double of_attention = 1 / std::sqrt(width);
  return {{"query", of_attention},  {"key", of_attention}, {"value", of_attention},
          {"output", of_attention}, {"ffn_in", of_ffn},    {"ffn_out", of_ffn}};
}

/// What is left of a normal variable's deviation when it is cut at so many deviations.
double left_by_cut(double cut) {
  if (cut <= 0) return 1;
  const double density = std::exp(-cut * cut / 2) * std::sqrt(2 / std::acos(-1.0)),
               inside = std::erf(cut / std::sqrt(2));
  return std::sqrt(1 - cut * density / inside);
}

/// Latent attention: queries, and keys and values, read a normed state of few features; the part of a
/// key that turns reads the input. Written as weights that read the input, of the same sizes.
void set_latent_attention(const Subject& subject, double std, Json& out) {
  const double width = value(subject, "width"), rank = value(subject, "kv_rank");
  const double fixed = value(subject, "fixed_key_width"), turning = value(subject, "turning_key_width");
  out["query"] = std * std::sqrt(spec::number(subject.values, "query_rank", width) / width);
  out["key"] = std * std::sqrt((fixed * rank / width + turning) / (fixed + turning));
  out["value"] = std * std::sqrt(rank / width);
}

/// The deviation of what nothing scales.
double usual_deviation(const Subject& subject) {
  return value(subject, "std") * left_by_cut(value(subject, "cut"));
}

/// A weight's deviation: openai-gpt's classes of version 5 ignore the configuration (measured).
double weight_deviation(const Subject& subject) {
  const bool lost = subject.family.layout.weights_lost_range && subject.library >= version_five;
  return lost ? 0.02 : usual_deviation(subject);
}

constexpr Version scaled_again{5, 15, 0};

/// GPT-2's outputs are drawn narrower with depth, but versions from 5.0.0 to before 5.15.0 lost
/// that (measured).
double output_deviation(const Subject& subject) {
  const double std = weight_deviation(subject);
  if (!subject.family.layout.outputs_by_depth) return std;
  const double narrow = std / std::sqrt(2 * value(subject, "layers"));
  if (std == 0 || !subject.family.layout.outputs_lost_depth) return narrow;
  const bool lost = subject.library >= version_five && subject.library < scaled_again;
  subject.findings.notes.push_back("c_proj is drawn with " + Json(narrow).dump() +
                                   " by transformers 4 and from 5.15.0 on, but with " + Json(std).dump() +
                                   " from 5.0.0 to 5.14.1: written with " + Json(lost ? std : narrow).dump() +
                                   "; --library chooses");
  return lost ? std : narrow;
}

/// Scores divided by the layer's number: the same as a query drawn that much narrower.
Json query_deviation(const Subject& subject) {
  const double std = weight_deviation(subject);
  if (!subject.values.value("scores_by_layer", false)) return std;
  subject.findings.notes.push_back(
      key_of(subject.family, "scores_by_layer") +
      " is true: written as queries with a standard deviation divided by the layer's number; the "
      "gradient of their weights is too large by that number");
  Json list = Json::array();
  for (std::size_t layer = 1; layer <= spec::count(subject.values, "layers", 0); ++layer)
    list.push_back(std / static_cast<double>(layer));
  return list;
}

}  // namespace

Json deviations_of(const Subject& subject) {
  switch (subject.family.layout.deviations) {
    case Deviations::t5:
      return t5_deviations(subject);
    case Deviations::clip:
      return clip_deviations(subject);
    case Deviations::xavier:
      return xavier_deviations(subject);
    case Deviations::equal:
      break;
  }
  const double std = weight_deviation(subject), output = output_deviation(subject);
  if (std != usual_deviation(subject))
    subject.findings.notes.push_back(key_of(subject.family, "std") +
                                     " is that of the tables alone in transformers 5, whose "
                                     "classes draw the weights with " +
                                     Json(std).dump() + "; --library 4 has it of all");
  Json out = {{"query", query_deviation(subject)}, {"key", std}, {"value", std}, {"output", output}, {"ffn_in", std}};
  if (is_gated(subject)) out["ffn_gate"] = std;
  out["ffn_out"] = output;
  if (subject.family.layout.attention_by_depth) out["output"] = std / std::sqrt(2 * value(subject, "layers"));
  if (subject.values.contains("kv_rank")) set_latent_attention(subject, std, out);
  return out;
}

double table_deviation(const Subject& subject) {
  constexpr double of_clip = 0.02;
  switch (subject.family.layout.deviations) {
    case Deviations::t5:
      return value(subject, "factor");
    case Deviations::clip:
      return value(subject, "factor") * spec::number(subject.values, "std", of_clip);
    case Deviations::xavier:
      return 1 / std::sqrt(value(subject, "width"));
    case Deviations::equal:
      break;
  }
  return usual_deviation(subject);
}

double patch_deviation(const Subject& subject, std::size_t pixels) {
  if (subject.family.layout.deviations != Deviations::xavier) return table_deviation(subject);
  // By fan-in; version 5 makes up for a cut at two deviations and does not cut (measured).
  const double made_up = subject.library >= version_five ? left_by_cut(2) : 1;
  return 1 / (made_up * std::sqrt(static_cast<double>(pixels)));
}

double word_deviation(const Subject& subject) {
  const bool by_root_width = subject.values.value("words_scaled", subject.family.layout.words_by_root_width);
  return table_deviation(subject) * (by_root_width ? std::sqrt(value(subject, "width")) : 1) *
         spec::number(subject.values, "embedding_factor", 1);
}

std::optional<double> embedding_deviation(const Subject& subject) {
  const Layout& layout = subject.family.layout;
  const double std = word_deviation(subject);
  const bool alike = layout.tables.size() == 1 || (std == table_deviation(subject) && !layout.positions_are_sines);
  if (layout.source != Source::words || !alike) return std::nullopt;
  return std;
}

}  // namespace sigprop::importer
