// SPDX-License-Identifier: Apache-2.0

#include "sigprop/experiment/experiment.hpp"

/// The grids of the authors' simulations and the percentiles they published (arXiv:2403.09635). The
/// standard deviation of a weight is given times √d_in.
namespace sigprop::experiment {
namespace {

using enum Quantity;

constexpr double root_tenth = 0.31622776601683794, root_ten = 3.1622776601683795;
constexpr double third = 0.3333333333333333, two_thirds = 0.6666666666666666;

constexpr std::array zero{0.0};
constexpr std::array one{1.0};
constexpr std::array deviations{root_tenth, 1.0, root_ten};
constexpr std::array decades{0.1, 1.0, 10.0};
constexpr std::array thirds{0.0, third, two_thirds};
constexpr std::array fifths{0.0, 0.2, 0.4, 0.6, 0.8};
constexpr std::array widths{100.0, 316.0, 1000.0};
constexpr std::array lengths{100.0, 1000.0};

constexpr std::array linear_axes{
    Axis{"mean", decades},
    Axis{"std", deviations},
    Axis{"token_correlation", thirds},
    Axis{"weight_std_times_sqrt_fan_in", decades, Role::weight_scale},
    Axis{"gradient_std", deviations, Role::gradient_scale},
    Axis{"gradient_correlation", thirds},
    Axis{"d_in", widths},
    Axis{"d_out", widths},
    Axis{"sequence_length", lengths},
};
constexpr std::array linear_rows{
    Row{"mean", mean, {0, 0.4, 1.3}},
    Row{"variance", variance, {0.4, 1.4, 2.8}},
    Row{"gradient_variance", gradient_variance, {0.2, 1, 2.2}},
    Row{"covariance", covariance, {0.4, 1.4, 2.8}},
    Row{"gradient_covariance", gradient_covariance, {0.2, 1, 2.2}},
};

constexpr std::array activation_axes{
    Axis{"mean", zero},
    Axis{"std", deviations},
    Axis{"token_correlation", fifths},
    Axis{"gradient_std", deviations},
    Axis{"gradient_correlation", fifths},
    Axis{"features", one},
    Axis{"sequence_length", lengths},
};
constexpr std::array relu_rows{
    Row{"mean", mean, {0.3, 1.3, 2.3}},
    Row{"variance", variance, {0.5, 1.9, 3.4}},
    Row{"gradient_variance", gradient_variance, {0.6, 1.5, 2.6}},
    Row{"covariance", covariance, {0.3, 1.6, 3.1}},
    Row{"gradient_covariance", gradient_covariance, {0.2, 1.1, 2.3}},
};
constexpr std::array gelu_rows{
    Row{"mean", mean, {0.1, 1, 2.4}},
    Row{"variance", variance, {0.2, 0.6, 1.3}},
    Row{"gradient_variance", gradient_variance, {0.2, 0.6, 1.1}},
    Row{"covariance", covariance, {0.1, 0.5, 1.2}},
    Row{"gradient_covariance", gradient_covariance, {0.1, 0.4, 0.9}},
};

constexpr std::array layer_norm_means{-10.0, -3.333333333333333, 3.333333333333334};
constexpr std::array layer_norm_axes{
    Axis{"mean", layer_norm_means},       Axis{"std", deviations},
    Axis{"token_correlation", fifths},    Axis{"gradient_std", deviations, Role::gradient_scale},
    Axis{"gradient_correlation", fifths}, Axis{"features", widths},
    Axis{"sequence_length", lengths},
};
constexpr std::array layer_norm_rows{
    Row{"mean", mean, {0, 0, 0}},
    Row{"variance", variance, {0, 0, 0}},
    Row{"gradient_variance", gradient_variance, {0.4, 1.5, 3.2}},
    Row{"covariance", covariance, {0.1, 0.5, 1}},
    Row{"feature_covariance", feature_covariance, {0, 0, 0}},
    Row{"gradient_covariance", gradient_covariance, {0.2, 0.9, 2.2}},
};

constexpr std::array dropout_means{-10.0, 0.0, 10.0};
constexpr std::array dropout_axes{
    Axis{"mean", dropout_means},
    Axis{"std", deviations},
    Axis{"token_correlation", thirds},
    Axis{"gradient_std", deviations, Role::gradient_scale},
    Axis{"gradient_correlation", thirds},
    Axis{"drop_probability", thirds},
    Axis{"features", widths},
    Axis{"sequence_length", lengths},
};
constexpr std::array dropout_rows{
    Row{"mean", mean, {0, 0.1, 0.5}},
    Row{"variance", variance, {0.1, 0.5, 1.5}},
    Row{"gradient_variance", gradient_variance, {0.1, 0.7, 1.5}},
    Row{"covariance", covariance, {0, 0.4, 1.3}},
    Row{"gradient_covariance", gradient_covariance, {0.1, 0.5, 1.2}},
};

constexpr std::array softmax_deviations{0.01, 0.03162277660168379, 0.1, root_tenth, 1.0};
constexpr std::array softmax_gradients{root_tenth, 0.5623413251903491, 1.0, 1.7782794100389228, root_ten};
constexpr std::array softmax_lengths{300.0, 720.0, 1732.0, 4161.0, 10000.0};
constexpr std::array softmax_axes{
    Axis{"std", softmax_deviations},          Axis{"correlation", fifths},
    Axis{"gradient_std", softmax_gradients},  Axis{"gradient_correlation", zero},
    Axis{"sequence_length", softmax_lengths},
};
constexpr std::array softmax_rows{
    Row{"mean", mean, {0, 0, 0}},
    Row{"variance_second_form", variance, {0.2, 0.9, 4}},
    Row{"variance_first_form", variance, {0.1, 0.5, 2.6}},
    Row{"gradient_variance_second_form", gradient_variance, {0.1, 0.6, 4.5}},
    Row{"gradient_variance_first_form", gradient_variance, {0.1, 0.6, 3.7}},
};

constexpr std::array query_key_deviations{0.1, 0.2449489742783178, 0.6};
constexpr std::array head_widths{32.0, 64.0, 128.0, 256.0};
constexpr std::array attention_lengths{300.0, 547.0, 1000.0};
constexpr std::array attention_axes{
    Axis{"mean", zero},
    Axis{"std", one},
    Axis{"token_correlation", thirds},
    Axis{"value_weight_std_times_sqrt_fan_in", deviations, Role::weight_scale},
    Axis{"query_key_weight_std_times_sqrt_fan_in", query_key_deviations},
    Axis{"drop_probability", thirds},
    Axis{"gradient_std", deviations, Role::gradient_scale},
    Axis{"gradient_correlation", thirds},
    Axis{"d_in", widths},
    Axis{"d_head", head_widths},
    Axis{"sequence_length", attention_lengths},
};
constexpr std::array attention_rows{
    Row{"mean", mean, {0.2, 1, 2.5}},
    Row{"variance", variance, {1.4, 4.1, 7.8}},
    Row{"gradient_variance", gradient_variance, {2.2, 13.3, 44.5}},
    Row{"covariance", covariance, {1.3, 3.9, 7.4}},
    Row{"gradient_covariance", gradient_covariance, {1.6, 4.5, 8.2}},
};

constexpr std::array grids{
    Grid{Component::linear, "linear", 100, linear_axes, linear_rows},
    Grid{Component::relu, "relu", 10000, activation_axes, relu_rows},
    Grid{Component::gelu, "gelu", 100000, activation_axes, gelu_rows},
    Grid{Component::layer_norm, "layer_norm", 100, layer_norm_axes, layer_norm_rows},
    Grid{Component::dropout, "dropout", 100, dropout_axes, dropout_rows},
    Grid{Component::softmax, "softmax", 10000, softmax_axes, softmax_rows},
    Grid{Component::attention, "attention", 64, attention_axes, attention_rows},
};

}  // namespace

const Grid& grid_of(Component component) {
  return grids[static_cast<std::size_t>(component)];
}
}  // namespace sigprop::experiment
