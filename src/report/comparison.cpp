// SPDX-License-Identifier: Apache-2.0
#include "sigprop/report/comparison.hpp"

#include <algorithm>
#include <cmath>

#include "report/csv_field.hpp"
#include "report/json_value.hpp"
#include "report/number.hpp"
#include "report/profile_json.hpp"
#include "sigprop/profile/summary.hpp"
#include "sigprop/profile/weights.hpp"

namespace sigprop::report {
namespace {

using profile::Profile;
using profile::Quantity;

Quantity power_of_ten(double log10) {
  return {std::pow(10.0, log10), log10};
}

/// The numbers that a row has; absent where the model has too few layers, no attention, or a
/// variance of 0.
struct Row {
  std::optional<Quantity> growth;          ///< variance after the last layer over that after the first
  std::optional<Quantity> gradient_ratio;  ///< gradient variance after the first layer over that after the last
  std::optional<Quantity> norm_ratio;      ///< gradient norm over the first layer's weights over that over the last's
  double token_correlation = 0;            ///< at the last point
  std::optional<double> entropy;           ///< the lowest layer's, as a fraction of ln L
  double log10_spread = 0;
};

std::optional<Quantity> ratio(const std::optional<double>& log10, double sign) {
  if (!log10) return std::nullopt;
  return power_of_ten(sign * *log10 + 0.0);  // no -0
}

std::optional<Quantity> norm_ratio(const Profile& profile) {
  if (profile.layers.empty()) return std::nullopt;
  const std::optional<Quantity> first = profile::gradient_norm_of_all(profile.layers.front());
  const std::optional<Quantity> last = profile::gradient_norm_of_all(profile.layers.back());
  if (!first || !last || !std::isfinite(first->log10 - last->log10)) return std::nullopt;
  return power_of_ten(first->log10 - last->log10);
}

Row row_of(const Candidate& candidate) {
  const Profile& profile = *candidate.profile;
  Row row;
  row.growth = ratio(profile.summary.forward_ratios.log10_last_over_first, 1);
  row.gradient_ratio = ratio(profile.summary.backward_ratios.log10_last_over_first, -1);
  row.norm_ratio = norm_ratio(profile);
  row.token_correlation = profile.points.back().forward.token_correlation.value;
  for (const profile::Layer& layer : profile.layers) {
    for (const auto* metrics : {&layer.attention, &layer.cross_attention}) {
      if (!*metrics || !(*metrics)->entropy_fraction) continue;
      const double fraction = (*metrics)->entropy_fraction->value;
      row.entropy = std::min(row.entropy.value_or(fraction), fraction);
    }
  }
  row.log10_spread = candidate.log10_spread;
  return row;
}

std::string shown(const std::optional<Quantity>& q) {
  return q ? number(*q) : "-";
}

/// The verdicts' names with commas between.
std::string verdicts_of(const Profile& profile) {
  std::string out;
  for (const profile::Verdict& verdict : profile.summary.verdicts) out += (out.empty() ? "" : ", ") + verdict.name;
  return out.empty() ? "none" : out;
}

/// The same for people: blanks in the names.
std::string spoken(std::string verdicts) {
  std::replace(verdicts.begin(), verdicts.end(), '_', ' ');
  return verdicts;
}

Json optional(const std::optional<Quantity>& q) {
  return q ? quantity_json(*q) : Json(nullptr);
}

Json numbers_json(const Row& row) {
  return {{"variance_growth", optional(row.growth)},
          {"gradient_first_over_last", optional(row.gradient_ratio)},
          {"gradient_norm_first_over_last", optional(row.norm_ratio)},
          {"token_correlation", finite(row.token_correlation)},
          {"lowest_entropy_fraction", row.entropy ? Json(*row.entropy) : Json(nullptr)},
          {"log10_spread", finite(row.log10_spread)}};
}

void write_candidate(std::ostream& out, const Candidate& candidate) {
  Json head = {{"scheme", candidate.scheme}};
  if (!candidate.profile) {
    head["reason"] = candidate.reason;
    out << text(head);
    return;
  }
  head["norm"] = candidate.norm;
  head.update(numbers_json(row_of(candidate)));
  head["warnings"] = candidate.profile->warnings;
  out << "{" << members(head) << ",\n  ";
  write_profile(out, *candidate.profile);
  out << "}";
}

}  // namespace

void sort_by_flatness(std::vector<Candidate>& candidates) {
  for (Candidate& candidate : candidates) {
    if (candidate.profile) candidate.log10_spread = profile::log10_spread(*candidate.profile);
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.log10_spread < b.log10_spread; });
}

void write_comparison_table(std::ostream& out, const std::string& name, const std::vector<Candidate>& candidates) {
  std::size_t scheme_width = 22;
  for (const Candidate& candidate : candidates) scheme_width = std::max(scheme_width, characters(candidate.scheme));
  out << name << ", flattest first\n\n"
      << std::string(scheme_width, ' ')
      << "                variance   gradient²  weight gr.  token r   lowest     even\n"
      << left("scheme", scheme_width) << left(" norm", 13)
      << " last/first  first/last  first/last   at end  entropy   within   verdicts\n";
  for (const Candidate& candidate : candidates) {
    out << left(candidate.scheme, scheme_width);
    if (!candidate.profile) {
      out << " does not apply: " << candidate.reason << '\n';
      continue;
    }
    const Row row = row_of(candidate);
    out << left(" " + candidate.norm, 13) << right(shown(row.growth), 11) << right(shown(row.gradient_ratio), 12)
        << right(shown(row.norm_ratio), 12) << right(fixed(row.token_correlation, 4), 9)
        << right(row.entropy ? fixed(100 * *row.entropy, 1) + "%" : "-", 9)
        << right("×" + number(power_of_ten(row.log10_spread)), 9) << "   " << spoken(verdicts_of(*candidate.profile))
        << '\n';
  }
}

void write_comparison_csv(std::ostream& out, const std::vector<Candidate>& candidates) {
  out << "scheme,norm,log10_variance_growth,log10_gradient_first_over_last,log10_gradient_norm_first_over_last,token_"
         "correlation,lowest_entropy_fraction,"
         "log10_spread,verdicts,reason\n";
  for (const Candidate& candidate : candidates) {
    out << csv_field(candidate.scheme) << ',';
    if (!candidate.profile) {
      out << ",,,,,,,," << csv_field(candidate.reason) << '\n';
      continue;
    }
    const Row row = row_of(candidate);
    const auto log10_of = [](const std::optional<Quantity>& q) { return q ? exact(q->log10) : std::string(); };
    out << csv_field(candidate.norm) << ',' << log10_of(row.growth) << ',' << log10_of(row.gradient_ratio) << ','
        << log10_of(row.norm_ratio) << ',' << exact(row.token_correlation) << ','
        << (row.entropy ? exact(*row.entropy) : "") << ',' << exact(row.log10_spread) << ','
        << csv_field(verdicts_of(*candidate.profile)) << ",\n";
  }
}

void write_comparison_json(std::ostream& out, const std::string& name, const std::vector<Candidate>& candidates,
                           const Provenance& provenance) {
  out << "{\n  \"sigprop\": \"" << SIGPROP_VERSION << "\",\n  \"command\": " << text(provenance.command)
      << ",\n  \"name\": " << text(name) << ",\n  \"settings\": " << text(settings_json(provenance))
      << ",\n  \"schemes\": [";
  bool first = true;
  for (const Candidate& candidate : candidates) {
    out << (first ? "\n" : ",\n");
    write_candidate(out, candidate);
    first = false;
  }
  out << "\n]}\n";
}

}  // namespace sigprop::report
