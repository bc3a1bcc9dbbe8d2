// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "report/number.hpp"
#include "report/table_parts.hpp"
#include "report/weight_rows.hpp"
#include "sigprop/profile/quantities.hpp"
#include "sigprop/report/report.hpp"

namespace sigprop::report {
namespace {

using profile::Layer;
using profile::LayerRow;
using profile::Point;
using profile::PointRow;
using profile::Profile;
using profile::Quantity;

std::string correlation(const Quantity& q) {
  return fixed(q.value, 4);
}

std::string in_percent(const Quantity& q) {
  return fixed(100 * q.value, 1) + "%";
}

/// The standard error as a part of the mean.
std::string relative_error(const Quantity& q) {
  const double relative = q.scatter ? q.scatter->standard_error / std::abs(q.value) : 0;
  return std::isfinite(relative) ? fixed(100 * relative, 1) + "%" : "";
}

/// The standard deviation between networks, of the logarithm or of a correlation itself.
std::string spread(const Quantity& q) {
  return q.spread() ? number(*q.spread()) : "";
}

struct Column {
  const char* title;
  std::size_t width;
  const PointRow& quantity;
  std::string (*text)(const Quantity&);
};

constexpr Column predicted_columns[] = {
    {"variance", 11, profile::point_quantity("forward.variance"), number},
    {"token r", 9, profile::point_quantity("forward.token_correlation"), correlation},
    {"gradient²", 12, profile::point_quantity("backward.variance"), number},
    {"token r", 9, profile::point_quantity("backward.token_correlation"), correlation},
};

/// Beside the variances what they may be off by.
constexpr std::array<Column, 6> columns_with(const char* title, std::size_t width,
                                             std::string (*text)(const Quantity&)) {
  return {{
      {"variance", 11, profile::point_quantity("forward.variance"), number},
      {title, width, profile::point_quantity("forward.variance"), text},
      {"token r", 9, profile::point_quantity("forward.token_correlation"), correlation},
      {"gradient²", 11, profile::point_quantity("backward.variance"), number},
      {title, width, profile::point_quantity("backward.variance"), text},
      {"token r", 9, profile::point_quantity("backward.token_correlation"), correlation},
  }};
}

constexpr auto spread_columns = columns_with("spread", 8, spread);
constexpr auto measured_columns = columns_with("±", 7, relative_error);

/// A kind of attention, with the quantities of a layer that the table shows.
struct AttentionKind {
  std::string_view name;
  const LayerRow& scores;
  const LayerRow& entropy;
};

constexpr AttentionKind attention_kinds[] = {
    {"attention", profile::layer_quantity("attention.score_variance"),
     profile::layer_quantity("attention.entropy_fraction")},
    {"cross_attention", profile::layer_quantity("cross_attention.score_variance"),
     profile::layer_quantity("cross_attention.entropy_fraction")},
};

bool is_after(const Point& point, const AttentionKind& kind) {
  return point.path.ends_with("/" + std::string(kind.name));
}

/// The kinds of attention that the row of a point shows: the one that the point is named after,
/// and, at the end of a layer, those that no point of the layer is named after.
std::vector<const AttentionKind*> attention_at(const Profile& profile, std::size_t index) {
  const std::vector<Point>& points = profile.points;
  const std::size_t layer = points[index].layer;
  std::vector<const AttentionKind*> out;
  if (layer == 0) return out;
  std::size_t begin = index, end = index + 1;
  while (begin > 0 && points[begin - 1].layer == layer) --begin;
  while (end < points.size() && points[end].layer == layer) ++end;
  for (const AttentionKind& kind : attention_kinds) {
    const bool named = std::any_of(points.data() + begin, points.data() + end,
                                   [&](const Point& point) { return is_after(point, kind); });
    const bool here = named ? is_after(points[index], kind) : index + 1 == end;
    if (here && has_attention_of(profile.layers[layer - 1], kind.scores)) out.push_back(&kind);
  }
  return out;
}

class Writer {
 public:
  Writer(std::ostream& out, const Profile& profile) : out_(out), profile_(profile) {
    if (profile.theory.empty()) columns_ = measured_columns;
    if (has_spread(profile)) columns_ = spread_columns;
    for (const Point& point : profile.points) path_width_ = std::max(path_width_, characters(in_stack(point.path)));
  }

  void write_header() const {
    const bool attention = std::any_of(profile_.layers.begin(), profile_.layers.end(), [](const Layer& layer) {
      return layer.attention.has_value() || layer.cross_attention.has_value();
    });
    out_ << std::string(path_width_ + 1, ' ') << left("forward", profile_.theory.empty() ? 27 : 31) << "backward\n"
         << left("point", path_width_);
    for (const Column& column : columns_) out_ << right(column.title, column.width);
    if (attention) out_ << right("score v", score_width) << right("entropy", entropy_width);
    out_ << '\n';
  }

  /// Writes all rows, or the first, some in the middle and the last of a long profile.
  void write_rows(bool all) {
    constexpr std::size_t fits = 40;
    constexpr std::size_t edge = 9;
    constexpr std::size_t middle = 6;
    const std::size_t count = profile_.points.size();
    const std::size_t centre = count / 2 - middle / 2;
    for (std::size_t i = 0; i < count; ++i) {
      const bool shown = all || count <= fits || i < edge || i + edge >= count || (i >= centre && i < centre + middle);
      if (shown) {
        write_row(i);
      } else {
        const std::size_t next = i < centre ? centre : count - edge;
        out_ << "... " << next - i << " points (--all shows them)\n";
        i = next - 1;
      }
    }
  }

 private:
  static constexpr std::size_t score_width = 11;
  static constexpr std::size_t entropy_width = 9;

  void write_row(std::size_t index) {
    const Point& point = profile_.points[index];
    if (const std::string_view stack = stack_of(point.path); stack != stack_) {
      out_ << stack << '\n';
      stack_ = stack;
    }
    out_ << left(in_stack(point.path), path_width_);
    std::size_t width = path_width_;
    for (const Column& column : columns_) {
      const Quantity* value = column.quantity.find(point);
      out_ << right(value != nullptr ? column.text(*value) : "", column.width);
      width += column.width;
    }
    const char* before = "";
    for (const AttentionKind* kind : attention_at(profile_, index)) {
      if (*before != '\0') out_ << before << left("  " + std::string(kind->name), width);
      write_attention(profile_.layers[point.layer - 1], *kind);
      before = "\n";
    }
    out_ << '\n';
  }

  void write_attention(const Layer& layer, const AttentionKind& kind) const {
    out_ << right(number(*kind.scores.find(layer)), score_width);
    if (const Quantity* entropy = kind.entropy.find(layer)) out_ << right(in_percent(*entropy), entropy_width);
  }

  std::ostream& out_;
  const Profile& profile_;
  std::span<const Column> columns_ = predicted_columns;
  std::size_t path_width_ = 24;
  std::string_view stack_;
};

void write_weights(std::ostream& out, const Profile& profile) {
  const std::vector<WeightRow> list = weight_rows(profile);
  if (list.empty()) return;
  constexpr std::size_t std_width = 23, norm_width = 27, ratio_width = 12;
  std::size_t name_width = 16;
  for (const WeightRow& row : list) name_width = std::max(name_width, characters(row.name) + 2);
  out << '\n'
      << std::string(name_width + std_width, ' ') << "gradient norm\n"
      << left("weight", name_width) << left("std", std_width) << left("first .. last layer", norm_width)
      << left("last/first", ratio_width) << "smallest (layer) .. largest\n";
  for (const WeightRow& row : list) {
    out << left(row.name, name_width) << left(row.std, std_width);
    if (row.norm.empty()) {
      out << "none in this theory\n";
    } else {
      out << left(row.norm, norm_width) << left(row.ratio, ratio_width) << row.extremes << '\n';
    }
  }
}

std::string with_rate(const std::string& law, double rate) {
  if (law == "linear") return "linear, " + number(rate) + " of the first layer's value a layer";
  if (law == "hyperbolic" || law == "power") return law + ", like depth^" + number(rate);
  if (law == "exponential") return "exponential, a factor " + number(Quantity(std::pow(10.0, rate), rate)) + " a layer";
  if (law == "irregular") return "follows no single law of depth";
  if (law == "none") return "too few layers for a law";
  return law;
}

std::string ratio_text(const profile::Ratios& ratios) {
  const auto shown = [](double log10_ratio) { return number(Quantity(std::pow(10.0, log10_ratio), log10_ratio)); };
  const std::string depth =
      ratios.log10_last_over_first ? "last layer/first " + shown(*ratios.log10_last_over_first) : "no ratio of layers";
  return depth + (ratios.log10_first_over_input ? ", first/input " + shown(*ratios.log10_first_over_input) : "");
}

}  // namespace

std::string_view stack_of(std::string_view path) {
  for (const std::string_view stack : {"encoder", "decoder"}) {
    if (path.starts_with(stack) && path.substr(stack.size()).starts_with("/")) return stack;
  }
  return {};
}

std::string in_stack(const std::string& path) {
  const std::string_view stack = stack_of(path);
  return stack.empty() ? path : path.substr(stack.size() + 1);
}

std::string forward_sentence(const profile::Summary& s) {
  return with_rate(s.forward_law, s.forward_rate) + "; " + ratio_text(s.forward_ratios);
}

std::string backward_sentence(const profile::Summary& s) {
  return with_rate(s.backward_law, s.backward_rate) + "; " + ratio_text(s.backward_ratios);
}

std::string verdict_sentence(const profile::Verdict& verdict) {
  std::string name = verdict.name;
  std::replace(name.begin(), name.end(), '_', ' ');
  if (verdict.name == "zero_gradient") {
    return name + " at " + verdict.path +
           ": the first step leaves these weights alone; look for a weight or a branch scale of 0 beside them";
  }
  if (verdict.name == "negligible_gradient") {
    return name + " at " + verdict.path + ": " + number(verdict.value) + " of the layer's, below the threshold " +
           number(verdict.threshold);
  }
  return name + " at " + verdict.path + ": " + number(verdict.value) + " passes the threshold " +
         number(verdict.threshold);
}

void write_summary(std::ostream& out, const Profile& profile) {
  const profile::Summary& s = profile.summary;
  out << "\nvariance   " << forward_sentence(s) << '\n';
  out << "gradient²  " << backward_sentence(s) << '\n';
  if (s.verdicts.empty()) out << "verdict    " << no_verdict << '\n';
  for (const profile::Verdict& verdict : s.verdicts) out << "verdict    " << verdict_sentence(verdict) << '\n';
}

void write_title(std::ostream& out, const Profile& profile) {
  out << profile.name << ", " << (profile.theory.empty() ? "simulation" : "theory " + profile.theory);
  if (!profile.prefix.empty()) out << " (prefix " << profile.prefix << ")";
  if (profile.sequences > 0) out << " (words of " << profile.sequences << " sequences)";
  out << ", " << profile.layers.size() << " layers\n\n";
}

void write_table(std::ostream& out, const Profile& profile, bool all) {
  write_title(out, profile);
  Writer writer(out, profile);
  writer.write_header();
  writer.write_rows(all);
  write_weights(out, profile);
  write_summary(out, profile);
}

}  // namespace sigprop::report
