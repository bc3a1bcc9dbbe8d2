// SPDX-License-Identifier: Apache-2.0
#include "sigprop/report/inspection.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "report/csv_field.hpp"
#include "report/json_value.hpp"
#include "report/number.hpp"

namespace sigprop::report {
namespace {

using measured::Inspection;
using measured::Weight;

std::string shown(double x) {
  return digits(x, 4);
}

/// A kind of weight over its layers.
struct Kind {
  std::string name;
  std::size_t tensors = 0;
  double count = 0, low = 0, high = 0, kurtosis = 0, z = 0;  ///< kurtosis: summed over tensors
  double spectral_low = 0, spectral_high = 0;
  bool spectral = false;
  double expected_low = 0, expected_high = 0;
  bool expected = false;
  std::size_t wrong = 0;

  void add(const Weight& weight) {
    const measured::Statistics& seen = weight.seen;
    const bool first = tensors++ == 0;
    count += seen.count;
    low = first ? seen.std : std::min(low, seen.std);
    high = first ? seen.std : std::max(high, seen.std);
    kurtosis += seen.kurtosis;
    if (std::abs(weight.z) > std::abs(z)) z = weight.z;
    wrong += weight.fault.empty() ? 0 : 1;
    if (seen.spectral_ratio) {
      spectral_low = spectral ? std::min(spectral_low, *seen.spectral_ratio) : *seen.spectral_ratio;
      spectral_high = spectral ? std::max(spectral_high, *seen.spectral_ratio) : *seen.spectral_ratio;
      spectral = true;
    }
    if (!weight.expected_std) return;
    expected_low = expected ? std::min(expected_low, *weight.expected_std) : *weight.expected_std;
    expected_high = expected ? std::max(expected_high, *weight.expected_std) : *weight.expected_std;
    expected = true;
  }
};

/// "0.02", "0.01998 to 0.02001".
std::string range(double low, double high) {
  const std::string first = shown(low), last = shown(high);
  return first == last ? first : first + " to " + last;
}

std::string verdict(std::size_t wrong, bool expected) {
  if (wrong > 0) return "WRONG";
  return expected ? "ok" : "";
}

/// Columns of a name and of a deviation: single tensors have longer names and no ranges.
struct Widths {
  std::size_t name, std;

  explicit Widths(bool all) : name(all ? 32 : 20), std(all ? 12 : 20) {}
};

void write_head(std::ostream& out, const Widths& widths, bool spectral) {
  out << left("weight", widths.name) << right("tensors", 8) << right("elements", 11) << right("std", widths.std)
      << right("expected", widths.std) << right("z", 6) << right("kurtosis", 10)
      << (spectral ? right("spectral", 18) : "") << '\n';
}

void write_row(std::ostream& out, const Kind& kind, const Widths& widths, bool spectral) {
  out << left(plain_text(kind.name), widths.name) << right(std::to_string(kind.tensors), 8)
      << right(shown(kind.count), 11) << right(range(kind.low, kind.high), widths.std)
      << right(kind.expected ? range(kind.expected_low, kind.expected_high) : "", widths.std)
      << right(kind.z != 0 ? fixed(kind.z, 1) : "", 6)
      << right(kind.kurtosis > 0 ? fixed(kind.kurtosis / static_cast<double>(kind.tensors), 2) : "", 10)
      << (spectral ? right(kind.spectral ? range(kind.spectral_low, kind.spectral_high) : "", 18) : "") << "  "
      << verdict(kind.wrong, kind.expected) << '\n';
}

std::vector<Kind> kinds_of(const Inspection& inspection, const InspectedModel& model, bool all) {
  std::vector<Kind> out;
  std::map<std::string, std::size_t> numbers;
  for (const Weight& weight : inspection.weights) {
    const bool of_stack = model.stacks > 1 && weight.layer > 0;
    const std::string kind = (of_stack ? (weight.stack == 0 ? "encoder " : "decoder ") : std::string()) + weight.name;
    const std::string name = all ? weight.place(model.stacks) : kind;
    const auto [found, made] = numbers.try_emplace(all ? weight.tensor + ' ' + name : name, out.size());
    if (made) out.push_back({.name = name});
    out[found->second].add(weight);
  }
  return out;
}

std::string copy_of(const measured::Copy& copy, const Inspection& inspection, const InspectedModel& model) {
  const Weight &a = inspection.weights[copy.first], &b = inspection.weights[copy.second];
  const std::string both = b.place(model.stacks) + " (" + b.tensor + ") ";
  constexpr double same = 1 - 1e-6;
  if (std::abs(copy.correlation) < same)
    return both + "is correlated with " + a.place(model.stacks) + " (" + a.tensor + "): " + shown(copy.correlation);
  const bool equal = std::abs(copy.factor - 1) < 1e-6;
  return both + (equal ? "equals " : "is " + shown(copy.factor) + " times ") + a.place(model.stacks) + " (" + a.tensor +
         ")";
}

check::Outcome outcome_of(const Weight& weight, const char* what, double seen, double expected, double allowed) {
  check::Outcome out;
  out.check.condition.quantity = "weights." + weight.name + '.' + what;
  out.check.condition.at = {check::Location::Kind::layer, weight.layer};
  out.check.condition.min = expected - allowed;
  out.check.condition.max = expected + allowed;
  out.value = seen;
  out.path = weight.tensor;
  out.places = 1;
  const double beside = std::abs(seen - expected);
  out.failing = beside > allowed ? 1 : 0;
  if (beside > 0) out.excess = std::log10(beside / allowed);
  return out;
}

Json number_json(const std::optional<double>& x) {
  return x ? finite(*x) : Json(nullptr);
}

Json row_json(const std::optional<measured::Row>& row) {
  return row ? Json{{"row", row->number}, {"root_mean_square", finite(row->size)}} : Json(nullptr);
}

/// "ok", "wrong", or "not judged".
const char* verdict(const Weight& weight) {
  if (!weight.fault.empty()) return "wrong";
  return weight.expected_std ? "ok" : "not judged";
}

Json weight_json(const Weight& weight, const InspectedModel& model) {
  const measured::Statistics& seen = weight.seen;
  return {{"name", weight.tensor},
          {"role", weight.name},
          {"layer", weight.layer},
          {"place", weight.place(model.stacks)},
          {"shape", weight.shape},
          {"count", seen.count},
          {"mean", finite(seen.mean)},
          {"std", finite(seen.std)},
          {"kurtosis", finite(seen.kurtosis)},
          {"zeros", seen.zeros},
          {"zero_rows", seen.zero_rows},
          {"smallest_row", row_json(seen.smallest_row)},
          {"largest_row", row_json(seen.largest_row)},
          {"largest", finite(seen.largest)},
          {"non_finite", seen.non_finite},
          {"spectral_norm", number_json(seen.spectral_norm)},
          {"spectral_ratio", number_json(seen.spectral_ratio)},
          {"expected_mean", number_json(weight.expected_mean)},
          {"expected_std", number_json(weight.expected_std)},
          {"z", finite(weight.z)},
          {"verdict", verdict(weight)}};
}

/// Something that is wrong.
struct InspectionFinding {
  std::string kind;
  std::vector<std::string> tensors;
  std::string text;
};

std::vector<InspectionFinding> findings_of(const Inspection& inspection, const InspectedModel& model) {
  std::vector<InspectionFinding> out;
  for (const Weight& weight : inspection.weights) {
    if (weight.fault.empty()) continue;
    out.push_back(
        {weight.fault_kind, {weight.tensor}, weight.place(model.stacks) + " (" + weight.tensor + "): " + weight.fault});
  }
  for (const measured::Copy& copy : inspection.copies)
    out.push_back({"cloned",
                   {inspection.weights[copy.first].tensor, inspection.weights[copy.second].tensor},
                   copy_of(copy, inspection, model)});
  for (const std::string& place : inspection.missing)
    out.push_back({"missing", {}, place + ": is in no file, but the model has it"});
  return out;
}

}  // namespace

std::vector<std::string> faults_of(const Inspection& inspection, const InspectedModel& model) {
  std::vector<std::string> out;
  for (const InspectionFinding& finding : findings_of(inspection, model)) out.push_back(plain_text(finding.text));
  return out;
}

void write_table(std::ostream& out, const Inspection& inspection, const InspectedModel& model, bool all) {
  out << plain_text(model.file);
  if (!model.name.empty()) out << ", " << plain_text(model.name);
  out << ": " << inspection.weights.size() << " weights, " << shown(inspection.bytes / 1e6) << " MB\n\n";
  const Widths widths(all);
  const std::vector<Kind> kinds = kinds_of(inspection, model, all);
  const bool spectral = std::any_of(kinds.begin(), kinds.end(), [](const Kind& kind) { return kind.spectral; });
  write_head(out, widths, spectral);
  for (const Kind& kind : kinds) write_row(out, kind, widths, spectral);
  if (!inspection.unmatched.empty()) {
    out << "\nNames that no pattern knows (--map FILE tells what they are):\n";
    constexpr std::size_t most = 20;
    for (std::size_t i = 0; i < std::min(most, inspection.unmatched.size()); ++i)
      out << "  " << plain_text(inspection.unmatched[i]) << '\n';
    if (inspection.unmatched.size() > most) out << "  and " << inspection.unmatched.size() - most << " more\n";
  }
  const std::vector<std::string> faults = faults_of(inspection, model);
  out << '\n';
  for (const std::string& fault : faults) out << "WRONG  " << fault << '\n';
  if (faults.empty()) {
    out << (inspection.comparisons == 0 ? "Nothing is wrong that can be seen without a model to compare with\n"
                                        : "All " + std::to_string(inspection.comparisons) +
                                              " means and standard deviations are as expected: none beyond z = " +
                                              fixed(inspection.critical, 2) + '\n');
  }
}

void write_csv(std::ostream& out, const Inspection& inspection, const InspectedModel& model) {
  out << "name,role,layer,place,count,mean,std,kurtosis,zeros,zero_rows,smallest_row,largest_row,largest,non_finite,"
         "spectral_norm,spectral_ratio,expected_mean,expected_std,z,verdict,fault\n";
  const auto optional = [](const std::optional<double>& x) { return x ? exact(*x) : std::string(); };
  const auto size_of = [](const std::optional<measured::Row>& row) { return row ? exact(row->size) : std::string(); };
  for (const Weight& weight : inspection.weights) {
    const measured::Statistics& seen = weight.seen;
    out << csv_field(weight.tensor) << ',' << csv_field(weight.name) << ',' << weight.layer << ','
        << csv_field(weight.place(model.stacks)) << ',' << exact(seen.count) << ',' << exact(seen.mean) << ','
        << exact(seen.std) << ',' << exact(seen.kurtosis) << ',' << exact(seen.zeros) << ',' << exact(seen.zero_rows)
        << ',' << size_of(seen.smallest_row) << ',' << size_of(seen.largest_row) << ',' << exact(seen.largest) << ','
        << exact(seen.non_finite) << ',' << optional(seen.spectral_norm) << ',' << optional(seen.spectral_ratio) << ','
        << optional(weight.expected_mean) << ',' << optional(weight.expected_std) << ',' << exact(weight.z) << ','
        << verdict(weight) << ',' << csv_field(weight.fault) << '\n';
  }
}

void write_json(std::ostream& out, const Inspection& inspection, const InspectedModel& model,
                const Provenance& provenance) {
  Json tensors = Json::array(), findings = Json::array();
  for (const Weight& weight : inspection.weights) tensors.push_back(weight_json(weight, model));
  for (const InspectionFinding& finding : findings_of(inspection, model))
    findings.push_back({{"kind", finding.kind}, {"tensors", finding.tensors}, {"text", finding.text}});
  const Json json = {{"sigprop", SIGPROP_VERSION},
                     {"command", provenance.command},
                     {"settings", settings_json(provenance)},
                     {"file", model.file},
                     {"name", model.name},
                     {"tensors", tensors},
                     {"unmatched", inspection.unmatched},
                     {"critical_z", inspection.critical},
                     {"comparisons", inspection.comparisons},
                     {"findings", findings}};
  out << json.dump(1, ' ', false, Json::error_handler_t::replace) << '\n';
}

CheckedSpec checks_of(const Inspection& inspection, const InspectedModel& model) {
  CheckedSpec out;
  out.file = model.file;
  out.name = model.name;
  for (const Weight& weight : inspection.weights) {
    if (!weight.expected_std || weight.seen.non_finite > 0) {
      if (!weight.fault.empty()) out.faults.push_back({weight.place(model.stacks) + ": " + weight.fault, 0});
      continue;
    }
    const measured::Statistics& seen = weight.seen;
    out.outcomes.push_back(outcome_of(weight, "mean", seen.mean, *weight.expected_mean, weight.allowed_mean));
    out.outcomes.push_back(outcome_of(weight, "std", seen.std, *weight.expected_std, weight.allowed_std));
    if (weight.fault_kind == "row") out.faults.push_back({weight.place(model.stacks) + ": " + weight.fault, 0});
  }
  for (const measured::Copy& copy : inspection.copies) out.faults.push_back({copy_of(copy, inspection, model), 0});
  for (const std::string& place : inspection.missing) out.faults.push_back({place + ": is in no file", 0});
  return out;
}

}  // namespace sigprop::report
