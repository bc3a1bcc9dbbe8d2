// SPDX-License-Identifier: Apache-2.0
#include "check/places.hpp"

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

}  // namespace

Series chosen(const Series& series, const Place& place) {
  if (place.kind == Place::Kind::every) return series;
  if (place.kind == Place::Kind::layer) return at_layer(series, place.layer);
  if (place.kind == Place::Kind::first) {
    const auto found = std::find_if(series.begin(), series.end(), of_layer);
    return found == series.end() ? Series{} : at_layer(series, found->layer);
  }
  const auto found = std::find_if(series.rbegin(), series.rend(), of_layer);
  return found == series.rend() ? Series{} : Series{*found};
}

}  // namespace sigprop::check
