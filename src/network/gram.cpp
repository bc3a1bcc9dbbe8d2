// SPDX-License-Identifier: Apache-2.0
#include "sigprop/network/gram.hpp"

#include <Eigen/Cholesky>
#include <cmath>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace sigprop::network {
namespace {

using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr double rounding = 1e-4;

[[noreturn]] void refuse(std::size_t row, std::size_t column, double value, const std::string& range) {
  std::ostringstream out;
  out << "row " << row + 1 << ", column " << column + 1 << " is " << value << ", but must be " << range;
  throw std::domain_error(out.str());
}

void require_products(const Rows& products) {
  const double largest = products.diagonal().maxCoeff();
  for (Eigen::Index i = 0; i < products.rows(); ++i) {
    for (Eigen::Index j = 0; j < products.cols(); ++j) {
      const double value = products(i, j);
      const auto at = [&](const std::string& range) {
        refuse(static_cast<std::size_t>(i), static_cast<std::size_t>(j), value, range);
      };
      if (!(std::abs(value) <= 1e12)) at("a number from -1e12 to 1e12");
      if (i == j && !(value >= 0)) at("at least 0: it is a token's second moment");
      if (i == j) continue;
      const double other = products(j, i);
      if (std::abs(value - other) > rounding * largest)
        at("what stands in row " + std::to_string(j + 1) + ", column " + std::to_string(i + 1));
      if (value * value > products(i, i) * products(j, j) + rounding * largest * largest)
        at("at most the root of both tokens' second moments");
    }
  }
  if (!(largest > 0)) throw std::domain_error("all products are 0, but some token must have a second moment");
}

/// By a Cholesky decomposition with pivots, which takes tokens that are equal.
Rows root_of(const Rows& products) {
  const Eigen::LDLT<Eigen::MatrixXd> parts(products);
  const Eigen::VectorXd pivots = parts.vectorD().cwiseMax(0).cwiseSqrt();
  const Eigen::MatrixXd scaled = Eigen::MatrixXd(parts.matrixL()) * pivots.asDiagonal();
  Rows root = parts.transpositionsP().transpose() * scaled;
  const double error = (root * root.transpose() - products).cwiseAbs().maxCoeff();
  if (!(error <= rounding * products.diagonal().maxCoeff())) {
    std::ostringstream out;
    out << "products of tokens are positive semidefinite, but the nearest that are lie " << error << " from these";
    throw std::domain_error(out.str());
  }
  return root;
}

}  // namespace

double Gram::mean_own() const {
  double sum = 0;
  for (std::size_t i = 0; i < tokens; ++i) sum += products[i * (tokens + 1)];
  return sum / static_cast<double>(tokens);
}

double Gram::mean_of_pairs() const {
  if (tokens < 2) return 0;
  double sum = 0;
  for (const double product : products) sum += product;
  const auto count = static_cast<double>(tokens);
  return (sum - count * mean_own()) / (count * (count - 1));
}

Gram gram_of(std::string file, std::size_t tokens, std::vector<double> products) {
  const auto count = static_cast<Eigen::Index>(tokens);
  Eigen::Map<Rows> given(products.data(), count, count);
  require_products(given);
  const Rows symmetric = (given + given.transpose()) / 2;
  given = symmetric;
  const Rows root = root_of(symmetric);
  return {std::move(file), tokens, std::move(products), {root.data(), root.data() + root.size()}};
}

}  // namespace sigprop::network
