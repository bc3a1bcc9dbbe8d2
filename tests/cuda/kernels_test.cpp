// SPDX-License-Identifier: Apache-2.0 The kernels against the CPU's functions of the same purpose.
// Bounds hold for NVIDIA's mathematical functions too.
#include <numeric>

#include "cuda/kernels/draw.hpp"
#include "cuda/kernels/elementwise.hpp"
#include "cuda/kernels/measure.hpp"
#include "cuda/kernels/norm.hpp"
#include "cuda/kernels/route.hpp"
#include "cuda/numbers.hpp"
#include "simulate/activation.hpp"
#include "simulate/attention.hpp"
#include "simulate/measure.hpp"
#include "simulate/norm.hpp"
#include "simulate/route.hpp"
#include "simulate/source.hpp"

namespace {

using namespace sigprop;
using cuda::Arithmetic;
using cuda::Context;
using cuda::DrawKey;
using simulate::Draw;
using simulate::Team;
using simulate::Tokens;
using test::changed;
using test::differing;
using test::matrix_of;
using test::numbers;
using test::values_of;
using test::worst;
using test::written;

constexpr double ulp = 0x1p-23;                // of float32, relative
constexpr DrawKey key{0x0123456789abcdef, 3};  // both words of the seed, replicates that do not begin at 0
// Of a normal number between the engines: 1.5e-6, which 2 units in the last place of the device's
// sine and cosine and 1 of its logarithm make far out, and 9e-7 of the CPU's.
constexpr double normal_difference = 2.5e-6;
constexpr std::size_t more_than_threads = 132 * 16 * 256 + 1000;  // elements: a thread has several

Draw draw_of(std::size_t replicate) {
  return {key.seed, key.first_replicate + static_cast<std::uint32_t>(replicate)};
}

Eigen::Index index(std::size_t n) {
  return static_cast<Eigen::Index>(n);
}

/// The numbers of all replicates, each made by of_one(replicate), a matrix.
template <class OfOne>
std::vector<float> by_replicate(std::size_t replicates, const OfOne& of_one) {
  std::vector<float> out;
  for (std::size_t r = 0; r < replicates; ++r) {
    const simulate::Matrix<float> part = of_one(r);
    out.insert(out.end(), part.data(), part.data() + part.size());
  }
  return out;
}

// ---- draw -----------------------------------------------------------------------------------------------------------

std::vector<float> drawn(Context& context, std::size_t replicates, std::size_t count, double std) {
  return written(context, replicates * count,
                 [&](float* out) { cuda::normals(context, key, 7, replicates, count, std, out); });
}

TEST_CASE("normal numbers are the CPU's but for the last bits of sine, cosine and logarithm") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::float32);
  for (const auto& [replicates, count] :
       {std::pair<std::size_t, std::size_t>{1, 3 << 20}, {3, 1002}, {3, 1}, {2, 8}, {70000, 3}}) {
    for (const double std : {1.0, 0.02}) {
      const std::vector<float> cpu = by_replicate(replicates, [&, columns = index(count)](std::size_t r) {
        return draw_of(r).normal_matrix<float>(Team{2}, 7, 1, columns, std);
      });
      INFO(replicates << " times " << count << ", std " << std);
      CHECK(worst(drawn(context, replicates, count, std), cpu, [&](std::size_t) { return normal_difference * std; }) <=
            1);
    }
  }
}

TEST_CASE("normal numbers of 16 bits are those of 32, rounded") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::bf16);
  for (const std::size_t count : {std::size_t{1}, std::size_t{1002}, std::size_t{4096}}) {
    const auto half = written<cuda::Bf16>(context, 3 * count,
                                          [&](cuda::Bf16* out) { cuda::normals(context, key, 7, 3, count, 0.5, out); });
    CHECK(differing(half, drawn(context, 3, count, 0.5)) == 0);
  }
}

TEST_CASE("dropout's masks are the CPU's") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::float32);
  for (const std::size_t count : {std::size_t{1}, std::size_t{3}, std::size_t{4096}, std::size_t{10002}}) {
    for (const double probability : {0.0, 0.1, 0.75}) {
      std::vector<float> ones(3 * count, 1), x = numbers(3 * count);
      const auto drop = [&](float* at) { cuda::drop(context, key, 9, 3, count, probability, at, at); };
      const auto masks = changed(context, ones, drop), dropped = changed(context, x, drop);
      for (std::size_t r = 0; r < 3; ++r) {
        draw_of(r).drop(9, 0, probability, ones.data() + r * count, index(count));
        draw_of(r).drop(9, 0, probability, x.data() + r * count, index(count));
      }
      INFO(count << " elements, p = " << probability);
      CHECK(differing(masks, ones) == 0);
      CHECK(differing(dropped, x) == 0);
    }
  }
}

/// |Δ| that normal numbers and the float32 sums over a sequence allow.
double allowed_of(const simulate::Mixture& mixture, double length, double mean) {
  const double sizes = mixture.own + std::abs(mixture.common - mixture.own), largest = 7;  // of a normal number
  return normal_difference * sizes + (length + 4) * ulp / 2 * (largest * sizes + std::abs(mean));
}

TEST_CASE("correlated tokens are the CPU's") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::float32);
  constexpr std::size_t replicates = 2, width = 37;
  for (const auto& [sequences, length] : {std::pair<std::ptrdiff_t, std::ptrdiff_t>{3, 20}, {2, 1}, {1, 130}}) {
    for (const network::GivenInput& moments : {network::GivenInput{0, 1, 0},
                                               {0.5, 2, 0.3},
                                               {0, 1, 1},
                                               {-1, 1, length > 1 ? -1 / static_cast<double>(length - 1) : 0.0}}) {
      const Tokens tokens{sequences, length};
      const simulate::Mixture mixture = simulate::mixture_of(moments, static_cast<double>(length));
      const std::size_t count = static_cast<std::size_t>(tokens.rows()) * width;
      const auto x = changed(
          context, drawn(context, replicates, count, 1), [&, sequences = sequences, length = length](float* at) {
            cuda::correlate(context, replicates * static_cast<std::size_t>(sequences), static_cast<std::size_t>(length),
                            width, mixture.own, mixture.common, moments.mean, at);
          });
      const std::vector<float> cpu = by_replicate(replicates, [&](std::size_t r) {
        return simulate::correlated_tokens<float>(Team{1}, draw_of(r), 7, tokens, width, moments);
      });
      const double allowed = allowed_of(mixture, static_cast<double>(length), moments.mean);
      INFO("L = " << length << ", r = " << moments.token_correlation);
      CHECK(worst(x, cpu, [&](std::size_t) { return allowed; }) <= 1);
    }
  }
}

TEST_CASE("words, positions and segments take the CPU's rows of their tables") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::float32);
  constexpr std::size_t replicates = 3, width = 5;
  for (const auto& [sequences, length] : {std::pair<std::ptrdiff_t, std::ptrdiff_t>{7, 61}, {200, 1}}) {
    const network::BasicTable<double> none{}, table{true, 0.1}, wide{true, 0.4};
    for (const network::Embedding& tables : {network::Embedding{30522, table, none, none},
                                             {2, table, none, none},
                                             {1, none, table, none},
                                             {1, none, none, table},
                                             {1, none, none, table, 1},
                                             {30522, table, wide, table}}) {
      const Tokens tokens{sequences, length};
      const std::size_t count = replicates * static_cast<std::size_t>(tokens.rows()) * width;
      const auto x = written(context, count, [&](float* out) {
        cuda::embed(context, key, 11, replicates, tokens, width, tables, {}, out);
      });
      const std::vector<float> cpu = by_replicate(replicates, [&](std::size_t r) {
        return simulate::embedded_tokens<float>(draw_of(r), 11, tokens, width, tables);
      });
      const double std = tables.token.std + tables.position.std + tables.segment.std;
      INFO("L = " << length << ", deviations add up to " << std);
      CHECK(worst(x, cpu, [&](std::size_t) { return normal_difference * std; }) <= 1);
    }
  }
}

TEST_CASE("class tokens and positions take the CPU's rows, and tokens are kept where the CPU keeps them") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::float32);
  constexpr std::size_t replicates = 3, width = 5;
  constexpr Tokens tokens{4, 9};
  const std::size_t count = static_cast<std::size_t>(tokens.rows()) * width;
  for (const network::GivenInput& input :
       {network::GivenInput{.class_tokens = 1, .class_std = 0.3},
        network::GivenInput{.class_tokens = 2, .class_std = 0.3, .position = {true, 0.1}},
        network::GivenInput{.position = {true, 0.1}}}) {
    const auto x = changed(context, drawn(context, replicates, count, 1), [&](float* at) {
      cuda::add_tables(context, key, 11, replicates, tokens, width, input, at);
    });
    const std::vector<float> cpu = by_replicate(replicates, [&](std::size_t r) {
      simulate::Matrix<float> out = simulate::correlated_tokens<float>(Team{1}, draw_of(r), 7, tokens, width, {});
      simulate::add_tables(draw_of(r), 11, tokens, input, out);
      return out;
    });
    CHECK(worst(x, cpu, [&](std::size_t) { return normal_difference * (1 + 0.3 + 0.1); }) <= 1);
  }
  const std::vector<std::uint8_t> flags{1, 0, 0, 1, 0, 0, 0, 0, 1};
  const auto kept = test::on_device<std::uint8_t>(context, flags);
  const auto x = changed(context, drawn(context, replicates, count, 1), [&](float* at) {
    cuda::keep_tokens(context, replicates * static_cast<std::size_t>(tokens.rows()), flags.size(), width, kept.data(),
                      at);
  });
  const std::vector<float> cpu = by_replicate(replicates, [&](std::size_t r) {
    simulate::Matrix<float> out = simulate::correlated_tokens<float>(Team{1}, draw_of(r), 7, tokens, width, {});
    simulate::keep_tokens({0, 3, 8}, tokens, out);
    return out;
  });
  CHECK(worst(x, cpu, [&](std::size_t) { return normal_difference; }) <= 1);
}

// ---- elementwise ----------------------------------------------------------------------------------------------------

/// Sizes of the terms whose sums an activation's value and derivative are: where they cancel,
/// rounding counts by them.
simulate::Slope<double> sizes_of(network::ActivationKind kind, double x) {
  using Kind = network::ActivationKind;
  const double size = std::abs(x);
  if (kind == Kind::gelu) {
    const double cdf = std::erfc(-x / std::numbers::sqrt2) / 2, density = std::exp(-x * x / 2) * 0.4;
    return {size * cdf, cdf + size * density};
  }
  if (kind == Kind::gelu_tanh) return {size, 1 + (size < 7 ? size * (1 + x * x / 8) : 0)};  // from there on tanh is 1
  if (kind == Kind::silu) {
    const double sigmoid = 1 / (1 + std::exp(-x));
    return {size * sigmoid, sigmoid * (1 + 2 * size)};
  }
  if (kind == Kind::tanh) return {std::abs(std::tanh(x)), 2};
  return {0, 0};  // to the bit
}

TEST_CASE("activations and their slopes are the CPU's to a few units in the last place") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::float32);
  std::vector<float> x = numbers(20003);
  for (float& each : x) each *= 3;
  for (const float edge : {0.0F, -0.0F, 1e-30F, -1e-30F, 9.0F, -9.0F, -13.5F, 30.0F, -30.0F, 100.0F, -100.0F})
    x.push_back(edge);
  const simulate::Matrix<float> at = matrix_of(x, 0, 1, x.size());
  // 4 units of the device's function, as many of the C library's and of what follows.
  constexpr double units = 8, tiny = std::numeric_limits<float>::denorm_min();
  for (int each = 0; each <= static_cast<int>(network::ActivationKind::identity); ++each) {
    const auto kind = static_cast<network::ActivationKind>(each);
    const simulate::Slope<simulate::Matrix<float>> cpu = simulate::activate(Team{1}, kind, at);
    const cuda::Buffer<float> from = test::on_device<float>(context, x), slope(context, x.size());
    const auto value = written(context, x.size(), [&](float* out) {
      cuda::activate(context, kind, x.size(), from.data(), out, slope.data());
    });
    const auto allowed = [&](double size, std::size_t i) { return units * (size * ulp + (1 + std::abs(x[i])) * tiny); };
    INFO("activation " << each);
    if (sizes_of(kind, 1).value == 0) {
      CHECK(differing(value, values_of(cpu.value)) == 0);
      CHECK(differing(test::on_host(context, slope), values_of(cpu.derivative)) == 0);
    } else {
      CHECK(worst(value, values_of(cpu.value),
                  [&](std::size_t i) { return allowed(sizes_of(kind, double{x[i]}).value, i); }) <= 1);
      CHECK(worst(test::on_host(context, slope), values_of(cpu.derivative),
                  [&](std::size_t i) { return allowed(sizes_of(kind, double{x[i]}).derivative, i); }) <= 1);
    }
  }
}

TEST_CASE("products, multiples and biases are the CPU's to the bit") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::float32);
  constexpr std::size_t batch = 3, rows = 17, columns = 11, count = more_than_threads;
  const std::vector<float> a = numbers(count, 1), b = numbers(count, 2);
  const cuda::Buffer<float> at_a = test::on_device<float>(context, a), at_b = test::on_device<float>(context, b);
  std::vector<float> product(count), multiple(count), biased(batch * rows * columns);
  for (std::size_t i = 0; i < count; ++i) {
    product[i] = a[i] * b[i];
    multiple[i] = 0.1F * a[i];
  }
  for (std::size_t i = 0; i < biased.size(); ++i) biased[i] = a[i] + b[i / (rows * columns) * columns + i % columns];
  const auto to = [&](const auto& kernel) { return written(context, count, kernel); };
  CHECK(differing(to([&](float* out) { cuda::product(context, count, at_a.data(), at_b.data(), out); }), product) == 0);
  CHECK(differing(to([&](float* out) { cuda::scale(context, count, 0.1, at_a.data(), out); }), multiple) == 0);
  CHECK(differing(changed(context, a, [&](float* x) { cuda::multiply(context, count, at_b.data(), x); }), product) ==
        0);
  const std::vector<float> y(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(biased.size()));
  CHECK(differing(changed(context, y, [&](float* x) { cuda::add_bias(context, batch, rows, columns, at_b.data(), x); }),
                  biased) == 0);
}

TEST_CASE("numbers become 16 bits by rounding to the nearest, ties to even") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::bf16);
  std::vector<float> x = numbers(10001);
  for (const std::uint32_t bits : {0x3f808000U, 0x3f818000U, 0x3f808001U, 0x3f807fffU, 0xbf818000U, 0x7f7fffffU,
                                   0x7f800000U, 0x80000000U, 0x00008000U, 0x00018000U, 0x007fffffU})
    x.push_back(std::bit_cast<float>(bits));
  const cuda::Buffer<float> from = test::on_device<float>(context, x);
  CHECK(differing(written<cuda::Bf16>(context, x.size(),
                                      [&](cuda::Bf16* out) { cuda::convert(context, x.size(), from.data(), out); }),
                  x) == 0);
}

TEST_CASE("numbers become 64 bits as they are, from places a stride apart") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::float32);
  constexpr std::size_t batch = 3, count = 37, stride = 50;
  const std::vector<float> x = numbers(batch * stride);
  const cuda::Buffer<float> from = test::on_device<float>(context, x);
  std::vector<double> wanted;
  for (std::size_t i = 0; i < batch * count; ++i) wanted.push_back(double{x[i / count * stride + i % count]});
  CHECK(differing(written<double>(context, batch * count,
                                  [&](double* out) { cuda::convert(context, batch, count, stride, from.data(), out); }),
                  wanted) == 0);
}

TEST_CASE("the tokens of an expert are the CPU's") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::float32);
  constexpr std::size_t replicates = 2, rows = 70, width = 33;
  const cuda::DrawKey draws{7, 3};
  const std::vector<float> x = numbers(replicates * rows * width);
  for (const std::size_t expert : {0, 4}) {
    const simulate::Expert choice{5, 2, expert};
    const auto chosen =
        changed(context, x, [&](float* at) { cuda::choose(context, draws, 9, replicates, rows, width, choice, at); });
    std::vector<float> cpu = x;
    for (std::size_t row = 0; row < replicates * rows; ++row) {
      const simulate::Draw draw(draws.seed, draws.first_replicate + static_cast<std::uint32_t>(row / rows));
      const auto uniform = [&](std::size_t e) { return draw.uniform(9, row % rows * choice.count + e); };
      if (!simulate::takes(choice, uniform)) std::fill_n(cpu.begin() + index(row * width), width, 0.0F);
    }
    CHECK(differing(chosen, cpu) == 0);
    CHECK(std::count(cpu.begin(), cpu.end(), 0.0F) > 0);
  }
}

TEST_CASE("a router weighs experts as the CPU's, forward and backward") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::float32);
  constexpr std::size_t rows = 70, width = 45;
  constexpr auto close = [](std::size_t) { return 40 * ulp; };  // sums of up to 70 numbers in another order
  using network::Router;
  for (const auto& [experts, chosen, router] : {std::tuple<std::size_t, std::size_t, Router>{3, 1, Router::softmax},
                                                {8, 2, Router::softmax},
                                                {70, 9, Router::softmax},
                                                {70, 9, Router::softmax_over_all},
                                                {70, 9, Router::sigmoid},
                                                {8, 2, Router::plain_sigmoid}}) {
    INFO(chosen << " of " << experts << ", router " << static_cast<int>(router));
    const Router kind = router;
    const std::size_t count = experts, taken = chosen, expert = experts - 1;
    const std::vector<float> logits = numbers(rows * count), a = numbers(rows * width, 1), b = numbers(rows * width, 2);
    const simulate::Matrix<float> of_logits = matrix_of(logits, 0, rows, count);
    const simulate::Matrix<float> of_a = matrix_of(a, 0, rows, width), of_b = matrix_of(b, 0, rows, width);
    const simulate::Matrix<float> weights = simulate::route(Team{1}, kind, taken, of_logits);
    const auto from = test::on_device<float>(context, logits),
               weight = test::on_device<float>(context, values_of(weights));
    const auto first = test::on_device<float>(context, a), second = test::on_device<float>(context, b);
    CHECK(worst(written(context, logits.size(),
                        [&](float* out) { cuda::route(context, rows, count, kind, taken, from.data(), out); }),
                values_of(weights), close) <= 1);
    simulate::Matrix<float> back = of_logits, dots = of_logits;
    simulate::route_backward(Team{1}, kind, of_logits, weights, back);
    CHECK(worst(changed(context, logits,
                        [&](float* at) {
                          cuda::route_backward(context, rows, count, kind, from.data(), weight.data(), at);
                        }),
                values_of(back), close) <= 1);
    CHECK(differing(written(context, a.size(),
                            [&](float* out) {
                              cuda::weigh(context, rows, width, count, expert, weight.data(), first.data(), out);
                            }),
                    values_of(simulate::weighed(Team{1}, weights, index(expert), of_a))) == 0);
    simulate::put_dots(Team{1}, of_a, of_b, index(expert), dots);
    CHECK(worst(changed(context, logits,
                        [&](float* at) {
                          cuda::put_dots(context, rows, width, count, expert, first.data(), second.data(), at);
                        }),
                values_of(dots), close) <= 1);
  }
}

TEST_CASE("rotary positions are the CPU's, forward and backward") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::float32);
  constexpr std::size_t replicates = 2, sequences = 3, length = 70, heads = 3, rows = sequences * length;
  for (const auto& [width, turning] : {std::pair{2, 2}, {10, 10}, {10, 4}}) {
    const auto features = static_cast<std::size_t>(width), half = static_cast<std::size_t>(turning) / 2;
    const std::vector<float> x = numbers(replicates * rows * heads * features);
    for (const bool backward : {false, true}) {
      const auto turned = changed(context, x, [&](float* at) {
        cuda::rotate(context, replicates * rows, length, heads, features, 2 * half, 1e4, backward, at);
      });
      const std::vector<float> cpu = by_replicate(replicates, [&, width = width, turning = turning](std::size_t r) {
        simulate::Matrix<float> part = matrix_of(x, r * rows * heads * features, rows, heads * features);
        simulate::rotate(Team{1}, {sequences, length}, width, turning, 1e4, backward, part);
        return part;
      });
      // A cosine of float64 that lies between two of float32 may be rounded to the other one.
      const auto size = [&](std::size_t i) {
        const std::size_t f = i % features, other = f < half ? i + half : f < 2 * half ? i - half : i;
        return std::abs(double{x[i]}) + std::abs(double{x[other]});
      };
      CHECK(worst(turned, cpu, [&](std::size_t i) { return ulp * size(i); }) <= 1);
    }
  }
}

// ---- norm -----------------------------------------------------------------------------------------------------------

/// Of each row, repeated for its elements.
template <class Of>
std::vector<double> of_rows(const simulate::Matrix<float>& x, const Of& of) {
  std::vector<double> out;
  for (Eigen::Index i = 0; i < x.rows(); ++i) out.insert(out.end(), static_cast<std::size_t>(x.cols()), of(i));
  return out;
}

void check_norm(Context& context, network::NormKind kind, std::size_t rows, std::size_t columns) {
  const auto count = rows * columns;
  std::vector<float> x = numbers(count, 1);
  for (float& each : x) each = 3 + 2 * each;
  const std::vector<float> g = numbers(count, 2);
  const simulate::Normalized<float> cpu = simulate::normalize(Team{1}, kind, 1e-5, matrix_of(x, 0, rows, columns));
  simulate::Matrix<float> cpu_g = matrix_of(g, 0, rows, columns);
  const std::vector<double> into =
      of_rows(cpu_g, [&](Eigen::Index i) { return double{cpu_g.row(i).cwiseAbs().maxCoeff() * cpu.inverse_scale[i]}; });
  simulate::normalize_backward(Team{1}, kind, cpu.y, cpu.inverse_scale, cpu_g);
  const cuda::Buffer<float> from = test::on_device<float>(context, x), scales(context, rows);
  const auto y = written(context, count, [&](float* out) {
    cuda::normalize(context, kind, 1e-5, rows, columns, from.data(), out, scales.data());
  });
  const auto back = changed(context, g, [&](float* at) {
    const cuda::Buffer<float> at_y = test::on_device<float>(context, y);
    cuda::normalize_backward(context, kind, rows, columns, at_y.data(), scales.data(), at);
  });
  const std::vector<double> largest =
      of_rows(cpu.y, [&](Eigen::Index i) { return double{cpu.y.row(i).cwiseAbs().maxCoeff()}; });
  INFO((kind == network::NormKind::layer_norm ? "LayerNorm of " : "RMSNorm of ") << rows << " rows of " << columns);
  CHECK(worst(y, values_of(cpu.y), [&](std::size_t i) { return 1e-5 * largest[i]; }) <= 1);
  CHECK(worst(test::on_host(context, scales), values_of(cpu.inverse_scale),
              [&](std::size_t i) { return 1e-5 * double{cpu.inverse_scale[index(i)]}; }) <= 1);
  CHECK(worst(back, values_of(cpu_g), [&](std::size_t i) { return 1e-5 * into[i]; }) <= 1);
}

TEST_CASE("norms are the CPU's, forward and backward, for short rows and long ones") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::float32);
  for (const auto kind : {network::NormKind::layer_norm, network::NormKind::rms_norm}) {
    for (const std::size_t columns : {1, 5, 31, 32, 33, 300, 1023, 1024, 1025, 3001})
      check_norm(context, kind, 19, columns);
    check_norm(context, kind, 1, 64);
    check_norm(context, kind, 8, 64);
  }
}

// ---- measure --------------------------------------------------------------------------------------------------------

constexpr simulate::SignalSlots everything{2, 6, 3, 4, 0};  // begin, size, cross, ends, no rank
constexpr std::size_t sample_size = 10;                     // two numbers before it and after it
constexpr double untouched = 12345;

/// The sum of the sizes of the terms of every number.
simulate::Sample sizes_of_terms(Tokens tokens, const simulate::Matrix<float>& x) {
  simulate::Sample out(sample_size, 0);
  const Eigen::MatrixXd size = x.cast<double>().cwiseAbs();
  const double count = static_cast<double>(x.size()), length = static_cast<double>(tokens.length);
  const double batch = static_cast<double>(tokens.sequences), squares = size.squaredNorm();
  double within = 0;
  for (Eigen::Index b = 0; b < tokens.sequences; ++b)
    within += size.middleRows(b * tokens.length, tokens.length).colwise().sum().squaredNorm();
  out[2] = size.sum() / count;
  out[3] = out[6] = out[7] = squares / count * length;
  out[4] = (within + squares) / (count * std::max(1.0, length - 1));
  out[5] = (size.colwise().sum().squaredNorm() + within) / (count * std::max(1.0, batch - 1) * length);
  return out;
}

std::vector<double> measured(Context& context, const cuda::SignalShape& shape, const cuda::Pieces& pieces,
                             const simulate::SignalSlots& slots) {
  return changed(context, std::vector<double>(shape.replicates * sample_size, untouched),
                 [&](double* samples) { cuda::measure(context, shape, pieces, slots, samples, sample_size); });
}

void check_measure(Context& context, const cuda::SignalShape& shape, bool ends) {
  std::vector<float> x = numbers(shape.size());
  for (float& each : x) each += 0.5F;
  const Tokens tokens{index(shape.sequences), index(shape.length)};
  simulate::SignalSlots slots = everything;
  if (shape.sequences == 1) slots.cross = 0;
  if (!ends) slots.ends = 0;
  const cuda::Buffer<float> from = test::on_device<float>(context, x);
  const std::vector<double> all = measured(context, shape, cuda::pieces_of(context, shape, from.data()), slots);
  const std::size_t rows = shape.sequences * shape.length;
  for (std::size_t r = 0; r < shape.replicates; ++r) {
    const simulate::Matrix<float> part = matrix_of(x, r * rows * shape.width, rows, shape.width);
    const simulate::Sample terms = sizes_of_terms(tokens, part);
    simulate::Sample cpu(sample_size, untouched);
    simulate::measure(Team{1}, tokens, part, slots, cpu);
    const std::span gpu = std::span(all).subspan(r * sample_size, sample_size);
    INFO(shape.sequences << " sequences, " << shape.length << " tokens, " << shape.width << " features, replicate "
                         << r);
    CHECK(worst(gpu, cpu, [&](std::size_t i) { return 1e-12 * terms[i]; }) <= 1);
  }
}

TEST_CASE("a signal's numbers are the CPU's, whole pieces or not") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::float32);
  for (const std::size_t length : {1, 64, 65, 130}) {
    for (const std::size_t width : {1, 63, 64, 65, 130}) check_measure(context, {2, 3, length, width}, true);
  }
  check_measure(context, {1, 1, 33, 70}, true);
  check_measure(context, {3, 1, 33, 70}, false);
  check_measure(context, {2, 9, 5, 70}, false);       // more sequences than one lane each
  check_measure(context, {2, 60, 65, 190}, true);     // more pieces than threads
  check_measure(context, {1, 2, 1, 257 * 64}, true);  // more tiles than threads
}

TEST_CASE("a combination and its pieces come from one pass, also in place") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::float32);
  const cuda::SignalShape shape{2, 3, 65, 67};
  const std::vector<float> x = numbers(shape.size(), 1), f = numbers(shape.size(), 2);
  std::vector<float> wanted(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const float skipped = 0.9F * x[i], branch = 0.3F * f[i];
    wanted[i] = skipped + branch;
  }
  const cuda::Buffer<float> at_wanted = test::on_device<float>(context, wanted);
  const auto numbers_wanted = measured(context, shape, cuda::pieces_of(context, shape, at_wanted.data()), everything);
  for (const int place : {0, 1, 2}) {
    const cuda::Buffer<float> at_x = test::on_device<float>(context, x), at_f = test::on_device<float>(context, f);
    const cuda::Buffer<float> elsewhere(context, x.size());
    const cuda::Buffer<float>& y = place == 0 ? elsewhere : place == 1 ? at_x : at_f;
    const cuda::Pieces pieces = cuda::combine(context, shape, 0.9, at_x.data(), 0.3, at_f.data(), y.data());
    INFO("place " << place);
    CHECK(differing(test::on_host(context, y), wanted) == 0);
    CHECK(differing(measured(context, shape, pieces, everything), numbers_wanted) == 0);
    if (place != 1) CHECK(differing(test::on_host(context, at_x), x) == 0);
    if (place != 2) CHECK(differing(test::on_host(context, at_f), f) == 0);
  }
}

TEST_CASE("squared norms are the CPU's, in one slice or several") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::float32);
  constexpr std::size_t replicates = 2, stride = 3;
  for (const std::size_t count : {1, 255, 4097, 20000, 1100003}) {
    const std::vector<float> x = numbers(replicates * count);
    const cuda::Buffer<float> from = test::on_device<float>(context, x);
    const auto sums = changed(context, std::vector<double>(replicates * stride, untouched), [&](double* out) {
      cuda::add_squared_norm(context, replicates, count, from.data(), out, stride);
    });
    std::vector<double> wanted(replicates * stride, untouched);
    for (std::size_t r = 0; r < replicates; ++r)
      wanted[r * stride] += simulate::squared_norm(Team{1}, matrix_of(x, r * count, 1, count));
    INFO(count << " elements");
    CHECK(worst(sums, wanted, [&](std::size_t i) { return i % stride == 0 ? 1e-12 * wanted[i] : 0; }) <= 1);
  }
}

TEST_CASE("sums over rows and over tokens are those of float64") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::float32);
  for (const std::size_t width : {1, 64, 130, 700}) {
    const cuda::SignalShape shape{2, 3, 65, width};
    const std::size_t rows = shape.size() / width, sequences = rows / shape.length;
    const std::vector<float> x = numbers(shape.size());
    const Eigen::MatrixXd all = matrix_of(x, 0, rows, width).cast<double>();
    const cuda::Buffer<float> from = test::on_device<float>(context, x);
    const cuda::Pieces pieces = cuda::pieces_of(context, shape, from.data());
    const auto by_row =
        written<double>(context, rows, [&](double* out) { cuda::row_sums(context, rows, width, from.data(), out); });
    const auto by_column = written<double>(context, sequences * width,
                                           [&](double* out) { cuda::column_sums(context, shape, pieces, out); });
    const double size = 1e-12 * all.cwiseAbs().maxCoeff();
    INFO("width " << width);
    CHECK(worst(by_row, values_of(Eigen::VectorXd(all.rowwise().sum())),
                [&](std::size_t) { return size * static_cast<double>(width); }) <= 1);
    for (std::size_t b = 0; b < sequences; ++b) {
      const Eigen::RowVectorXd sum = all.middleRows(index(b * shape.length), index(shape.length)).colwise().sum();
      CHECK(worst(std::span(by_column).subspan(b * width, width), values_of(sum),
                  [&](std::size_t) { return size * static_cast<double>(shape.length); }) <= 1);
    }
  }
}

}  // namespace
