// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
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

double correlation_of(const Subject& subject, const std::string& assumption) {
  const double correlation = subject.options.token_correlation.value_or(usual_patch_correlation);
  if (!subject.options.token_correlation)
    subject.findings.notes.push_back(assumption + Json(correlation).dump() + "; --token-correlation sets another");
  return correlation;
}

Json image_input(const Subject& subject) {
  const Layout& layout = subject.family.layout;
  const std::size_t pixels = pixels_of(subject);
  const double weight = patch_deviation(subject, pixels);
  if (weight == 0) {
    subject.findings.errors.push_back(key_of(subject.family, "std") +
                                      " is 0, but must be above 0: the patches would be 0 and have no moments");
  }
  const double dropout = spec::number(subject.values, "embedding_dropout", 0);
  const double correlation = correlation_of(
      subject, "pixels are assumed to have mean 0 and variance 1, and an image's patches the correlation ");
  const bool has_positions = layout.special_drawn && layout.position_table;
  double special = layout.special_drawn ? table_deviation(subject) : 0, position = has_positions ? special : 0;
  // Pixels with variance 1 through weights.
  double variance = static_cast<double>(pixels) * weight * weight;
  if (layout.deviations == Deviations::clip)
    special = spec::number(subject.values, "factor", 1) / std::sqrt(spec::number(subject.values, "width", 1));
  if (layout.embedding_norm) {  // every token then has the second moment 1
    const double all = variance + position * position;
    variance /= all;
    position /= std::sqrt(all);
    special = std::sqrt(1 - position * position);
  }
  const double kept = std::sqrt(1 - dropout);
  Json patches = {
      {"variance", variance / (1 - dropout)}, {"token_correlation", correlation * (1 - dropout)}, {"pixels", pixels}};
  if (has_positions) patches["position_std"] = position / kept;
  Json out = {{"patches", patches}};
  const std::size_t tokens = special_tokens(subject);
  if (tokens == 0) return out;
  out["class_token"] = {{"std", special / kept}};
  if (tokens != 1) out["class_token"]["count"] = tokens;
  return out;
}

/// What something that a spec does not have hands to the stack.
Json features_input(const Subject& subject) {
  const bool normed = subject.family.layout.embedding_norm && !subject.values.value("pre", false);
  const double dropout = spec::number(subject.values, "embedding_dropout", 0);
  const double correlation =
      correlation_of(subject, std::string("what enters the layers is ") + (normed ? "" : "assumed to be ") +
                                  "of variance 1; its tokens are assumed to have the correlation ");
  return {{"variance", 1 / (1 - dropout)}, {"token_correlation", correlation * (1 - dropout)}};
}

void name_factor(const Subject& subject) {
  if (word_deviation(subject) == table_deviation(subject)) return;
  subject.findings.notes.push_back(
      "the words' table is multiplied by " + Json(word_deviation(subject) / table_deviation(subject)).dump() +
      ": written as a table with standard deviation " + Json(word_deviation(subject)).dump());
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

/// Words in a narrower table, widened by weights: what those make of the words' size, 1 without them.
double projection_of(const Subject& subject) {
  const std::size_t width = spec::count(subject.values, "width", 0);
  const std::size_t table = spec::count(subject.values, "table_width", width);
  const bool always = subject.family.layout.always_projected && table == width;
  if (table == width && !always) return 1;
  if (!always)
    subject.findings.warnings.push_back(key_of(subject.family, "table_width") + " is " + std::to_string(table) +
                                        ", which a spec cannot express: written with a table as wide as the model and "
                                        "values of the same size");
  return spec::number(subject.values, "std", 0) * std::sqrt(static_cast<double>(table));
}

void refuse_correlation(const Subject& subject) {
  if (!subject.options.token_correlation) return;
  subject.findings.errors.push_back("--token-correlation is " + Json(*subject.options.token_correlation).dump() +
                                    ", but " + subject.family.type +
                                    " embeds words, whose correlation follows from their tables: leave the "
                                    "option out");
}

/// The sines are sin and cos of p ω, ω = 10000^(-2j/width): the mean of cos((p - q) ω)/2 over all
/// pairs of positions, by the sum of a geometric series.
double mean_product_of_sines(const Subject& subject) {
  const double width = spec::number(subject.values, "width", 2), length = static_cast<double>(subject.tokens);
  const double half = std::floor(width / 2);
  double sum = 0;
  for (double j = 0; j < half; ++j) {
    const double omega = std::pow(1e4, -j / half);
    const double root = std::sin(length * omega / 2) / std::sin(omega / 2);  // |Σ_p e^(ipω)|
    sum += (root * root - length) / (length * (length - 1));
  }
  return std::max(sum / half, 0.0) / 2;
}

/// The tables' own deviations, where they differ.
void add_deviations(const Subject& subject, const Json& tables, double projection, Json& embedding) {
  if (embedding_deviation(subject) && projection == 1) return;
  for (const auto& table : tables) embedding["std"][table.get<std::string>()] = table_deviation(subject);
  embedding["std"]["token"] = word_deviation(subject) * projection;
  if (!subject.family.layout.positions_are_sines) return;
  const double common = mean_product_of_sines(subject);
  embedding["tables"].push_back("segment");
  embedding["segments"] = 1;
  embedding["std"]["segment"] = std::sqrt(common);
  embedding["std"]["position"] = std::sqrt(0.5 - common);
  subject.findings.warnings.push_back(subject.family.type +
                                      " adds sines of the positions, which a spec cannot express: written as random "
                                      "numbers of the same size and mean product of two tokens, one part of them the "
                                      "same for all tokens");
}

Json embedding_input(const Subject& subject) {
  refuse_correlation(subject);
  const Layout& layout = subject.family.layout;
  Json tables = layout.tables;
  if (!has_position_table(subject)) tables.erase(std::remove(tables.begin(), tables.end(), "position"), tables.end());
  Json embedding = {{"vocabulary", spec::count(subject.values, "vocabulary", 0)}, {"tables", tables}};
  if (layout.embedding_norm) embedding["norm"] = layout.norm;
  const double dropout = spec::number(subject.values, "embedding_dropout", 0);
  if (dropout > 0) embedding["dropout"] = dropout;
  name_factor(subject);
  const double projection = projection_of(subject);
  add_deviations(subject, tables, layout.embedding_norm ? 1 : projection, embedding);
  // A norm behind dropout takes away what dropout makes of the size, and leaves what it makes of
  // two tokens' product.
  const double scale =
      (layout.embedding_norm ? projection : 1) * (layout.embedding_dropout_first ? std::sqrt(1 - dropout) : 1);
  if (scale != 1) embedding["scale"] = scale;
  add_segments(subject, embedding);
  return {{"embedding", embedding}};
}

}  // namespace

Json input_of(const Subject& subject) {
  switch (subject.family.layout.source) {
    case Source::image:
      return image_input(subject);
    case Source::features:
      return features_input(subject);
    case Source::words:
      break;
  }
  return embedding_input(subject);
}

}  // namespace sigprop::importer
