// SPDX-License-Identifier: Apache-2.0
#include "cli/common/experiment_predictions.hpp"

#include <stdexcept>

#include "sigprop/formula/attention.hpp"
#include "sigprop/formula/attention_paper.hpp"
#include "sigprop/formula/dropout.hpp"
#include "sigprop/formula/gelu.hpp"
#include "sigprop/formula/linear.hpp"
#include "sigprop/formula/norm.hpp"
#include "sigprop/formula/relu.hpp"
#include "sigprop/formula/softmax.hpp"

namespace sigprop::cli {
namespace {

using experiment::Component;
using experiment::Measured;
using experiment::Setting;
using Moments = formula::Moments<double>;
using Gradient = formula::Gradient<double>;

double squared(double x) {
  return x * x;
}

Moments input(const Setting& setting) {
  const double variance = squared(setting["std"]);
  return {setting["mean"], variance, setting["token_correlation"] * variance, 0};
}

Gradient gradient(const Setting& setting) {
  const double variance = squared(setting["gradient_std"]);
  return {variance, setting["gradient_correlation"] * variance, 0};
}

Measured moments(const Moments& x, const Gradient& g, double feature_covariance = 0) {
  return {x.mean, x.variance, x.covariance, feature_covariance, g.variance, g.covariance};
}

Measured linear(const Setting& setting) {
  const double weight_variance = squared(setting["weight_std_times_sqrt_fan_in"]) / setting["d_in"];
  return moments(formula::linear_forward(input(setting), setting["d_in"], weight_variance, 0.0),
                 formula::linear_backward(gradient(setting), setting["d_out"], weight_variance));
}

Measured relu(const Setting& setting) {
  const Moments x = input(setting);
  return moments(formula::relu_forward(x), formula::relu_backward(gradient(setting), x));
}

Measured gelu(const Setting& setting) {
  const Moments x = input(setting);
  return moments(formula::gelu_forward(x), formula::gelu_backward(gradient(setting), x));
}

Measured dropout(const Setting& setting) {
  const double p = setting["drop_probability"];
  return moments(formula::dropout_forward(input(setting), p), formula::dropout_backward(gradient(setting), p));
}

/// The features of a normalized token sum to 0: their covariance is -1/(D - 1) in both theories.
double feature_covariance(const Setting& setting) {
  return -1 / (setting["features"] - 1);
}

Measured layer_norm_paper(const Setting& setting) {
  const Moments x = input(setting);
  return moments(formula::layer_norm_forward_paper(x, setting["features"]),
                 formula::layer_norm_backward_paper(gradient(setting), x), feature_covariance(setting));
}

Measured layer_norm_full(const Setting& setting) {
  const Moments x = input(setting);
  const formula::NormShares<double> fresh{0, 0, 0, 1, 2 / setting["features"]};
  return moments(
      formula::layer_norm_forward(x, 0.0),
      formula::norm_backward(gradient(setting), x.variance, setting["token_correlation"], setting["features"], fresh),
      feature_covariance(setting));
}

double score_variance(const Setting& setting) {
  return (1 - setting["correlation"]) * squared(setting["std"]);
}

Measured softmax_paper(const Setting& setting, const experiment::Row& row) {
  const double v = score_variance(setting), length = setting["sequence_length"];
  const auto softmax =
      row.name.ends_with("first_form") ? formula::softmax_paper(v, length) : formula::softmax_paper_second(v, length);
  return {softmax.mean, softmax.variance, 0, 0, softmax.gradient_gain * squared(setting["gradient_std"]), 0};
}

Measured softmax_full(const Setting& setting) {
  const double length = setting["sequence_length"];
  const auto row = formula::softmax_row(score_variance(setting), length);
  return {
      1 / length, (row.squares - 1 / length) / length, 0, 0, row.jacobian / length * squared(setting["gradient_std"]),
      0};
}

formula::AttentionShape<double> shape(const Setting& setting) {
  const double width = setting["d_in"];
  const double score_weight = squared(setting["query_key_weight_std_times_sqrt_fan_in"]) / width;
  const double value_weight = squared(setting["value_weight_std_times_sqrt_fan_in"]) / width;
  return {setting["sequence_length"],  width, 1, setting["d_head"], score_weight, score_weight, value_weight, 0,
          setting["drop_probability"], 1};
}

Measured attention_paper(const Setting& setting) {
  return moments(formula::attention_paper_forward(input(setting), shape(setting)),
                 formula::attention_paper_backward(gradient(setting), shape(setting)));
}

/// The components that have one formula in both theories.
Measured shared(const Setting& setting) {
  switch (setting.grid->component) {
    case Component::linear:
      return linear(setting);
    case Component::relu:
      return relu(setting);
    case Component::gelu:
      return gelu(setting);
    case Component::dropout:
      return dropout(setting);
    default:
      throw std::logic_error("a component without a formula");
  }
}

}  // namespace

Measured ExperimentPredictions::paper(const Setting& setting, const experiment::Row& row) {
  switch (setting.grid->component) {
    case Component::layer_norm:
      return layer_norm_paper(setting);
    case Component::softmax:
      return softmax_paper(setting, row);
    case Component::attention:
      return attention_paper(setting);
    default:
      return shared(setting);
  }
}

Measured ExperimentPredictions::full(const Setting& setting) {
  switch (setting.grid->component) {
    case Component::layer_norm:
      return layer_norm_full(setting);
    case Component::softmax:
      return softmax_full(setting);
    case Component::attention:
      return attention(setting);
    default:
      return shared(setting);
  }
}

Measured ExperimentPredictions::attention(const Setting& setting) {
  const formula::AttentionShape<double> s = shape(setting);
  const Moments x = input(setting);
  const formula::ScoreMoments<double> scores = formula::attention_scores(x, s);
  const auto [at, fresh] = softmax_.try_emplace({scores.variance, scores.correlation, s.length, s.head_width});
  if (fresh) {
    at->second = {formula::softmax_row_means(scores.variance, s.length, s.head_width),
                  formula::softmax_pair_means(scores.variance, scores.correlation, s.length, s.length, s.head_width)};
  }
  const formula::SoftmaxMeans<double> means{at->second.row, at->second.pair};
  return moments(formula::attention_forward(x, s, means),
                 formula::attention_backward(gradient(setting), x, s, means, 1.0).input());
}

}  // namespace sigprop::cli
