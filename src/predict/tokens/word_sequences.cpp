// SPDX-License-Identifier: Apache-2.0
#include "predict/tokens/word_sequences.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>
#include <utility>

#include "sigprop/formula/embedding.hpp"

namespace sigprop::predict {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Embedding = network::BasicEmbedding<double, double>;
using Words = std::vector<std::uint64_t>;

constexpr std::uint64_t once = 0;  ///< stands for every word that occurs once; words count from 1

/// Of every token its word, `once` where no other token has it.
Words repeated_of(const Words& words) {
  std::map<std::uint64_t, int> counts;
  for (const std::uint64_t word : words) ++counts[word];
  Words out = words;
  for (std::uint64_t& word : out) {
    if (counts[word] == 1) word = once;
  }
  return out;
}

/// A group's word and segment.
using Kind = std::pair<std::uint64_t, bool>;

std::vector<Kind> kinds_of(const Words& words, std::size_t split) {
  std::vector<Kind> out;
  const Words repeated = repeated_of(words);
  for (std::size_t i = 0; i < words.size(); ++i) out.emplace_back(repeated[i], i >= split);
  return out;
}

TokenGroups groups_of(const std::vector<Kind>& kinds) {
  std::map<Kind, Index> numbers;
  std::vector<Index> out;
  out.reserve(kinds.size());
  for (const Kind& kind : kinds) out.push_back(numbers.try_emplace(kind, std::ssize(numbers)).first->second);
  return TokenGroups::of(std::move(out));
}

/// A sequence before its matrices are made.
struct Draw {
  Words words;
  std::size_t split;
  double products;  ///< the sum of its token products
};

class Drawing {
 public:
  Drawing(const Embedding& embedding, std::size_t length)
      : embedding_(embedding), length_(length), words_(formula::harmonic_numbers(embedding.vocabulary).first) {
    constexpr double tabulated = 65536;
    double sum = 0;
    for (double rank = 1; rank <= std::min(embedding.vocabulary, tabulated); ++rank)
      cumulative_.push_back(sum += 1 / rank);
  }

  [[nodiscard]] Draw operator()() {
    Draw out{Words(length_), length_, 0};
    for (std::uint64_t& word : out.words) word = zipf(uniform() * words_);
    if (!embedding_.token.used) std::iota(out.words.begin(), out.words.end(), std::uint64_t{1});
    if (embedding_.segment.used && embedding_.segments == 2)
      out.split = static_cast<std::size_t>(uniform() * static_cast<double>(length_ + 1));
    out.products = products(out);
    return out;
  }

 private:
  /// In [0, 1). The distributions of the standard library differ between its implementations.
  [[nodiscard]] double uniform() { return static_cast<double>(random_() >> 11) * 0x1p-53; }

  /// The rank at which Σ 1/rank passes a number. Beyond the table the sum grows like a logarithm.
  [[nodiscard]] std::uint64_t zipf(double sum) const {
    if (sum > cumulative_.back()) {
      const double last = static_cast<double>(cumulative_.size());
      const double rank = (last + 0.5) * std::exp(sum - cumulative_.back());
      return static_cast<std::uint64_t>(std::min(std::floor(rank) + 1, embedding_.vocabulary));
    }
    const auto found = std::lower_bound(cumulative_.begin(), cumulative_.end(), sum);
    return static_cast<std::uint64_t>(found - cumulative_.begin()) + 1;
  }

  [[nodiscard]] double products(const Draw& draw) const {
    std::map<std::uint64_t, double> counts;
    for (const std::uint64_t word : draw.words) ++counts[word];
    double pairs = 0;
    for (const auto& [word, count] : counts) pairs += count * count;
    const double first = static_cast<double>(draw.split), second = static_cast<double>(length_) - first;
    const auto variance = [](const auto& table) { return table.used ? table.std * table.std : 0; };
    return variance(embedding_.token) * pairs + variance(embedding_.segment) * (first * first + second * second);
  }

  const Embedding& embedding_;
  std::size_t length_;
  double words_;  ///< Σ 1/rank over the vocabulary
  std::vector<double> cumulative_;
  std::mt19937_64 random_{1};
};

}  // namespace

WordSequence::WordSequence(const Words& words, std::size_t split) : groups(groups_of(kinds_of(words, split))) {
  const std::vector<Kind> kinds = kinds_of(words, split);
  std::vector<Kind> of_group(static_cast<std::size_t>(groups.count()));
  for (std::size_t i = 0; i < kinds.size(); ++i)
    of_group[static_cast<std::size_t>(groups.of_token(static_cast<Index>(i)))] = kinds[i];
  same_word = MatrixXd(groups.count(), groups.columns());
  same_segment = same_word;
  const auto set = [&](Index g, Index h, Index column) {
    const Kind &a = of_group[static_cast<std::size_t>(g)], &b = of_group[static_cast<std::size_t>(h)];
    same_word(g, column) = a.first == b.first && a.first != once ? 1 : 0;
    same_segment(g, column) = a.second == b.second ? 1 : 0;
  };
  for (Index g = 0; g < groups.count(); ++g) {
    for (Index h = 0; h < groups.count(); ++h) set(g, h, h);
    if (groups.are_grouped()) set(g, g, groups.count());
    same_word(g, g) = same_segment(g, g) = 1;
  }
}

MatrixXd WordSequence::products(const Embedding& embedding) const {
  const auto variance = [](const auto& table) { return table.used ? table.std * table.std : 0; };
  MatrixXd out = variance(embedding.token) * same_word;
  if (embedding.segments == 2) out += variance(embedding.segment) * same_segment;
  if (embedding.segments == 1) out.array() += variance(embedding.segment);
  out.diagonal().array() += variance(embedding.position);
  return out;
}

std::vector<WordSequence> word_sequences(const Embedding& embedding, std::size_t length, std::size_t count) {
  // Long sequences differ little in their equal pairs.
  constexpr std::size_t most = 2000, tokens = 4000000;
  const std::size_t pool_size = std::max(4 * count, std::min(most, tokens / length));
  Drawing drawing(embedding, length);
  std::vector<Draw> pool;
  for (std::size_t i = 0; i < pool_size; ++i) pool.push_back(drawing());
  std::stable_sort(pool.begin(), pool.end(), [](const Draw& a, const Draw& b) { return a.products < b.products; });
  std::vector<WordSequence> out;
  for (std::size_t part = 0; part < count; ++part) {
    const auto begin = pool.begin() + static_cast<std::ptrdiff_t>(part * pool_size / count);
    const auto end = pool.begin() + static_cast<std::ptrdiff_t>((part + 1) * pool_size / count);
    double mean = 0;
    for (auto draw = begin; draw != end; ++draw) mean += draw->products / static_cast<double>(end - begin);
    const auto nearest = std::min_element(begin, end, [&](const Draw& a, const Draw& b) {
      return std::abs(a.products - mean) < std::abs(b.products - mean);
    });
    out.emplace_back(nearest->words, nearest->split);
  }
  return out;
}

}  // namespace sigprop::predict
