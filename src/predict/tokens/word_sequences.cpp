// SPDX-License-Identifier: Apache-2.0
#include "predict/tokens/word_sequences.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <utility>

namespace sigprop::predict {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Embedding = network::BasicEmbedding<double, double>;
using Words = std::vector<std::uint64_t>;
using Numbers = std::vector<std::size_t>;

/// What the tokens of a group have in common: a word, or for rare words how often they occur (up to
/// a factor of 2 where the sequence is long); the segment; and whether they stand apart.
struct Kind {
  bool rare;
  std::uint64_t word_or_count;
  bool second;
  bool apart;

  [[nodiscard]] auto operator<=>(const Kind&) const = default;  // NOLINT(modernize-use-nullptr): clang-tidy 14 errs
};

/// How often the word of every token occurs.
std::vector<std::uint64_t> counts_of(const Words& words) {
  std::map<std::uint64_t, std::uint64_t> counts;
  for (const std::uint64_t word : words) ++counts[word];
  std::vector<std::uint64_t> out;
  out.reserve(words.size());
  for (const std::uint64_t word : words) out.push_back(counts[word]);
  return out;
}

/// So many words count as rare that the groups are few: what they cost grows with their square, and
/// of a long sequence's equal pairs rare words have a small part.
TokenGroups groups_of(const Words& words, std::size_t split, const Numbers& apart) {
  constexpr std::size_t most = 160;
  constexpr std::uint64_t told_apart = 16;
  const std::vector<std::uint64_t> counts = counts_of(words);
  for (std::uint64_t rare = 1;; rare = rare < told_apart ? rare + 1 : 2 * rare) {
    std::vector<Kind> kinds;
    kinds.reserve(words.size());
    for (std::size_t i = 0; i < words.size(); ++i) {
      const bool is_rare = counts[i] <= rare;
      const std::uint64_t count = counts[i] <= told_apart ? counts[i] : std::bit_ceil(counts[i]);
      kinds.push_back(
          {is_rare, is_rare ? count : words[i], i >= split, std::binary_search(apart.begin(), apart.end(), i)});
    }
    TokenGroups out = TokenGroups::by(kinds);
    if (static_cast<std::size_t>(out.count()) <= most || rare >= words.size()) return out;
  }
}

/// For two tokens of two groups, or of one in its column: the part of such pairs in which they have
/// the same mark.
MatrixXd same_marks(const TokenGroups& groups, const std::function<std::uint64_t(Index)>& mark) {
  std::map<std::uint64_t, std::map<Index, double>> counts;
  for (Index i = 0; i < static_cast<Index>(groups.tokens()); ++i) ++counts[mark(i)][groups.of_token(i)];
  MatrixXd out = MatrixXd::Zero(groups.count(), groups.columns());
  for (const auto& [which, by_group] : counts) {
    for (const auto& [g, n] : by_group) {
      for (const auto& [h, m] : by_group) {
        if (g != h) out(g, h) += n * m / (groups.size(g) * groups.size(h));
      }
      if (groups.size(g) > 1) out(g, groups.count()) += n * (n - 1) / (groups.size(g) * (groups.size(g) - 1));
    }
  }
  out.diagonal().setOnes();
  return out;
}

/// A sequence before its matrices are made.
struct Draw {
  Words words;
  std::size_t split;
  double products;  ///< what stands for the sum of its token products
};

class Drawing {
 public:
  Drawing(const Embedding& embedding, std::size_t length) : embedding_(embedding), length_(length) {
    if (embedding.token.used && !embedding.text) law_.emplace(embedding.vocabulary, embedding.exponent);
  }

  /// The number of sequences that stand for `count`: a text has no more than it has.
  [[nodiscard]] std::size_t pool_size(std::size_t count) const {
    // Long sequences differ little in their equal pairs.
    constexpr std::size_t most = 2000, tokens = 4000000;
    const std::size_t drawn = std::max(4 * count, std::min(most, tokens / length_));
    const bool given = embedding_.token.used && embedding_.text && !has_border(embedding_);
    return given ? std::min(drawn, embedding_.text->sequences.size()) : drawn;
  }

  /// Does a second segment begin somewhere?
  [[nodiscard]] static bool has_border(const Embedding& embedding) {
    return embedding.segment.used && embedding.segments == 2;
  }

  /// The variance of the segment table over the token table's, a power of 4: the order of sequences
  /// stays where deviations move a little.
  [[nodiscard]] static double weight_of_segments(const Embedding& embedding) {
    if (!embedding.segment.used || embedding.segment.std == 0) return 0;
    if (!embedding.token.used || embedding.token.std == 0) return 1;
    return std::pow(4, std::round(std::log2(embedding.segment.std / embedding.token.std)));
  }

  [[nodiscard]] Draw operator()() {
    Draw out{Words(length_), length_, 0};
    if (!embedding_.token.used) {
      std::iota(out.words.begin(), out.words.end(), std::uint64_t{1});
    } else if (law_) {
      for (std::uint64_t& word : out.words) word = law_->rank(uniform());
    } else {
      const auto& from = embedding_.text->sequences[next_++ % embedding_.text->sequences.size()];
      for (std::size_t i = 0; i < length_; ++i) out.words[i] = from[i % from.size()];
    }
    if (has_border(embedding_)) out.split = static_cast<std::size_t>(uniform() * static_cast<double>(length_ + 1));
    out.products = products(out);
    return out;
  }

 private:
  /// In [0, 1). The distributions of the standard library differ between its implementations.
  [[nodiscard]] double uniform() { return static_cast<double>(random_() >> 11) * 0x1p-53; }

  [[nodiscard]] double products(const Draw& draw) {
    // Frequent words are counted; the others, of which there are few, sorted.
    double pairs = 0;
    rare_.clear();
    for (const std::uint64_t word : draw.words) {
      if (word < counts_.size()) {
        pairs += 2 * static_cast<double>(counts_[word]++) + 1;
      } else {
        rare_.push_back(word);
      }
    }
    for (const std::uint64_t word : draw.words)
      if (word < counts_.size()) counts_[word] = 0;
    std::sort(rare_.begin(), rare_.end());
    for (auto word = rare_.begin(); word != rare_.end();) {
      const auto next = std::upper_bound(word, rare_.end(), *word);
      const auto count = static_cast<double>(next - word);
      pairs += count * count;
      word = next;
    }
    const double first = static_cast<double>(draw.split), second = static_cast<double>(length_) - first;
    return pairs + of_segment_ * (first * first + second * second);
  }

  const Embedding& embedding_;
  std::size_t length_;
  double of_segment_ = weight_of_segments(embedding_);  ///< of equal segments against equal words
  std::optional<network::ZipfLaw> law_;
  std::size_t next_ = 0;  ///< of the text's sequences
  std::vector<std::uint32_t> counts_ = std::vector<std::uint32_t>(8192);
  Words rare_;
  std::mt19937_64 random_{1};
};

std::vector<WordSequence> drawn_sequences(const Embedding& embedding, std::size_t length, std::size_t count,
                                          const Numbers& apart) {
  Drawing drawing(embedding, length);
  const std::size_t pool_size = drawing.pool_size(count);
  count = std::min(count, pool_size);
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
    out.emplace_back(nearest->words, nearest->split, apart);
  }
  return out;
}

/// All that sequences depend on.
struct Request {
  Request(const Embedding& embedding, std::size_t of_length, std::size_t of_count, Numbers of_apart)
      : vocabulary(embedding.vocabulary),
        exponent(embedding.exponent),
        text(embedding.text),
        has_words(embedding.token.used),
        has_border(Drawing::has_border(embedding)),
        of_segment(Drawing::weight_of_segments(embedding)),
        length(of_length),
        count(of_count),
        apart(std::move(of_apart)) {}

  [[nodiscard]] bool operator==(const Request&) const = default;

  double vocabulary, exponent;
  std::shared_ptr<const network::Text> text;
  bool has_words, has_border;
  double of_segment;
  std::size_t length, count;
  Numbers apart;
};

}  // namespace

WordSequence::WordSequence(Words words, std::size_t split, const Numbers& apart)
    : groups(groups_of(words, split, apart)),
      same_word(same_marks(groups, [&](Index i) { return words[static_cast<std::size_t>(i)]; })),
      same_segment(same_marks(groups, [&](Index i) { return std::uint64_t{static_cast<std::size_t>(i) < split}; })),
      words_(std::move(words)),
      split_(split) {}

WordSequence WordSequence::beginning(std::size_t length, const Numbers& apart) const {
  const double part = static_cast<double>(split_) / static_cast<double>(words_.size());
  return {Words(words_.begin(), words_.begin() + static_cast<std::ptrdiff_t>(length)),
          static_cast<std::size_t>(std::lround(part * static_cast<double>(length))), apart};
}

MatrixXd WordSequence::products(const Embedding& embedding) const {
  const auto variance = [](const auto& table) { return table.used ? table.std * table.std : 0; };
  MatrixXd out = variance(embedding.token) * same_word;
  if (embedding.segments == 2) out += variance(embedding.segment) * same_segment;
  if (embedding.segments == 1) out.array() += variance(embedding.segment);
  out.diagonal().array() += variance(embedding.position);
  return out;
}

std::vector<WordSequence> word_sequences(const Embedding& embedding, std::size_t length, std::size_t count,
                                         const Numbers& apart) {
  // A model beside the last one, as for a slope or in a sweep, has the same.
  thread_local std::optional<Request> last;
  thread_local std::vector<WordSequence> sequences;
  Request request{embedding, length, count, apart};
  if (last != request) {
    sequences = drawn_sequences(embedding, length, count, apart);
    last = std::move(request);
  }
  return sequences;
}

}  // namespace sigprop::predict
