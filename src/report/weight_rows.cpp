// SPDX-License-Identifier: Apache-2.0
#include "report/weight_rows.hpp"

#include <cmath>
#include <map>

#include "report/number.hpp"
#include "sigprop/profile/weights.hpp"

namespace sigprop::report {
namespace {

using profile::Quantity;

struct Span {
  const profile::Weight* first = nullptr;
  const profile::Weight* last = nullptr;
};

WeightRow row_of(const std::string& name, const std::string& std, const std::optional<Quantity>& first,
                 const std::optional<Quantity>& last) {
  WeightRow row{name, std, "", ""};
  if (!first || !last) return row;
  row.norm = number(*first) + " .. " + number(*last);
  const double log10_ratio = last->log10 - first->log10;
  if (std::isfinite(log10_ratio)) row.ratio = number(Quantity(std::pow(10.0, log10_ratio), log10_ratio));
  return row;
}

}  // namespace

std::vector<WeightRow> weight_rows(const profile::Profile& profile) {
  std::map<std::string, Span> spans;
  for (const profile::Layer& layer : profile.layers) {
    for (const profile::Weight& weight : layer.weights) {
      Span& span = spans[weight.name];
      if (span.first == nullptr) span.first = &weight;
      span.last = &weight;
    }
  }
  std::vector<WeightRow> out;
  for (const std::string& name : weight_names(profile)) {
    const Span& span = spans[name];
    std::string std = number(span.first->std);
    if (span.last->std != span.first->std) std += " .. " + number(span.last->std);
    out.push_back(row_of(name, std, span.first->gradient_norm, span.last->gradient_norm));
  }
  if (out.size() > 1) {
    out.push_back(row_of("all of a layer", "", gradient_norm_of_all(profile.layers.front()),
                         gradient_norm_of_all(profile.layers.back())));
  }
  return out;
}

}  // namespace sigprop::report
