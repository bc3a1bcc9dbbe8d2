// SPDX-License-Identifier: Apache-2.0
// Attention's kernels between its matrix products against the CPU's rows.
#include <algorithm>
#include <cstring>
#include <numeric>

#include "cuda/kernels/heads.hpp"
#include "cuda/numbers.hpp"
#include "simulate/attention.hpp"

namespace {

using namespace sigprop;
using cuda::Arithmetic;
using cuda::Bf16;
using cuda::Buffer;
using cuda::Context;
using cuda::HeadShape;
using cuda::RowScale;
using cuda::RowScores;
using cuda::ScoreRules;
using test::differing;
using test::numbers;
using test::on_device;
using test::on_host;
using test::worst;
using test::written;

constexpr cuda::DrawKey key{0x0123456789abcdef, 3};
constexpr std::uint32_t mask_tensor = 17;

struct Case {
  HeadShape shape;  ///< replicates, sequences, kv heads, group, queries, keys, width
  bool causal;
  double dropout;

  [[nodiscard]] ScoreRules rules() const { return {key, dropout, mask_tensor, causal}; }
  [[nodiscard]] std::size_t rows() const { return shape.blocks() * shape.rows(); }
  [[nodiscard]] std::size_t scores() const { return rows() * shape.keys; }
};

/// Keys that are no multiple of 4; rows of one key; as many queries as keys and not; a warp a row,
/// or a block.
const Case cases[] = {
    {{2, 2, 2, 3, 7, 7, 1}, true, 0.2},      {{1, 2, 1, 2, 13, 50, 1}, false, 0.1},
    {{2, 1, 3, 1, 64, 64, 1}, true, 0},      {{3, 1, 1, 1, 1, 1, 1}, true, 0},
    {{1, 1, 1, 2, 5, 1, 1}, false, 0.5},     {{1, 2, 1, 2, 5, 1023, 1}, false, 0.3},
    {{1, 1, 2, 1, 3, 1024, 1}, false, 0},    {{2, 2, 2, 1, 3, 1025, 1}, false, 0.3},
    {{1, 1, 1, 1, 257, 1100, 1}, true, 0.1}, {{2, 3, 2, 2, 3, 2050, 1}, false, 0.9},
};

/// A row where it stands among the blocks' and where the network has it.
struct RowPlace {
  std::size_t row;
  std::size_t replicate;
  std::uint64_t element;  ///< of the mask
  Eigen::Index visible;
};

template <class F>
void over_rows(const HeadShape& s, bool causal, const F& f) {
  std::uint64_t element = 0;
  for (std::size_t replicate = 0; replicate < s.replicates; ++replicate, element = 0) {
    for (std::size_t sequence = 0; sequence < s.sequences; ++sequence) {
      for (std::size_t head = 0; head < s.kv_heads * s.group; ++head) {
        const std::size_t block = (replicate * s.kv_heads + head / s.group) * s.sequences + sequence;
        for (std::size_t query = 0; query < s.queries; ++query, element += s.keys)
          f(RowPlace{block * s.rows() + head % s.group * s.queries + query, replicate, element,
                     static_cast<Eigen::Index>(causal ? query + 1 : s.keys)});
      }
    }
  }
}

// ---- heads ----------------------------------------------------------------------------------------------------------

/// Heads one after the other by (replicate, kv head, sequence), taken apart with one loop for each.
std::vector<float> taken_apart(const HeadShape& s, std::size_t group, std::size_t length, const std::vector<float>& x) {
  const std::size_t columns = s.kv_heads * group * s.width;
  std::vector<float> out;
  for (std::size_t r = 0; r < s.replicates; ++r)
    for (std::size_t head = 0; head < s.kv_heads; ++head)
      for (std::size_t b = 0; b < s.sequences; ++b)
        for (std::size_t g = 0; g < group; ++g)
          for (std::size_t i = 0; i < length; ++i)
            for (std::size_t f = 0; f < s.width; ++f)
              out.push_back(x[((r * s.sequences + b) * length + i) * columns + (head * group + g) * s.width + f]);
  return out;
}

TEST_CASE("heads are taken apart and put together again") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::float32);
  const HeadShape shape{2, 3, 2, 3, 5, 7, 9};
  for (const auto& [group, length] : {std::pair<std::size_t, std::size_t>{3, 5}, {1, 7}}) {
    const std::vector<float> x = numbers(shape.blocks() * group * length * shape.width);
    const std::vector<float> apart = taken_apart(shape, group, length, x);
    const Buffer<float> at_x = on_device<float>(context, x), at_apart = on_device<float>(context, apart);
    const auto split = [&, group = group, length = length](auto* out) {
      cuda::split_heads(context, shape, group, length, at_x.data(), out);
    };
    CHECK(differing(written(context, x.size(), split), apart) == 0);
    CHECK(differing(written<Bf16>(context, x.size(), split), apart) == 0);
    const auto merge = [&, group = group, length = length](float* out) {
      cuda::merge_heads(context, shape, group, length, at_apart.data(), out);
    };
    CHECK(differing(written(context, x.size(), merge), x) == 0);
  }
}

// ---- softmax --------------------------------------------------------------------------------------------------------

/// Some rows so far apart that most of their weights are 0 in float32.
std::vector<float> scores_of(const Case& c) {
  std::vector<float> out = numbers(c.scores());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = 1 + out[i] * (i / c.shape.keys % 5 == 3 ? 40.0F : 2.0F);
  return out;
}

/// What the CPU has of all rows, in the blocks' order.
struct Reference {
  std::vector<float> probabilities;  ///< before dropout
  std::vector<float> factors;        ///< of dropout
  std::vector<float> dropped;
  std::vector<float> largest;
  std::vector<double> inverse, variance, variance_terms, entropy;
};

Reference reference_of(const Case& c, const std::vector<float>& scores) {
  const std::size_t keys = c.shape.keys, rows = c.rows();
  Reference out{scores, std::vector<float>(scores.size(), 1), {}, std::vector<float>(rows), {}, {}, {}, {}};
  out.inverse = out.variance = out.variance_terms = out.entropy = std::vector<double>(rows);
  over_rows(c.shape, c.causal, [&](const RowPlace& at) {
    float* row = out.probabilities.data() + at.row * keys;
    const float top = *std::max_element(row, row + at.visible);
    double squares = 0;
    for (Eigen::Index j = 0; j < at.visible; ++j) squares += std::pow(double{row[j]} - double{top}, 2);
    const auto count = static_cast<Eigen::Index>(keys);
    const simulate::detail::RowSums sums = simulate::detail::softmax_row(row, at.visible, count);
    out.largest[at.row] = top;
    out.inverse[at.row] = double{*std::max_element(row, row + at.visible)};  // exp(0) is 1
    out.variance[at.row] = sums.variance;
    out.variance_terms[at.row] = 2 * squares / std::max(1.0, static_cast<double>(at.visible - 1));
    out.entropy[at.row] = sums.entropy;
    simulate::Draw(key.seed, key.first_replicate + static_cast<std::uint32_t>(at.replicate))
        .mask(mask_tensor, at.element, c.dropout, out.factors.data() + at.row * keys, count);
  });
  for (std::size_t i = 0; i < scores.size(); ++i) out.dropped.push_back(out.probabilities[i] * out.factors[i]);
  return out;
}

/// What the device has of them.
template <class Out = float>
struct Softmax {
  std::vector<Out> probabilities;
  std::vector<RowScale> scales;
  std::vector<RowScores> statistics;
};

template <class T>
void append(std::vector<T>& all, const std::vector<T>& part) {
  all.insert(all.end(), part.begin(), part.end());
}

/// Calls f(first block, blocks, their scores' first and count) for pieces of at_once blocks.
template <class F>
void in_pieces(const Case& c, std::size_t at_once, const F& f) {
  const std::size_t each = c.shape.rows() * c.shape.keys;
  for (std::size_t first = 0; first < c.shape.blocks(); first += at_once) {
    const std::size_t blocks = std::min(at_once, c.shape.blocks() - first);
    f(first, blocks, first * each, blocks * each);
  }
}

/// Memory for results: the input's own, which stays at its place, or new.
template <class Out>
Buffer<Out> target(Context& context, Buffer<float>& input, bool in_place) {
  if constexpr (std::is_same_v<Out, float>) {
    if (in_place) return std::move(input);
  }
  return {context, input.size()};
}

template <class Out = float>
Softmax<Out> softmax(Context& context, const Case& c, const std::vector<float>& scores, std::size_t at_once,
                     bool in_place = false) {
  Softmax<Out> out;
  const Buffer<RowScale> scales(context, c.rows());
  const Buffer<RowScores> statistics(context, c.rows());
  in_pieces(c, at_once, [&](std::size_t first, std::size_t blocks, std::size_t begin, std::size_t count) {
    Buffer<float> from = on_device<float>(context, std::span(scores).subspan(begin, count));
    const float* at = from.data();
    const Buffer<Out> to = target<Out>(context, from, in_place);
    cuda::softmax(context, c.shape, c.rules(), first, blocks, at, to.data(), scales.data(), statistics.data());
    append(out.probabilities, on_host(context, to));
  });
  out.scales = on_host(context, scales);
  out.statistics = on_host(context, statistics);
  return out;
}

/// One number of every row.
template <class Rows, class Of>
std::vector<double> column(const Rows& rows, const Of& of) {
  std::vector<double> out;
  for (const auto& row : rows) out.push_back(of(row));
  return out;
}

std::string name_of(const Case& c) {
  const HeadShape& s = c.shape;
  return std::to_string(s.queries) + " queries, " + std::to_string(s.keys) + " keys, dropout " +
         std::to_string(c.dropout);
}

constexpr double smallest = 1e-37;  // below it float32 loses digits, and Eigen's exp ends there

TEST_CASE("probabilities, their masks and the numbers of their rows are the CPU's") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::float32);
  for (const Case& c : cases) {
    const std::vector<float> scores = scores_of(c);
    const Reference cpu = reference_of(c, scores);
    const Softmax<> gpu = softmax(context, c, scores, c.shape.blocks());
    std::size_t masked = 0;
    for (std::size_t i = 0; i < scores.size(); ++i) masked += cpu.factors[i] == 0 && gpu.probabilities[i] != 0 ? 1 : 0;
    INFO(name_of(c));
    CHECK(masked == 0);
    CHECK(worst(gpu.probabilities, cpu.dropped,
                [&](std::size_t i) { return 1e-6 * double{cpu.dropped[i]} + smallest; }) <= 1);
    CHECK(column(gpu.scales, [](const RowScale& row) { return double{row.largest}; }) ==
          column(cpu.largest, [](float largest) { return double{largest}; }));
    CHECK(worst(column(gpu.scales, [](const RowScale& row) { return double{row.inverse_partition}; }), cpu.inverse,
                [&](std::size_t i) { return 1e-6 * cpu.inverse[i]; }) <= 1);
    CHECK(worst(column(gpu.statistics, [](const RowScores& row) { return row.variance; }), cpu.variance,
                [&](std::size_t i) { return 1e-12 * cpu.variance_terms[i]; }) <= 1);
    CHECK(worst(column(gpu.statistics, [](const RowScores& row) { return row.entropy; }), cpu.entropy,
                [&](std::size_t i) { return 1e-6 * cpu.entropy[i] + 1e-15; }) <= 1);  // log(1 + δ) has the digits of 1
  }
}

template <class T>
std::size_t differing_rows(const std::vector<T>& a, const std::vector<T>& b) {
  REQUIRE(a.size() == b.size());
  const auto same = [](const T& x, const T& y) { return std::memcmp(&x, &y, sizeof(T)) == 0; };
  return a.size() -
         static_cast<std::size_t>(std::inner_product(a.begin(), a.end(), b.begin(), 0L, std::plus<>(), same));
}

TEST_CASE("probabilities are the same bits in pieces, in place and, rounded, in 16 bits") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::bf16);
  for (const Case& c : cases) {
    const std::vector<float> scores = scores_of(c);
    const Softmax<> whole = softmax(context, c, scores, c.shape.blocks());
    const Softmax<Bf16> half = softmax<Bf16>(context, c, scores, 3);
    INFO(name_of(c));
    CHECK(differing(half.probabilities, whole.probabilities) == 0);
    CHECK(differing_rows(half.statistics, whole.statistics) == 0);
    for (const std::size_t at_once : {std::size_t{1}, std::size_t{3}, c.shape.blocks()}) {
      const Softmax<> other = softmax(context, c, scores, at_once, true);
      INFO(at_once << " blocks at once");
      CHECK(differing(other.probabilities, whole.probabilities) == 0);
      CHECK(differing_rows(other.scales, whole.scales) == 0);
      CHECK(differing_rows(other.statistics, whole.statistics) == 0);
    }
  }
}

// ---- backward -------------------------------------------------------------------------------------------------------

constexpr double score_scale = 0.3;

template <class Out = float>
struct Slopes {
  std::vector<Out> probabilities;
  std::vector<Out> gradient;
};

template <class Out = float>
Slopes<Out> slopes(Context& context, const Case& c, const std::vector<float>& scores, const std::vector<float>& dp,
                   const std::vector<RowScale>& of_rows, std::size_t at_once, bool in_place = false) {
  Slopes<Out> out;
  const Buffer<RowScale> scales = on_device<RowScale>(context, of_rows);
  in_pieces(c, at_once, [&](std::size_t first, std::size_t blocks, std::size_t begin, std::size_t count) {
    Buffer<float> from = on_device<float>(context, std::span(scores).subspan(begin, count));
    Buffer<float> slope = on_device<float>(context, std::span(dp).subspan(begin, count));
    const float *at = from.data(), *at_dp = slope.data();
    const Buffer<Out> to = target<Out>(context, from, in_place), gradient = target<Out>(context, slope, in_place);
    cuda::softmax_backward(context, c.shape, c.rules(), score_scale, first, blocks, at, at_dp, scales.data(), to.data(),
                           gradient.data());
    append(out.probabilities, on_host(context, to));
    append(out.gradient, on_host(context, gradient));
  });
  return out;
}

/// scale · p (m dp - Σ p m dp) in float64, and the sizes of its terms.
struct Gradient {
  std::vector<double> value, terms;
};

Gradient gradient_of(const Case& c, const Reference& cpu, const std::vector<float>& dp) {
  Gradient out;
  const std::size_t keys = c.shape.keys;
  const auto slope = [&](std::size_t i) { return double{cpu.factors[i]} * double{dp[i]}; };
  for (std::size_t row = 0; row < c.rows(); ++row) {
    double mean = 0, size = 0;
    for (std::size_t i = row * keys; i < (row + 1) * keys; ++i) {
      mean += double{cpu.probabilities[i]} * slope(i);
      size += std::abs(double{cpu.probabilities[i]} * slope(i));
    }
    for (std::size_t i = row * keys; i < (row + 1) * keys; ++i) {
      const double p = score_scale * double{cpu.probabilities[i]};
      out.value.push_back(p * (slope(i) - mean));
      out.terms.push_back(p * (std::abs(slope(i)) + size));
    }
  }
  return out;
}

TEST_CASE("the gradient at the scores is that of softmax and dropout") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::float32);
  for (const Case& c : cases) {
    const std::vector<float> scores = scores_of(c), dp = numbers(c.scores(), 1);
    const Softmax<> forward = softmax(context, c, scores, c.shape.blocks());
    const Slopes<> gpu = slopes(context, c, scores, dp, forward.scales, c.shape.blocks());
    const Gradient wanted = gradient_of(c, reference_of(c, scores), dp);
    INFO(name_of(c));
    CHECK(differing(gpu.probabilities, forward.probabilities) == 0);
    // 1e-6 of the probabilities, 37 additions of float32 of one sum.
    CHECK(worst(gpu.gradient, wanted.value, [&](std::size_t i) { return 4e-6 * wanted.terms[i] + 10 * smallest; }) <=
          1);
  }
}

TEST_CASE("the gradient at the scores is the same bits in pieces, in place and, rounded, in 16 bits") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::bf16);
  for (const Case& c : cases) {
    const std::vector<float> scores = scores_of(c), dp = numbers(c.scores(), 1);
    const std::vector<RowScale> scales = softmax(context, c, scores, c.shape.blocks()).scales;
    const Slopes<> whole = slopes(context, c, scores, dp, scales, c.shape.blocks());
    const Slopes<Bf16> half = slopes<Bf16>(context, c, scores, dp, scales, 3);
    INFO(name_of(c));
    CHECK(differing(half.probabilities, whole.probabilities) == 0);
    CHECK(differing(half.gradient, whole.gradient) == 0);
    for (const std::size_t at_once : {std::size_t{1}, c.shape.blocks()}) {
      const Slopes<> other = slopes(context, c, scores, dp, scales, at_once, true);
      CHECK(differing(other.probabilities, whole.probabilities) == 0);
      CHECK(differing(other.gradient, whole.gradient) == 0);
    }
  }
}

// ---- statistics -----------------------------------------------------------------------------------------------------

TEST_CASE("scores' numbers are means over the rows of a replicate, variances over those that see two keys") {
  if (!test::has_device()) return;
  Context context(0, Arithmetic::float32);
  constexpr std::size_t stride = 5;
  constexpr double untouched = 12345;
  for (const Case& c : {Case{{2, 4, 2, 2, 700, 700, 1}, true, 0}, Case{{3, 1, 2, 1, 4, 9, 1}, false, 0},
                        Case{{2, 2, 1, 3, 3, 1, 1}, false, 0}, Case{{2, 2, 1, 3, 1, 1, 1}, true, 0},
                        Case{{1, 2, 1, 1, 2, 2, 1}, true, 0}}) {
    const std::vector<float> x = numbers(2 * c.rows());
    std::vector<RowScores> rows(c.rows());
    std::vector<double> wanted(c.shape.replicates * stride, untouched), varying(c.shape.replicates);
    for (std::size_t r = 0; r < c.shape.replicates; ++r) wanted[r * stride] = wanted[r * stride + 1] = 0;
    over_rows(c.shape, c.causal, [&](const RowPlace& at) {
      const bool varies = at.visible > 1;
      rows[at.row] = {varies ? std::abs(double{x[2 * at.row]}) : 0, std::abs(double{x[2 * at.row + 1]})};
      varying[at.replicate] += varies ? 1 : 0;
      wanted[at.replicate * stride] += rows[at.row].variance;
      wanted[at.replicate * stride + 1] += rows[at.row].entropy;
    });
    for (std::size_t r = 0; r < c.shape.replicates; ++r) {
      wanted[r * stride] /= std::max(1.0, varying[r]);
      wanted[r * stride + 1] *= static_cast<double>(c.shape.replicates) / static_cast<double>(c.rows());
    }
    const Buffer<RowScores> statistics = on_device<RowScores>(context, rows);
    const auto means = test::changed(context, std::vector<double>(wanted.size(), untouched), [&](double* out) {
      cuda::mean_scores(context, c.shape, c.causal, statistics.data(), out, stride);
    });
    INFO(name_of(c));
    CHECK(worst(means, wanted, [&](std::size_t i) { return i % stride < 2 ? 1e-12 * wanted[i] : 0; }) <= 1);
  }
}

}  // namespace
