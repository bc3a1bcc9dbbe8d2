// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "predict/tokens/token_groups.hpp"
#include "predict/walk/walk_in.hpp"
#include "sigprop/network/outline.hpp"

namespace sigprop::predict {
namespace {

/// How much there is of what a prediction spends time and memory on, repeats unrolled.
struct Count {
  double points = 0;
  double weights = 0;
  double components = 0;
  double attentions = 0;
  double masked = 0;       ///< of them behind a causal mask
  double frequencies = 0;  ///< of rotary positions
  double tabulated = 0;    ///< of those behind a causal mask, for every place
};

/// Numbers that lists of tokens have at a point.
double listed(const profile::TokenLists& tokens, double sequence_length) {
  double out = tokens.moments ? 2 * sequence_length : 0;
  if (tokens.gram > 0)
    out += static_cast<double>(profile::gram_index(profile::gram_tokens(sequence_length, tokens.gram).size(), 0));
  return out;
}

void add(const std::vector<network::Component>& list, double turns, Count& count) {
  for (const network::Component& component : list) {
    const auto* repeat = std::get_if<network::Repeat>(&component.op);
    const double inside = repeat != nullptr ? turns * static_cast<double>(repeat->times) : turns;
    for (const auto* inner : network::lists_in(component)) add(*inner, inside, count);
    if (!component.point.empty()) count.points += turns;
    if (network::lists_in(component).empty()) count.components += turns;
    std::visit([&](const auto& op) { count.weights += turns * static_cast<double>(network::weight_slots(op).size()); },
               component.op);
    const auto* attention = std::get_if<network::Attention>(&component.op);
    if (attention == nullptr) continue;
    if (!attention->cross) count.attentions += turns;
    const bool masked = attention->mask == network::Mask::causal && !attention->cross;
    if (masked) count.masked += turns;
    if (!attention->rotary_base) continue;
    const double frequencies = static_cast<double>(attention->rotary_width) / 2;
    count.frequencies += turns * frequencies;
    if (masked) count.tabulated += frequencies;  // which layers share
  }
}

}  // namespace

Estimate estimate(const network::Network& network, Theory theory, const Options& options) {
  // Measured: a million layers of two points and six weights take 2.6 GB and 7 s, GPT-2 0.3 s, with
  // every token by itself 22 s.
  constexpr double bytes_of_point = 870, bytes_of_weight = 130, bytes_of_pair = 100;
  constexpr double seconds_of_weight = 1e-6, seconds_of_pair = 2e-6;
  // Two lists of 10^6 tokens at five points: 0.15 µs a number, 45 bytes in JSON and 59 in CSV.
  constexpr double seconds_of_number = 2e-7, bytes_of_number = 60;
  // Heads of 10^7 features take 0.28 s a layer, of 10^5 behind a mask of 512 tokens 0.22 s once.
  constexpr double seconds_of_frequency = 6e-8, seconds_of_cosine = 5e-9;
  Count count;
  for (const auto* list : {&network.encoder, &network.body}) add(*list, 1, count);
  const double inputs = network.encoder.empty() ? 1 : 2;  // which are points too
  const double numbers = (count.points + inputs) * listed(options.tokens, network.length());
  Estimate out{
      seconds_of_weight * count.weights + seconds_of_frequency * count.frequencies + seconds_of_number * numbers,
      (bytes_of_point * count.points + bytes_of_weight * count.weights + bytes_of_number * numbers) / 1e9};
  if (theory == Theory::paper) return out;
  // Drawn rows, where scores are sharp: bert-base then takes 90 s and 0.34 GB for 131072 tokens.
  constexpr double seconds_of_token = 2.5e-5, bytes_of_token = 2500;
  // Curves of an activation, 10 µs, and every pair of at most 160 groups of words.
  constexpr double seconds_of_component = 1e-5, seconds_of_word_pair = 1e-7, most_groups = 160;
  const std::size_t words = sequences_of(network, theory, options);
  const std::size_t sequences = words == 0 && network::has_special_tokens(network) && count.masked == 0 ? 1 : words;
  const bool gram = network::has_gram(network);  // of tokens that are all followed
  const double pairs = std::pow(gram ? network.length() : std::min(network.length(), most_groups), 2);
  out.seconds +=
      static_cast<double>(sequences) * (seconds_of_token * (count.attentions - count.masked) * network.length() +
                                        count.components * (seconds_of_component + seconds_of_word_pair * pairs));
  if (sequences > 0) out.gigabytes += bytes_of_token * network.length() / 1e9;
  if (gram) out.gigabytes += bytes_of_pair * pairs * count.points / 1e9;
  if (count.masked == 0) return out;
  const auto length = static_cast<Eigen::Index>(network.sequence_length);
  const bool single = options.prefix == Prefix::single;
  const auto groups = static_cast<double>(single ? length : TokenGroups::grouped(length).count());
  // Products of matrices, and of rotated keys three for each of some distances.
  constexpr double seconds_of_triple = 2e-9, seconds_of_rotated = 5e-10, matrices = 35;
  const double pairs_of_groups = groups * groups, distances = count.tabulated > 0 ? 6 + std::log2(network.length()) : 0;
  out.seconds += count.masked * pairs_of_groups *
                     (seconds_of_pair + groups * (seconds_of_triple + seconds_of_rotated * distances)) +
                 2 * seconds_of_cosine * count.tabulated * network.length();
  out.gigabytes += pairs_of_groups * (bytes_of_pair * count.points + 8 * (matrices + distances)) / 1e9;
  return out;
}

}  // namespace sigprop::predict
