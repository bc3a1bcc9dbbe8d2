// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cmath>
#include <vector>

#include "predict/tables/curve.hpp"
#include "predict/tables/router_table.hpp"
#include "predict/tokens/grouped_tokens.hpp"
#include "predict/tokens/symmetric.hpp"

namespace sigprop::predict {
namespace {

using Eigen::ArrayXd;
using Eigen::Index;
using Eigen::MatrixXd;
using formula::RouterMeans;
using Experts = network::BasicExperts<double, double>;
using Mean = double RouterMeans<double>::*;

/// One functional of a router over pairs of tokens of any logits' deviations: where these lie
/// within a factor of 2, a parabola through curves at three of them.
class RoutedPairs {
 public:
  RoutedPairs(const Experts& op, const ArrayXd& second_moment, Mean mean)
      : op_(op), mean_(mean), deviation_(op.router_std * (op.width * second_moment).sqrt()) {
    constexpr double farthest = 2;
    const double low = deviation_.minCoeff(), high = deviation_.maxCoeff();
    if (!(high <= farthest * low)) return;
    nodes_ = {low};
    if (!nearly_constant(deviation_)) nodes_ = {low, (low + high) / 2, high};
    for (const double node : nodes_) curves_.emplace_back([&](double r) { return exact(node, r); });
  }

  [[nodiscard]] MatrixXd operator()(const MatrixXd& dots) const {
    const auto pair = [&](Index i, Index m, double dot) {
      const double deviation = std::sqrt(deviation_[i] * deviation_[m]);
      const double scale = deviation * deviation / (op_.router_std * op_.router_std * op_.width);
      return value(deviation, formula::correlation(dot, scale));
    };
    const Index groups = dots.rows();
    return over_groups(
        groups, dots.cols(), [&](Index i, Index m) { return pair(i, m, dots(i, m)); },
        [&](Index i) { return pair(i, i, dots(i, groups)); });
  }

 private:
  [[nodiscard]] double exact(double deviation, double correlation) const {
    return predict::router_means(std::array{deviation, correlation, op_.count, op_.chosen}, op_.router).*mean_;
  }

  [[nodiscard]] double value(double deviation, double correlation) const {
    if (curves_.empty() || correlation < 0) return exact(deviation, correlation);
    double sum = 0;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      double weight = 1;
      for (std::size_t j = 0; j < nodes_.size(); ++j) {
        if (j != i) weight *= (deviation - nodes_[j]) / (nodes_[i] - nodes_[j]);
      }
      sum += weight * curves_[i](correlation);
    }
    return sum;
  }

  const Experts& op_;
  Mean mean_;
  ArrayXd deviation_;
  std::vector<double> nodes_;
  std::vector<Curve> curves_;
};

}  // namespace

RouterMeans<TokenPairs> GroupedTokens::router_means(const Experts& op, const Moments& x) {
  require_covered_router(op);
  const TokenPairs dots = products(x);
  const auto pairs = [&](Mean mean) {
    const RoutedPairs routed(op, own(dots), mean);
    TokenPairs out{dots.groups, routed(dots.within), {}};
    if (dots.has_across()) out.across = routed(dots.across);
    return out;
  };
  return {pairs(&RouterMeans<double>::overlap), pairs(&RouterMeans<double>::jacobian)};
}

}  // namespace sigprop::predict
