// SPDX-License-Identifier: Apache-2.0
#include <functional>

#include "report/csv_field.hpp"
#include "report/number.hpp"
#include "sigprop/profile/weights.hpp"
#include "sigprop/report/report.hpp"

namespace sigprop::report {
namespace {

using profile::Layer;
using profile::Point;
using profile::Profile;
using profile::Quantity;
using Cell = std::optional<Quantity>;

/// A quantity of a point, or of the layer whose last point it is; no layer where it is not the last.
struct Column {
  std::string name;
  std::function<Cell(const Point&, const Layer*)> cell;
};

Cell attention(const Layer* layer, Cell (*member)(const profile::AttentionMetrics&)) {
  return layer != nullptr && layer->attention ? member(*layer->attention) : Cell();
}

Cell gradient_norm(const Layer* layer, const std::string& name) {
  return layer != nullptr ? gradient_norm_of(*layer, name) : Cell();
}

std::vector<Column> columns_of(const Profile& profile) {
  using Metrics = profile::AttentionMetrics;
  std::vector<Column> columns{
      {"forward.mean", [](const Point& p, const Layer*) { return p.forward.mean; }},
      {"forward.variance", [](const Point& p, const Layer*) { return p.forward.variance; }},
      {"forward.log10_variance", [](const Point& p, const Layer*) { return Quantity(p.forward.variance.log10); }},
      {"forward.second_moment", [](const Point& p, const Layer*) { return p.forward.second_moment; }},
      {"forward.token_dot", [](const Point& p, const Layer*) { return p.forward.token_dot; }},
      {"forward.token_correlation", [](const Point& p, const Layer*) { return p.forward.token_correlation; }},
      {"forward.rank_residual", [](const Point& p, const Layer*) { return p.forward.rank_residual; }},
      {"forward.effective_rank", [](const Point& p, const Layer*) { return p.forward.effective_rank; }},
      {"backward.variance", [](const Point& p, const Layer*) { return p.backward.variance; }},
      {"backward.log10_variance", [](const Point& p, const Layer*) { return Quantity(p.backward.variance.log10); }},
      {"backward.token_dot", [](const Point& p, const Layer*) { return p.backward.token_dot; }},
      {"backward.token_correlation", [](const Point& p, const Layer*) { return p.backward.token_correlation; }},
      {"backward.norm", [](const Point& p, const Layer*) { return p.backward.norm; }},
      {"attention.score_variance",
       [](const Point&, const Layer* layer) {
         return attention(layer, [](const Metrics& m) { return Cell(m.score_variance); });
       }},
      {"attention.entropy",
       [](const Point&, const Layer* layer) { return attention(layer, [](const Metrics& m) { return m.entropy; }); }},
      {"attention.entropy_fraction", [](const Point&, const Layer* layer) {
         return attention(layer, [](const Metrics& m) { return m.entropy_fraction; });
       }}};
  if (!profile.points.empty() && profile.points.front().forward.ends) {  // under a mask
    columns.push_back(
        {"forward.first_second_moment", [](const Point& p, const Layer*) { return Cell(p.forward.ends->first); }});
    columns.push_back(
        {"forward.last_second_moment", [](const Point& p, const Layer*) { return Cell(p.forward.ends->last); }});
    columns.push_back(
        {"backward.first_variance", [](const Point& p, const Layer*) { return Cell(p.backward.ends->first); }});
    columns.push_back(
        {"backward.last_variance", [](const Point& p, const Layer*) { return Cell(p.backward.ends->last); }});
  }
  const std::size_t tokens = profile.points.empty() ? 0 : profile.points.front().forward.tokens.size();
  for (std::size_t i = 0; i < tokens; ++i) {
    columns.push_back({"forward.tokens.second_moment." + std::to_string(i + 1),
                       [i](const Point& p, const Layer*) { return Cell(p.forward.tokens[i]); }});
  }
  for (std::size_t i = 0; i < tokens; ++i) {
    columns.push_back({"backward.tokens.variance." + std::to_string(i + 1),
                       [i](const Point& p, const Layer*) { return Cell(p.backward.tokens[i]); }});
  }
  const std::vector<std::size_t>& listed = profile.gram_tokens;
  for (std::size_t i = 0, place = 0; i < listed.size(); ++i) {
    for (std::size_t j = 0; j <= i; ++j, ++place) {
      columns.push_back({"forward.gram." + std::to_string(listed[i]) + "." + std::to_string(listed[j]),
                         [place](const Point& p, const Layer*) { return Cell(p.forward.gram[place]); }});
    }
  }
  for (const std::string& name : profile::weight_names(profile)) {
    columns.push_back({"weights." + name + ".gradient_norm",
                       [name](const Point&, const Layer* layer) { return gradient_norm(layer, name); }});
  }
  return columns;
}

bool is_measured(const Profile& profile) {
  return !profile.points.empty() && profile.points.front().forward.mean.scatter;
}

bool is_logarithm(const Column& column) {
  return column.name.find("log10") != std::string::npos;
}

}  // namespace

void write_csv(std::ostream& out, const Profile& profile) {
  const std::vector<Column> columns = columns_of(profile);
  const bool measured = is_measured(profile);
  out << "index,path,layer";
  for (const Column& column : columns) {
    out << ',' << csv_field(column.name);
    if (measured && !is_logarithm(column)) out << ',' << csv_field(column.name + ".standard_error");
  }
  out << '\n';
  for (std::size_t i = 0; i < profile.points.size(); ++i) {
    const Point& point = profile.points[i];
    const bool last_of_layer = i + 1 == profile.points.size() || profile.points[i + 1].layer != point.layer;
    const Layer* layer = last_of_layer && point.layer > 0 ? &profile.layers[point.layer - 1] : nullptr;
    out << point.index << ',' << csv_field(point.path) << ',' << point.layer;
    for (const Column& column : columns) {
      const Cell cell = column.cell(point, layer);
      out << ',' << (cell && cell->representable() ? exact(cell->value) : "");
      if (measured && !is_logarithm(column))
        out << ',' << (cell && cell->scatter ? exact(cell->scatter->standard_error) : "");
    }
    out << '\n';
  }
}

}  // namespace sigprop::report
