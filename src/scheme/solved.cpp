// SPDX-License-Identifier: Apache-2.0
#include "scheme/solved.hpp"

#include <boost/math/tools/roots.hpp>
#include <cmath>
#include <vector>

#include "scheme/deepscalelm.hpp"
#include "sigprop/predict/predict.hpp"
#include "sigprop/predict/propagator.hpp"

namespace sigprop::scheme {
namespace {

using network::LayerStd;
using network::Stack;

/// The branch's function, its norm and dropout included, without the residual sum.
std::vector<network::Component> function_of(const Stack& stack, std::size_t branch) {
  return std::get<network::Residual>(network::residual_of(stack, branch).front().op).of;
}

/// Where a root of ln variance counts as found.
constexpr double close_enough = 1e-12;

/// The deviation `x` at which a branch has variance 1. Its variance rises with x from 0 without
/// bound.
template <class F>
double unit_variance_at(F&& variance, double guess) {
  const auto excess = [&](double x) { return std::log(variance(x)); };
  if (std::abs(excess(guess)) < close_enough) return guess;
  constexpr int bits = 48;
  constexpr double bracket_factor = 2;
  constexpr std::uintmax_t most = 200;
  std::uintmax_t iterations = most;
  const auto root = boost::math::tools::bracket_and_solve_root(
      excess, guess, bracket_factor, true, boost::math::tools::eps_tolerance<double>(bits), iterations);
  if (iterations >= most) throw boost::math::evaluation_error("the root finder did not converge");
  return (root.first + root.second) / 2;
}

/// The deviations of a branch that are left to the scheme: its two matrices, and the gate.
std::vector<double*> open_deviations(LayerStd& std, bool ffn) {
  std::vector<double*> open;
  for (double LayerStd::*weight : {&LayerStd::value, &LayerStd::output}) {
    if (!ffn && std.*weight == 0) open.push_back(&(std.*weight));
  }
  for (double LayerStd::*weight : {&LayerStd::ffn_in, &LayerStd::ffn_gate, &LayerStd::ffn_out}) {
    if (ffn && std.*weight == 0) open.push_back(&(std.*weight));
  }
  return open;
}

/// Sets the open deviations of a branch to one number, from which `last`, that of the layer before,
/// is not far.
void solve_branch(predict::Propagator& signal, Stack& stack, std::size_t branch, double& last) {
  const bool ffn = branch % stack.branches_per_layer() + 1 == stack.branches_per_layer();
  const auto open = open_deviations(stack.std[branch / stack.branches_per_layer()], ffn);
  if (open.empty()) return;
  const auto variance = [&](double x) {
    for (double* std : open) *std = x;
    return signal.variance_after(function_of(stack, branch));
  };
  last = unit_variance_at(variance, last);
  for (double* std : open) *std = last;
}

/// Every branch of the stack in turn, each behind those before it.
void solve(predict::Propagator& signal, Stack& stack) {
  const double usual = std::sqrt(1 / static_cast<double>(stack.width));
  std::vector<double> last(stack.branches_per_layer(), usual);
  for (std::size_t branch = 0; branch < stack.branches(); ++branch) {
    LayerStd& std = stack.std[branch / stack.branches_per_layer()];
    for (double* score : {&std.query, &std.key}) {
      if (*score == 0) *score = usual;
    }
    solve_branch(signal, stack, branch, last[branch % stack.branches_per_layer()]);
    signal.advance(network::residual_of(stack, branch));
  }
}

}  // namespace

Settings deepscalelm_full(const Task& task) {
  require_one_stack(task, "deepscalelm_full");
  require_single_functions(task, "deepscalelm_full");
  const double share = branch_share(task);
  Settings out = in_every_layer(task, {});
  out.embedding = unit_embedding(task);
  scale_residuals(task, std::sqrt(1 - share), std::sqrt(share), out);
  Stack stack = task.stack;
  if (!task.skip_is_set) stack.skip = out.skip;
  if (!task.branch_is_set) stack.branch = out.branch;
  network::Network model = task.model;
  if (auto* embedding = std::get_if<network::Embedding>(&model.source)) {
    for (auto* table : {&embedding->token, &embedding->position, &embedding->segment})
      if (table->used && table->std == 0) table->std = *out.embedding;
  }
  try {
    predict::Propagator signal(model, stack.attention.mask);
    solve(signal, stack);
  } catch (const predict::NotCovered& error) {
    throw NotApplicable(std::string("deepscalelm_full asks the theory full, and ") + error.what());
  } catch (const boost::math::evaluation_error&) {
    throw NotApplicable(
        "deepscalelm_full found no deviation that gives every branch variance 1: look for an extreme score scale, "
        "dropout "
        "or input");
  }
  out.std = stack.std;
  return out;
}

Settings admin(const Task& task) {
  require_one_stack(task, "admin");
  if (!task.stack.norm || task.stack.placement != network::Placement::post)
    throw NotApplicable("admin scales the sums that a norm follows: set the norm's placement to post");
  Settings out = in_every_layer(task, xavier_by_matrix(task));
  Stack stack = task.stack;
  stack.std = out.std;
  try {
    predict::Propagator signal(task.model, stack.attention.mask);
    double squared = 1;
    for (std::size_t branch = 0; branch < stack.branches(); ++branch) {
      out.skip.push_back(std::sqrt(squared));
      stack.skip[branch] = out.skip.back();
      squared = squared * signal.variance_after({}) + signal.variance_after(function_of(stack, branch));
      signal.advance(network::residual_of(stack, branch));
    }
  } catch (const predict::NotCovered& error) {
    throw NotApplicable(std::string("admin is profiled with the theory full, and ") + error.what());
  }
  out.branch.assign(stack.branches(), 1);
  return out;
}

}  // namespace sigprop::scheme
