// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "report/number.hpp"
#include "report/table_parts.hpp"
#include "report/weight_rows.hpp"
#include "sigprop/report/report.hpp"

namespace sigprop::report {
namespace {

using profile::Point;
using profile::Profile;
using profile::Quantity;

constexpr std::size_t path_width = 24;

std::string path_cell(const std::string& path) {
  return left(path, path_width);
}

/// Standard error as a part of the mean.
std::string relative_error(const Quantity& q) {
  const double relative = q.scatter ? q.scatter->standard_error / std::abs(q.value) : 0;
  return std::isfinite(relative) ? fixed(100 * relative, 1) + "%" : "";
}

/// Which columns a table has: a measured profile's errors stand where a predicted one's effective rank does.
struct Columns {
  bool measured = false;
  bool attention = false;
};

void header(std::ostream& out, const Columns& columns) {
  if (columns.measured) {
    out << "                         forward                    backward\n"
        << path_cell("point") << right("variance", 11) << right("±", 7) << right("token r", 9) << right("gradient²", 11)
        << right("±", 7) << right("token r", 9);
  } else {
    out << "                         forward                                  backward\n"
        << path_cell("point") << right("variance", 11) << right("token r", 9) << right("eff.rank", 10)
        << right("gradient²", 12) << right("token r", 9);
  }
  if (columns.attention) out << right("score v", 11) << right("entropy", 9);
  out << '\n';
}

void row(std::ostream& out, const Profile& profile, const Point& point, const Columns& columns) {
  const profile::Forward& f = point.forward;
  const profile::Backward& b = point.backward;
  out << path_cell(point.path) << right(number(f.variance), 11);
  if (columns.measured) out << right(relative_error(f.variance), 7);
  out << right(fixed(f.token_correlation.value, 4), 9);
  if (!columns.measured) out << right(f.effective_rank ? number(*f.effective_rank) : "", 10);
  out << right(number(b.variance), columns.measured ? 11 : 12);
  if (columns.measured) out << right(relative_error(b.variance), 7);
  out << right(fixed(b.token_correlation.value, 4), 9);
  constexpr const char* attention = "/attention";
  const bool ends = point.path.size() >= 10 && point.path.compare(point.path.size() - 10, 10, attention) == 0;
  if (ends && point.layer > 0 && profile.layers[point.layer - 1].attention) {
    const profile::AttentionMetrics& metrics = *profile.layers[point.layer - 1].attention;
    out << right(number(metrics.score_variance), 11);
    if (metrics.entropy_fraction) out << right(fixed(100 * metrics.entropy_fraction->value, 1) + "%", 9);
  }
  out << '\n';
}

/// Rows to show: all, or the first, some in the middle and the last of a long profile.
void rows(std::ostream& out, const Profile& profile, bool all, const Columns& columns) {
  constexpr std::size_t fits = 40;
  constexpr std::size_t edge = 9;
  constexpr std::size_t middle = 6;
  const std::size_t count = profile.points.size();
  const std::size_t centre = count / 2 - middle / 2;
  for (std::size_t i = 0; i < count; ++i) {
    const bool shown = all || count <= fits || i < edge || i + edge >= count || (i >= centre && i < centre + middle);
    if (shown) {
      row(out, profile, profile.points[i], columns);
    } else {
      const std::size_t next = i < centre ? centre : count - edge;
      out << "... " << next - i << " points (--all shows them)\n";
      i = next - 1;
    }
  }
}

void weights(std::ostream& out, const Profile& profile) {
  const std::vector<WeightRow> list = weight_rows(profile);
  if (list.empty()) return;
  out << "\nweight, first to last layer    std                     gradient norm               last/first\n";
  for (const WeightRow& row : list) {
    out << left(row.name, 31) << left(row.std, 24);
    if (row.norm.empty()) {
      out << "none in this theory\n";
    } else {
      out << left(row.norm, 28) << row.ratio << '\n';
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
  if (!ratios.log10_last_over_first) return "no ratio of layers";
  const double log10_ratio = *ratios.log10_last_over_first;
  return "last layer/first " + number(Quantity(std::pow(10.0, log10_ratio), log10_ratio));
}

}  // namespace

std::string forward_sentence(const profile::Summary& s) {
  return with_rate(s.forward_law, s.forward_rate) + "; " + ratio_text(s.forward_ratios);
}

std::string backward_sentence(const profile::Summary& s) {
  return with_rate(s.backward_law, s.backward_rate) + "; " + ratio_text(s.backward_ratios);
}

std::string verdict_sentence(const profile::Verdict& verdict) {
  std::string name = verdict.name;
  std::replace(name.begin(), name.end(), '_', ' ');
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
  out << ", " << profile.layers.size() << " layers\n\n";
}

void write_table(std::ostream& out, const Profile& profile, bool all) {
  const bool attention = std::any_of(profile.layers.begin(), profile.layers.end(),
                                     [](const profile::Layer& l) { return l.attention.has_value(); });
  const Columns columns{profile.theory.empty(), attention};
  write_title(out, profile);
  header(out, columns);
  rows(out, profile, all, columns);
  weights(out, profile);
  write_summary(out, profile);
}

}  // namespace sigprop::report
