// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>

#include "report/csv_field.hpp"
#include "report/number.hpp"
#include "sigprop/profile/quantities.hpp"
#include "sigprop/profile/weights.hpp"
#include "sigprop/report/report.hpp"

namespace sigprop::report {
namespace {

using profile::Layer;
using profile::LayerRow;
using profile::ListRow;
using profile::Point;
using profile::PointRow;
using profile::Presence;
using profile::Profile;
using profile::Quantity;
using profile::WeightRow;
using Cell = std::optional<Quantity>;

/// A quantity of a point, or of the layer whose last point it is; no layer where it is not the
/// last.
struct Column {
  std::string name;
  std::function<Cell(const Point&, const Layer*)> cell;
};

Cell cell_of(const Quantity* value) {
  return value != nullptr ? Cell(*value) : Cell();
}

/// Columns of every profile, empty where it has no such quantity; the others it has only with their
/// quantity.
bool is_usual(Presence presence) {
  return presence == Presence::always || presence == Presence::attention;
}

template <class Row, class Entry>
bool is_present(const Row& row, const std::vector<Entry>& entries) {
  return is_usual(row.presence) ||
         std::any_of(entries.begin(), entries.end(), [&](const Entry& entry) { return row.find(entry) != nullptr; });
}

void add(std::vector<Column>& columns, const PointRow& row) {
  columns.push_back({std::string(row.name), [&row](const Point& p, const Layer*) { return cell_of(row.find(p)); }});
  if (&row == &profile::point_quantity("forward.variance") || &row == &profile::point_quantity("backward.variance")) {
    const std::size_t dot = row.name.find('.') + 1;
    columns.push_back({std::string(row.name.substr(0, dot)) + "log10_" + std::string(row.name.substr(dot)),
                       [&row](const Point& p, const Layer*) { return Cell(row.find(p)->log10); }});
  }
}

void add(std::vector<Column>& columns, const LayerRow& row) {
  columns.push_back({std::string(row.name), [&row](const Point&, const Layer* layer) {
                       return layer != nullptr ? cell_of(row.find(*layer)) : Cell();
                     }});
}

/// One column for each token, or for each pair of tokens.
void add(std::vector<Column>& columns, const ListRow& row, const Profile& profile) {
  const std::vector<std::vector<std::size_t>> tokens = tokens_of(row, profile);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    std::string name(row.name);
    for (const std::size_t token : tokens[i]) name += "." + std::to_string(token);
    columns.push_back({name, [&row, i](const Point& p, const Layer*) { return Cell((*row.find(p))[i]); }});
  }
}

/// Behind the others, of those that have one.
void add_spreads(std::vector<Column>& columns, const Profile& profile) {
  const Layer* layer = profile.layers.empty() ? nullptr : &profile.layers.front();
  for (std::size_t i = 0, count = columns.size(); i < count; ++i) {
    const auto cell = columns[i].cell;
    const Cell first = cell(profile.points.front(), layer);
    if (!first || !first->spread()) continue;
    columns.push_back({profile::spread_name(columns[i].name), [cell](const Point& p, const Layer* l) {
                         const Cell of = cell(p, l);
                         return of && of->spread() ? Cell(*of->spread()) : Cell();
                       }});
  }
}

std::vector<Column> columns_of(const Profile& profile) {
  std::vector<Column> columns;
  const auto add_points = [&](bool usual) {
    for (const PointRow* row : profile::point_quantities_by_presence()) {
      if (is_usual(row->presence) == usual && is_present(*row, profile.points)) add(columns, *row);
    }
  };
  add_points(true);
  for (const LayerRow& row : profile::layer_quantities) {
    if (is_present(row, profile.layers)) add(columns, row);
  }
  add_points(false);
  for (const ListRow& row : profile::token_lists) add(columns, row, profile);
  for (const std::string& name : profile::weight_names(profile)) {
    for (const WeightRow& row : profile::weight_quantities) {
      columns.push_back({name_of(row, name), [&row, name](const Point&, const Layer* layer) {
                           const auto* weight = layer != nullptr ? find_weight(*layer, name) : nullptr;
                           return weight != nullptr ? cell_of(row.find(*weight)) : Cell();
                         }});
    }
  }
  if (!profile.points.empty()) add_spreads(columns, profile);
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
