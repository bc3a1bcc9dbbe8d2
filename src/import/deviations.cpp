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

constexpr Version unscaled_from{5, 0, 0}, scaled_again{5, 15, 0};

/// GPT-2's outputs are drawn narrower with depth, but versions from 5.0.0 to before 5.15.0 lost
/// that (measured).
double output_deviation(const Subject& subject) {
  const double std = value(subject, "std");
  if (!subject.family.layout.outputs_by_depth) return std;
  const double narrow = std / std::sqrt(2 * value(subject, "layers"));
  if (std == 0) return 0;
  const bool lost = subject.library >= unscaled_from && subject.library < scaled_again;
  subject.findings.notes.push_back("c_proj is drawn with " + Json(narrow).dump() +
                                   " by transformers 4 and from 5.15.0 on, but with " + Json(std).dump() +
                                   " from 5.0.0 to 5.14.1: written with " + Json(lost ? std : narrow).dump() +
                                   "; --library chooses");
  return lost ? std : narrow;
}

/// Scores divided by the layer's number: the same as a query drawn that much narrower.
Json query_deviation(const Subject& subject) {
  const double std = value(subject, "std");
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
  if (subject.family.layout.by_fan_in) return t5_deviations(subject);
  const double std = value(subject, "std"), output = output_deviation(subject);
  Json out = {{"query", query_deviation(subject)}, {"key", std}, {"value", std}, {"output", output}, {"ffn_in", std}};
  if (is_gated(subject)) out["ffn_gate"] = std;
  out["ffn_out"] = output;
  return out;
}

double embedding_deviation(const Subject& subject) {
  const double std = spec::number(subject.values, "std", value(subject, "factor"));
  return subject.family.layout.embedding_by_root_width ? std * std::sqrt(value(subject, "width")) : std;
}

}  // namespace sigprop::importer
