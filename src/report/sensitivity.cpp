// SPDX-License-Identifier: Apache-2.0
#include "sigprop/report/sensitivity.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "report/csv_field.hpp"
#include "report/json_value.hpp"
#include "report/number.hpp"

namespace sigprop::report {
namespace {

constexpr std::size_t least_knob_width = 30;
constexpr std::size_t value_width = 20;
constexpr std::size_t slope_width = 14;

/// A number below this is the rounding of 0.
constexpr double rounding = 1e-11;

/// The number to the six digits or so that different processors agree on: knobs of equal slopes
/// keep their order.
double agreed(double x) {
  constexpr double steps = 0x1p20;
  if (x < rounding) return 0;
  int exponent = 0;
  const double mantissa = std::frexp(x, &exponent);
  return std::ldexp(std::round(steps * mantissa) / steps, exponent);
}

/// What stands first is smaller.
std::tuple<int, double> order(const KnobSlope& knob) {
  if (knob.elasticity) return {0, -agreed(std::abs(*knob.elasticity))};
  return {1, -agreed(std::abs(knob.log10_per_unit.value_or(0)))};
}

std::string value_of(const KnobSlope& knob) {
  constexpr int shown = 5;
  const std::string lowest = digits(knob.lowest, shown);
  return knob.lowest == knob.highest ? lowest : lowest + " to " + digits(knob.highest, shown);
}

std::string slope(const std::optional<double>& x) {
  if (!x) return "";
  return std::abs(*x) < rounding ? "0" : number(*x);
}

Json optional(const std::optional<double>& x) {
  return x ? finite(*x) : Json(nullptr);
}

const char* method_of(const Sensitivity& sensitivity) {
  return sensitivity.by_differences ? "central differences" : "dual numbers";
}

}  // namespace

void rank(Sensitivity& sensitivity) {
  std::stable_sort(sensitivity.knobs.begin(), sensitivity.knobs.end(),
                   [](const KnobSlope& a, const KnobSlope& b) { return order(a) < order(b); });
}

void write_table(std::ostream& out, const Sensitivity& sensitivity) {
  std::size_t knob_width = least_knob_width;
  for (const KnobSlope& knob : sensitivity.knobs) knob_width = std::max(knob_width, knob.knob.size() + 1);
  out << sensitivity.name << ", theory " << sensitivity.theory << '\n'
      << "Q = " << sensitivity.quantity << " = " << number(sensitivity.value) << "\n\n"
      << left("knob k", knob_width) << right("value", value_width) << right("dlnQ/dlnk", slope_width)
      << right("dlog10Q/dk", slope_width) << '\n';
  for (const KnobSlope& knob : sensitivity.knobs) {
    out << left(knob.knob, knob_width) << right(value_of(knob), value_width)
        << right(slope(knob.elasticity), slope_width) << right(slope(knob.log10_per_unit), slope_width) << '\n';
  }
  out << "\ndlnQ/dlnk: percent that Q grows for each percent of k, all else kept; by " << method_of(sensitivity)
      << '\n';
}

void write_csv(std::ostream& out, const Sensitivity& sensitivity) {
  const auto cell = [](const std::optional<double>& x) { return x ? exact(*x) : std::string(); };
  out << "knob,lowest,highest,elasticity,log10_per_unit\n";
  for (const KnobSlope& knob : sensitivity.knobs) {
    out << csv_field(knob.knob) << ',' << exact(knob.lowest) << ',' << exact(knob.highest) << ','
        << cell(knob.elasticity) << ',' << cell(knob.log10_per_unit) << '\n';
  }
}

void write_json(std::ostream& out, const Sensitivity& sensitivity, const Provenance& provenance) {
  out << "{\n  \"sigprop\": \"" << SIGPROP_VERSION << "\",\n  \"command\": " << text(provenance.command)
      << ",\n  \"name\": " << text(sensitivity.name) << ",\n  \"theory\": " << text(sensitivity.theory)
      << ",\n  \"settings\": " << text(settings_json(provenance)) << ",\n  \"warnings\": " << text(sensitivity.warnings)
      << ",\n  \"sensitivity\": {\n    \"quantity\": " << text(sensitivity.quantity)
      << ",\n    \"value\": " << text(quantity_json(sensitivity.value)) << ",\n    \"method\": \""
      << method_of(sensitivity) << "\",\n    \"knobs\": [";
  const char* before = "\n      ";
  for (const KnobSlope& knob : sensitivity.knobs) {
    out << before
        << text({{"knob", knob.knob},
                 {"lowest", knob.lowest},
                 {"highest", knob.highest},
                 {"elasticity", optional(knob.elasticity)},
                 {"log10_per_unit", optional(knob.log10_per_unit)}});
    before = ",\n      ";
  }
  out << "\n    ]\n  }\n}\n";
}

}  // namespace sigprop::report
