// SPDX-License-Identifier: Apache-2.0
#include "sigprop/report/verification.hpp"

#include <algorithm>

#include "report/csv_field.hpp"
#include "report/json_value.hpp"
#include "report/number.hpp"

namespace sigprop::report {
namespace {

using verify::Comparison;

Json comparison_json(const Comparison& c) {
  Json out = {{"predicted", finite(c.predicted.value)}, {"mean", finite(c.measured.value)}};
  if (c.measured.scatter) {
    out["standard_error"] = finite(c.measured.scatter->standard_error);
    out["standard_deviation"] = finite(c.measured.scatter->standard_deviation);
  }
  out["difference"] = finite(c.difference);
  out["z"] = finite(c.z);
  out["relative_difference"] = finite(c.relative());
  out["model_error"] = c.model_error;
  out["limit"] = finite(c.limit);
  out["detectable"] = finite(c.detectable);
  out["agrees"] = c.agrees;
  return out;
}

/// The points, or the layers, with all their comparisons.
Json places_json(const std::vector<Comparison>& comparisons, bool of_layer) {
  Json out = Json::array();
  for (const Comparison& c : comparisons) {
    if (c.of_layer != of_layer) continue;
    if (out.empty() || out.back()["path"] != c.path)
      out.push_back({{of_layer ? "layer" : "index", of_layer ? c.index + 1 : c.index}, {"path", c.path}});
    nested(out.back(), c.quantity) = comparison_json(c);
  }
  return out;
}

Json verdict_json(const verify::QuantityVerdict& verdict) {
  Json worst = comparison_json(verdict.worst);
  worst["path"] = verdict.worst.path;
  return {{"quantity", verdict.quantity},       {"compared", verdict.compared},
          {"disagreeing", verdict.disagreeing}, {"detectable", finite(verdict.detectable)},
          {"worst", std::move(worst)},          {"verdict", verdict.disagreeing == 0 ? "agrees" : "disagrees"}};
}

/// Faults, and how many replicates would have seen them: null where no number would.
Json sights_json(const std::vector<verify::Sight>& sights) {
  Json out = Json::array();
  for (const verify::Sight& sight : sights)
    out.push_back({{"fault", sight.fault}, {"replicates", finite(sight.replicates)}});
  return out;
}

const char* verdict_words(verify::Verdict verdict) {
  switch (verdict) {
    case verify::Verdict::agrees:
      return "agrees";
    case verify::Verdict::cannot_tell:
      return "not enough networks to tell";
    case verify::Verdict::disagrees:
      break;
  }
  return "DISAGREES";
}

/// The scatter of a measurement relative to the comparison's scale.
std::string relative(const Comparison& c, double profile::Scatter::*part) {
  return c.measured.scatter && c.scale > 0 ? percent(*c.measured.scatter.*part / c.scale) : "";
}

/// The widths of the columns that grow with their longest entry.
struct Widths {
  std::size_t quantity = 29;
  std::size_t path = 18;
};

void header(std::ostream& out, const Widths& widths) {
  out << left("quantity", widths.quantity) << ' ' << left("at", widths.path) << right("predicted", 10)
      << right("measured", 10) << right("±", 6) << right("spread", 7) << right("off", 7) << right("model", 6)
      << right("allowed", 8) << '\n';
}

void row(std::ostream& out, const Comparison& c, const Widths& widths) {
  out << left(c.quantity, widths.quantity) << ' ' << left(c.path, widths.path) << right(number(c.predicted), 10)
      << right(number(c.measured), 10) << right(relative(c, &profile::Scatter::standard_error), 6)
      << right(relative(c, &profile::Scatter::standard_deviation), 7) << right(percent(c.relative()), 7)
      << right(percent(c.model_error), 6) << right(percent(c.scale > 0 ? c.limit / c.scale : 0), 8)
      << (c.agrees ? "" : " !") << '\n';
}

}  // namespace

void write_json(std::ostream& out, const verify::Verification& result, const VerifiedModel& model,
                const Provenance& provenance) {
  Json quantities = Json::array();
  for (const verify::QuantityVerdict& verdict : result.quantities) quantities.push_back(verdict_json(verdict));
  const Json json = {{"sigprop", SIGPROP_VERSION},
                     {"command", provenance.command},
                     {"name", model.name},
                     {"theory", model.theory},
                     {"settings", settings_json(provenance)},
                     {"warnings", model.warnings},
                     {"points", places_json(result.comparisons, false)},
                     {"layers", places_json(result.comparisons, true)},
                     {"quantities", std::move(quantities)},
                     {"summary",
                      {{"verdict", verify::name_of(result.verdict())},
                       {"compared", result.comparisons.size()},
                       {"disagreeing", result.disagreeing},
                       {"critical_t", result.critical_t},
                       {"faults", sights_json(result.sights)},
                       {"sentence", result.sentence}}}};
  out << json.dump(1, ' ', false, Json::error_handler_t::replace) << '\n';
}

void write_csv(std::ostream& out, const verify::Verification& result) {
  out << "path,quantity,predicted,measured,standard_error,standard_deviation,difference,z,relative_difference,model_"
         "error,limit,"
         "detectable,agrees\n";
  for (const Comparison& c : result.comparisons) {
    out << csv_field(c.path) << ',' << csv_field(c.quantity);
    const double error = c.measured.scatter ? c.measured.scatter->standard_error : NAN;
    const double deviation = c.measured.scatter ? c.measured.scatter->standard_deviation : NAN;
    for (const double x : {c.predicted.value, c.measured.value, error, deviation, c.difference, c.z, c.relative(),
                           c.model_error, c.limit, c.detectable})
      out << ',' << exact(x);
    out << ',' << (c.agrees ? "true" : "false") << '\n';
  }
}

void write_table(std::ostream& out, const verify::Verification& result, const VerifiedModel& model, bool all) {
  out << model.name << ", theory " << model.theory << " against " << model.replicates << " random networks"
      << (all ? "" : "; of every quantity the worst place") << "\n\n";
  std::vector<const Comparison*> shown;
  if (all) {
    for (const Comparison& c : result.comparisons) shown.push_back(&c);
  } else {
    for (const verify::QuantityVerdict& verdict : result.quantities) shown.push_back(&verdict.worst);
  }
  Widths widths;
  for (const Comparison* c : shown) {
    widths.quantity = std::max(widths.quantity, characters(c->quantity));
    widths.path = std::max(widths.path, characters(c->path));
  }
  header(out, widths);
  for (const Comparison* c : shown) row(out, *c, widths);
  out << "\n±          standard error of the measured mean; spread: standard deviation between single networks\n"
      << "off        predicted - measured, relative (a mean to √variance, a dot product to the second moment)\n"
      << "model      error granted to the theory at this place; allowed: that and " << fixed(result.critical_t, 1)
      << " standard errors\n"
      << "verdict    " << verdict_words(result.verdict()) << ": " << result.sentence << '\n';
}

}  // namespace sigprop::report
