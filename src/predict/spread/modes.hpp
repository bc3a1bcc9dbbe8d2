// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <cmath>

#include "sigprop/formula/moments.hpp"

namespace sigprop::predict {

/// How many numbers the products of all pairs of tokens have; they are those of three modes.
inline constexpr int mode_count = 3;

using ModeVector = Eigen::Matrix<double, mode_count, 1>;
using ModeMatrix = Eigen::Matrix<double, mode_count, mode_count>;

[[nodiscard]] inline double square(double x) {
  return x * x;
}

/// Σ λ⁴/(Σ λ²)² of the eigenvalues of the Gram matrix of m tokens whose features have this
/// participation: of a Marchenko–Pastur law.
[[nodiscard]] inline double fourth_participation(double participation, double tokens) {
  const double y = participation * tokens;
  return (1 + 6 * y + 6 * y * y + y * y * y) / (square(1 + y) * tokens);
}

/// The eigenspaces of the matrix of products of all B L tokens of a batch, where the products are
/// the same for every pair of a kind: the mean over the batch; the means of sequences around it;
/// tokens around the mean of their sequence. The energy of a mode is the sum of its eigenvalues
/// over B L, so that the energies add up to the second moment.
class Modes {
 public:
  using Products = formula::Gradient<double>;

  Modes(double batch, double length) : batch_(batch), length_(length) {
    inverse_ranks_ << 1, batch > 1 ? 1 / (batch - 1) : 0, length > 1 ? 1 / (batch * (length - 1)) : 0;
  }

  [[nodiscard]] double tokens() const { return batch_ * length_; }
  [[nodiscard]] double batch() const { return batch_; }
  [[nodiscard]] double length() const { return length_; }

  /// 1/n_a of the number of dimensions of every mode; 0 for a mode that the batch does not have.
  [[nodiscard]] const ModeVector& inverse_ranks() const { return inverse_ranks_; }

  [[nodiscard]] ModeVector energies(const Products& products) const {
    const double apart = length_ > 1 ? products.variance - products.covariance : 0;
    const double within = length_ > 1 ? products.covariance : products.variance;
    const double across = batch_ > 1 ? products.cross_covariance : within;
    const double sequences = within - across + apart / length_;
    return {across + (within - across) / batch_ + apart / tokens(), (1 - 1 / batch_) * sequences,
            (1 - 1 / length_) * apart};
  }

  /// The products of modes with these energies. In sequences of one token the product of two is
  /// kept as it is in `like`.
  [[nodiscard]] Products products(const ModeVector& energies, const Products& like) const {
    const double own = energies.sum();
    const double apart = length_ > 1 ? energies[2] * length_ / (length_ - 1) : 0;
    const double within = own - apart;
    const double across = batch_ > 1 ? within - energies[1] * batch_ / (batch_ - 1) + apart / length_ : within;
    return {own, length_ > 1 ? within : like.covariance, batch_ > 1 ? across : like.cross_covariance};
  }

 private:
  double batch_, length_;
  ModeVector inverse_ranks_;
};

}  // namespace sigprop::predict
