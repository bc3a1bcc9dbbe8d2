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

/// Of long sequences few: a row averages over its keys. Every draw is used with four pairs of
/// signs.
Index draws_of(const TokenGroups& groups) {
  constexpr double worth = 32768, fewest = 128, most = 512;
  return static_cast<Index>(std::clamp(worth / groups.tokens(), fewest, most));
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
    const MatrixXd root = solver.eigenvectors() * solver.eigenvalues().cwiseMax(0).cwiseSqrt().asDiagonal();
    std::array<ArrayXXd, 2> out;
    for (ArrayXXd& along : out) {
      along = expanded(root * normals(groups_.count(), draws, random));
      along += normals(own_.size(), draws, random).array().colwise() * own_beyond_.sqrt();
    }
    return out;
  }

  /// X W.
  [[nodiscard]] ArrayXXd times(const ArrayXXd& weights) const {
    return expanded(different_ * collapsed(weights)) + weights.colwise() * own_beyond_;
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

/// Softmax weights of one row a draw, and what is read of them.
struct Rows {
  Rows(const Keys& keys, const ArrayXXd& scores) : weights(scores) {
    weights.rowwise() -= scores.colwise().maxCoeff();
    weights = weights.exp();
    weights.rowwise() /= weights.colwise().sum().eval();
    read = keys.times(weights);
    shift = ((weights.colwise() * keys.own()).colwise().sum() - (weights * read).colwise().sum()).transpose();
  }

  ArrayXXd weights;  ///< W
  ArrayXXd read;     ///< X W
  ArrayXd shift;     ///< t
};

/// Σ over draws of what belongs to a pair of tokens, as pairs of groups.
class PairSums {
 public:
  explicit PairSums(const Keys& keys)
      : keys_(keys),
        between_(MatrixXd::Zero(keys.groups().count(), keys.groups().count())),
        own_(VectorXd::Zero(keys.groups().count())) {}

  /// a_j b_l, times a number of the draw.
  void add(const ArrayXXd& a, const ArrayXXd& b, const ArrayXd& factor) {
    const ArrayXXd left = a.rowwise() * factor.transpose();
    between_ += keys_.collapsed(left) * keys_.collapsed(b).transpose();
    own_ += keys_.collapsed((left * b).rowwise().sum());
  }

  /// X_jl times the sums so far.
  void multiply() {
    const VectorXd others = between_.diagonal() - own_;
    between_ = between_.cwiseProduct(keys_.different());
    const VectorXd own = own_.cwiseProduct(keys_.different().diagonal() + keys_.beyond());
    between_.diagonal() = others.cwiseProduct(keys_.different().diagonal()) + own;
    own_ = own;
  }

  /// Of one token, or of two, on the mean.
  [[nodiscard]] MatrixXd mean() const {
    const TokenGroups& groups = keys_.groups();
    const VectorXd& n = groups.sizes();
    MatrixXd out(groups.count(), groups.columns());
    out.leftCols(groups.count()) =
        n.cwiseInverse().asDiagonal() * (between_ + between_.transpose()) * n.cwiseInverse().asDiagonal() / 2;
    for (Index g = 0; g < groups.count() && groups.are_grouped(); ++g)
      out(g, groups.count()) = n[g] > 1 ? (between_(g, g) - own_[g]) / (n[g] * (n[g] - 1)) : 0;
    out.diagonal() = own_.cwiseQuotient(n);
    return out;
  }

  [[nodiscard]] VectorXd mean_own() const { return own_.cwiseQuotient(keys_.groups().sizes()); }

 private:
  const Keys& keys_;
  MatrixXd between_;
  VectorXd own_;
};

ArrayXd summed(const ArrayXXd& x) {
  return x.colwise().sum().transpose();
}

/// W X W'ᵀ and Tr(J X J' X) of two rows, J X J' once for every draw's factor.
struct Meeting {
  Meeting(const ArrayXXd& squared_read, const Rows& a, const Rows& b) {
    mixed = summed(a.weights * b.read);
    trace = summed(squared_read * b.weights) - summed(a.weights * b.read.square()) -
            summed(b.weights * a.read.square()) + mixed.square();
  }

  static MatrixXd jacobian(const Keys& keys, const Rows& a, const Rows& b, const ArrayXd& mixed,
                           const ArrayXd& factor) {
    PairSums sum(keys);
    sum.add(a.weights, b.weights, factor);
    sum.multiply();
    sum.add(a.weights * b.read, b.weights, -factor);
    sum.add(a.weights, b.weights * a.read, -factor);
    sum.add(a.weights, b.weights, factor * mixed);
    return sum.mean();
  }

  ArrayXd mixed, trace;
};

/// (J y)ᵀ X (J' y).
ArrayXd along(const Keys& keys, const ArrayXXd& y, const Rows& a, const Rows& b) {
  const auto turned = [&](const Rows& rows) -> ArrayXXd {
    return rows.weights * (y.rowwise() - (rows.weights * y).colwise().sum());
  };
  return summed(turned(a) * keys.times(turned(b)));
}

}  // namespace

RowLaw drawn_rows(const TokenGroups& groups, const MatrixXd& products, double v, double head_width) {
  const Keys keys(groups, products);
  const Keys squared(groups, products.cwiseAbs2());
  const Index draws = draws_of(groups);
  std::mt19937_64 random = random_of(groups);
  const auto [y1, y2] = keys.drawn(draws, random);
  const double k = head_width;
  const ArrayXd xi = stratified(boost::math::chi_squared(k), draws, random) / k, first = xi.sqrt();
  const ArrayXd second =
      k > 1 ? ArrayXd((stratified(boost::math::chi_squared(k - 1), draws, random) / k).sqrt()) : ArrayXd::Zero(draws);
  const ArrayXd beside = stratified(boost::math::normal(), draws, random) / std::sqrt(k);
  const double deviation = std::sqrt(v), few = std::max(0.0, k - 2);
  constexpr double signs = 4;
  const ArrayXd each = ArrayXd::Constant(draws, 1 / (signs * static_cast<double>(draws)));
  const auto scored = [&](const ArrayXXd& y, const ArrayXd& length) -> ArrayXXd {
    return y.rowwise() * (deviation * length).transpose();
  };

  RowLaw out;
  out.nodes = {0, 0.1464466094067262, 0.5, 0.8535533905932737, 1};
  const std::size_t nodes = out.nodes.size();
  out.mixed.assign(nodes, 0);
  out.query = out.key = out.shift = out.mixed;
  const Index columns = groups.columns();
  out.weights.assign(nodes, MatrixXd::Zero(groups.count(), columns));
  out.key_weights = out.weights;
  out.one.weights = out.one.key_weights = out.lost_keys = out.weights.front();
  out.lost_weights = VectorXd::Zero(groups.count());

  for (const double sign : {1.0, -1.0}) {
    const Rows row(keys, scored(sign * y1, first));
    const ArrayXXd squared_read = squared.times(row.weights);
    for (std::size_t n = 0; n < nodes; ++n) {
      const double rho = out.nodes[n], rest = std::sqrt(1 - rho * rho);
      const ArrayXd along_first = rho * first + rest * beside, along_second = rest * second;
      const ArrayXd turned = first * along_first;
      for (const double other : {1.0, -1.0}) {
        const Rows beside_it(keys, scored(sign * y1, along_first) + scored(other * y2, along_second));
        const Meeting meeting(squared_read, row, beside_it);
        const ArrayXd parallel = along(keys, y1, row, beside_it) + along(keys, y2, row, beside_it);
        out.mixed[n] += (each * meeting.mixed).sum();
        out.query[n] += (each * (few / k * meeting.trace + parallel / k)).sum();
        out.key[n] += (each * turned * meeting.trace).sum();
        out.shift[n] += (each * row.shift * beside_it.shift).sum();
        PairSums weights(keys);
        weights.add(row.weights, beside_it.weights, each);
        out.weights[n] += weights.mean();
        out.key_weights[n] += Meeting::jacobian(keys, row, beside_it, meeting.mixed, each * turned);
      }
    }
    // A row with itself.
    const ArrayXd twice = 2 * each;
    const Meeting meeting(squared_read, row, row);
    out.one.mixed += (twice * meeting.mixed).sum();
    out.one.query += (twice * ((k - 1) / k * meeting.trace + along(keys, y1, row, row) / k)).sum();
    out.one.key += (twice * xi * meeting.trace).sum();
    out.one.shift += (twice * row.shift.square()).sum();
    out.one.key_shift += (twice * xi * row.shift.square()).sum();
    PairSums weights(keys);
    weights.add(row.weights, row.weights, twice);
    out.one.weights += weights.mean();
    out.lost_weights += weights.mean_own();
    out.one.key_weights += Meeting::jacobian(keys, row, row, meeting.mixed, twice * xi);
    out.squares += (twice * summed(row.weights.square())).sum();
    out.entropy -= (twice * summed(row.weights * row.weights.max(1e-300).log())).sum();
    const ArrayXXd lost = row.weights.square().colwise() * keys.own();
    const ArrayXd total = summed(lost);
    const ArrayXd spread = summed(lost * ((-2 * row.read).colwise() + keys.own())) + total * meeting.mixed;
    out.lost_mixed += (twice * total).sum();
    out.lost_query += (twice * spread).sum();
    out.lost_key += (twice * xi * spread).sum();
    PairSums lost_keys(keys);
    lost_keys.add(lost, row.weights, -twice * xi);
    lost_keys.add(row.weights, lost, -twice * xi);
    lost_keys.add(row.weights, row.weights, twice * xi * total);
    out.lost_keys += lost_keys.mean();
    const VectorXd by_key = keys.collapsed((lost.rowwise() * (twice * xi).transpose()).rowwise().sum());
    out.lost_keys.diagonal() += by_key.cwiseQuotient(groups.sizes());
  }
  return out;
}

}  // namespace sigprop::predict
