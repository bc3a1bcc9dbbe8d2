// SPDX-License-Identifier: Apache-2.0
#include "predict/tokens/token_groups.hpp"

#include <algorithm>
#include <vector>

namespace sigprop::predict {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

// A group is such a part of what lies before it, by which functionals bend, and of what lies behind
// it: the gradients of the last keys fall with its square.
constexpr Index part_before = 16;
constexpr Index part_behind = 4;

/// The largest odd size of the next group.
Index next_size(Index before, Index left) {
  const Index wanted = std::max<Index>(1, std::min(before / part_before, left / part_behind));
  return wanted % 2 == 1 ? wanted : wanted - 1;
}

}  // namespace

TokenGroups::TokenGroups(VectorXd sizes) : size_(std::move(sizes)), middle_(size_.size()) {
  for (Index g = 0; g < size_.size(); ++g) {
    middle_[g] = tokens_ + reached(g);
    tokens_ += size_[g];
    grouped_ = grouped_ || size_[g] > 1;
  }
}

TokenGroups TokenGroups::single(Index length) {
  return TokenGroups(VectorXd::Ones(length));
}

TokenGroups TokenGroups::grouped(Index length) {
  std::vector<double> sizes;
  for (Index before = 0; before < length;) {
    const Index size = next_size(before, length - before);
    sizes.push_back(static_cast<double>(size));
    before += size;
  }
  return TokenGroups(Eigen::Map<const VectorXd>(sizes.data(), static_cast<Index>(sizes.size())));
}

TokenGroups TokenGroups::of(std::vector<Index> group_of_token) {
  VectorXd sizes = VectorXd::Zero(1 + *std::max_element(group_of_token.begin(), group_of_token.end()));
  for (const Index g : group_of_token) ++sizes[g];
  TokenGroups out(std::move(sizes));
  out.group_of_token_ = std::move(group_of_token);
  return out;
}

MatrixXd TokenGroups::different(const MatrixXd& products) const {
  if (!grouped_) return products;
  MatrixXd out = products.leftCols(count());
  for (Index g = 0; g < count(); ++g) {
    if (size_[g] > 1) out(g, g) = products(g, count());
  }
  return out;
}

VectorXd TokenGroups::beyond_different(const MatrixXd& products) const {
  VectorXd out = VectorXd::Zero(count());
  for (Index g = 0; g < count(); ++g) {
    if (size_[g] > 1) out[g] = products(g, g) - products(g, count());
  }
  return out;
}

std::vector<Index> TokenGroups::by_token() const {
  if (!are_neighbours()) return group_of_token_;
  std::vector<Index> out;
  for (Index g = 0; g < count(); ++g) out.insert(out.end(), static_cast<std::size_t>(size(g)), g);
  return out;
}

VectorXd TokenGroups::part(const std::function<bool(std::size_t)>& holds) const {
  VectorXd out = VectorXd::Zero(count());
  const std::vector<Index> groups = by_token();
  for (std::size_t token = 0; token < groups.size(); ++token) {
    if (holds(token)) out[groups[token]] += 1;
  }
  return out.cwiseQuotient(size_);
}

MatrixXd TokenGroups::means(const std::vector<double>& products) const {
  const std::vector<Index> groups = by_token();
  const std::size_t length = groups.size();
  MatrixXd out = MatrixXd::Zero(count(), columns());
  VectorXd own = VectorXd::Zero(count());
  for (std::size_t i = 0; i < length; ++i) {
    for (std::size_t j = 0; j < length; ++j) {
      const double product = products[i * length + j];
      if (i == j) {
        own[groups[i]] += product;
      } else {
        out(groups[i], groups[i] == groups[j] && grouped_ ? count() : groups[j]) += product;
      }
    }
  }
  for (Index g = 0; g < count(); ++g) {
    for (Index h = 0; h < count(); ++h) out(g, h) /= size(g) * size(h);
    out(g, g) = own[g] / size(g);
    if (grouped_ && size(g) > 1) out(g, count()) /= size(g) * (size(g) - 1);
  }
  return out;
}

double TokenGroups::total(const MatrixXd& products) const {
  if (!grouped_) return products.sum();
  const auto pairs = products.leftCols(count());
  const VectorXd own = pairs.diagonal();
  const VectorXd others = size_.cwiseProduct(size_ - VectorXd::Ones(count()));
  return size_.dot(pairs * size_) + size_.dot(own) - size_.cwiseAbs2().dot(own) + others.dot(products.col(count()));
}

double TokenGroups::mean_of_pairs(const MatrixXd& products, double alone) const {
  if (!(tokens_ > 1)) return alone;
  return (total(products) - tokens_ * mean(products.diagonal())) / (tokens_ * (tokens_ - 1));
}

TokenGroups::Between TokenGroups::between(double token, Index from) const {
  if (!group_of_token_.empty()) {
    const Index group = group_of_token_[static_cast<std::size_t>(token) - 1];
    return {group, group, 0};
  }
  Index g = from;
  while (g + 2 < count() && middle_[g + 1] < token) ++g;
  const Index next = std::min(g + 1, count() - 1);
  const double gap = middle_[next] - middle_[g];
  return {g, next, gap > 0 ? std::clamp((token - middle_[g]) / gap, 0.0, 1.0) : 0};
}

VectorXd TokenGroups::spread(const VectorXd& by_group) const {
  VectorXd out(static_cast<Index>(tokens_));
  Index g = 0;
  for (Index i = 0; i < out.size(); ++i) {
    const Between at = between(static_cast<double>(i + 1), g);
    g = at.first;
    out[i] = (1 - at.share) * by_group[at.first] + at.share * by_group[at.second];
  }
  return out;
}

double TokenGroups::of_pair(const MatrixXd& products, double i, double j) const {
  const Between a = between(i), b = between(j);
  if (i == j) return (1 - a.share) * products(a.first, a.first) + a.share * products(a.second, a.second);
  const auto of_groups = [&](Index g, Index h) {
    return g != h ? products(g, h) : products(g, grouped_ ? count() : g);
  };
  const auto row = [&](Index g) {
    const double first = (1 - b.share) * of_groups(g, b.first);
    return b.share > 0 ? first + b.share * of_groups(g, b.second) : first;
  };
  const double first = (1 - a.share) * row(a.first);
  return a.share > 0 ? first + a.share * row(a.second) : first;
}

MatrixXd outer(const VectorXd& v, Index columns) {
  MatrixXd out(v.size(), columns);
  out.leftCols(v.size()) = v * v.transpose();
  if (columns > v.size()) out.col(v.size()) = v.cwiseAbs2();
  return out;
}

void scale_pairs(const VectorXd& v, MatrixXd& m) {
  m = v.asDiagonal() * m;
  for (Index c = 0; c < v.size(); ++c) m.col(c) *= v[c];
  if (m.cols() > v.size()) m.col(v.size()).array() *= v.array();
}

}  // namespace sigprop::predict
