// SPDX-License-Identifier: Apache-2.0
#include "sigprop/network/knobs.hpp"

#include <algorithm>

namespace sigprop::network {
namespace {

class Collector {
 public:
  void number(const std::string& name, double x) { add(name, x, false); }
  void size(const std::string& name, double n) { add(name, n, true); }
  void size(const std::string& name, std::size_t n) { add(name, static_cast<double>(n), true); }

  std::vector<Knob> knobs;

 private:
  void add(const std::string& name, double x, bool whole) {
    const auto found = std::find_if(knobs.begin(), knobs.end(), [&](const Knob& knob) { return knob.name == name; });
    if (found == knobs.end()) {
      knobs.push_back({name, whole, x, x});
      return;
    }
    found->lowest = std::min(found->lowest, x);
    found->highest = std::max(found->highest, x);
  }
};

}  // namespace

std::vector<Knob> knobs_of(const Network& network) {
  Network copy = network;
  Collector collector;
  for_each_number(copy, collector);
  return std::move(collector.knobs);
}

}  // namespace sigprop::network
