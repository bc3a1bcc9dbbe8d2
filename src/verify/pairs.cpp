// SPDX-License-Identifier: Apache-2.0
#include "verify/pairs.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace sigprop::verify {
namespace {

using profile::Profile;
using profile::Quantity;

class Collector {
 public:
  Collector(const Profile& predicted, const Profile& measured) : predicted_(predicted), measured_(measured) {}

  [[nodiscard]] std::vector<Pair> collect() {
    if (predicted_.points.size() != measured_.points.size() || predicted_.layers.size() != measured_.layers.size())
      throw std::logic_error("prediction and measurement report different places");
    for (std::size_t i = 0; i < predicted_.points.size(); ++i) point(i);
    for (std::size_t i = 0; i < predicted_.layers.size(); ++i) layer(i);
    return std::move(pairs_);
  }

 private:
  /// Where the following quantities lie.
  void at(bool of_layer, std::size_t index, const std::string& path, std::size_t point) {
    next_ = {of_layer, index, path, "", {}, {}, 1, Kind::forward, {}};
    next_.place.before = static_cast<double>(point);
    next_.place.after = static_cast<double>(predicted_.points.size() - 1 - point);
    next_.place.token_correlation = predicted_.points[point].forward.token_correlation.value;
  }

  void add(Kind kind, const std::string& quantity, const std::optional<Quantity>& predicted,
           const std::optional<Quantity>& measured, double scale) {
    if (!predicted || !measured || !predicted->representable()) return;
    next_.kind = kind;
    next_.quantity = quantity;
    next_.predicted = *predicted;
    next_.measured = *measured;
    next_.scale = std::abs(scale);
    pairs_.push_back(next_);
  }

  void point(std::size_t i) {
    const profile::Forward &f = predicted_.points[i].forward, &mf = measured_.points[i].forward;
    const profile::Backward &b = predicted_.points[i].backward, &mb = measured_.points[i].backward;
    at(false, i, predicted_.points[i].path, i);
    const double q = f.second_moment.value, gamma2 = b.variance.value;
    add(Kind::forward, "forward.mean", f.mean, mf.mean, std::sqrt(q));
    add(Kind::forward, "forward.variance", f.variance, mf.variance, f.variance.value);
    add(Kind::forward, "forward.second_moment", f.second_moment, mf.second_moment, q);
    add(Kind::forward, "forward.token_dot", f.token_dot, mf.token_dot, q);
    add(Kind::forward, "forward.cross_dot", f.cross_dot, mf.cross_dot, q);
    add(Kind::forward, "forward.token_correlation", f.token_correlation, mf.token_correlation, 1);
    add(Kind::forward, "forward.rank_residual", f.rank_residual, mf.rank_residual, 1);
    if (f.effective_rank)
      add(Kind::rank, "forward.effective_rank", f.effective_rank, mf.effective_rank, f.effective_rank->value);
    add(Kind::gradient, "backward.variance", b.variance, mb.variance, gamma2);
    add(Kind::gradient, "backward.token_dot", b.token_dot, mb.token_dot, gamma2);
    add(Kind::gradient, "backward.cross_dot", b.cross_dot, mb.cross_dot, gamma2);
    add(Kind::gradient, "backward.token_correlation", b.token_correlation, mb.token_correlation, 1);
    add(Kind::gradient, "backward.norm", b.norm, mb.norm, b.norm.value);
    ends(Kind::forward, "forward", "second_moment", f.ends, mf.ends);
    ends(Kind::gradient, "backward", "variance", b.ends, mb.ends);
    tokens(Kind::forward, "forward.tokens.second_moment", f.tokens, mf.tokens);
    tokens(Kind::gradient, "backward.tokens.variance", b.tokens, mb.tokens);
  }

  /// Every token, where they were asked for.
  void tokens(Kind kind, const std::string& quantity, const std::vector<Quantity>& predicted,
              const std::vector<Quantity>& measured) {
    const std::string point = next_.path;
    for (std::size_t i = 0; i < std::min(predicted.size(), measured.size()); ++i) {
      next_.path = point + ", token " + std::to_string(i + 1);
      add(kind, quantity, predicted[i], measured[i], predicted[i].value);
    }
    next_.path = point;
  }

  /// The first and the last token, under a mask.
  void ends(Kind kind, const std::string& way, const std::string& quantity,
            const std::optional<profile::Ends>& predicted, const std::optional<profile::Ends>& measured) {
    if (!predicted || !measured) return;
    add(kind, way + ".first_" + quantity, predicted->first, measured->first, predicted->first.value);
    add(kind, way + ".last_" + quantity, predicted->last, measured->last, predicted->last.value);
  }

  /// A layer counts as the place of its first point, so that the gradient has passed all of it.
  void layer(std::size_t i) {
    const profile::Layer &p = predicted_.layers[i], &m = measured_.layers[i];
    std::size_t first = 0;
    while (first + 1 < predicted_.points.size() && predicted_.points[first].layer < p.index) ++first;
    at(true, i, p.path, first > 0 ? first - 1 : 0);
    if (p.attention && m.attention) {
      const auto &entropy = p.attention->entropy, &fraction = p.attention->entropy_fraction;
      add(Kind::scores, "attention.score_variance", p.attention->score_variance, m.attention->score_variance,
          p.attention->score_variance.value);
      add(Kind::entropy, "attention.entropy", p.attention->entropy, m.attention->entropy,
          entropy && fraction ? entropy->value / fraction->value : 1);
    }
    for (std::size_t w = 0; w < p.weights.size() && w < m.weights.size(); ++w) {
      const std::string& name = p.weights[w].name;
      const Kind kind = name == "query" || name == "key" ? Kind::score_weight : Kind::value_weight;
      const auto& norm = p.weights[w].gradient_norm;
      add(kind, "weights." + name + ".gradient_norm", norm, m.weights[w].gradient_norm, norm ? norm->value : 1);
    }
  }

  const Profile& predicted_;
  const Profile& measured_;
  Pair next_;
  std::vector<Pair> pairs_;
};

}  // namespace

std::vector<Pair> pairs_of(const Profile& predicted, const Profile& measured) {
  return Collector(predicted, measured).collect();
}

}  // namespace sigprop::verify
