// SPDX-License-Identifier: Apache-2.0
#include "predict/tokens/hermite_pairs.hpp"

#include <algorithm>
#include <boost/math/quadrature/gauss.hpp>
#include <cmath>
#include <vector>

#include "predict/tokens/symmetric.hpp"
#include "sigprop/scalar/scalar.hpp"

namespace sigprop::predict {
namespace {

using Eigen::ArrayXd;
using Eigen::ArrayXXd;
using Eigen::Index;
using Eigen::MatrixXd;

/// Gauss–Legendre nodes above 0 for a normal variable, with its density in their weights.
struct HalfNodes {
  ArrayXd points;
  ArrayXd weights;

  /// highest: of the polynomials under the integral; deviation: the largest at which functions that
  /// bend about 0 are read.
  HalfNodes(Index highest, double deviation) {
    constexpr double reach = 10;  // beyond it the polynomials times the density are below 1e-11
    constexpr int finest = 12;
    // A panel holds some turns of the highest polynomial, which has √n/2π of them to the unit.
    const double width = std::min(1.0, 20 / std::sqrt(static_cast<double>(highest)));
    std::vector<double> borders{0};
    const double bends = std::log(std::max(1.0, width * deviation)) / std::log(4.0);
    for (int level = static_cast<int>(std::min<double>(finest, std::ceil(bends))); level > 0; --level)
      borders.push_back(width * std::pow(0.25, level));
    for (double x = width; x < reach + width; x += width) borders.push_back(x);
    using Rule = boost::math::quadrature::gauss<double, 20>;
    const auto half = static_cast<Index>(Rule::abscissa().size());
    points.resize(2 * half * static_cast<Index>(borders.size() - 1));
    weights.resize(points.size());
    Index at = 0;
    for (std::size_t panel = 0; panel + 1 < borders.size(); ++panel) {
      const double middle = (borders[panel] + borders[panel + 1]) / 2, arm = borders[panel + 1] - middle;
      for (Index k = 0; k < half; ++k) {
        for (const double side : {-1.0, 1.0}) {
          points[at] = middle + side * arm * Rule::abscissa()[static_cast<std::size_t>(k)];
          weights[at++] = arm * Rule::weights()[static_cast<std::size_t>(k)];
        }
      }
    }
    weights *= (-points.square() / 2).exp() / std::sqrt(2 * scalar::pi<double>());
  }
};

/// Coefficients beyond which e^(-2√(2n) w/√s) is below 1e-10, as far as they are affordable.
Index number_of_coefficients(double variance, double analytic_within) {
  constexpr double fewest = 24, most = 1024, per_square = 72;
  const double square = variance / (analytic_within * analytic_within);
  return static_cast<Index>(std::min(most, fewest + per_square * square));
}

}  // namespace

HermitePairs::HermitePairs(const std::function<double(double)>& f, double analytic_within, const ArrayXd& variance)
    : deviation_(variance.sqrt()) {
  const double largest = variance.maxCoeff();
  const Index number = number_of_coefficients(largest, analytic_within), groups = variance.size();
  const HalfNodes nodes(number, std::sqrt(largest));
  const ArrayXd& u = nodes.points;
  ArrayXXd even(u.size(), groups), odd(u.size(), groups);  // f(x) ± f(-x)
  ArrayXd own(groups);
  for (Index g = 0; g < groups; ++g) {
    const ArrayXd above = (deviation_[g] * u).unaryExpr(f), below = (-deviation_[g] * u).unaryExpr(f);
    own[g] = (nodes.weights * (above.square() + below.square())).sum();
    even.col(g) = above + below;
    odd.col(g) = above - below;
  }
  // He_n(u)/√n! times the density, n even in one half and odd in the other.
  MatrixXd polynomials[] = {MatrixXd(u.size(), (number + 1) / 2), MatrixXd(u.size(), number / 2)};
  ArrayXd now = nodes.weights, before = ArrayXd::Zero(u.size());
  for (Index n = 0; n < number; ++n) {
    polynomials[n % 2].col(n / 2) = now;
    const double root = std::sqrt(static_cast<double>(n));
    const ArrayXd next = (u * now - root * before) / std::sqrt(static_cast<double>(n + 1));
    before = now;
    now = next;
  }
  coefficients_.resize(groups, number);
  for (const Index parity : {0, 1}) {
    const MatrixXd part = (parity == 0 ? even : odd).matrix().transpose() * polynomials[parity];
    for (Index k = 0; k < part.cols(); ++k) coefficients_.col(2 * k + parity) = part.col(k).array();
  }
  rest_ = (own - coefficients_.square().rowwise().sum()).max(0).sqrt();
}

MatrixXd HermitePairs::products(const MatrixXd& covariances) const {
  const Index groups = coefficients_.rows(), number = coefficients_.cols();
  MatrixXd out(groups, covariances.cols());
  const ArrayXd scale = deviation_.unaryExpr([](double sd) { return sd > 0 ? 1 / sd : 0.0; });
  for (Index m = 0; m < groups; ++m) {
    const Index rows = groups - m;
    const ArrayXd rho = (covariances.col(m).tail(rows).array() * scale.tail(rows) * scale[m]).max(-1).min(1);
    auto sum = out.col(m).tail(rows).array();
    sum = rest_.tail(rows) * rest_[m];
    for (Index n = number; n-- > 0;) sum = sum * rho + coefficients_.col(n).tail(rows) * coefficients_(m, n);
  }
  mirror(out);
  if (out.cols() > groups) {
    const ArrayXd rho = (covariances.col(groups).array() * scale.square()).max(-1).min(1);
    auto sum = out.col(groups).array();
    sum = rest_.square();
    for (Index n = number; n-- > 0;) sum = sum * rho + coefficients_.col(n).square();
  }
  return out;
}

}  // namespace sigprop::predict
