// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <vector>

#include "predict/tokens/grouped_tokens.hpp"
#include "predict/walk/profile_writer.hpp"
#include "predict/walk/walk_in.hpp"
#include "sigprop/profile/quantities.hpp"

namespace sigprop::predict {
namespace {

using profile::Quantity;

/// The mean over entries that all have, or all lack, what a row of the table reads; of norms the
/// root of their squares' mean.
template <class Row, class Entry>
void set_mean(const Row& row, const std::vector<const Entry*>& from, bool of_squares, Entry& to) {
  if (row.find(*from.front()) == nullptr) return;
  double sum = 0;
  for (const Entry* entry : from) {
    const double value = row.find(*entry)->value;
    sum += of_squares ? value * value : value;
  }
  const double mean = sum / static_cast<double>(from.size());
  row.make(to) = quantity(of_squares ? std::sqrt(mean) : mean);
}

/// One entry of every profile.
template <class Get>
auto of_all(const std::vector<profile::Profile>& profiles, const Get& get) {
  std::vector<decltype(&get(profiles.front()))> out;
  out.reserve(profiles.size());
  for (const profile::Profile& profile : profiles) out.push_back(&get(profile));
  return out;
}

/// A ratio of means, as a simulation has it, not a mean of ratios.
void set_correlations(profile::Point& point) {
  profile::Forward& x = point.forward;
  const double mean = x.mean.value;
  if (x.variance.value > 0) x.token_correlation = quantity((x.token_dot.value - mean * mean) / x.variance.value);
  profile::Backward& g = point.backward;
  if (g.variance.value > 0) g.token_correlation = quantity(g.token_dot.value / g.variance.value);
}

profile::Profile mean_of(const std::vector<profile::Profile>& profiles) {
  profile::Profile out = profiles.front();
  for (std::size_t i = 0; i < out.points.size(); ++i) {
    const auto points =
        of_all(profiles, [&](const profile::Profile& p) -> const profile::Point& { return p.points[i]; });
    for (const profile::PointRow& row : profile::point_quantities)
      set_mean(row, points, &row == &profile::point_quantity("backward.norm"), out.points[i]);
    set_correlations(out.points[i]);
    // Which words stand first and last differs from sequence to sequence.
    out.points[i].forward.ends.reset();
    out.points[i].backward.ends.reset();
  }
  for (std::size_t i = 0; i < out.layers.size(); ++i) {
    profile::Layer& layer = out.layers[i];
    const auto layers =
        of_all(profiles, [&](const profile::Profile& p) -> const profile::Layer& { return p.layers[i]; });
    for (const profile::LayerRow& row : profile::layer_quantities) set_mean(row, layers, false, layer);
    for (std::size_t w = 0; w < layer.weights.size(); ++w) {
      const auto weights =
          of_all(profiles, [&](const profile::Profile& p) -> const profile::Weight& { return p.layers[i].weights[w]; });
      for (const profile::WeightRow& row : profile::weight_quantities) set_mean(row, weights, true, layer.weights[w]);
    }
  }
  return out;
}

}  // namespace

profile::Profile walk_words(const network::Lifted<double>& network, const network::Outline& outline,
                            std::size_t count) {
  const auto* embedding = std::get_if<network::BasicEmbedding<double, double>>(&network.source);
  if (embedding == nullptr) throw NotCovered("sequences of words need an embedding: leave out --sequences");
  if (!network.encoder.empty())
    throw NotCovered(
        "sequences of words in a model of two stacks are not covered by this theory yet; leave out --sequences");
  std::vector<profile::Profile> profiles;
  for (const WordSequence& words :
       word_sequences(*embedding, static_cast<std::size_t>(network.sequence_length), count)) {
    constexpr Eigen::Index most = 1500;  // their matrices take memory and time
    if (words.groups.count() > most)
      throw NotCovered(
          "sequences of so many words that repeat are not covered; shorten them, or leave out --sequences");
    profile::Profile& result = profiles.emplace_back(network::blank_profile(outline));
    Algebra<GroupedTokens> algebra(network, GroupedTokens(network, words));
    AlikeAlgebra<double> no_encoder(network, AlikeTokens<double>(network, Theory::full));
    ProfileWriter writer(outline, algebra, result);
    ProfileWriter of_encoder(outline, no_encoder, result);
    walk_network(algebra, no_encoder, writer, of_encoder);
  }
  profile::Profile out = mean_of(profiles);
  out.sequences = count;
  return out;
}

}  // namespace sigprop::predict
