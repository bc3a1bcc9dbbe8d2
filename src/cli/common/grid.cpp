// SPDX-License-Identifier: Apache-2.0
#include "cli/common/grid.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "cli/common/command.hpp"
#include "cli/common/scheme_choice.hpp"
#include "report/number.hpp"

namespace sigprop::cli {
namespace {

constexpr std::size_t most_points = 1000000;

[[noreturn]] void refuse_axis(const std::string& text, const std::string& why) {
  throw Failure(wrong_usage, "--set \"" + text + "\" " + why +
                                 "; it must be PATH=VALUES, VALUES one of A,B,... or FIRST:LAST:COUNT or "
                                 "log:FIRST:LAST:COUNT, as in stack.residual.branch=0.1:1:10");
}

std::optional<double> number(const std::string& text) {
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || !std::isfinite(value)) return {};
  return value;
}

/// Of a single value: a number, true, false or null as they are, else a word.
std::string json_value(const std::string& text, const std::string& value) {
  if (value.empty()) refuse_axis(text, "has an empty value");
  if (number(value)) return report::exact(*number(value));
  if (value == "true" || value == "false" || value == "null") return value;
  if (value.find_first_of("\"\\") != std::string::npos)
    refuse_axis(text, "has a value with a quotation mark or backslash");
  return spec::json_text(value);
}

void require_text(const std::string& text) {
  try {
    static_cast<void>(spec::json_text(text));
  } catch (const std::invalid_argument&) {
    refuse_axis(text, "is no UTF-8 text");
  }
}

std::vector<std::string> range(const std::string& text, const std::vector<std::string>& parts, bool logarithmic) {
  const std::size_t at = logarithmic ? 1 : 0;
  const std::optional<double> first = number(parts[at]), last = number(parts[at + 1]), wanted = number(parts[at + 2]);
  if (!first || !last || !wanted) refuse_axis(text, "has something in its range that is no number");
  if (*wanted < 2 || *wanted > static_cast<double>(most_points) || *wanted != std::floor(*wanted))
    refuse_axis(text, "has the count " + parts[at + 2] + ", which must be a whole number from 2 to " +
                          std::to_string(most_points));
  if (logarithmic && !(*first > 0 && *last > 0))
    refuse_axis(text, "has an end that is not above 0, which equal factors need");
  const auto count = static_cast<std::size_t>(*wanted);
  std::vector<std::string> values;
  for (std::size_t i = 0; i < count; ++i) {
    const double t = static_cast<double>(i) / (*wanted - 1);
    const double value = logarithmic ? *first * std::pow(*last / *first, t) : *first + (*last - *first) * t;
    if (!std::isfinite(value)) refuse_axis(text, "has ends so far apart that no number holds what lies between");
    values.push_back(report::exact(i + 1 == count ? *last : value));
  }
  return values;
}

std::vector<std::string> values_of(const std::string& text, const std::string& values) {
  const std::vector<std::string> parts = split(values, ':');
  if (parts.size() == 4 && parts[0] == "log") return range(text, parts, true);
  if (parts.size() == 3) return range(text, parts, false);
  if (parts.size() > 1) refuse_axis(text, "has a range of " + std::to_string(parts.size()) + " parts");
  std::vector<std::string> out;
  for (const std::string& value : split(values, ',')) out.push_back(json_value(text, value));
  return out;
}

}  // namespace

Axis axis_of(const std::string& text) {
  require_text(text);
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
    refuse_axis(text, "has no path or no values");
  return {text.substr(0, equals), values_of(text, text.substr(equals + 1))};
}

Grid::Grid(std::vector<Axis> axes) : axes_(std::move(axes)) {
  for (std::size_t a = 0; a < axes_.size(); ++a) {
    for (std::size_t b = 0; b < a; ++b) {
      if (axes_[a].path == axes_[b].path)
        throw Failure(wrong_usage, "--set names " + axes_[a].path + " twice, but must name every path once");
    }
    if (axes_[a].values.size() > most_points / size_)
      throw Failure(wrong_usage, "--set makes more than " + std::to_string(most_points) + " points; take fewer values");
    size_ *= axes_[a].values.size();
  }
}

std::vector<spec::Edit> Grid::operator[](std::size_t index) const {
  std::vector<spec::Edit> edits(axes_.size());
  for (std::size_t a = axes_.size(); a-- > 0;) {
    const std::vector<std::string>& values = axes_[a].values;
    edits[a] = {axes_[a].path, values[index % values.size()]};
    index /= values.size();
  }
  return edits;
}

}  // namespace sigprop::cli
