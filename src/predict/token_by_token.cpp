// SPDX-License-Identifier: Apache-2.0
#include "predict/token_by_token.hpp"

#include <cmath>
#include <utility>

#include "predict/activation_pairs.hpp"
#include "predict/gram_rank.hpp"
#include "predict/symmetric.hpp"

namespace sigprop::predict {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// The means of shares by token, weighted by variances.
VectorXd weighted(const VectorXd& a, const VectorXd& variance_a, const VectorXd& b, const VectorXd& variance_b) {
  const VectorXd sum = variance_a + variance_b;
  const VectorXd both = a.cwiseProduct(variance_a) + b.cwiseProduct(variance_b);
  return both.binaryExpr(sum, [](double part, double all) { return all > 0 ? part / all : 0.0; });
}

/// Over the pairs of different tokens.
double off_diagonal_mean(const Places& places, const MatrixXd& m) {
  const double length = places.tokens();
  return length > 1 ? (places.total(m) - length * places.mean(m.diagonal())) / (length * (length - 1)) : 0;
}

double pair_mean(const Places& places, const MatrixXd& m) {
  return places.total(m) / (places.tokens() * places.tokens());
}

profile::Ends ends_of(const MatrixXd& dots) {
  const Index last = dots.rows() - 1;
  return {quantity(dots(0, 0)), quantity(dots(last, last))};
}

std::vector<profile::Quantity> by_token(const Places& places, const MatrixXd& dots) {
  std::vector<profile::Quantity> out;
  for (const double value : places.spread(dots.diagonal())) out.push_back(quantity(value));
  return out;
}

std::vector<profile::Quantity> gram_of(const Places& places, const MatrixXd& dots,
                                       const std::vector<std::size_t>& tokens) {
  std::vector<profile::Quantity> out;
  for (auto row = tokens.begin(); row != tokens.end(); ++row) {
    for (auto column = tokens.begin(); column <= row; ++column)
      out.push_back(quantity(places.of_pair(dots, static_cast<double>(*row), static_cast<double>(*column))));
  }
  return out;
}

/// -m_i m_i', or another multiple of a mean's products; nothing to do where means are 0.
void add_products(double factor, const VectorXd& mean, MatrixXd& dots) {
  if (!mean.isZero(0)) dots += factor * outer(mean, dots.cols());
}

}  // namespace

TokenByToken::TokenByToken(const network::Network& network, Prefix prefix, const profile::TokenLists& tokens,
                           std::shared_ptr<RowTables> rows, Numbers<double> numbers)
    : network_(network),
      number_(std::move(numbers)),
      prefix_(prefix),
      tokens_(tokens),
      places_(prefix == Prefix::means ? Places::grouped(static_cast<Index>(network.sequence_length))
                                      : Places::single(static_cast<Index>(network.sequence_length))),
      groups_(places_.count()),
      across_(batched()),
      rows_(std::move(rows)) {}

// ---- ends ------------------------------------------------------------------------------------------------------------

TokenByToken::Signal TokenByToken::source() const {
  const Exchangeable<double> of_all(network_, Theory::full, std::make_shared<SoftmaxTables<double>>(), number_);
  const auto mean = of_all.source().moments;
  Signal x;
  x.width = number_(network_.width);
  x.mean = VectorXd::Constant(groups_, mean.mean);
  x.dots = MatrixXd::Constant(groups_, places_.columns(), mean.token_dot());
  x.dots.diagonal().setConstant(mean.second_moment());
  if (across_) {
    x.cross = MatrixXd::Constant(groups_, places_.columns(), mean.cross_dot());
    const auto* embedding = std::get_if<network::Embedding>(&network_.source);
    if (embedding != nullptr && embedding->position) {  // the moments spread it over all pairs of positions
      const double shared = square(embedding->std);
      x.cross.array() -= shared / network_.sequence_length;
      x.cross.diagonal().array() += shared;
    }
  }
  return fresh(std::move(x));
}

TokenByToken::Gradient TokenByToken::loss_gradient(const Signal&) {
  across_ = batched() && number_(network_.gradient_cross_correlation) > 0;
  const double variance = number_(network_.gradient_variance);
  Gradient g;
  g.dots = MatrixXd::Constant(groups_, places_.columns(), variance * number_(network_.gradient_token_correlation));
  g.dots.diagonal().setConstant(variance);
  if (across_)
    g.cross = MatrixXd::Constant(groups_, places_.columns(), variance * number_(network_.gradient_cross_correlation));
  return fresh(std::move(g));
}

profile::Forward TokenByToken::profile_of(const Signal& x, const std::size_t& width) const {
  formula::Moments<double> mean;
  mean.mean = places_.mean(x.mean);
  const double squared_mean = mean.mean * mean.mean;
  mean.variance = places_.mean(x.dots.diagonal()) - squared_mean;
  mean.covariance = off_diagonal_mean(places_, x.dots) - squared_mean;
  if (across_) mean.cross_covariance = pair_mean(places_, x.cross) - squared_mean;
  profile::Forward out = forward_of(mean, network_.sequence_length, number_(width), batched());
  out.effective_rank = effective_rank_of(places_, x.dots, number_(width));
  out.ends = ends_of(x.dots);
  if (tokens_.moments) out.tokens = by_token(places_, x.dots);
  if (tokens_.gram > 0) out.gram = gram_of(places_, x.dots, profile::gram_tokens(places_.tokens(), tokens_.gram));
  return out;
}

profile::Backward TokenByToken::profile_of(const Gradient& g, const std::size_t& width) const {
  const formula::Gradient<double> mean{places_.mean(g.dots.diagonal()), off_diagonal_mean(places_, g.dots),
                                       across_ ? pair_mean(places_, g.cross) : 0};
  const double elements = batch() * network_.sequence_length * number_(width);
  profile::Backward out = backward_of(mean, elements, batched());
  out.ends = ends_of(g.dots);
  if (tokens_.moments) out.tokens = by_token(places_, g.dots);
  return out;
}

TokenByToken::Signal TokenByToken::fresh(Signal x) const {
  x.settled = VectorXd::Zero(groups_);
  return x;
}

TokenByToken::Gradient TokenByToken::fresh(Gradient g) const {
  g.centred = g.radial = VectorXd::Zero(groups_);
  return g;
}

// ---- linear, activation, dropout ------------------------------------------------------------------------------------

TokenByToken::Signal TokenByToken::projected(const Signal& x, double gain, double bias, double width) const {
  Signal y;
  y.width = width;
  y.mean = VectorXd::Zero(groups_);
  y.dots = (gain * x.dots).array() + bias;
  if (across_) y.cross = (gain * x.cross).array() + bias;
  return fresh(std::move(y));
}

double TokenByToken::weight_gradient(const Signal& x, const Gradient& g, double fan_in, double fan_out) const {
  double sum = places_.total(x.dots.cwiseProduct(g.dots));
  if (across_) sum += (batch() - 1) * places_.total(x.cross.cwiseProduct(g.cross));
  return batch() * fan_in * fan_out * sum;
}

TokenByToken::Signal TokenByToken::forward(const network::Linear& op, const Signal& x) const {
  return projected(x, number_(op.in) * square(op.weight_std), square(op.bias_std), number_(op.out));
}

TokenByToken::Gradient TokenByToken::backward(const network::Linear& op, const Signal& x, const Gradient& g,
                                              Norms& norms) const {
  const double out = number_(op.out);
  norms[0] = weight_gradient(x, g, number_(op.in), out);
  const double gain = out * square(op.weight_std);
  return fresh(Gradient{gain * g.dots, gain * g.cross, {}, {}});
}

TokenByToken::GateFactors TokenByToken::gate_factors(const network::GatedLinear& op, const Signal& x) const {
  const double in = number_(op.in), out = number_(op.out), bias = square(op.bias_std);
  return {projected(x, in * square(op.gate_std), bias, out), projected(x, in * square(op.weight_std), bias, out)};
}

TokenByToken::Signal TokenByToken::forward(const network::GatedLinear& op, const Signal& x) {
  const GateFactors factors = gate_factors(op, x);
  const ActivationPairs pairs(activations_, op.activation, factors.gate.mean, factors.gate.variance());
  Signal y = factors.value;
  y.dots.array() *= pairs.products(factors.gate.dots).array();
  if (across_) y.cross.array() *= pairs.products(factors.gate.cross).array();
  return y;
}

TokenByToken::Gradient TokenByToken::backward(const network::GatedLinear& op, const Signal& x, const Gradient& g,
                                              Norms& norms) {
  const GateFactors factors = gate_factors(op, x);
  const ActivationPairs pairs(activations_, op.activation, factors.gate.mean, factors.gate.variance());
  Gradient at_gate, at_value;
  at_gate.dots = g.dots.cwiseProduct(factors.value.dots).cwiseProduct(pairs.derivatives(factors.gate.dots));
  at_value.dots = g.dots.cwiseProduct(pairs.products(factors.gate.dots));
  if (across_) {
    at_gate.cross = g.cross.cwiseProduct(factors.value.cross).cwiseProduct(pairs.derivatives(factors.gate.cross));
    at_value.cross = g.cross.cwiseProduct(pairs.products(factors.gate.cross));
  }
  const double in = number_(op.in), out = number_(op.out);
  norms[0] = weight_gradient(x, at_gate, in, out);
  norms[1] = weight_gradient(x, at_value, in, out);
  const double gate = out * square(op.gate_std), value = out * square(op.weight_std);
  return fresh(
      Gradient{gate * at_gate.dots + value * at_value.dots, gate * at_gate.cross + value * at_value.cross, {}, {}});
}

TokenByToken::Signal TokenByToken::forward(const network::Activation& op, const Signal& x) {
  const ActivationPairs pairs(activations_, op.kind, x.mean, x.variance());
  Signal y;
  y.width = x.width;
  y.mean = pairs.means();
  y.dots = pairs.products(x.dots);
  if (across_) y.cross = pairs.products(x.cross);
  return fresh(std::move(y));
}

TokenByToken::Gradient TokenByToken::backward(const network::Activation& op, const Signal& x, const Gradient& g,
                                              Norms&) {
  const ActivationPairs pairs(activations_, op.kind, x.mean, x.variance());
  Gradient back;
  back.dots = g.dots.cwiseProduct(pairs.derivatives(x.dots));
  if (across_) back.cross = g.cross.cwiseProduct(pairs.derivatives(x.cross));
  return fresh(std::move(back));
}

TokenByToken::Signal TokenByToken::forward(const network::Dropout& op, const Signal& x) const {
  const double probability = number_(op.probability);
  formula::require_drop_probability(probability);
  Signal y = x;
  y.dots.diagonal() /= 1 - probability;
  return fresh(std::move(y));
}

TokenByToken::Gradient TokenByToken::backward(const network::Dropout& op, const Signal&, const Gradient& g,
                                              Norms&) const {
  Gradient back = g;
  back.dots.diagonal() /= 1 - number_(op.probability);
  return fresh(std::move(back));
}

// ---- norm ------------------------------------------------------------------------------------------------------------

TokenByToken::Signal TokenByToken::forward(const network::Norm& op, const Signal& x) const {
  return normalized(op.kind, x);
}

TokenByToken::Signal TokenByToken::normalized(network::NormKind kind, const Signal& x) const {
  const bool centres = kind == network::NormKind::layer_norm;
  const VectorXd mean = centres ? x.mean : VectorXd::Zero(groups_);
  const VectorXd scale = x.dots.diagonal() - mean.cwiseAbs2();
  for (Index i = 0; i < groups_; ++i)
    formula::require_positive(centres ? "LayerNorm input variance" : "RMSNorm input second moment", scale[i]);
  const VectorXd inverse = scale.cwiseSqrt().cwiseInverse();
  Signal y;
  y.width = x.width;
  y.mean = (x.mean - mean).cwiseProduct(inverse);
  const auto normalized = [&](MatrixXd dots) {
    add_products(-1, mean, dots);
    scale_pairs(inverse, dots);
    return dots;
  };
  y.dots = normalized(x.dots);
  if (across_) y.cross = normalized(x.cross);
  y.settled = VectorXd::Ones(groups_);
  return y;
}

TokenByToken::Gradient TokenByToken::through_norm(network::NormKind kind, const Signal& x, double width,
                                                  const Gradient& g) const {
  const bool centres = kind == network::NormKind::layer_norm;
  const VectorXd scale = centres ? x.variance() : VectorXd(x.dots.diagonal());
  const VectorXd& centred = centres ? g.centred : x.settled;
  Gradient back;
  back.dots.resize(groups_, places_.columns());
  if (across_) back.cross.resize(groups_, places_.columns());
  // Column c of the matrices holds the pairs of groups i and m.
  const auto through = [&](Index i, Index m, Index c) {
    const formula::NormShares<double> shares{(x.settled[i] + x.settled[m]) / 2, (centred[i] + centred[m]) / 2,
                                             (g.radial[i] + g.radial[m]) / 2};
    const double size = std::sqrt(scale[i] * scale[m]);
    const double r = formula::correlation(x.dots(i, c) - x.mean[i] * x.mean[m], size);
    const formula::Gradient<double> here{g.dots(i, c), g.dots(i, c), across_ ? g.cross(i, c) : 0};
    const formula::Gradient<double> in = formula::norm_backward(here, size, r, width, shares);
    back.dots(i, c) = i == c ? in.variance : in.covariance;
    if (across_) back.cross(i, c) = in.cross_covariance;
  };
  for (Index m = 0; m < groups_; ++m) {
    for (Index i = m; i < groups_; ++i) through(i, m, m);
  }
  mirror(back.dots);
  if (across_) mirror(back.cross);
  for (Index i = 0; i < groups_ && places_.are_grouped(); ++i) through(i, i, groups_);
  back.centred = centres ? VectorXd::Ones(groups_) : g.centred;
  back.radial = VectorXd::Ones(groups_);
  return back;
}

TokenByToken::Gradient TokenByToken::backward(const network::Norm& op, const Signal& x, const Gradient& g,
                                              Norms&) const {
  return through_norm(op.kind, x, number_(op.width), g);
}

// ---- residual --------------------------------------------------------------------------------------------------------

TokenByToken::Sum TokenByToken::sum(const network::Residual& op, const Signal& x, const Signal& branch) const {
  const double skip = number_(op.skip), in_branch = number_(op.branch);
  const double a = skip * skip, b = in_branch * in_branch, both = skip * in_branch;
  const auto added = [&](const MatrixXd& of_skip, const MatrixXd& of_branch) -> MatrixXd {
    MatrixXd out = a * of_skip + b * of_branch;  // and both m mfᵀ + mf mᵀ, from the products of m + mf and m - mf
    if (x.mean.isZero(0) || branch.mean.isZero(0)) return out;
    add_products(both / 2, x.mean + branch.mean, out);
    add_products(-both / 2, x.mean - branch.mean, out);
    return out;
  };
  Signal sum;
  sum.width = x.width;
  sum.mean = skip * x.mean + in_branch * branch.mean;
  sum.dots = added(x.dots, branch.dots);
  if (across_) sum.cross = added(x.cross, branch.cross);
  const VectorXd variance = sum.variance();
  const VectorXd skip_share =
      variance.binaryExpr(a * x.variance(), [](double all, double part) { return all > 0 ? part / all : 0.0; });
  sum.settled = skip == 0 ? branch.settled : VectorXd(skip_share.cwiseProduct(x.settled));
  return {std::move(sum), VectorXd::Ones(groups_) - skip_share};
}

TokenByToken::Gradient TokenByToken::into_branch(const network::Residual& op, const Gradient& g) const {
  return fresh(Gradient{square(op.branch) * g.dots, square(op.branch) * g.cross, {}, {}});
}

TokenByToken::Gradient TokenByToken::sum(const network::Residual& op, const Gradient& g, const Gradient& branch,
                                         const VectorXd& branch_share) const {
  const double skip = number_(op.skip), a = skip * skip;
  Gradient sum{a * g.dots + branch.dots, a * g.cross + branch.cross, {}, {}};
  if (skip == 0) {
    sum.centred = branch.centred;
    sum.radial = branch.radial;
    return sum;
  }
  const VectorXd skip_share = sum.dots.diagonal().binaryExpr(
      a * g.dots.diagonal(), [](double all, double part) { return all > 0 ? part / all : 0.0; });
  sum.centred = g.centred.cwiseProduct(skip_share);
  const VectorXd skip_of_signal = VectorXd::Ones(groups_) - branch_share;
  sum.radial = network::is_homogeneous(op.of)
                   ? g.radial
                   : VectorXd(g.radial.cwiseProduct(skip_share).cwiseProduct(skip_of_signal));
  return sum;
}

// ---- lists side by side, experts -------------------------------------------------------------------------------------

TokenByToken::Signal TokenByToken::add(const Signal&, const Signal& a, const Signal& b) const {
  Signal out = sum(network::Residual{}, a, b).signal;
  out.settled = weighted(a.settled, a.variance(), b.settled, b.variance());
  return out;
}

TokenByToken::Gradient TokenByToken::add(const Gradient& a, const Gradient& b) const {
  const VectorXd of_a = a.dots.diagonal(), of_b = b.dots.diagonal();
  return {a.dots + b.dots, a.cross + b.cross, weighted(a.centred, of_a, b.centred, of_b),
          weighted(a.radial, of_a, b.radial, of_b)};
}

TokenByToken::Signal TokenByToken::mean_of(const network::Experts& op, const Signal&, const Signal& y) const {
  const double count = number_(op.count), chosen = number_(op.chosen);
  const MatrixXd means = outer(y.mean, y.dots.cols());
  Signal out = y;
  out.dots = means + (y.dots - means) / count;
  out.dots.diagonal() = means.diagonal() + y.variance() / chosen;
  if (across_) out.cross = means + (y.cross - means) / count;
  return fresh(std::move(out));
}

TokenByToken::Gradient TokenByToken::into_experts(const network::Experts& op, const Gradient& g) const {
  const double count = number_(op.count), chosen = number_(op.chosen);
  Gradient out{g.dots / count, g.cross / count, {}, {}};
  out.dots.diagonal() = g.dots.diagonal() / chosen;
  return fresh(std::move(out));
}

}  // namespace sigprop::predict
