// SPDX-License-Identifier: Apache-2.0
#include "predict/tokens/cross_attention.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "predict/tables/curve.hpp"
#include "predict/tokens/symmetric.hpp"

namespace sigprop::predict {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Functionals of all pairs of rows, each with itself among them; where rows are alike from curves
/// over their correlation.
class PairsOfRows {
 public:
  /// queries: their products.
  PairsOfRows(const MatrixXd& queries, const VectorXd& variance, double row_correlation, SoftmaxTable<double>& table)
      : queries_(queries),
        root_(queries.diagonal().cwiseSqrt()),
        variance_(variance),
        row_correlation_(row_correlation),
        alike_(nearly_constant(variance)),
        table_(table) {}

  [[nodiscard]] MatrixXd of(double formula::PairMeans<double>::*part) const {
    std::optional<Curve> curve;
    if (alike_) curve.emplace([&](double rho) { return table_(variance_[0], rho).pair.*part; });
    const auto value = [&](Index i, Index m, double product) {
      const double rho = std::max(0.0, row_correlation_ * formula::correlation(product, root_[i] * root_[m]));
      return curve ? (*curve)(rho) : table_(std::sqrt(variance_[i] * variance_[m]), rho).pair.*part;
    };
    const Index count = queries_.rows();
    return over_groups(
        count, queries_.cols(), [&](Index i, Index m) { return value(i, m, queries_(i, m)); },
        [&](Index i) { return value(i, i, queries_(i, count)); });
  }

 private:
  const MatrixXd& queries_;
  VectorXd root_;
  const VectorXd& variance_;
  double row_correlation_;
  bool alike_;
  SoftmaxTable<double>& table_;
};

}  // namespace

CrossAttention cross_attention(const TokenPairs& rows, const formula::Moments<double>& keys,
                               const formula::AttentionShape<double>& shape, SoftmaxTable<double>& table) {
  const formula::Queries<double, TokenPairs> queries(rows, shape);
  const formula::KeyFactors<double> of_keys(keys, shape);
  const VectorXd query = own(queries.products);
  const VectorXd variance = query * (shape.score_gain * of_keys.gain * of_keys.spread);
  for (const double v : variance) formula::require_finite("score variance", v);
  const PairsOfRows pairs(queries.products.within, variance, of_keys.row_correlation(), table);
  MatrixXd overlap = pairs.of(&formula::PairMeans<double>::overlap);
  MatrixXd query_jacobian = pairs.of(&formula::PairMeans<double>::query_jacobian);
  MatrixXd key_jacobian = pairs.of(&formula::PairMeans<double>::key_jacobian);
  scale_pairs(query.cwiseSqrt(), key_jacobian);

  VectorXd entropy(query.size()), leak(query.size());
  for (Index i = 0; i < query.size(); ++i) {
    const formula::RowMeans<double> row = table(variance[i], 0).row;
    entropy[i] = row.entropy;
    leak[i] = row.leak;
    overlap(i, i) = row.squares;
    query_jacobian(i, i) = row.query_jacobian;
    key_jacobian(i, i) = query[i] * row.key_jacobian;
  }
  const TokenGroups& groups = *rows.groups;
  const Eigen::ArrayXd focus = 1 - overlap.diagonal().array();
  const double own_mean = groups.mean(query), paired = groups.mean_of_pairs(queries.products.within, own_mean);
  const double rho = own_mean > 0 ? std::clamp(of_keys.row_correlation() * paired / own_mean, 0.0, 1.0) : 0;
  return {{rows,
           queries,
           {&groups, std::move(overlap), {}},
           {&groups, std::move(query_jacobian), {}},
           {&groups, std::move(key_jacobian), {}},
           focus,
           leak.array()},
          groups.mean(variance),
          groups.mean(entropy),
          table(groups.mean(variance), rho)};
}

}  // namespace sigprop::predict
