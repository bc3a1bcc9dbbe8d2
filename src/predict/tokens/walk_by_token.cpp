// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "predict/tokens/gram_rank.hpp"
#include "predict/tokens/grouped_tokens.hpp"
#include "predict/tokens/word_sequences.hpp"
#include "predict/walk/profile_writer.hpp"
#include "predict/walk/walk_in.hpp"

namespace sigprop::predict {

profile::Profile profile_of_groups(const network::Lifted<double>& network, const network::Outline& outline,
                                   GroupedTokens field) {
  profile::Profile result = network::blank_profile(outline);
  Algebra<GroupedTokens> algebra(network, std::move(field));
  AlikeAlgebra<double> of_encoder(network, AlikeTokens<double>(network, Theory::full));
  ProfileWriter writer(outline, algebra, result);
  ProfileWriter encoder_writer(outline, of_encoder, result);
  walk_network(algebra, of_encoder, writer, encoder_writer);
  return result;
}

namespace {

using GroupsWriter = ProfileWriter<Algebra<GroupedTokens>>;
using GroupsWalk = Walk<Algebra<GroupedTokens>, GroupsWriter>;

/// An encoder over one sequence of words, whose numbers it writes into a profile.
struct EncoderWalk {
  EncoderWalk(const network::Lifted<double>& network, const network::Outline& outline, GroupedTokens field,
              profile::Profile& profile)
      : algebra(network, std::move(field)), writer(outline, algebra, profile), walk(algebra, writer) {}

  Algebra<GroupedTokens> algebra;
  GroupsWriter writer;
  GroupsWalk walk;
};

/// A walk behind a mask counts words that repeat by their mean product. How many directions what is
/// embedded spans, and so the first point's rank, the words alone tell.
void set_rank_of_words(const network::Lifted<double>& network, profile::Profile& profile) {
  const auto* embedding = std::get_if<network::BasicEmbedding<double, double>>(&network.source);
  if (embedding == nullptr || !embedding->token.used) return;
  const auto is_input = [](const profile::Point& point) {
    return point.path == "input" || point.path == "decoder/input";
  };
  const auto point = std::find_if(profile.points.begin(), profile.points.end(), is_input);
  if (point == profile.points.end() || !(point->forward.token_dot.value > 0)) return;
  // What dropout leaves of a token with itself, more than of two tokens.
  const auto variance = [](const auto& table) { return table.used ? table.std * table.std : 0.0; };
  const double words = variance(embedding->token), others = words * word_match(*embedding, Theory::full).within;
  const double own = words + variance(embedding->position);
  const double kept = point->forward.second_moment.value / point->forward.token_dot.value * others / own;
  constexpr std::size_t count = 4;
  const std::vector<WordSequence> sequences =
      word_sequences(*embedding, static_cast<std::size_t>(network.sequence_length), count);
  double rank = 0;
  for (const WordSequence& sequence : sequences) {
    Eigen::MatrixXd products = sequence.products(*embedding);
    if (!embedding->segment.used) products.diagonal() *= std::max(1.0, kept);
    rank += effective_rank_of(sequence.groups, products, network.width) / static_cast<double>(sequences.size());
  }
  point->forward.effective_rank = quantity(rank);
}

}  // namespace

std::vector<profile::Profile> profiles_of_two_stacks(const network::Lifted<double>& network,
                                                     const network::Outline& outline,
                                                     std::vector<GroupedTokens> encoders, GroupedTokens decoder) {
  std::vector<profile::Profile> profiles(encoders.size(), network::blank_profile(outline));
  std::deque<EncoderWalk> walks;  // which refer to their own parts
  std::vector<WordMemory> memories;
  double participation = 0;
  for (std::size_t i = 0; i < encoders.size(); ++i) {
    EncoderWalk& encoder = walks.emplace_back(network, outline, std::move(encoders[i]), profiles[i]);
    const auto output = encoder.walk.forward(network.encoder, encoder.walk.input());
    memories.emplace_back(products(output.moments));
    participation += output.anisotropy.participation / static_cast<double>(encoders.size());
  }
  Algebra<GroupedTokens> algebra(network, std::move(decoder));
  algebra.field().attend_to(std::move(memories), participation);
  profile::Profile& first = profiles.front();
  GroupsWriter writer(outline, algebra, first);
  const GroupsWalk::Position start = walks.front().walk.position();
  GroupsWalk walk(algebra, writer, start);
  static_cast<void>(walk.forward(network.body, walk.input()));
  walk.backward(algebra.loss_gradient());
  if (!algebra.field().has_words()) set_rank_of_words(network, first);
  for (std::size_t i = 0; i < walks.size(); ++i) {
    EncoderWalk& encoder = walks[i];
    encoder.walk.backward(encoder.algebra.unprojected(algebra.field().memory_gradient(i)));
  }
  const auto points = static_cast<std::ptrdiff_t>(start.point);
  const std::size_t layers =
      start.weight < outline.weight_indices.size() ? outline.weight_indices[start.weight].layer : outline.layers.size();
  for (std::size_t i = 1; i < profiles.size(); ++i) {
    std::copy(first.points.begin() + points, first.points.end(), profiles[i].points.begin() + points);
    std::copy(first.layers.begin() + static_cast<std::ptrdiff_t>(layers), first.layers.end(),
              profiles[i].layers.begin() + static_cast<std::ptrdiff_t>(layers));
  }
  return profiles;
}

profile::Profile walk_by_token(const network::Lifted<double>& network, const network::Outline& outline, Prefix prefix,
                               const profile::TokenLists& tokens, const std::shared_ptr<RowTables>& rows) {
  profile::Profile result = profile_of_groups(network, outline, GroupedTokens(network, prefix, tokens, rows));
  result.prefix = name_of(prefix);
  set_rank_of_words(network, result);
  return result;
}

}  // namespace sigprop::predict
