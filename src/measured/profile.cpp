// SPDX-License-Identifier: Apache-2.0
#include "sigprop/measured/profile.hpp"

#include <charconv>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <system_error>

#include "sigprop/profile/quantities.hpp"
#include "spec/nearest.hpp"
#include "spec/parse.hpp"

namespace sigprop::measured {
namespace {

using profile::Profile;
using profile::Spot;

[[noreturn]] void refuse(const std::string& file, const std::string& what) {
  throw std::runtime_error(file + ": " + what);
}

std::string joined(const std::string& a, const char* between, const std::string& b) {
  std::string out = a;
  out += between;
  out += b;
  return out;
}

std::string with_nearest(const std::string& word, const std::vector<std::string>& known) {
  const std::string near = spec::nearest(word, known);
  return near.empty() ? "" : "; did you mean " + near + "?";
}

template <class Entries>
std::vector<std::string> paths_of(const Entries& entries) {
  std::vector<std::string> out;
  out.reserve(entries.size());
  for (const auto& entry : entries) out.push_back(entry.path);
  return out;
}

/// The index of a place by its path.
template <class Entries>
std::size_t place_of(const std::string& path, const Entries& entries, const char* kind, const std::string& file) {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].path == path) return i;
  }
  refuse(file, std::string("the model has no ") + kind + " \"" + path + "\"" + with_nearest(path, paths_of(entries)));
}

std::vector<std::string> quantities_of_points() {
  std::vector<std::string> out;
  for (const profile::PointRow& row : profile::point_quantities) out.emplace_back(row.name);
  return out;
}

std::vector<std::string> quantities_of(const profile::Layer& layer) {
  std::vector<std::string> out;
  for (const profile::LayerRow& row : profile::layer_quantities) out.emplace_back(row.name);
  for (const profile::Weight& weight : layer.weights) {
    for (const profile::WeightRow& row : profile::weight_quantities) out.push_back(name_of(row, weight.name));
  }
  return out;
}

/// Numbers that a result has beside its quantities: by the last part of their names.
bool is_beside(const std::string& name) {
  const std::string last = name.substr(name.rfind('.') + 1);
  return name.find(".spread") != std::string::npos || name.find(".tokens.") != std::string::npos ||
         name.find(".gram") != std::string::npos || last == "std" || last == "standard_error" ||
         last == "standard_deviation" || last.starts_with("log10");
}

bool contains(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// Reads the objects of a place; dotted names as in the table of quantities.
class JsonReader {
 public:
  JsonReader(const std::string& file, const Profile& predicted) : file_(file), predicted_(predicted) {}

  [[nodiscard]] MeasuredProfile read(const spec::Json& all) {
    if (!all.is_object() || (!all.contains("points") && !all.contains("layers")))
      refuse(file_, R"(has neither "points" nor "layers", one of which a measured profile must have)");
    if (all.contains("networks")) {
      out_.networks = count(all["networks"], "networks");
    } else if (all.contains("settings") && all["settings"].is_object() && all["settings"].contains("replicates")) {
      out_.networks = count(all["settings"]["replicates"], "settings/replicates");
    }
    const std::vector<std::string> of_points = quantities_of_points();
    each(all, "points", [&](const spec::Json& entry, const std::string& place) {
      const std::size_t index = place_of(path_of(entry, place), predicted_.points, "point", file_);
      read_numbers(entry, "", place, {false, index, ""}, of_points);
    });
    each(all, "layers", [&](const spec::Json& entry, const std::string& place) {
      const std::size_t index = place_of(path_of(entry, place), predicted_.layers, "layer", file_);
      read_numbers(entry, "", place, {true, index, ""}, quantities_of(predicted_.layers[index]));
    });
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::size_t count(const spec::Json& value, const std::string& name) const {
    if (!value.is_number_unsigned() || value.get<std::size_t>() < 1)
      refuse(file_, "/" + name + " is " + value.dump() + ", but must be a whole number of at least 1");
    return value.get<std::size_t>();
  }

  void each(const spec::Json& all, const char* name,
            const std::function<void(const spec::Json&, const std::string&)>& f) const {
    if (!all.contains(name)) return;
    const spec::Json& list = all[name];
    if (!list.is_array()) refuse(file_, std::string("/") + name + " must be a list of objects");
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string place = std::string("/") + name + "/" + std::to_string(i);
      if (!list[i].is_object()) refuse(file_, place + " must be an object");
      f(list[i], place);
    }
  }

  [[nodiscard]] std::string path_of(const spec::Json& entry, const std::string& place) const {
    if (!entry.contains("path") || !entry["path"].is_string())
      refuse(file_, place + R"( has no "path", which names the place, such as "layer 1")");
    return entry["path"].get<std::string>();
  }

  void read_numbers(const spec::Json& object, const std::string& before, const std::string& place, const Spot& at,
                    const std::vector<std::string>& known) {
    for (const auto& [key, value] : object.items()) {
      const std::string name = before.empty() ? key : joined(before, ".", key), here = joined(place, "/", key);
      if (before.empty() && (key == "path" || key == "index" || key == "layer")) continue;
      if (is_beside(name)) continue;
      if (contains(known, name)) {
        add(at, name, value, here);
      } else if (value.is_object()) {
        read_numbers(value, name, here, at, known);
      } else {
        refuse_quantity(name, place, known);
      }
    }
  }

  [[noreturn]] void refuse_quantity(const std::string& name, const std::string& place,
                                    const std::vector<std::string>& known) const {
    refuse(file_, place + ": \"" + name + "\" is no quantity of this place" + with_nearest(name, known));
  }

  void add(const Spot& at, const std::string& name, const spec::Json& value, const std::string& place) {
    if (value.is_null() || (value.is_object() && value.contains("log10"))) return;
    const spec::Json& number = value.is_object() && value.contains("mean") ? value["mean"] : value;
    if (!number.is_number() || !std::isfinite(number.get<double>()))
      refuse(file_, place + " is " + number.dump() + ", but must be a number");
    out_.values.push_back({{at.of_layer, at.index, name}, number.get<double>()});
  }

  const std::string& file_;
  const Profile& predicted_;
  MeasuredProfile out_;
};

/// The fields of a line of CSV. Throws for a quote that is not closed.
std::vector<std::string> fields_of(std::string_view line, const std::string& place) {
  std::vector<std::string> out(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"') {
      if (quoted && i + 1 < line.size() && line[i + 1] == '"') {
        out.back() += line[i++];
      } else {
        quoted = !quoted;
      }
    } else if (c == ',' && !quoted) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  if (quoted) throw std::runtime_error(place + ": a quotation mark is not closed");
  return out;
}

[[noreturn]] void refuse_column(const std::string& place, const std::string& column,
                                const std::vector<std::string>& known) {
  refuse(place, "the column \"" + column + "\" is no quantity of the model" + with_nearest(column, known));
}

[[noreturn]] void refuse_field(const std::string& place, const std::string& column, const std::string& field) {
  refuse(place, column + " is \"" + field + "\", but must be a number");
}

MeasuredProfile read_csv(std::string_view text, const std::string& file, const Profile& predicted) {
  MeasuredProfile out;
  std::vector<std::string> columns;
  const std::vector<std::string> of_points = quantities_of_points();
  std::set<std::string> of_layers;
  for (const profile::Layer& layer : predicted.layers) {
    for (std::string& name : quantities_of(layer)) of_layers.insert(std::move(name));
  }
  std::vector<std::string> known = of_points;
  known.insert(known.end(), of_layers.begin(), of_layers.end());
  std::size_t path_column = 0, number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    ++number;
    if (line.empty()) continue;
    const std::string place = file + ":" + std::to_string(number);
    std::vector<std::string> fields = fields_of(line, place);
    if (columns.empty()) {
      columns = std::move(fields);
      const auto found = std::find(columns.begin(), columns.end(), "path");
      if (found == columns.end())
        throw std::runtime_error(place + ": has no column \"path\", which names the place of a row");
      path_column = static_cast<std::size_t>(found - columns.begin());
      for (const std::string& column : columns) {
        if (column == "path" || column == "index" || column == "layer" || is_beside(column)) continue;
        if (!contains(known, column)) refuse_column(place, column, known);
      }
      continue;
    }
    if (fields.size() != columns.size())
      throw std::runtime_error(place + ": has " + std::to_string(fields.size()) + " fields, but the first line has " +
                               std::to_string(columns.size()));
    const std::size_t point = place_of(fields[path_column], predicted.points, "point", file);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const std::string& field = fields[i];
      const bool of_point = contains(of_points, columns[i]), of_layer = of_layers.contains(columns[i]);
      if (field.empty() || (!of_point && !of_layer)) continue;
      double value = 0;
      const auto read = std::from_chars(field.data(), field.data() + field.size(), value);
      if (read.ec != std::errc() || read.ptr != field.data() + field.size() || !std::isfinite(value))
        refuse_field(place, columns[i], field);
      const std::size_t layer = predicted.points[point].layer;
      if (of_layer && layer == 0)
        throw std::runtime_error(place + ": " + columns[i] + " belongs to a layer, but " + fields[path_column] +
                                 " is none: leave it empty here");
      out.values.push_back({{!of_point, of_point ? point : layer - 1, columns[i]}, value});
    }
  }
  return out;
}

}  // namespace

MeasuredProfile read_profile(std::string_view text, const std::string& file, const Profile& predicted) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  MeasuredProfile out;
  if (begin != std::string_view::npos && text[begin] == '{') {
    std::vector<std::string> errors;
    const auto json = spec::parse(text, errors);
    if (!json) refuse(file, errors.empty() ? "is no JSON" : errors.front());
    out = JsonReader(file, predicted).read(*json);
  } else {
    out = read_csv(text, file, predicted);
  }
  if (out.values.empty()) refuse(file, "holds no quantity of the model");
  return out;
}

}  // namespace sigprop::measured
