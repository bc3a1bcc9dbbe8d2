// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <tuple>
#include <utility>
#include <vector>

#include "predict/tokens/grouped_tokens.hpp"
#include "predict/tokens/word_sequences.hpp"
#include "predict/walk/quantities.hpp"
#include "predict/walk/walk_in.hpp"
#include "sigprop/profile/quantities.hpp"

namespace sigprop::predict {

class WordSequences {
 public:
  explicit WordSequences(std::vector<WordSequence> of_words) : sequences(std::move(of_words)) {}

  std::vector<WordSequence> sequences;
};

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

/// The mean number of every token.
void set_mean_lists(const std::vector<const profile::Point*>& from, profile::Point& to) {
  const auto mean = [&](const auto& list_of) {
    auto& out = list_of(to);
    for (std::size_t i = 0; i < out.size(); ++i) {
      double sum = 0;
      for (const profile::Point* point : from) sum += list_of(*point)[i].value;
      out[i] = quantity(sum / static_cast<double>(from.size()));
    }
  };
  mean([](auto& point) -> auto& { return point.forward.tokens; });
  mean([](auto& point) -> auto& { return point.backward.tokens; });
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
    set_mean_lists(points, out.points[i]);
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

/// Has the stack that reads the input no mask: the only one, or the encoder?
bool reads_without_mask(const network::Network& network) {
  return !network::has_mask(network.encoder.empty() ? network.body : network.encoder);
}

/// Sequences of a network's words in the fields that follow them.
class Fields {
 public:
  Fields(const network::Lifted<double>& network, const network::Outline& outline, const WordSequences& words)
      : network_(network),
        embedding_(std::get<network::BasicEmbedding<double, double>>(network.source)),
        laws_(laws_of(outline, words)) {}

  /// Whose tokens stand apart where the loss gradient enters.
  [[nodiscard]] GroupedTokens of(const WordSequence& sequence, bool moments) const {
    const profile::TokenLists lists{.moments = moments && !network_.gradient_tokens.empty()};
    return {network_, sequence.groups, sequence.products(embedding_), laws_, lists};
  }

  /// An encoder's, where no gradient enters.
  [[nodiscard]] GroupedTokens of_encoder(const WordSequence& sequence) const {
    if (network_.gradient_tokens.empty()) return of(sequence, false);
    return of(sequence.beginning(static_cast<std::size_t>(network_.sequence_length), {}), false);
  }

 private:
  static double laws_of(const network::Outline& outline, const WordSequences& words) {
    constexpr double few_layers = 24;
    return static_cast<double>(words.sequences.size()) *
           std::max(1.0, static_cast<double>(outline.layers.size()) / few_layers);
  }

  const network::Lifted<double>& network_;
  const network::BasicEmbedding<double, double>& embedding_;
  double laws_;
};

/// The largest standard deviation between sequences of a weight's gradient norm, over its mean.
double scatter_of(const std::vector<profile::Profile>& profiles) {
  double largest = 0;
  for (std::size_t i = 0; i < profiles.front().layers.size(); ++i) {
    for (std::size_t w = 0; w < profiles.front().layers[i].weights.size(); ++w) {
      std::vector<double> norms;
      for (const profile::Profile& profile : profiles) {
        if (const auto& norm = profile.layers[i].weights[w].gradient_norm) norms.push_back(norm->value);
      }
      const auto count = static_cast<double>(norms.size());
      const double mean = std::accumulate(norms.begin(), norms.end(), 0.0) / std::max(1.0, count);
      if (count < 2 || mean == 0) continue;
      double squares = 0;
      for (const double norm : norms) squares += std::pow(norm / mean - 1, 2);
      largest = std::max(largest, std::sqrt(squares / (count - 1)));
    }
  }
  return largest;
}

}  // namespace

std::size_t sequences_of(const network::Network& network, Theory theory, const Options& options) {
  const bool covered = theory == Theory::full && reads_without_mask(network);
  const auto* embedding = std::get_if<network::Embedding>(&network.source);
  if (options.sequences) {
    if (*options.sequences == 0) return 0;
    if (!covered)
      throw NotCovered("sequences of words are followed by the theory full, without a mask; leave out --sequences");
    if (embedding == nullptr) throw NotCovered("sequences of words need an embedding: leave out --sequences");
    return *options.sequences;
  }
  if (!covered || embedding == nullptr || !network::has_attention(network)) return 0;
  if (!embedding->token.used && !(embedding->segment.used && embedding->segments == 2)) return 0;
  // Deep models need fewer sequences, since all layers see the same differences between them; long
  // sequences differ little. Both bound the cost, of which a decoder has a part.
  constexpr std::size_t fewest = 2, most = 8, walks = 96;
  const std::size_t tokens = network.encoder.empty() ? 4096 : 2048;
  const std::size_t layers = std::max<std::size_t>(1, network::outline_of(network).layers.size());
  return std::clamp(std::min(walks / layers, tokens / network.sequence_length), fewest, most);
}

std::shared_ptr<const WordSequences> words_of(const network::Network& network, Theory theory, const Options& options,
                                              std::size_t length) {
  const std::size_t count = sequences_of(network, theory, options);
  if (count == 0) return nullptr;
  const auto embedding = network::Lift<double>()(std::get<network::Embedding>(network.source));
  return std::make_shared<const WordSequences>(word_sequences(embedding, length, count, network.gradient_tokens));
}

std::shared_ptr<const WordSequences> beginnings(const WordSequences& words, std::size_t length,
                                                const std::vector<std::size_t>& gradient_tokens) {
  std::vector<WordSequence> out;
  out.reserve(words.sequences.size());
  for (const WordSequence& sequence : words.sequences) out.push_back(sequence.beginning(length, gradient_tokens));
  return std::make_shared<const WordSequences>(std::move(out));
}

profile::Profile walk_words(const network::Lifted<double>& network, const network::Outline& outline,
                            const WordSequences& words, Prefix prefix, const profile::TokenLists& tokens,
                            const std::shared_ptr<RowTables>& rows) {
  const Fields fields(network, outline, words);
  const bool masked = network::has_mask(network.body);
  std::vector<profile::Profile> profiles;
  profiles.reserve(words.sequences.size());
  if (masked) {
    std::vector<GroupedTokens> encoders;
    for (const WordSequence& sequence : words.sequences) encoders.push_back(fields.of_encoder(sequence));
    profiles =
        profiles_of_two_stacks(network, outline, std::move(encoders), GroupedTokens(network, prefix, tokens, rows));
  } else {
    for (const WordSequence& sequence : words.sequences) {
      GroupedTokens body = fields.of(sequence, tokens.moments);
      if (network.encoder.empty()) {
        profiles.push_back(profile_of_groups(network, outline, std::move(body)));
        continue;
      }
      std::vector<GroupedTokens> encoder;
      encoder.push_back(fields.of_encoder(sequence));
      profiles.push_back(profiles_of_two_stacks(network, outline, std::move(encoder), std::move(body)).front());
    }
  }
  profile::Profile out = mean_of(profiles);
  out.sequences = words.sequences.size();
  out.sequence_scatter = scatter_of(profiles);
  if (masked) out.prefix = name_of(prefix);
  // Which words stand first and last differs from sequence to sequence, but where a gradient
  // enters.
  const bool ends_differ = !masked && network.gradient_tokens.empty();
  for (profile::Point& point : out.points) {
    if (!ends_differ && !point.path.starts_with("encoder/")) continue;
    point.forward.ends.reset();
    point.backward.ends.reset();
  }
  return out;
}

GroupedTokens field_of_special_tokens(const network::Lifted<double>& network, const profile::TokenLists& tokens) {
  if (!network.encoder.empty())
    throw NotCovered("tokens that differ in a model of two stacks are not covered by this theory yet");
  const auto* given = std::get_if<network::BasicGivenInput<double>>(&network.source);
  const std::size_t class_tokens = given != nullptr ? given->class_tokens : 0;
  const auto& at = network.gradient_tokens;
  const bool each_by_itself = network::has_gram(network);
  std::vector<std::tuple<bool, bool, std::size_t>> kinds;
  for (std::size_t token = 0; token < static_cast<std::size_t>(network.sequence_length); ++token) {
    kinds.emplace_back(token < class_tokens, std::binary_search(at.begin(), at.end(), token),
                       each_by_itself ? token : 0);
  }
  return {network, TokenGroups::by(kinds), {}, 1, tokens};
}

profile::Profile walk_special_tokens(const network::Lifted<double>& network, const network::Outline& outline,
                                     const profile::TokenLists& tokens) {
  return profile_of_groups(network, outline, field_of_special_tokens(network, tokens));
}

}  // namespace sigprop::predict
