// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "import/keys.hpp"
#include "import/subject.hpp"
#include "spec/fields.hpp"

namespace sigprop::importer {
namespace {

/// As in specs/vit-base.json: neighbouring patches of a photograph are alike.
constexpr double usual_patch_correlation = 0.2;

/// Numbers of a patch: its pixels in all channels.
std::size_t pixels_of(const Subject& subject) {
  const Json& patch = subject.values.at("patch");
  return side(patch, 0) * side(patch, 1) * static_cast<std::size_t>(spec::number(subject.values, "channels", 0));
}

Json image_input(const Subject& subject) {
  if (spec::number(subject.values, "std", 0) == 0) {
    subject.findings.errors.push_back(key_of(subject.family, "std") +
                                      " is 0, but must be above 0: the patches would be 0 and have no moments");
  }
  const double dropout = spec::number(subject.values, "embedding_dropout", 0);
  const double correlation = subject.options.token_correlation.value_or(usual_patch_correlation);
  if (!subject.options.token_correlation) {
    subject.findings.notes.push_back("the correlation of an image's patches is assumed to be " +
                                     Json(correlation).dump() +
                                     ", with pixels of mean 0 and variance 1; --token-correlation sets another");
  }
  const Layout& layout = subject.family.layout;
  const double drawn = layout.special_drawn ? spec::number(subject.values, "std", 0) / std::sqrt(1 - dropout) : 0;
  // Pixels with variance 1 through weights.
  const std::size_t pixels = pixels_of(subject);
  const double variance = static_cast<double>(pixels) * std::pow(spec::number(subject.values, "std", 0), 2);
  Json patches = {
      {"variance", variance / (1 - dropout)}, {"token_correlation", correlation * (1 - dropout)}, {"pixels", pixels}};
  if (layout.special_drawn) patches["position_std"] = drawn;
  Json token = {{"std", drawn}};
  if (layout.special_tokens != 1) token["count"] = layout.special_tokens;
  return {{"patches", patches}, {"class_token", token}};
}

void name_factor(const Subject& subject) {
  if (!subject.family.layout.embedding_by_root_width) return;
  subject.findings.notes.push_back("the embedding is multiplied by the root of " + key_of(subject.family, "width") +
                                   ": written as a table with standard deviation " +
                                   Json(embedding_deviation(subject)).dump());
}

/// A spec has up to two segments, the border between two anywhere.
void add_segments(const Subject& subject, Json& embedding) {
  if (!subject.values.contains("segments")) return;
  const auto rows = static_cast<long>(spec::number(subject.values, "segments", 2));
  if (rows < 2) embedding["segments"] = rows < 1 ? 0 : 1;
  if (rows <= 2) return;
  subject.findings.warnings.push_back(key_of(subject.family, "segments") + " is " + std::to_string(rows) +
                                      ", which a spec cannot express: written with two segments");
}

/// OPT-350m: words in a narrower table, widened by weights.
void name_projection(const Subject& subject) {
  const std::size_t width = spec::count(subject.values, "width", 0);
  const std::size_t table = spec::count(subject.values, "table_width", width);
  if (table == width) return;
  subject.findings.warnings.push_back(key_of(subject.family, "table_width") + " is " + std::to_string(table) +
                                      ", which a spec cannot express: written with a table as wide as the model");
}

void refuse_correlation(const Subject& subject) {
  if (!subject.options.token_correlation) return;
  subject.findings.errors.push_back("--token-correlation is " + Json(*subject.options.token_correlation).dump() +
                                    ", but " + subject.family.type +
                                    " embeds words, whose correlation follows from their tables: leave the "
                                    "option out");
}

Json embedding_input(const Subject& subject) {
  refuse_correlation(subject);
  const Layout& layout = subject.family.layout;
  Json embedding = {{"vocabulary", spec::count(subject.values, "vocabulary", 0)}, {"tables", layout.tables}};
  if (layout.embedding_norm) embedding["norm"] = layout.norm;
  const double dropout = spec::number(subject.values, "embedding_dropout", 0);
  if (dropout > 0) embedding["dropout"] = dropout;
  name_factor(subject);
  name_projection(subject);
  add_segments(subject, embedding);
  return {{"embedding", embedding}};
}

}  // namespace

Json input_of(const Subject& subject) {
  return subject.family.layout.tables.empty() ? image_input(subject) : embedding_input(subject);
}

}  // namespace sigprop::importer
