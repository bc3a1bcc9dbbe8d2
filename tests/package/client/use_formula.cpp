// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <sigprop/formula/relu.hpp>

int main() {
  const sigprop::formula::Moments<double> normal{0.0, 1.0, 0.0, 0.0};
  std::printf("variance after ReLU %.4f\n", sigprop::formula::relu_forward(normal).variance);
}
