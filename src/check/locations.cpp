// SPDX-License-Identifier: Apache-2.0
#include "check/locations.hpp"

#include <algorithm>

namespace sigprop::check {
namespace {

bool of_layer(const Reading& reading) {
  return reading.layer > 0;
}

Series at_layer(const Series& series, std::size_t layer) {
  const auto here = [layer](const Reading& reading) { return reading.layer == layer; };
  if (layer == 0) {
    const auto found = std::find_if(series.begin(), series.end(), here);
    return found == series.end() ? Series{} : Series{*found};
  }
  const auto found = std::find_if(series.rbegin(), series.rend(), here);
  return found == series.rend() ? Series{} : Series{*found};
}

Series ends_of_layers(const Series& series) {
  Series out;
  for (std::size_t i = 0; i < series.size(); ++i) {
    const bool last = i + 1 == series.size() || series[i + 1].layer != series[i].layer;
    if (last && of_layer(series[i])) out.push_back(series[i]);
  }
  return out;
}

}  // namespace

Series chosen(const Series& series, const Location& location) {
  if (location.kind == Location::Kind::every) return series;
  if (location.kind == Location::Kind::layers) return ends_of_layers(series);
  if (location.kind == Location::Kind::layer) return at_layer(series, location.layer);
  if (location.kind == Location::Kind::first) {
    const auto found = std::find_if(series.begin(), series.end(), of_layer);
    return found == series.end() ? Series{} : at_layer(series, found->layer);
  }
  const auto found = std::find_if(series.rbegin(), series.rend(), of_layer);
  return found == series.rend() ? Series{} : Series{*found};
}

}  // namespace sigprop::check
