// SPDX-License-Identifier: Apache-2.0
#include "simulate/precision.hpp"

namespace sigprop::simulate {

const char* name_of(Precision precision) {
  switch (precision) {
    case Precision::float32:
      return "float32";
    case Precision::float64:
      return "float64";
    case Precision::tf32:
      return "tf32";
    case Precision::bf16:
      break;
  }
  return "bf16";
}

void require_precision(Engine engine, Precision precision) {
  const bool on_cpu = precision == Precision::float32 || precision == Precision::float64;
  if (engine == Engine::cuda ? precision != Precision::float64 : on_cpu) return;
  throw UsageError(std::string("--precision ") + name_of(precision) + " is not for --engine " +
                   (engine == Engine::cuda ? "cuda, which computes in float32, tf32 or bf16"
                                           : "cpu, which computes in float32 or float64"));
}

}  // namespace sigprop::simulate
