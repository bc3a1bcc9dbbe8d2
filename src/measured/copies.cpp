// SPDX-License-Identifier: Apache-2.0
#include "measured/copies.hpp"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <map>
#include <tuple>

namespace sigprop::measured {
namespace {

struct Products {
  double first = 0, second = 0, both = 0;
};

Products products_of(const std::vector<float>& a, const std::vector<float>& b) {
  Products out;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = a[i], y = b[i];
    out.first += x * x;
    out.second += y * y;
    out.both += x * y;
  }
  return out;
}

}  // namespace

std::vector<Copy> copies_among(const std::vector<Weight>& weights, const std::vector<std::vector<float>>& samples,
                               double level) {
  std::map<std::tuple<std::string, std::vector<std::size_t>>, std::vector<std::size_t>> kinds;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i].layer > 0 && !samples[i].empty()) kinds[{weights[i].name, weights[i].shape}].push_back(i);
  }
  double pairs = 1;
  for (const auto& [kind, members] : kinds) {
    const auto count = static_cast<double>(members.size());
    pairs += count * (count - 1) / 2;
  }
  // What was copied is far beyond; chance must not come near, beside the level of means and stds.
  constexpr double least = 6;
  const double critical =
      std::max(least, boost::math::quantile(boost::math::complement(boost::math::normal(), level / pairs / 2)));
  std::vector<Copy> out;
  for (const auto& [kind, members] : kinds) {
    for (std::size_t j = 1; j < members.size(); ++j) {
      // One copy of a weight tells enough: the nearest before it.
      for (std::size_t i = j; i-- > 0;) {
        const std::vector<float>&a = samples[members[i]], &b = samples[members[j]];
        if (a.size() != b.size()) continue;
        const Products sums = products_of(a, b);
        if (!(sums.first > 0 && sums.second > 0)) continue;
        const double correlation = sums.both / std::sqrt(sums.first * sums.second);
        if (std::abs(correlation) * std::sqrt(static_cast<double>(a.size())) <= critical) continue;
        out.push_back({members[i], members[j], correlation, sums.both / sums.first});
        break;
      }
    }
  }
  return out;
}

}  // namespace sigprop::measured
