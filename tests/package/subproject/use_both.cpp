// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <sigprop/formula/relu.hpp>
#include <sigprop/predict/predict.hpp>

int main() {
  using namespace sigprop;
  const formula::Moments<double> normal{0.0, 1.0, 0.0, 0.0};
  network::Network model;
  model.name = "one linear layer";
  model.sequence_length = 4;
  model.width = 100;
  model.body = {{network::Linear{.in = 100, .out = 100, .weight_std = 0.2}, "linear"}};
  const profile::Profile result = predict::predict(model, predict::Theory::full);
  std::printf("variance after ReLU %.4f, after one linear layer %g\n", formula::relu_forward(normal).variance,
              result.points.back().forward.variance.value);
}
