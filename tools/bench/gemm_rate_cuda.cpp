// SPDX-License-Identifier: Apache-2.0 The rate that cuBLAS itself reaches on the products of one
// layer of a stack, forward and backward, called as the CUDA engine calls it:
//     gemm_rate_cuda float32|tf32|bf16 WIDTH HEADS FFN LENGTH BATCH REPLICATES DEVICE
// prints JSON: every product with its shape, its calls a layer and the median seconds of a call.
// DEVICE none: the list alone.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "cuda/engine.hpp"
#include "sigprop/simulate/simulate.hpp"

namespace {

using namespace sigprop;
using cuda::Arithmetic;
using cuda::Context;

struct Layer {
  std::size_t width, heads, ffn, length, batch, replicates;

  [[nodiscard]] std::size_t rows() const { return batch * length; }
  [[nodiscard]] std::size_t head_width() const { return width / heads; }
  [[nodiscard]] std::size_t blocks() const { return replicates * batch * heads; }
};

/// c ← op(a) op(b) [+ c] for every matrix of a batch: (rows, inner) times (inner, columns), factors
/// as they lie in memory.
struct Kind {
  const char* name;
  std::size_t rows, inner, columns, batch;
  bool transpose_a, transpose_b;
  double beta;
  double calls;  ///< in one layer; of attention's chunks of blocks, the last may be a part of one

  [[nodiscard]] double flops() const {
    return 2.0 * static_cast<double>(rows) * static_cast<double>(inner) * static_cast<double>(columns) *
           static_cast<double>(batch);
  }
};

/// Products with a weight (out, in): Engine::project, project_back, add_project_back and weigh.
void add_linear(std::vector<Kind>& list, const Layer& l, std::size_t out, std::size_t in, double count, double added) {
  list.push_back({"project", l.rows(), in, out, l.replicates, false, true, 0, count});
  list.push_back({"project back", l.rows(), out, in, l.replicates, false, false, 0, count - added});
  if (added > 0) list.push_back({"project back and add", l.rows(), out, in, l.replicates, false, false, 1, added});
  list.push_back({"weight gradient", out, l.rows(), in, l.replicates, true, false, 0, count});
}

/// Engine::attend and attend_backward, scores computed a second time, in chunks of as many blocks
/// as Engine::blocks_at_once gives.
void add_attention(std::vector<Kind>& list, const Layer& l, Arithmetic arithmetic) {
  const std::size_t bytes = sizeof(float) + (arithmetic == Arithmetic::bf16 ? sizeof(cuda::Bf16) : 0);
  const std::size_t tokens = l.length, head = l.head_width();
  const auto add = [&](std::size_t matrices, const char* name, std::size_t inner, std::size_t columns, bool a, bool b) {
    const std::size_t budget = cuda::Thrift{}.score_bytes / (matrices * tokens * tokens * bytes);
    const std::size_t at_once = std::clamp<std::size_t>(budget, 1, l.blocks());
    list.push_back({name, tokens, inner, columns, at_once, a, b, 0,
                    static_cast<double>(l.blocks()) / static_cast<double>(at_once)});
  };
  add(1, "scores", head, tokens, false, true);
  add(1, "probabilities times values", tokens, head, false, false);
  add(2, "scores again", head, tokens, false, true);
  add(2, "probability gradient", head, tokens, false, true);
  add(2, "value gradient", tokens, head, true, false);
  add(2, "key gradient", tokens, head, true, false);
  add(2, "query gradient", tokens, head, false, false);
}

std::vector<Kind> products(const Layer& l, Arithmetic arithmetic) {
  std::vector<Kind> list;
  // Query, key, value and output; at the input, the gradients by key and value are added.
  add_linear(list, l, l.width, l.width, 4, 2);
  add_linear(list, l, l.ffn, l.width, 1, 0);
  add_linear(list, l, l.width, l.ffn, 1, 0);
  add_attention(list, l, arithmetic);
  return list;
}

/// Normal numbers: the rate depends on what is multiplied, through the power that it takes.
cuda::Numbers drawn(Context& context, std::uint32_t tensor, std::size_t size) {
  cuda::Numbers numbers(context, size);
  numbers.write([&](auto* to) { cuda::normals(context, {}, tensor, 1, size, 1, to); });
  return numbers;
}

double median_seconds(Context& context, const Kind& kind) {
  constexpr int warm_up = 3, repetitions = 9;
  constexpr int calls = 4;  // at a time: a launch hides behind the product before
  const cuda::Numbers a = drawn(context, 1, kind.batch * kind.rows * kind.inner);
  const cuda::Numbers b = drawn(context, 2, kind.batch * kind.inner * kind.columns);
  const cuda::Buffer<float> c(context, kind.batch * kind.rows * kind.columns);
  context.clear(c.data(), c.bytes());
  const auto operand = [](const cuda::Numbers& numbers, bool transposed, std::size_t rows, std::size_t columns) {
    return numbers.operand(0, transposed ? columns : rows, transposed ? rows : columns, rows * columns);
  };
  const cuda::Product product{operand(a, kind.transpose_a, kind.rows, kind.inner),
                              kind.transpose_a,
                              operand(b, kind.transpose_b, kind.inner, kind.columns),
                              kind.transpose_b,
                              c.data(),
                              static_cast<std::ptrdiff_t>(kind.batch),
                              1,
                              kind.beta};
  std::vector<double> seconds;
  for (int i = -warm_up; i < repetitions; ++i) {
    context.wait();
    const auto start = std::chrono::steady_clock::now();
    for (int call = 0; call < calls; ++call) context.multiply(product);
    context.wait();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    if (i >= 0) seconds.push_back(taken.count() / calls);
  }
  const auto middle = seconds.begin() + repetitions / 2;
  std::nth_element(seconds.begin(), middle, seconds.end());
  return *middle;
}

void print(const std::vector<Kind>& list, Context& context) {
  double flops = 0, seconds = 0;
  std::cout << "{\"products\": [";
  const char* separator = "\n";
  for (const Kind& kind : list) {
    const double each = context.is_dry() ? 0 : median_seconds(context, kind);
    flops += kind.calls * kind.flops();
    seconds += kind.calls * each;
    char line[512];
    std::snprintf(
        line, sizeof line,
        "  {\"name\": \"%s\", \"rows\": %zu, \"inner\": %zu, \"columns\": %zu, \"batch\": %zu, \"calls\": %.9g, "
        "\"flops\": %.9g, \"seconds\": %.6g}",
        kind.name, kind.rows, kind.inner, kind.columns, kind.batch, kind.calls, kind.flops(), each);
    std::cout << separator << line << std::flush;
    separator = ",\n";
  }
  char total[128];
  std::snprintf(total, sizeof total, "\n], \"flops\": %.9g, \"seconds\": %.6g}\n", flops, seconds);
  std::cout << total;
}

[[noreturn]] void usage() {
  std::cerr << "Usage: gemm_rate_cuda float32|tf32|bf16 WIDTH HEADS FFN LENGTH BATCH REPLICATES DEVICE|none\n";
  std::exit(2);
}

Arithmetic arithmetic_of(std::string_view name) {
  if (name == "float32") return Arithmetic::float32;
  if (name == "tf32") return Arithmetic::tf32;
  if (name == "bf16") return Arithmetic::bf16;
  usage();
}

std::size_t count_of(const char* text) {
  char* end = nullptr;
  const unsigned long value = std::strtoul(text, &end, 10);
  if (*end != '\0' || value == 0) usage();
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int expected = 9;
  if (argc != expected) usage();
  const Arithmetic arithmetic = arithmetic_of(argv[1]);
  const Layer layer{count_of(argv[2]), count_of(argv[3]), count_of(argv[4]),
                    count_of(argv[5]), count_of(argv[6]), count_of(argv[7])};
  if (layer.width % layer.heads != 0) usage();
  try {
    Context context =
        std::strcmp(argv[8], "none") == 0 ? Context::dry(arithmetic) : Context(std::atoi(argv[8]), arithmetic);
    print(products(layer, arithmetic), context);
  } catch (const simulate::MachineError& error) {
    std::cerr << "gemm_rate_cuda: " << error.what() << '\n';
    return 3;
  }
  return 0;
}
