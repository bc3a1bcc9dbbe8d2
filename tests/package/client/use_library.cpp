// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <sigprop/predict/predict.hpp>
#include <sigprop/simulate/simulate.hpp>

/// With an argument the CUDA engine simulates; without a device it says what is missing.
int main(int count, char**) try {
  using namespace sigprop;
  network::Network model;
  model.name = "one linear layer";
  model.sequence_length = 4;
  model.width = 100;
  model.body = {{network::Linear{.in = 100, .out = 100, .weight_std = 0.2}, "linear"}};
  const profile::Profile result = predict::predict(model, predict::Theory::full);
  std::printf("variance after one linear layer %g\n", result.points.back().forward.variance.value);
  simulate::Settings settings;
  settings.replicates = 4;
  if (count > 1) settings.engine = simulate::Engine::cuda;
  std::printf("measured on %zu networks\n", simulate::simulate(model, settings).replicates);
} catch (const sigprop::simulate::MachineError& error) {
  std::printf("%s\n", error.what());
}
