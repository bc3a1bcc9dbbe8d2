// SPDX-License-Identifier: Apache-2.0
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <array>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <numeric>
#include <random>

#include "predict/tokens/row_law.hpp"

namespace sigprop::predict {
namespace {

using Eigen::ArrayXd;
using Eigen::ArrayXXd;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::RowVectorXd;
using Eigen::VectorXd;

/// Of long sequences few, since a row averages over its keys. Every draw is used with four pairs of
/// signs.
Index draws_of(const TokenGroups& groups, double laws) {
  constexpr double worth = 32768, fewest = 16, most = 512;
  return static_cast<Index>(std::clamp(worth / (groups.tokens() * laws), fewest, most));
}

/// Sequences have draws of their own, so that their mean has less of the draws' error.
std::mt19937_64 random_of(const TokenGroups& groups) {
  std::uint64_t seed = 1;
  for (const double size : groups.sizes()) seed = seed * 0x9e3779b97f4a7c15 + static_cast<std::uint64_t>(size);
  return std::mt19937_64(seed);
}

/// Equidistant quantiles of a distribution in random order.
template <class Distribution>
ArrayXd stratified(const Distribution& distribution, Index draws, std::mt19937_64& random) {
  std::vector<double> out(static_cast<std::size_t>(draws));
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = boost::math::quantile(distribution, (static_cast<double>(i) + 0.5) / static_cast<double>(draws));
  for (std::size_t i = out.size(); i-- > 1;)
    std::swap(out[i], out[random() % (i + 1)]);  // the library's shuffles differ
  return Eigen::Map<const ArrayXd>(out.data(), draws);
}

/// Keys, their groups one behind the other: rows of matrices are tokens, columns draws.
class Keys {
 public:
  Keys(const TokenGroups& groups, const MatrixXd& products)
      : groups_(groups), different_(groups.different(products)), beyond_(groups.beyond_different(products)) {
    own_ = expanded(products.diagonal());
    own_beyond_ = expanded(beyond_.cwiseMax(0));
  }

  [[nodiscard]] const TokenGroups& groups() const { return groups_; }
  [[nodiscard]] const ArrayXd& own() const { return own_; }
  [[nodiscard]] const MatrixXd& different() const { return different_; }
  [[nodiscard]] const VectorXd& beyond() const { return beyond_; }

  /// A number of every group for each of its tokens, and sums over the tokens of groups.
  [[nodiscard]] ArrayXXd expanded(const MatrixXd& by_group) const {
    ArrayXXd out(static_cast<Index>(groups_.tokens()), by_group.cols());
    for_each_group([&](Index g, Index first, Index size) {
      out.middleRows(first, size) = by_group.row(g).array().replicate(size, 1);
    });
    return out;
  }
  [[nodiscard]] MatrixXd collapsed(const ArrayXXd& by_token) const {
    MatrixXd out(groups_.count(), by_token.cols());
    for_each_group([&](Index g, Index first, Index size) {
      out.row(g) = by_token.middleRows(first, size).colwise().sum().matrix();
    });
    return out;
  }

  /// The components of the keys along two orthogonal random queries of length 1.
  [[nodiscard]] std::array<ArrayXXd, 2> drawn(Index draws, std::mt19937_64& random) const {
    const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(different_);
    // The symmetric root: eigenvectors of equal eigenvalues are no function of the matrix, it is.
    const MatrixXd root = solver.eigenvectors() * solver.eigenvalues().cwiseMax(0).cwiseSqrt().asDiagonal() *
                          solver.eigenvectors().transpose();
    std::array<ArrayXXd, 2> out;
    for (ArrayXXd& along : out) {
      along = expanded(root * normals(groups_.count(), draws, random));
      along += normals(own_.size(), draws, random).array().colwise() * own_beyond_.sqrt();
    }
    return out;
  }

  /// X W.
  [[nodiscard]] ArrayXXd times(const ArrayXXd& weights) const { return times(weights, collapsed(weights)); }
  [[nodiscard]] ArrayXXd times(const ArrayXXd& weights, const MatrixXd& by_group) const {
    return expanded(different_ * by_group) + weights.colwise() * own_beyond_;
  }

 private:
  template <class F>
  void for_each_group(const F& f) const {
    for (Index g = 0, first = 0; g < groups_.count(); ++g) {
      const auto size = static_cast<Index>(groups_.size(g));
      f(g, first, size);
      first += size;
    }
  }

  static MatrixXd normals(Index rows, Index draws, std::mt19937_64& random) {
    const auto uniform = [&] { return (static_cast<double>(random() >> 11) + 0.5) * 0x1p-53; };
    return MatrixXd::NullaryExpr(
        rows, draws, [&] { return std::sqrt(-2 * std::log(uniform())) * std::cos(2 * std::numbers::pi * uniform()); });
  }

  const TokenGroups& groups_;
  MatrixXd different_;
  VectorXd beyond_;
  ArrayXd own_;
  ArrayXd own_beyond_;
};

/// Σ over draws of what belongs to a pair of tokens, as pairs of groups.
class PairSums {
 public:
  explicit PairSums(const Keys& keys)
      : keys_(&keys),
        between_(MatrixXd::Zero(keys.groups().count(), keys.groups().count())),
        own_(VectorXd::Zero(keys.groups().count())) {}

  /// a_j b_l of sums over the tokens of groups; a token with itself among them.
  void add(const MatrixXd& a, const MatrixXd& b) { between_.noalias() += a * b.transpose(); }
  /// What of that a token has with itself, by token.
  void add_own(const ArrayXd& by_token) { own_ += keys_->collapsed(by_token); }

  PairSums& operator+=(const PairSums& other) {
    between_ += other.between_;
    own_ += other.own_;
    return *this;
  }

  /// X_jl times the sums so far.
  void multiply() {
    const VectorXd others = between_.diagonal() - own_;
    between_ = between_.cwiseProduct(keys_->different());
    const VectorXd own = own_.cwiseProduct(keys_->different().diagonal() + keys_->beyond());
    between_.diagonal() = others.cwiseProduct(keys_->different().diagonal()) + own;
    own_ = own;
  }

  /// Of one token, or of two, on the mean.
  [[nodiscard]] MatrixXd mean() const {
    const TokenGroups& groups = keys_->groups();
    const VectorXd& n = groups.sizes();
    MatrixXd out(groups.count(), groups.columns());
    out.leftCols(groups.count()) =
        n.cwiseInverse().asDiagonal() * (between_ + between_.transpose()) * n.cwiseInverse().asDiagonal() / 2;
    for (Index g = 0; g < groups.count() && groups.are_grouped(); ++g)
      out(g, groups.count()) = n[g] > 1 ? (between_(g, g) - own_[g]) / (n[g] * (n[g] - 1)) : 0;
    out.diagonal() = mean_own();
    return out;
  }

  [[nodiscard]] VectorXd mean_own() const { return own_.cwiseQuotient(keys_->groups().sizes()); }

 private:
  const Keys* keys_;
  MatrixXd between_;
  VectorXd own_;
};

ArrayXd summed(const ArrayXXd& x) {
  return x.colwise().sum().transpose();
}

/// Softmax weights of one row a draw, and what is read of them.
struct Rows {
  Rows(const Keys& keys, const ArrayXXd& scores) : weights(scores) {
    weights.rowwise() -= scores.colwise().maxCoeff();
    weights = weights.exp();
    weights.rowwise() /= weights.colwise().sum().eval();
    by_group = keys.collapsed(weights);
    read = keys.times(weights, by_group);
    shift = summed(weights.colwise() * keys.own()) - summed(weights * read);
  }

  ArrayXXd weights;   ///< W
  MatrixXd by_group;  ///< its sums over the tokens of groups
  ArrayXXd read;      ///< X W
  ArrayXd shift;      ///< t
};

/// A row, and what of it meets any other row of the same draw, or itself.
class FirstRow {
 public:
  FirstRow(const Keys& keys, const Keys& squared, const std::array<ArrayXXd, 2>& along, Rows rows)
      : keys_(keys), along_(along), rows_(std::move(rows)), squared_read_(squared.times(rows_.weights)) {
    for (std::size_t i = 0; i < along.size(); ++i) {
      const ArrayXXd turned = rows_.weights * (along[i].rowwise() - (rows_.weights * along[i]).colwise().sum());
      read_[i] = keys.times(turned);
    }
    both_ = along[0] * read_[0] + along[1] * read_[1];
  }

  [[nodiscard]] const Rows& rows() const { return rows_; }

  /// W X W'ᵀ.
  [[nodiscard]] ArrayXd mixed(const Rows& other) const { return summed(rows_.weights * other.read); }

  /// Tr(J X J' X).
  [[nodiscard]] ArrayXd trace(const Rows& other, const ArrayXd& mixed) const {
    return summed(other.weights * (squared_read_ - rows_.read.square())) - summed(rows_.weights * other.read.square()) +
           mixed.square();
  }

  /// Σ (J y)ᵀ X (J' y) over the keys' components y along two queries.
  [[nodiscard]] ArrayXd parallel(const Rows& other) const {
    ArrayXd out = summed(other.weights * both_);
    for (std::size_t i = 0; i < along_.size(); ++i)
      out -= summed(other.weights * along_[i]) * summed(other.weights * read_[i]);
    return out;
  }

  /// Σ W_j W'_l, and Σ (J X J')_jl times a number of the draw.
  void add(const Rows& other, const ArrayXd& mixed, const ArrayXd& factor, PairSums& weights,
           PairSums& jacobian) const {
    const ArrayXXd product = rows_.weights * other.weights;
    weights.add(rows_.by_group, other.by_group);
    weights.add_own(product.rowwise().sum());
    PairSums local(keys_);
    const MatrixXd scaled = rows_.by_group * factor.matrix().asDiagonal();
    local.add(scaled, other.by_group);
    local.add_own((product.rowwise() * factor.transpose()).rowwise().sum());
    local.multiply();
    const MatrixXd seen = keys_.collapsed(rows_.weights * other.read) * factor.matrix().asDiagonal();
    local.add(scaled * mixed.matrix().asDiagonal() - seen, other.by_group);
    local.add(-scaled, keys_.collapsed(other.weights * rows_.read));
    const ArrayXXd left = (-(rows_.read + other.read)).rowwise() + mixed.transpose();
    local.add_own(((product * left).rowwise() * factor.transpose()).rowwise().sum());
    jacobian += local;
  }

 private:
  const Keys& keys_;
  const std::array<ArrayXXd, 2>& along_;
  Rows rows_;
  ArrayXXd squared_read_;         ///< (X∘X) W
  std::array<ArrayXXd, 2> read_;  ///< X J y
  ArrayXXd both_;                 ///< Σ y∘(X J y)
};

}  // namespace

RowLaw drawn_rows(const TokenGroups& groups, const MatrixXd& products, double v, double head_width, double laws) {
  const Keys keys(groups, products);
  const Keys squared(groups, products.cwiseAbs2());
  const Index draws = draws_of(groups, laws);
  std::mt19937_64 random = random_of(groups);
  const std::array<ArrayXXd, 2> components = keys.drawn(draws, random);
  const double k = head_width;
  const ArrayXd xi = stratified(boost::math::chi_squared(k), draws, random) / k, first = xi.sqrt();
  const ArrayXd second =
      k > 1 ? ArrayXd((stratified(boost::math::chi_squared(k - 1), draws, random) / k).sqrt()) : ArrayXd::Zero(draws);
  const ArrayXd beside = stratified(boost::math::normal(), draws, random) / std::sqrt(k);
  const double deviation = std::sqrt(v), few = std::max(0.0, k - 2);
  constexpr double signs = 4;
  const double each = 1 / (signs * static_cast<double>(draws)), twice = 2 * each;
  const auto scored = [&](const ArrayXXd& y, const ArrayXd& length) -> ArrayXXd {
    return y.rowwise() * (deviation * length).transpose();
  };

  RowLaw out;
  out.nodes = row_law_nodes();
  const std::size_t nodes = out.nodes.size();
  out.mixed.assign(nodes, 0);
  out.query = out.key = out.shift = out.mixed;
  std::vector<PairSums> weights(nodes, PairSums(keys)), key_weights = weights;
  PairSums one_weights(keys), one_key_weights(keys), lost_keys(keys);
  VectorXd lost_by_key = VectorXd::Zero(groups.count());

  for (const double sign : {1.0, -1.0}) {
    const FirstRow row(keys, squared, components, Rows(keys, scored(sign * components[0], first)));
    for (std::size_t n = 0; n < nodes; ++n) {
      const double rho = out.nodes[n], rest = std::sqrt(1 - rho * rho);
      const ArrayXd along_first = rho * first + rest * beside, along_second = rest * second;
      const ArrayXd turned = first * along_first;
      for (const double other : {1.0, -1.0}) {
        const Rows beside_it(keys,
                             scored(sign * components[0], along_first) + scored(other * components[1], along_second));
        const ArrayXd mixed = row.mixed(beside_it), trace = row.trace(beside_it, mixed);
        out.mixed[n] += each * mixed.sum();
        out.query[n] += each * (few / k * trace + row.parallel(beside_it) / k).sum();
        out.key[n] += each * (turned * trace).sum();
        out.shift[n] += each * (row.rows().shift * beside_it.shift).sum();
        row.add(beside_it, mixed, turned, weights[n], key_weights[n]);
      }
    }
    const Rows& itself = row.rows();
    const ArrayXd mixed = row.mixed(itself), trace = row.trace(itself, mixed);
    out.one.mixed += twice * mixed.sum();
    out.one.query += twice * ((k - 1) / k * trace + row.parallel(itself) / k).sum();
    out.one.key += twice * (xi * trace).sum();
    out.one.shift += twice * itself.shift.square().sum();
    out.one.key_shift += twice * (xi * itself.shift.square()).sum();
    row.add(itself, mixed, xi, one_weights, one_key_weights);
    out.squares += twice * itself.weights.square().sum();
    out.entropy -= twice * (itself.weights * itself.weights.max(1e-300).log()).sum();
    const ArrayXXd lost = itself.weights.square().colwise() * keys.own();
    const ArrayXd total = summed(lost);
    const ArrayXd spread = summed(lost * ((-2 * itself.read).colwise() + keys.own())) + total * mixed;
    out.lost_mixed += twice * total.sum();
    out.lost_query += twice * spread.sum();
    out.lost_key += twice * (xi * spread).sum();
    const MatrixXd scaled_lost = keys.collapsed(lost) * xi.matrix().asDiagonal();
    lost_keys.add(-2 * scaled_lost + itself.by_group * (xi * total).matrix().asDiagonal(), itself.by_group);
    const ArrayXXd own = itself.weights * (-2 * lost + itself.weights.rowwise() * total.transpose());
    lost_keys.add_own((own.rowwise() * xi.transpose()).rowwise().sum());
    lost_by_key += keys.collapsed((lost.rowwise() * xi.transpose()).rowwise().sum());
  }
  for (std::size_t n = 0; n < nodes; ++n) {
    out.weights.emplace_back(each * weights[n].mean());
    out.key_weights.emplace_back(each * key_weights[n].mean());
  }
  out.one.weights = twice * one_weights.mean();
  out.one.key_weights = twice * one_key_weights.mean();
  out.lost_weights = twice * one_weights.mean_own();
  out.lost_keys = twice * lost_keys.mean();
  out.lost_keys.diagonal() += twice * lost_by_key.cwiseQuotient(groups.sizes());
  return out;
}

}  // namespace sigprop::predict
