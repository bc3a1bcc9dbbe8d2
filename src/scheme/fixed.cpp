// SPDX-License-Identifier: Apache-2.0
#include "scheme/fixed.hpp"

#include <cmath>

#include "scheme/rules.hpp"

namespace sigprop::scheme {
namespace {

using network::LayerStd;

LayerStd uniform(double std) {
  LayerStd out;
  out.query = out.key = out.value = out.output = out.ffn_in = out.ffn_gate = out.ffn_out = std;
  return out;
}

/// The nominal deviation of a normal, and where it is cut.
struct Normal {
  double std;
  double cut;

  [[nodiscard]] double effective() const { return std * truncated_std(cut); }
};

Normal normal_of(const Task& task) {
  return {given(task, "std"), given(task, "truncation")};
}

/// Weights that stand on a residual branch's output.
void multiply_outputs(LayerStd& std, double factor) {
  std.output *= factor;
  std.ffn_out *= factor;
}

double branches_root(const Task& task) {
  return std::sqrt(2 * layers_of(task));
}

/// Width over that of the small model whose learning rates are to hold.
double width_ratio(const Task& task) {
  return width_of(task) / given(task, "base_width");
}

/// 1/k in place of 1/√k.
double mup_score_scale(const Task& task) {
  return 1 / real(task.stack.attention.head_width);
}

}  // namespace

Settings xavier(const Task& task) {
  LayerStd std = xavier_by_matrix(task);
  if (given(task, "per_head") != 0) {
    const double head = real(task.stack.attention.head_width);
    std.query = std.key = std.value = std::sqrt(2 / (width_of(task) + head));
  }
  Settings out = in_every_layer(task, std);
  out.embedding = std::sqrt(1 / width_of(task));
  return out;
}

Settings lecun(const Task& task) {
  return in_every_layer(task, by_matrix(task, [](double in, double) { return std::sqrt(1 / in); }));
}

Settings kaiming(const Task& task) {
  return in_every_layer(task, by_matrix(task, [](double in, double) { return std::sqrt(2 / in); }));
}

/// U(±a) has the variance a²/3; a = 1/√fan_in for weights and biases alike.
Settings torch_linear(const Task& task) {
  const auto deviation = [](double in, double) { return 1 / std::sqrt(3 * in); };
  LayerStd std = by_matrix(task, deviation);
  std.bias = deviation(width_of(task), 0);
  std.ffn_out_bias = std.ffn_out;
  Settings out = in_every_layer(task, std);
  out.embedding = 1;
  return out;
}

Settings normal(const Task& task) {
  const Normal n = normal_of(task);
  Settings out = in_every_layer(task, uniform(n.effective()));
  out.embedding = n.effective();
  out.truncation = n.cut;
  return out;
}

Settings gpt2(const Task& task) {
  Settings out = normal(task);
  if (given(task, "output_scaling") == 0) return out;
  for (LayerStd& std : out.std) multiply_outputs(std, 1 / branches_root(task));
  return out;
}

Settings olmo_mitchell(const Task& task) {
  const double cut = given(task, "truncation"), kept = truncated_std(cut);
  Settings out = in_every_layer(task, uniform(kept / std::sqrt(width_of(task))));
  for (std::size_t i = 0; i < out.std.size(); ++i) {
    const double layer = real(i + 1);
    out.std[i].output = kept / std::sqrt(2 * width_of(task) * layer);
    out.std[i].ffn_out = kept / std::sqrt(2 * real(task.stack.ffn_width) * layer);
  }
  out.embedding = kept / std::sqrt(width_of(task));
  out.truncation = cut;
  return out;
}

namespace {

/// Outputs after Wang and Komatsuzaki.
void set_wang_outputs(const Task& task, Settings& out) {
  for (LayerStd& std : out.std) std.output = std.ffn_out = 2 / (layers_of(task) * std::sqrt(width_of(task)));
}

}  // namespace

Settings small_init(const Task& task) {
  const double std = std::sqrt(2 / (5 * width_of(task)));
  Settings out = in_every_layer(task, uniform(std));
  set_wang_outputs(task, out);
  out.embedding = std;
  return out;
}

Settings wang_init(const Task& task) {
  Settings out = normal(task);
  set_wang_outputs(task, out);
  return out;
}

Settings t5(const Task& task) {
  const double f = given(task, "factor");
  LayerStd std = by_matrix(task, [&](double in, double) { return f / std::sqrt(in); });
  std.query /= std::sqrt(real(task.stack.attention.head_width));
  Settings out = in_every_layer(task, std);
  out.embedding = f;
  out.score_scale = 1;
  return out;
}

namespace {

/// Skip scale α and weight gain β of DeepNorm.
struct DeepNorm {
  double alpha;
  double beta;
};

DeepNorm deepnorm_scales(const Task& task) {
  const double own = layers_of(task);
  if (!task.other_layers) return {std::pow(2 * own, 0.25), std::pow(8 * own, -0.25)};
  if (task.decoder) return {std::pow(3 * own, 0.25), std::pow(12 * own, -0.25)};
  const double depth = std::pow(std::pow(own, 4) * real(*task.other_layers), 1.0 / 16);
  constexpr double encoder_alpha = 0.81, encoder_beta = 0.87;  // as published
  return {encoder_alpha * depth, encoder_beta / depth};
}

/// Xavier with value, output and FFN multiplied by a gain.
LayerStd xavier_with_gain(const Task& task, double gain) {
  LayerStd std = xavier_by_matrix(task);
  for (double LayerStd::*weight :
       {&LayerStd::value, &LayerStd::output, &LayerStd::ffn_in, &LayerStd::ffn_gate, &LayerStd::ffn_out}) {
    std.*weight *= gain;
  }
  return std;
}

}  // namespace

Settings deepnorm(const Task& task) {
  const DeepNorm scales = deepnorm_scales(task);
  Settings out = in_every_layer(task, xavier_with_gain(task, scales.beta));
  scale_residuals(task, scales.alpha, 1, out);
  return out;
}

Settings sub_ln(const Task& task) {
  require_one_stack(task, "sub_ln");
  Settings out = in_every_layer(task, xavier_with_gain(task, std::sqrt(std::log(2 * layers_of(task)))));
  out.inner_norm = true;
  return out;
}

Settings ds_init(const Task& task) {
  Settings out = in_every_layer(task, xavier_by_matrix(task));
  for (std::size_t i = 0; i < out.std.size(); ++i) {
    const double factor = std::pow(real(i + 1), -given(task, "exponent"));
    for (double LayerStd::*weight : {&LayerStd::query, &LayerStd::key, &LayerStd::value, &LayerStd::output,
                                     &LayerStd::ffn_in, &LayerStd::ffn_gate, &LayerStd::ffn_out}) {
      out.std[i].*weight *= factor;
    }
  }
  return out;
}

Settings t_fixup(const Task& task) {
  require_one_stack(task, "t_fixup");
  constexpr double published = 0.67;
  Settings out = in_every_layer(task, xavier_with_gain(task, published * std::pow(layers_of(task), -0.25)));
  out.embedding = std::pow(9 * layers_of(task), -0.25);
  return out;
}

Settings rezero(const Task& task) {
  Settings out = in_every_layer(task, xavier_by_matrix(task));
  scale_residuals(task, 1, 0, out);
  out.learned_branch = true;
  return out;
}

Settings layerscale(const Task& task) {
  const double layers = layers_of(task);
  const double by_depth = layers <= 18 ? 0.1 : layers <= 24 ? 1e-5 : 1e-6;
  Settings out = normal(task);
  scale_residuals(task, 1, given(task, "scale", by_depth), out);
  out.learned_branch = true;
  return out;
}

Settings mup(const Task& task) {
  const double m = width_ratio(task);
  const double nominal = given(task, "std");
  LayerStd std = uniform(nominal / std::sqrt(m));
  multiply_outputs(std, 1 / branches_root(task));
  Settings out = in_every_layer(task, std);
  out.embedding = nominal;
  out.score_scale = mup_score_scale(task);
  return out;
}

namespace {

Settings depth_scaled_mup(const Task& task, double exponent) {
  const double nominal = given(task, "std");
  const double depth_ratio = layers_of(task) / given(task, "base_layers");
  Settings out = in_every_layer(task, uniform(nominal / std::sqrt(width_ratio(task))));
  out.embedding = nominal;
  out.score_scale = mup_score_scale(task);
  scale_residuals(task, 1, std::pow(depth_ratio, -exponent), out);
  return out;
}

}  // namespace

Settings depth_mup(const Task& task) {
  return depth_scaled_mup(task, 0.5);
}

Settings completep(const Task& task) {
  return depth_scaled_mup(task, 1);
}

Settings layernorm_scaling(const Task& task) {
  Settings out = normal(task);
  for (std::size_t branch = 0; branch < task.stack.branches(); ++branch)
    out.gain.push_back(1 / std::sqrt(real(branch / task.stack.branches_per_layer() + 1)));
  return out;
}

Settings noci_depth_scale(const Task& task) {
  Settings out = in_every_layer(task, xavier_by_matrix(task));
  scale_residuals(task, 1, 1 / branches_root(task), out);
  return out;
}

}  // namespace sigprop::scheme
