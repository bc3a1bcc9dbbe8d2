// SPDX-License-Identifier: Apache-2.0
#include "sigprop/network/words.hpp"

#include <algorithm>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>
#include <map>
#include <utility>

namespace sigprop::network {
namespace {

constexpr double summed = 65536;

/// ∫ x^-s dx from a to b.
double power_integral(double a, double b, double s) {
  // expm1 keeps the digits near s = 1, where the integral is a logarithm.
  const double grown = (1 - s) * std::log(b / a);
  return std::abs(grown) < 1e-300 ? std::log(b / a) : std::pow(a, 1 - s) * std::expm1(grown) / (1 - s);
}

/// Σ k^-s over k from `first` + 1 to `last`: the midpoint rule with its first correction.
double tail(double first, double last, double s) {
  if (last <= first) return 0;
  const double a = first + 0.5, b = last + 0.5;
  return power_integral(a, b, s) + s / 24 * (std::pow(b, -s - 1) - std::pow(a, -s - 1));
}

double power_sum(double count, double s) {
  constexpr double few = 1024;
  const double last = std::min(count, few);
  double sum = 0;
  for (double k = last; k >= 1; --k) sum += std::pow(k, -s);
  return sum + tail(last, count, s);
}

double match_of(double vocabulary, double exponent) {
  const double first = power_sum(vocabulary, exponent);
  return power_sum(vocabulary, 2 * exponent) / (first * first);
}

using Counts = std::map<std::uint32_t, double>;

Counts counts_of(const std::vector<std::uint32_t>& sequence, std::size_t length) {
  Counts out;
  for (std::size_t i = 0; i < length; ++i) ++out[sequence[i]];
  return out;
}

double same(const Counts& counts) {
  double pairs = 0;
  for (const auto& [word, count] : counts) pairs += count * count;
  return pairs;
}

}  // namespace

Text text_of(std::string file, std::vector<std::vector<std::uint32_t>> sequences, std::size_t length) {
  Text out{std::move(file), std::move(sequences)};
  const auto tokens = static_cast<double>(length), count = static_cast<double>(out.sequences.size());
  Counts all;
  double within = 0;
  for (const std::vector<std::uint32_t>& sequence : out.sequences) {
    const Counts counts = counts_of(sequence, length);
    for (const auto& [word, times] : counts) all[word] += times;
    within += same(counts);
  }
  if (length > 1) out.match = (within / count - tokens) / (tokens * (tokens - 1));
  out.match_across = count > 1 ? (same(all) - within) / (count * (count - 1) * tokens * tokens) : out.match;
  return out;
}

ZipfLaw::ZipfLaw(double vocabulary, double exponent) : vocabulary_(vocabulary), exponent_(exponent) {
  double sum = 0;
  for (double rank = 1; rank <= std::min(vocabulary, summed); ++rank)
    cumulative_.push_back(sum += exponent == 1 ? 1 / rank : std::pow(rank, -exponent));
  sum_ = sum + tail(static_cast<double>(cumulative_.size()), vocabulary, exponent);
  // Where a search begins for every part of what is tabulated.
  begins_.reserve(cumulative_.size() + 1);
  std::size_t rank = 0;
  for (std::size_t part = 0; part <= cumulative_.size(); ++part) {
    const double from = sum * static_cast<double>(part) / static_cast<double>(cumulative_.size());
    while (rank + 1 < cumulative_.size() && cumulative_[rank] < from) ++rank;
    begins_.push_back(static_cast<std::uint32_t>(rank));
  }
}

std::uint64_t ZipfLaw::rank(double u) const {
  const double sum = u * sum_;
  if (sum > cumulative_.back()) {
    const double first = static_cast<double>(cumulative_.size()) + 0.5, beyond = sum - cumulative_.back();
    // ∫ x^-s dx from `first` to the rank is what lies beyond.
    const double part = (1 - exponent_) * beyond * std::pow(first, exponent_ - 1);
    const double grown = exponent_ == 1 ? std::exp(beyond) : std::pow(std::max(0.0, 1 + part), 1 / (1 - exponent_));
    return static_cast<std::uint64_t>(std::min(std::ceil(first * grown - 0.5), vocabulary_));
  }
  const auto parts = static_cast<double>(cumulative_.size());
  std::size_t rank = begins_[static_cast<std::size_t>(sum / cumulative_.back() * parts)];
  while (rank > 0 && cumulative_[rank - 1] >= sum) --rank;  // where the part's number was rounded
  while (cumulative_[rank] < sum) ++rank;
  return rank + 1;
}

double ZipfLaw::match() const {
  return match_of(vocabulary_, exponent_);
}

double match_of_three(double vocabulary, double exponent) {
  return power_sum(vocabulary, 3 * exponent) / std::pow(power_sum(vocabulary, exponent), 3);
}

double match_of_three(const Text& text, std::size_t length) {
  if (length < 3) return 0;
  const auto tokens = static_cast<double>(length);
  double triples = 0;
  for (const std::vector<std::uint32_t>& sequence : text.sequences) {
    for (const auto& [word, times] : counts_of(sequence, length)) triples += times * (times - 1) * (times - 2);
  }
  return triples / (tokens * (tokens - 1) * (tokens - 2) * static_cast<double>(text.sequences.size()));
}

double exponent_of(double match, double vocabulary) {
  double high = 1;
  while (match_of(vocabulary, high) < match && high < 64) high *= 2;
  if (!(match_of(vocabulary, 0) < match)) return 0;
  std::uintmax_t steps = 100;
  const auto beside = [&](double exponent) { return match_of(vocabulary, exponent) - match; };
  if (beside(high) <= 0) return high;
  const auto [below, above] =
      boost::math::tools::toms748_solve(beside, 0.0, high, boost::math::tools::eps_tolerance<double>(46), steps);
  return (below + above) / 2;
}

}  // namespace sigprop::network
