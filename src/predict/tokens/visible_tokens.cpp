// SPDX-License-Identifier: Apache-2.0
#include "predict/tokens/visible_tokens.hpp"

namespace sigprop::predict {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

VectorXd VisibleTokens::hidden() const {
  return (groups_.sizes() - VectorXd::Ones(groups_.count())) / 2;
}

MatrixXd VisibleTokens::counted_keys(const MatrixXd& u) const {
  if (!groups_.are_grouped()) return u;
  MatrixXd out = u * groups_.sizes().asDiagonal();
  out.diagonal() -= hidden().cwiseProduct(u.diagonal());
  return out;
}

MatrixXd VisibleTokens::counted_rows(const MatrixXd& u) const {
  if (!groups_.are_grouped()) return u;
  MatrixXd out = groups_.sizes().asDiagonal() * u;
  out.diagonal() -= hidden().cwiseProduct(u.diagonal());
  return out;
}

MatrixXd VisibleTokens::over_shared_keys(const MatrixXd& u, const MatrixXd& v) const {
  const MatrixXd right = v.transpose();
  MatrixXd out = lower(counted_keys(u)) * right;
  if (!groups_.are_grouped()) return out;
  // Of the shorter row's group the product has taken all tokens where the longer row is first.
  const VectorXd lost = hidden().cwiseProduct(v.diagonal());
  for (Index c = 0; c < out.cols(); ++c) {
    const Index longer = out.rows() - c - 1;
    out.col(c).tail(longer) -= lost[c] * u.col(c).tail(longer);
  }
  return out;
}

MatrixXd VisibleTokens::over_shared_rows(const MatrixXd& u, const MatrixXd& v) const {
  MatrixXd out(u.cols(), groups_.columns());
  const MatrixXd counted = counted_rows(u);
  out.leftCols(u.cols()) = transposed(counted) * v;
  if (!groups_.are_grouped()) return out;
  // Of the later key's group the product has taken all tokens where the earlier key is first.
  const VectorXd lost = hidden().cwiseProduct(v.diagonal());
  for (Index c = 0; c < u.cols(); ++c) out.col(c).head(c) -= lost[c] * u.row(c).head(c).transpose();
  const VectorXd own = u.diagonal().cwiseProduct(v.diagonal());
  out.col(u.cols()) = out.diagonal() - (groups_.sizes().array() + 1).matrix().cwiseProduct(own) / 6;
  return out;
}

MatrixXd VisibleTokens::pairs(MatrixXd different, const MatrixXd& shared) const {
  const Index count = groups_.count();
  MatrixXd out = shared;
  out.leftCols(count) += different;
  if (groups_.are_grouped()) out.col(count) += different.diagonal();
  return out;
}

}  // namespace sigprop::predict
