// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "report/number.hpp"
#include "report/table_parts.hpp"
#include "sigprop/report/report.hpp"

namespace sigprop::report {
namespace {

using profile::Profile;
using profile::Quantity;

constexpr std::size_t label_width = 11, rows = 9, fewest_columns = 40;
constexpr std::size_t widest_bar = 4;  ///< columns of a point
constexpr std::size_t eighths = 8;
constexpr std::array<const char*, eighths + 1> blocks = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

/// From the foot of the bars to their highest top.
struct Scale {
  bool logarithmic = false;
  double low = 0, high = 1;  ///< log10 on a logarithmic one

  [[nodiscard]] std::optional<double> height(const Quantity& q) const {
    const double value = logarithmic ? q.log10 : q.value;
    if (!std::isfinite(value)) return {};
    return std::clamp((value - low) / (high - low), 0.0, 1.0);
  }

  [[nodiscard]] std::string label(double height) const {
    const double at = low + height * (high - low);
    return number(logarithmic ? Quantity(std::pow(10.0, at), at) : Quantity(at));
  }
};

/// Logarithmic where values span more than two decades or leave double's range; else from 0.
Scale scale_of(const std::vector<Quantity>& values) {
  constexpr double decades = 2;
  double least = std::numeric_limits<double>::infinity(), most = -least, largest = 0;
  bool representable = true;
  for (const Quantity& q : values) {
    representable = representable && q.representable();
    largest = std::max(largest, q.value);
    if (!std::isfinite(q.log10)) continue;
    least = std::min(least, q.log10);
    most = std::max(most, q.log10);
  }
  if (most < least) return {};  // all are 0
  if (representable && most - least <= decades) return {false, 0, largest};
  return {true, std::floor(least), std::max(std::ceil(most), std::floor(least) + 1)};
}

/// The point of every column: each has several where there is room, or some are left out.
std::vector<std::size_t> points_of_columns(std::size_t points, std::size_t columns) {
  const std::size_t bar = std::clamp<std::size_t>(columns / points, 1, widest_bar);
  const std::size_t drawn = std::min(columns, points * bar);
  std::vector<std::size_t> out(drawn);
  for (std::size_t c = 0; c < drawn; ++c) {
    out[c] = points <= columns ? c / bar : (c * (points - 1) + (drawn - 1) / 2) / (drawn - 1);
  }
  return out;
}

std::string repeated(const char* text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

void panel(std::ostream& out, const std::string& title, const std::vector<Quantity>& values, const Profile& profile,
           std::size_t columns) {
  const Scale scale = scale_of(values);
  const std::vector<std::size_t> points = points_of_columns(values.size(), columns - label_width - 1);
  out << title << (scale.logarithmic ? ", logarithmic\n" : "\n");
  for (std::size_t row = rows; row-- > 0;) {
    const bool named = row + 1 == rows || row == 0 || row == rows / 2;
    const double at = row == 0 ? 0 : row + 1 == rows ? 1 : 0.5;  // rows is odd
    std::string line = right(named ? scale.label(at) : "", label_width - 1) + (named ? " ┤" : " │");
    for (const std::size_t point : points) {
      const std::optional<double> height = scale.height(values[point]);
      const double full = height ? *height * static_cast<double>(rows) - static_cast<double>(row) : 0;
      const auto part =
          static_cast<std::size_t>(std::clamp(std::round(full * eighths), 0.0, static_cast<double>(eighths)));
      line += blocks[row == 0 && height ? std::max<std::size_t>(part, 1) : part];  // a foot under every value
    }
    out << line.substr(0, line.find_last_not_of(' ') + 1) << '\n';
  }
  out << std::string(label_width, ' ') << "└" << repeated("─", points.size()) << '\n';
  const std::string first = profile.points.front().path, last = profile.points.back().path;
  const std::size_t between =
      first.size() + last.size() < points.size() ? points.size() - first.size() - last.size() : 1;
  out << std::string(label_width + 1, ' ') << first << std::string(between, ' ') << last << '\n';
}

}  // namespace

void write_plot(std::ostream& out, const Profile& profile, std::size_t columns) {
  std::vector<Quantity> variances, gradients;
  for (const profile::Point& point : profile.points) {
    variances.push_back(point.forward.variance);
    gradients.push_back(point.backward.variance);
  }
  const std::size_t width = std::max(columns, fewest_columns);
  write_title(out, profile);
  panel(out, "variance", variances, profile, width);
  out << '\n';
  panel(out, "gradient²", gradients, profile, width);
  write_summary(out, profile);
}

}  // namespace sigprop::report
