// SPDX-License-Identifier: Apache-2.0
#include "sigprop/report/checks.hpp"

#include <algorithm>

#include "report/check_list.hpp"
#include "report/csv_field.hpp"
#include "report/number.hpp"

namespace sigprop::report {
namespace {

using check::Condition;
using check::Location;
using check::Outcome;

std::string location_text(const Location& location) {
  switch (location.kind) {
    case Location::Kind::first:
      return "first";
    case Location::Kind::last:
      return "last";
    case Location::Kind::layers:
      return "layers";
    case Location::Kind::every:
      return "every";
    case Location::Kind::layer:
      break;
  }
  return location.layer == 0 ? "input" : "layer " + std::to_string(location.layer);
}

/// A check as a row shows it, with the preset it comes from.
std::string check_cell(const Outcome& outcome) {
  const std::string& preset = outcome.check.preset;
  return subject(outcome.check.condition) + (preset.empty() ? "" : " (" + preset + ")");
}

struct Row {
  std::string verdict, model, check, value, bound, where;
};

Row row_of(const Listed& listed) {
  const Outcome& outcome = *listed.outcome;
  return {outcome.passed() ? "pass" : "FAIL", listed.spec->name, check_cell(outcome), number(outcome.value),
          bound(outcome.check.condition),     outcome.path};
}

std::size_t width_of(const std::vector<Row>& rows, std::string Row::*cell) {
  std::size_t width = 0;
  for (const Row& row : rows) width = std::max(width, characters(row.*cell));
  return width;
}

std::string counted(std::size_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

void write_rows(std::ostream& out, const std::vector<Row>& rows) {
  const std::size_t verdict = width_of(rows, &Row::verdict), model = width_of(rows, &Row::model);
  const std::size_t check = width_of(rows, &Row::check), value = width_of(rows, &Row::value);
  const std::size_t must = width_of(rows, &Row::bound);
  for (const Row& row : rows) {
    out << left(row.verdict, verdict) << "  " << left(row.model, model) << "  " << left(row.check, check) << " "
        << right(row.value, value + 1) << "  " << left(row.bound, must) << "  " << row.where << '\n';
  }
  out << '\n';
}

/// "5 checks passed", "5 checks: 1 failed, 2 errors".
std::string total(const std::vector<CheckedSpec>& specs) {
  std::size_t checks = 0, failed = 0, faults = 0;
  for (const CheckedSpec& spec : specs) {
    checks += spec.outcomes.size();
    failed += failures(spec);
    faults += spec.faults.size();
  }
  const std::string errors = faults > 0 ? ", " + counted(faults, "error") : "";
  if (failed + faults == 0) return counted(checks, "check") + " passed";
  return counted(checks, "check") + ": " + std::to_string(failed) + " failed" + errors;
}

}  // namespace

std::string subject(const Condition& condition) {
  const std::string at = location_text(condition.at);
  return condition.quantity + " " + (condition.over ? at + "/" + location_text(*condition.over) : at);
}

std::string bound(const Condition& condition) {
  const auto shown = [](double x) { return number(profile::Quantity(x)); };
  if (condition.min && condition.max) return "from " + shown(*condition.min) + " to " + shown(*condition.max);
  return condition.min ? "at least " + shown(*condition.min) : "at most " + shown(*condition.max);
}

std::string sentence(const Outcome& outcome) {
  const Condition& condition = outcome.check.condition;
  const std::string found = check_cell(outcome) + " is " + number(outcome.value) + " at " + outcome.path;
  if (outcome.passed()) return found + ", " + bound(condition) + " as it must be";
  const std::string others = outcome.failing == 1 ? "" : ", the worst of " + counted(outcome.failing, "place");
  return found + others + ", but must be " + bound(condition);
}

std::vector<Listed> worst_first(const std::vector<CheckedSpec>& specs) {
  std::vector<Listed> out;
  for (const CheckedSpec& spec : specs) {
    for (const Outcome& outcome : spec.outcomes) out.push_back({&spec, &outcome});
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Listed& a, const Listed& b) { return a.outcome->excess > b.outcome->excess; });
  return out;
}

std::vector<Finding> findings(const std::vector<CheckedSpec>& specs) {
  std::vector<Finding> out;
  for (const CheckedSpec& spec : specs) {
    for (const check::Fault& fault : spec.faults) out.push_back({spec.file, fault.line, "spec", fault.message});
  }
  for (const auto& [spec, outcome] : worst_first(specs)) {
    if (outcome->passed()) continue;
    out.push_back(
        {spec->file, outcome->check.line, outcome->check.condition.quantity, spec->name + ": " + sentence(*outcome)});
  }
  return out;
}

std::size_t failures(const CheckedSpec& spec) {
  return static_cast<std::size_t>(std::count_if(spec.outcomes.begin(), spec.outcomes.end(),
                                                [](const Outcome& outcome) { return !outcome.passed(); }));
}

void write_checks_table(std::ostream& out, const std::vector<CheckedSpec>& specs) {
  std::vector<Row> rows{{"verdict", "model", "check", "value", "must be", "worst at"}};
  for (const Listed& listed : worst_first(specs)) rows.push_back(row_of(listed));
  if (rows.size() > 1) write_rows(out, rows);
  out << total(specs) << '\n';
}

void write_checks_csv(std::ostream& out, const std::vector<CheckedSpec>& specs) {
  out << "spec,name,pointer,line,preset,check,quantity,min,max,value,log10_value,path,log10_beyond,places,failing,"
         "passed\n";
  const auto optional = [](const std::optional<double>& x) { return x ? exact(*x) : ""; };
  for (const auto& [spec, outcome] : worst_first(specs)) {
    const check::Check& check = outcome->check;
    out << csv_field(spec->file) << ',' << csv_field(spec->name) << ',' << check.pointer << ',' << check.line << ','
        << check.preset << ',' << csv_field(subject(check.condition)) << ',' << check.condition.quantity << ','
        << optional(check.condition.min) << ',' << optional(check.condition.max) << ','
        << (outcome->value.representable() ? exact(outcome->value.value) : "") << ',' << exact(outcome->value.log10)
        << ',' << csv_field(outcome->path) << ',' << exact(outcome->excess) << ',' << outcome->places << ','
        << outcome->failing << ',' << (outcome->passed() ? "true" : "false") << '\n';
  }
}

}  // namespace sigprop::report
