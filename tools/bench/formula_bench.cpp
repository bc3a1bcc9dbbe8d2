// SPDX-License-Identifier: Apache-2.0
// What a layer costs: the exact softmax functionals against their interpolation, and activations.
#include <benchmark/benchmark.h>

#include "predict/activation_moments.hpp"
#include "predict/softmax_table.hpp"

namespace {

using namespace sigprop;

constexpr double keys = 512;
constexpr double head_width = 64;
constexpr double rho = 0.4;

void exact_row(benchmark::State& state) {
  const double v = static_cast<double>(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(formula::softmax_row(v, keys));
}
BENCHMARK(exact_row)->Arg(1)->Arg(9)->Arg(64);

void exact_pair(benchmark::State& state) {
  const double v = static_cast<double>(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(formula::softmax_pair(v, rho, keys, keys));
}
BENCHMARK(exact_pair)->Arg(1)->Arg(9)->Arg(64);

void tabulated_row_and_pair(benchmark::State& state) {
  predict::SoftmaxTable<double> table(keys, head_width);
  double v = 0.5;
  for (auto _ : state) {
    v = v < 0.9 ? v + 1e-6 : 0.5;
    benchmark::DoNotOptimize(table(v, rho));
  }
}
BENCHMARK(tabulated_row_and_pair);

void building_one_tile(benchmark::State& state) {
  for (auto _ : state) {
    predict::SoftmaxTable<double> table(keys, head_width);
    benchmark::DoNotOptimize(table(0.5, rho));
  }
}
BENCHMARK(building_one_tile)->Unit(benchmark::kMillisecond);

void activation_forward(benchmark::State& state, network::ActivationKind kind) {
  predict::ActivationMoments<double> moments;
  formula::Moments<double> x{0, 1.5, 0.3, 0.1};
  for (auto _ : state) {
    x.covariance = x.covariance < 0.9 ? x.covariance + 1e-6 : 0.3;
    benchmark::DoNotOptimize(moments.forward(kind, x));
  }
}
BENCHMARK_CAPTURE(activation_forward, gelu_closed_form, network::ActivationKind::gelu);
BENCHMARK_CAPTURE(activation_forward, silu_tabulated, network::ActivationKind::silu);

}  // namespace
