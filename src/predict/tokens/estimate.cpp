// SPDX-License-Identifier: Apache-2.0
#include "predict/tokens/token_groups.hpp"
#include "predict/walk/walk_in.hpp"
#include "sigprop/network/outline.hpp"

namespace sigprop::predict {
namespace {

/// How much there is of what a prediction spends time and memory on, repeats unrolled.
struct Count {
  double points = 0;
  double weights = 0;
  double attentions = 0;
  double masked = 0;  ///< of them behind a causal mask
};

void add(const std::vector<network::Component>& list, double turns, Count& count) {
  for (const network::Component& component : list) {
    const auto* repeat = std::get_if<network::Repeat>(&component.op);
    const double inside = repeat != nullptr ? turns * static_cast<double>(repeat->times) : turns;
    for (const auto* inner : network::lists_in(component)) add(*inner, inside, count);
    if (!component.point.empty()) count.points += turns;
    std::visit([&](const auto& op) { count.weights += turns * static_cast<double>(network::weight_slots(op).size()); },
               component.op);
    const auto* attention = std::get_if<network::Attention>(&component.op);
    if (attention != nullptr && !attention->cross) count.attentions += turns;
    if (attention != nullptr && attention->mask == network::Mask::causal && !attention->cross) count.masked += turns;
  }
}

}  // namespace

Estimate estimate(const network::Network& network, Theory theory, const Options& options) {
  // Measured: a million layers of two points and six weights take 5.4 GB and 7 s, GPT-2 0.3 s, with
  // every token by itself 22 s.
  constexpr double bytes_of_point = 1700, bytes_of_weight = 330, bytes_of_pair = 100;
  constexpr double seconds_of_weight = 1e-6, seconds_of_pair = 3e-6;
  Count count;
  for (const auto* list : {&network.encoder, &network.body}) add(*list, 1, count);
  Estimate out{seconds_of_weight * count.weights,
               (bytes_of_point * count.points + bytes_of_weight * count.weights) / 1e9};
  if (theory == Theory::paper) return out;
  // Drawn rows, where scores are sharp.
  constexpr double seconds_of_token = 2.5e-5;
  out.seconds += seconds_of_token * count.attentions * network.length() *
                 static_cast<double>(sequences_of(network, theory, options));
  if (count.masked == 0) return out;
  const auto length = static_cast<Eigen::Index>(network.sequence_length);
  const bool single = options.prefix == Prefix::single;
  const auto groups = static_cast<double>(single ? length : TokenGroups::grouped(length).count());
  out.seconds += seconds_of_pair * count.masked * groups * groups;
  out.gigabytes += bytes_of_pair * count.points * groups * groups / 1e9;
  return out;
}

}  // namespace sigprop::predict
