// SPDX-License-Identifier: Apache-2.0
// The CUDA engine against the CPU's: one seed, one network.
#include "cuda/engine.hpp"
#include <filesystem>
#include "cuda/device.hpp"

#include "sigprop/network/outline.hpp"
#include "sigprop/simulate/simulate.hpp"
#include "simulate/replicate.hpp"
#include "simulate/walk.hpp"
#include "support/spec.hpp"

namespace {

using nlohmann::json;
using namespace sigprop;

json small_stack() {
  json spec = test::small_stack();
  spec["sequence_length"] = 20;
  spec["batch"] = 2;
  spec["stack"]["layers"] = 2;
  spec["stack"]["width"] = 48;
  spec["stack"]["attention"] = {{"heads", 3}, {"dropout", 0.1}};
  spec["stack"]["ffn"] = {{"width", 80}, {"activation", "gelu"}};
  spec["stack"]["residual"] = {{"dropout", 0.2}, {"skip", 0.9}, {"branch", 0.7}};
  spec["init"] = {{"scheme", "lecun"}, {"std", {{"bias", 0.1}}}};
  return spec;
}

json changed(json spec, const json& patch) {
  spec = test::merged(std::move(spec), patch);
  return spec;
}

/// Small models that hold every component, each with one thing that the others do not have.
std::vector<json> models() {
  const json stack = small_stack();
  const json embedding = {{"embedding",
                           {{"vocabulary", 50},
                            {"tables", {"token", "position", "segment"}},
                            {"norm", "layer_norm"},
                            {"dropout", 0.1},
                            {"std", 0.5}}},
                          {"variance", nullptr},
                          {"token_correlation", nullptr}};
  const json grouped = {{"heads", 4},       {"kv_heads", 2},  {"rotary_base", 10000},
                        {"mask", "causal"}, {"dropout", 0.3}, {"score_scale", 0.7}};
  std::vector<json> out{stack, test::encoder_decoder_of(small_stack())};
  out.push_back(changed(stack, {{"input", embedding}, {"stack", {{"norm", {{"placement", "post"}}}}}}));
  out.push_back(changed(stack, {{"sequence_length", 33},
                                {"stack",
                                 {{"attention", grouped},
                                  {"norm", {{"kind", "rms_norm"}, {"final", true}}},
                                  {"ffn", {{"gated", true}, {"activation", "silu"}}}}}}));
  out.push_back(changed(stack, {{"batch", 1}, {"stack", {{"attention", {{"kv_heads", 1}, {"head_width", 10}}}}}}));
  out.push_back(changed(stack, {{"batch", 1}, {"stack", {{"norm", {{"inner", true}, {"gain", 1.5}}}}}}));
  out.push_back(changed(stack, {{"stack",
                                 {{"parallel", true},
                                  {"attention",
                                   {{"heads", 2},
                                    {"head_width", 12},
                                    {"query_key_norm", "rms_norm"},
                                    {"rotary_base", 100},
                                    {"rotary_width", 8}}}}}}));
  out.push_back(changed(
      stack, {{"stack",
               {{"tied", true},
                {"layers", 3},
                {"norm", {{"placement", "sandwich"}}},
                {"final_dropout", 0.2},
                {"attention",
                 {{"mask", "causal"}, {"query_key_norm", "layer_norm"}, {"query_key_norm_over", "all_heads"}}}}}}));
  out.push_back(
      changed(stack, {{"stack", {{"ffn", {{"experts", 4}, {"top_k", 2}}}, {"norm", {{"placement", "output"}}}}}}));
  out.push_back(
      changed(stack, {{"batch", 1}, {"stack", {{"ffn", {{"experts", 3}, {"gated", true}}}, {"tied", true}}}}));
  out.push_back(
      changed(stack, {{"stack", {{"ffn", {{"experts", 5}, {"top_k", 2}, {"router_std", 0.15}, {"gated", true}}}}}}));
  for (const char* activation : {"relu", "gelu_tanh", "quick_gelu", "mish", "softplus", "sigmoid", "tanh", "leaky_relu",
                                 "squared_relu", "identity"})
    out.push_back(changed(stack, {{"batch", 1}, {"stack", {{"layers", 1}, {"ffn", {{"activation", activation}}}}}}));
  return out;
}

struct Signals {
  std::vector<float> output, gradient, input_gradient;
  std::vector<simulate::Sample> samples;
};

Signals on_cpu(const network::Network& network, std::uint64_t seed, std::uint32_t replicate) {
  const network::Outline outline = network::outline_of(network);
  const simulate::Layout layout = simulate::layout_of(network, outline, {256});
  Signals out;
  const auto values = [](const simulate::Matrix<float>& m) {
    return std::vector<float>(m.data(), m.data() + m.size());
  };
  simulate::Probe<float> probe;
  probe.output = [&](const auto& y, const auto& g) {
    out.output = values(y);
    out.gradient = values(g);
  };
  probe.input_gradient = [&](const auto& g) { out.input_gradient = values(g); };
  out.samples.push_back(simulate::run_replicate<float>({network, outline, layout, 1e-5}, {seed, replicate},
                                                       simulate::Team{1}, simulate::Policy::keep, nullptr, &probe));
  return out;
}

Signals on_cuda(const network::Network& network, std::uint64_t seed, std::uint32_t first, std::size_t replicates,
                const cuda::Thrift& thrift = {}, simulate::Policy policy = simulate::Policy::keep,
                cuda::Arithmetic arithmetic = cuda::Arithmetic::float32) {
  const network::Outline outline = network::outline_of(network);
  const simulate::Layout layout = simulate::layout_of(network, outline, {256});
  Signals out;
  cuda::Probe probe;
  const auto values = [](std::span<const float> x) { return std::vector<float>(x.begin(), x.end()); };
  probe.output = [&](std::span<const float> y, std::span<const float> g) {
    out.output = values(y);
    out.gradient = values(g);
  };
  probe.input_gradient = [&](std::span<const float> g) { out.input_gradient = values(g); };
  cuda::Context context(0, arithmetic);
  cuda::Engine engine(context, {simulate::tokens_of(network), replicates, {seed, first}, 1e-5, layout.size()}, thrift,
                      &probe);
  const simulate::Subject subject{network, outline, layout, 1e-5};
  simulate::Walk<cuda::Engine>(subject, engine, policy, nullptr).run();
  out.samples = engine.finish();
  return out;
}

/// The largest difference, relative to the largest number.
double difference(std::span<const float> a, std::span<const float> b) {
  REQUIRE(a.size() == b.size());
  double largest = 0, scale = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    REQUIRE(std::isfinite(b[i]));
    largest = std::max(largest, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    scale = std::max(scale, std::abs(static_cast<double>(a[i])));
  }
  return largest / scale;
}

/// Signals lie within 1e-5 of the CPU's, relative to their largest number; numbers of a sample
/// within 2e-5, and 1e-5 where they may vanish. Both are a few times what float32 sums in another
/// order give at these depths.
void check_same(const network::Network& network, const Signals& gpu, std::uint64_t seed, std::uint32_t first) {
  for (std::size_t r = 0; r < gpu.samples.size(); ++r) {
    const Signals cpu = on_cpu(network, seed, static_cast<std::uint32_t>(first + r));
    const auto part = [&](const std::vector<float>& x, const std::vector<float>& of) {
      return std::span(x).subspan(r * of.size(), of.size());
    };
    CHECK(difference(cpu.output, part(gpu.output, cpu.output)) < 1e-5);
    CHECK(difference(cpu.gradient, part(gpu.gradient, cpu.gradient)) < 1e-5);
    CHECK(difference(cpu.input_gradient, part(gpu.input_gradient, cpu.input_gradient)) < 1e-5);
    for (std::size_t i = 0; i < cpu.samples[0].size(); ++i) {
      INFO("replicate " << r << ", number " << i << ": " << cpu.samples[0][i] << " " << gpu.samples[r][i]);
      CHECK(std::abs(gpu.samples[r][i] - cpu.samples[0][i]) <= 2e-5 * std::abs(cpu.samples[0][i]) + 1e-5);
    }
  }
}

TEST_CASE("for one seed both engines have the same network, element by element") {
  if (!test::has_device()) return;
  for (const json& spec : models()) {
    INFO(test::text_of(spec));
    const network::Network network = test::network_of(spec);
    check_same(network, on_cuda(network, 3, 5, 2), 3, 5);
  }
}

TEST_CASE("both engines read the same words of a text and of a match, and tokens of the same products") {
  if (!test::has_device()) return;
  json spec = changed(small_stack(), {{"sequence_length", 4}, {"batch", 2}});
  const std::string folder = SIGPROP_SOURCE "/tests/data/given/";
  const json table = {{"vocabulary", 9}, {"tables", {"token", "position"}}, {"std", 1}};
  for (const json& words : {json{{"file", folder + "ids.json"}}, json{{"match", 0.3}}}) {
    spec["input"] = {{"embedding", table}};
    spec["input"]["embedding"]["words"] = words;
    INFO(test::text_of(spec));
    const network::Network network = test::network_of(spec);
    check_same(network, on_cuda(network, 3, 5, 2), 3, 5);
  }
  spec["input"] = {{"gram", folder + "gram.json"}};
  const network::Network network = test::network_of(spec);
  check_same(network, on_cuda(network, 3, 5, 2), 3, 5);
}

/// A size over a factor, at least 1.
void divide(json& size, std::size_t factor) {
  size = std::max<std::size_t>(1, size.get<std::size_t>() / factor);
}

/// Narrow models keep their width, others have about 256 features, which are more than a block has
/// threads, and at least two heads as wide as before.
void narrow(json& stack) {
  constexpr std::size_t wide = 512, narrowed = 256;
  const std::size_t width = stack["width"];
  if (width <= wide) return;
  const std::size_t factor = width / narrowed;
  divide(stack["width"], factor);
  divide(stack["ffn"]["width"], factor);
  for (const char* key : {"attention", "cross_attention"}) {
    if (!stack.contains(key)) continue;
    json& attention = stack[key];
    if (!attention.contains("head_width")) attention["head_width"] = width / attention["heads"].get<std::size_t>();
    attention["heads"] = std::max<std::size_t>(2, attention["heads"].get<std::size_t>() / factor);
    if (attention.contains("kv_heads")) divide(attention["kv_heads"], factor);
  }
}

void keep_first(json& values) {
  if (values.is_array()) values = values[0];
}

/// A model of the project's own folder, so small that it is computed in a second.
json reduced(json spec) {
  spec["batch"] = 2;
  spec["sequence_length"] = 24;
  for (const char* key : {"stack", "encoder", "decoder"}) {
    if (!spec.contains(key)) continue;
    json& stack = spec[key];
    narrow(stack);
    stack["layers"] = 2;
    for (const char* scale : {"skip", "branch"}) {
      if (stack.contains("residual") && stack["residual"].contains(scale)) keep_first(stack["residual"][scale]);
    }
  }
  if (spec.contains("init") && spec["init"].contains("std")) {
    for (json& std : spec["init"]["std"]) keep_first(std);
  }
  return spec;
}

TEST_CASE("both engines have the same network of every spec of the project, cut to two narrow layers", "[bulk]") {
  if (!test::has_device()) return;
  std::size_t specs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(SIGPROP_SOURCE) + "/specs")) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != ".json" || name == "sigprop.schema.json") continue;
    INFO(name);
    const network::Network network = test::network_of(reduced(test::project_spec(name)));
    check_same(network, on_cuda(network, 1, 0, 1), 1, 0);
    ++specs;
  }
  CHECK(specs >= 21);
}

TEST_CASE("a wrong seed, replicate or score scale is seen by the same comparison") {
  if (!test::has_device()) return;
  const network::Network network = test::network_of(small_stack());
  const network::Network other =
      test::network_of(changed(small_stack(), {{"stack", {{"attention", {{"score_scale", 0.26}}}}}}));
  const Signals cpu = on_cpu(network, 3, 5);
  CHECK(difference(cpu.output, on_cuda(network, 4, 5, 1).output) > 0.1);
  CHECK(difference(cpu.output, on_cuda(network, 3, 6, 1).output) > 0.1);
  CHECK(difference(cpu.output, on_cuda(other, 3, 5, 1).output) > 1e-4);
}

void check_thrift(const network::Network& network) {
  const Signals plain = on_cuda(network, 3, 0, 2);
  for (const auto& [thrift, policy] : {std::pair{cuda::Thrift{true, 1 << 30}, simulate::Policy::keep},
                                       {cuda::Thrift{false, 1 << 30}, simulate::Policy::recompute},
                                       {cuda::Thrift{true, 6000}, simulate::Policy::recompute},
                                       {cuda::Thrift{false, 1}, simulate::Policy::keep}}) {
    const Signals thrifty = on_cuda(network, 3, 0, 2, thrift, policy);
    CHECK(difference(plain.output, thrifty.output) < 1e-6);
    CHECK(difference(plain.input_gradient, thrifty.input_gradient) < 1e-6);
    for (std::size_t i = 0; i < plain.samples[1].size(); ++i)
      CHECK(thrifty.samples[1][i] == Approx(plain.samples[1][i]).epsilon(1e-5).margin(1e-6));
  }
}

TEST_CASE("memory is saved without changing the network: weights drawn again, layers recomputed, scores in chunks") {
  if (!test::has_device()) return;
  for (const json& spec :
       {test::encoder_decoder_of(small_stack()),
        changed(small_stack(),
                {{"stack", {{"tied", true}, {"parallel", true}, {"ffn", {{"experts", 3}, {"top_k", 2}}}}}})})
    check_thrift(test::network_of(spec));
}

TEST_CASE("two runs of one batch have the same bits") {
  if (!test::has_device()) return;
  const network::Network network = test::network_of(small_stack());
  for (const auto arithmetic : {cuda::Arithmetic::float32, cuda::Arithmetic::tf32, cuda::Arithmetic::bf16}) {
    const auto run = [&] { return on_cuda(network, 3, 5, 2, {}, simulate::Policy::keep, arithmetic).samples; };
    CHECK(run() == run());
  }
}

/// What comes out of a product with the unit matrix, large enough for tensor cores.
float after_product(cuda::Arithmetic arithmetic, float factor) {
  constexpr std::size_t size = 256;
  cuda::Context context(0, arithmetic);
  std::vector<float> unit(size * size), x(size * size, factor);
  for (std::size_t i = 0; i < size; ++i) unit[i * size + i] = 1;
  const auto a = test::on_device<float>(context, x), b = test::on_device<float>(context, unit);
  const cuda::Buffer<float> c(context, size * size);
  const auto operand = [&](const cuda::Buffer<float>& m) {
    return cuda::Operand{m.data(), cuda::Type::float32, size, size, size * size};
  };
  context.multiply({operand(a), false, operand(b), false, c.data(), 1, 1, 0});
  return test::on_host(context, c)[7];
}

TEST_CASE("float32 factors are not rounded, tf32 factors are, to the nearest") {
  if (!test::has_device()) return;
  const float between = 1 + 0x1.8p-11F;  // nearer to 1 + 2⁻¹⁰ than to 1
  CHECK(after_product(cuda::Arithmetic::float32, between) == between);
  CHECK(after_product(cuda::Arithmetic::tf32, between) == 1 + 0x1p-10F);
  CHECK(after_product(cuda::Arithmetic::tf32, 1 + 0x1.8p-12F) == 1);
}

TEST_CASE("rounded factors give another network of nearly the same moments") {
  if (!test::has_device()) return;
  const network::Network network =
      test::network_of(changed(small_stack(), {{"sequence_length", 128},
                                               {"stack", {{"layers", 1}, {"width", 192}, {"ffn", {{"width", 256}}}}}}));
  const Signals exact = on_cuda(network, 3, 5, 1);
  const auto distance = [&](cuda::Arithmetic arithmetic) {
    return difference(exact.output, on_cuda(network, 3, 5, 1, {}, simulate::Policy::keep, arithmetic).output);
  };
  const double tf32 = distance(cuda::Arithmetic::tf32), bf16 = distance(cuda::Arithmetic::bf16);
  CHECK(tf32 > 1e-5);
  CHECK(tf32 < 2e-3);
  CHECK(bf16 > 4 * tf32);
  CHECK(bf16 < 2e-2);
}

}  // namespace
