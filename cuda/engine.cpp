// SPDX-License-Identifier: Apache-2.0
#include "cuda/engine.hpp"

#include <algorithm>
#include <cmath>

#include "cuda/kernels/elementwise.hpp"
#include "cuda/kernels/norm.hpp"
#include "cuda/kernels/route.hpp"
#include "simulate/effective_rank.hpp"
#include "simulate/elementwise.hpp"
#include "simulate/given_words.hpp"

namespace sigprop::cuda {
namespace {

std::ptrdiff_t index(std::size_t n) {
  return static_cast<std::ptrdiff_t>(n);
}

Numbers drawn(Context& context, DrawKey key, std::size_t replicates, const Engine::Weight& w) {
  Numbers values(context, replicates * w.out * w.in);
  values.write([&](auto* to) { normals(context, key, w.tensor, replicates, w.out * w.in, w.std, to); });
  return values;
}

/// Scores (blocks, rows, keys) that have been computed, and where the numbers for the next product
/// go: in bf16 elsewhere, else to the same place.
class Scores {
 public:
  Scores(Context& context, std::size_t size) : values_(context, size) {
    if (context.arithmetic() == Arithmetic::bf16) factors_.emplace(context, size);
  }

  [[nodiscard]] float* values() const { return values_.data(); }

  /// Null where factors take the scores' own memory.
  [[nodiscard]] Bf16* half() const { return factors_ ? factors_->half() : nullptr; }

  [[nodiscard]] Operand operand(std::size_t rows, std::size_t columns) const {
    if (factors_) return factors_->operand(0, rows, columns, rows * columns);
    return {values_.data(), Type::float32, index(rows), index(columns), index(rows * columns)};
  }

 private:
  Buffer<float> values_;
  std::optional<Numbers> factors_;
};

}  // namespace

Numbers::Numbers(Context& context, std::size_t size) {
  if (context.arithmetic() == Arithmetic::bf16) {
    half_ = Buffer<Bf16>(context, size);
  } else {
    single_ = Buffer<float>(context, size);
  }
}

Operand Numbers::operand(std::size_t first, std::size_t rows, std::size_t columns, std::size_t stride) const {
  if (half_) return {half_.data() + first, Type::bf16, index(rows), index(columns), index(stride)};
  return {single_.data() + first, Type::float32, index(rows), index(columns), index(stride)};
}

Engine::Engine(Context& context, const Batch& batch, const Thrift& thrift, const Probe* probe)
    : context_(context),
      batch_(batch),
      thrift_(thrift),
      probe_(probe),
      samples_(context, batch.replicates * batch.sample_size) {
  context_.clear(samples_.data(), samples_.bytes());
}

// ---- signals ---------------------------------------------------------------------------------------------------------

SignalShape Engine::shape_of(const Signal& x) const {
  return {batch_.replicates, static_cast<std::size_t>(batch_.tokens.sequences),
          static_cast<std::size_t>(batch_.tokens.length), x.width};
}

Engine::Signal Engine::fresh(std::size_t width) {
  return {Buffer<float>(context_, elements(width)), width, std::nullopt, std::nullopt};
}

Engine::Signal Engine::zeros_like(const Signal& x) {
  Signal y = fresh(x.width);
  context_.clear(y.data.data(), y.data.bytes());
  return y;
}

Engine::Signal Engine::tokens(std::uint32_t tensor, std::size_t width, const network::GivenInput& moments) {
  Signal x = fresh(width);
  if (moments.gram) {
    const Signal z = fresh(width);
    normals(context_, batch_.key, tensor, batch_.replicates, rows() * width, 1, z.data.data());
    mix_tokens(context_, batch_.replicates * rows(), moments.gram->tokens, width, moments.gram->root, z.data.data(),
               x.data.data());
    return x;
  }
  const simulate::Mixture mixture = simulate::mixture_of(moments, static_cast<double>(batch_.tokens.length));
  normals(context_, batch_.key, tensor, batch_.replicates, rows() * width, 1, x.data.data());
  correlate(context_, batch_.replicates * static_cast<std::size_t>(batch_.tokens.sequences),
            static_cast<std::size_t>(batch_.tokens.length), width, mixture.own, mixture.common, moments.mean,
            x.data.data());
  return x;
}

Engine::Signal Engine::tokens(std::uint32_t tensor, std::size_t width, const network::Embedding& embedding) {
  std::vector<std::uint64_t> words;
  for (std::size_t replicate = 0; replicate < batch_.replicates; ++replicate) {
    const std::vector<std::uint64_t> own = simulate::given_words(
        batch_.key.seed, batch_.key.first_replicate + static_cast<std::uint32_t>(replicate), tensor + 3,
        static_cast<std::size_t>(batch_.tokens.sequences), static_cast<std::size_t>(batch_.tokens.length), embedding);
    words.insert(words.end(), own.begin(), own.end());
  }
  Signal x = fresh(width);
  embed(context_, batch_.key, tensor, batch_.replicates, batch_.tokens, width, embedding, words, x.data.data());
  return x;
}

void Engine::add_tables(std::uint32_t tensor, const network::GivenInput& input, Signal& x) {
  x.changed();
  cuda::add_tables(context_, batch_.key, tensor, batch_.replicates, batch_.tokens, x.width, input, x.data.data());
}

void Engine::keep_tokens(const std::vector<std::size_t>& kept, Signal& x) {
  x.changed();
  std::vector<std::uint8_t> flags(static_cast<std::size_t>(batch_.tokens.length), 0);
  for (const std::size_t token : kept) flags[token] = 1;
  const Buffer<std::uint8_t> on_device(context_, flags.size());
  context_.upload(on_device.data(), flags.data(), flags.size());
  cuda::keep_tokens(context_, batch_.replicates * rows(), flags.size(), x.width, on_device.data(), x.data.data());
}

void Engine::add_bias(std::uint32_t tensor, double std, Signal& y) {
  const Buffer<float> bias(context_, batch_.replicates * y.width);
  normals(context_, batch_.key, tensor, batch_.replicates, y.width, std, bias.data());
  cuda::add_bias(context_, batch_.replicates, rows(), y.width, bias.data(), y.data.data());
}

void Engine::drop(std::uint32_t tensor, double probability, Signal& x) {
  x.changed();
  cuda::drop(context_, batch_.key, tensor, batch_.replicates, rows() * x.width, probability, x.data.data(),
             x.data.data());
}

Engine::Signal Engine::dropped(std::uint32_t tensor, double probability, const Signal& x) {
  Signal y = fresh(x.width);
  cuda::drop(context_, batch_.key, tensor, batch_.replicates, rows() * x.width, probability, x.data.data(),
             y.data.data());
  return y;
}

void Engine::choose(std::uint32_t tensor, const simulate::Expert& expert, Signal& x) {
  x.changed();
  cuda::choose(context_, batch_.key, tensor, batch_.replicates, rows(), x.width, expert, x.data.data());
}

// ---- routers ---------------------------------------------------------------------------------------------------------

Engine::Signal Engine::route(network::Router router, std::size_t chosen, const Signal& logits) {
  Signal weights = fresh(logits.width);
  cuda::route(context_, batch_.replicates * rows(), logits.width, router, chosen, logits.data.data(),
              weights.data.data());
  return weights;
}

void Engine::route_backward(network::Router router, const Signal& logits, const Signal& weights, Signal& g) {
  g.changed();
  cuda::route_backward(context_, batch_.replicates * rows(), g.width, router, logits.data.data(), weights.data.data(),
                       g.data.data());
}

Engine::Signal Engine::weighed(const Signal& weights, std::size_t expert, const Signal& y) {
  Signal out = fresh(y.width);
  weigh(context_, batch_.replicates * rows(), y.width, weights.width, expert, weights.data.data(), y.data.data(),
        out.data.data());
  return out;
}

void Engine::put_dots(const Signal& a, const Signal& b, std::size_t expert, Signal& into) {
  into.changed();
  cuda::put_dots(context_, batch_.replicates * rows(), a.width, into.width, expert, a.data.data(), b.data.data(),
                 into.data.data());
}

// ---- elementwise -----------------------------------------------------------------------------------------------------

Engine::Signal Engine::product(const Signal& a, const Signal& b) {
  Signal y = fresh(a.width);
  cuda::product(context_, elements(a.width), a.data.data(), b.data.data(), y.data.data());
  return y;
}

void Engine::multiply(Signal& g, const Signal& by) {
  g.changed();
  cuda::multiply(context_, elements(g.width), by.data.data(), g.data.data());
}

Engine::Signal Engine::combine(double skip, const Signal& x, double branch, const Signal& f) {
  Signal y = fresh(x.width);
  y.pieces = cuda::combine(context_, shape_of(x), skip, x.data.data(), branch, f.data.data(), y.data.data());
  return y;
}

Engine::Signal Engine::scaled(double factor, const Signal& g) {
  Signal y = fresh(g.width);
  scale(context_, elements(g.width), factor, g.data.data(), y.data.data());
  return y;
}

Engine::Activated Engine::activate(network::ActivationKind kind, const Signal& x) {
  Activated out{fresh(x.width), fresh(x.width)};
  cuda::activate(context_, kind, elements(x.width), x.data.data(), out.value.data.data(), out.derivative.data.data());
  return out;
}

Engine::Normalized Engine::normalize(network::NormKind kind, double epsilon, const Signal& x, std::size_t parts) {
  Normalized out{fresh(x.width), Buffer<float>(context_, batch_.replicates * rows() * parts), parts};
  cuda::normalize(context_, kind, epsilon > 0 ? epsilon : batch_.norm_epsilon, batch_.replicates * rows() * parts,
                  x.width / parts, x.data.data(), out.y.data.data(), out.inverse_scale.data());
  return out;
}

void Engine::normalize_backward(network::NormKind kind, const Normalized& forward, Signal& g) {
  g.changed();
  cuda::normalize_backward(context_, kind, batch_.replicates * rows() * forward.parts, g.width / forward.parts,
                           forward.y.data.data(), forward.inverse_scale.data(), g.data.data());
}

// ---- linear maps -----------------------------------------------------------------------------------------------------

Engine::Weight Engine::weight(std::uint32_t tensor, std::size_t out, std::size_t in, double std) {
  Weight w{tensor, out, in, std, std::nullopt, false};
  if (!thrift_.redraw_weights) w.values = drawn(context_, batch_.key, batch_.replicates, w);
  return w;
}

Engine::Weight Engine::shared_weight(Context& context, std::uint64_t seed, std::uint32_t tensor, std::size_t out,
                                     std::size_t in, double std) {
  Weight w{tensor, out, in, std, std::nullopt, true};
  w.values = drawn(context, {seed, 0}, 1, w);
  return w;
}

Operand Engine::operand(const Signal& x) {
  const std::size_t stride = rows() * x.width;
  if (context_.arithmetic() != Arithmetic::bf16)
    return {x.data.data(), Type::float32, index(rows()), index(x.width), index(stride)};
  if (!x.rounded) {
    x.rounded.emplace(context_, elements(x.width));
    convert(context_, elements(x.width), x.data.data(), x.rounded->half());
  }
  return x.rounded->operand(0, rows(), x.width, stride);
}

/// y ← x wᵀ or x w, plus beta y. With a shared weight all replicates' rows make one matrix.
void Engine::multiply_by(const Signal& x, const Weight& w, bool transposed, double beta, Signal& y) {
  std::optional<Numbers> again;
  if (!w.values) again = drawn(context_, batch_.key, batch_.replicates, w);
  const Numbers& values = w.values ? *w.values : *again;
  Operand a = operand(x);
  if (w.shared) a.rows *= index(batch_.replicates);
  context_.multiply({a, false, values.operand(0, w.out, w.in, w.out * w.in), transposed, y.data.data(),
                     w.shared ? 1 : index(batch_.replicates), 1, beta});
}

Engine::Signal Engine::project(const Signal& x, const Weight& w) {
  Signal y = fresh(w.out);
  multiply_by(x, w, true, 0, y);
  return y;
}

Engine::Signal Engine::project_back(const Signal& g, const Weight& w) {
  Signal y = fresh(w.in);
  multiply_by(g, w, false, 0, y);
  return y;
}

void Engine::add_project_back(const Signal& g, const Weight& w, Signal& into) {
  into.changed();
  multiply_by(g, w, false, 1, into);
}

void Engine::record_weight_gradient(std::uint32_t /*tensor*/, std::size_t place, const Signal& g, const Signal& x) {
  const std::size_t size = g.width * x.width;
  const Buffer<float> gradient(context_, batch_.replicates * size);
  context_.multiply({operand(g), true, operand(x), false, gradient.data(), index(batch_.replicates), 1, 0});
  add_squared_norm(context_, batch_.replicates, size, gradient.data(), samples_.data() + place, batch_.sample_size);
}

// ---- attention -------------------------------------------------------------------------------------------------------

void Engine::rotate(std::size_t head_width, std::size_t turned, double base, bool backward, Signal& x) {
  x.changed();
  cuda::rotate(context_, batch_.replicates * rows(), static_cast<std::size_t>(batch_.tokens.length),
               x.width / head_width, head_width, turned, base, backward, x.data.data());
}

Numbers Engine::split(const HeadShape& shape, std::size_t group, std::size_t length, const Signal& x) {
  Numbers out(context_, elements(x.width));
  out.write([&](auto* to) { split_heads(context_, shape, group, length, x.data.data(), to); });
  return out;
}

Engine::Signal Engine::merge(const HeadShape& shape, std::size_t group, std::size_t length, const Buffer<float>& x) {
  Signal out = fresh(shape.kv_heads * group * shape.width);
  merge_heads(context_, shape, group, length, x.data(), out.data.data());
  return out;
}

ScoreRules Engine::rules_of(const simulate::Heads& heads) const {
  return {batch_.key, heads.dropout, heads.mask_tensor, heads.causal};
}

/// Of which `matrices` of scores, in float32 and as factors of a product, take the memory that is
/// meant for them.
std::size_t Engine::blocks_at_once(const HeadShape& shape, std::size_t matrices) const {
  const std::size_t bytes = sizeof(float) + (context_.arithmetic() == Arithmetic::bf16 ? sizeof(Bf16) : 0);
  const std::size_t block = matrices * shape.rows() * shape.keys * bytes;
  return std::clamp<std::size_t>(thrift_.score_bytes / block, 1, shape.blocks());
}

Engine::Attended Engine::attend(const simulate::Heads& heads, Signal&& q, Signal&& k, Signal&& v,
                                const simulate::ScoreSlots& slots) {
  const auto length = static_cast<std::size_t>(batch_.tokens.length);
  const HeadShape shape{batch_.replicates,
                        static_cast<std::size_t>(batch_.tokens.sequences),
                        static_cast<std::size_t>(heads.kv_heads),
                        static_cast<std::size_t>(heads.group()),
                        length,
                        length,
                        static_cast<std::size_t>(heads.width)};
  const auto take = [&](Signal&& x, std::size_t group) {
    Numbers out = split(shape, group, length, x);
    x = Signal{};
    return out;
  };
  Numbers of_q = take(std::move(q), shape.group), of_k = take(std::move(k), 1), of_v = take(std::move(v), 1);
  Attended out{shape, std::move(of_q), std::move(of_k), std::move(of_v), {}, {}};
  const std::size_t rows = shape.rows(), keys = shape.keys, width = shape.width, at_once = blocks_at_once(shape, 1);
  out.scales = Buffer<RowScale>(context_, shape.blocks() * rows);
  const Buffer<RowScores> statistics(context_, shape.blocks() * rows);
  const Buffer<float> z(context_, shape.blocks() * rows * width);
  {
    Scores scores(context_, at_once * rows * keys);
    for (std::size_t first = 0; first < shape.blocks(); first += at_once) {
      const std::size_t blocks = std::min(at_once, shape.blocks() - first);
      const Operand query = out.q.operand(first * rows * width, rows, width, rows * width);
      const Operand key = out.k.operand(first * keys * width, keys, width, keys * width);
      const Operand value = out.v.operand(first * keys * width, keys, width, keys * width);
      context_.multiply({query, false, key, true, scores.values(), index(blocks), heads.score_scale, 0});
      const auto probabilities = [&](auto* to) {
        softmax(context_, shape, rules_of(heads), first, blocks, scores.values(), to, out.scales.data(),
                statistics.data());
      };
      if (scores.half() != nullptr) {
        probabilities(scores.half());
      } else {
        probabilities(scores.values());
      }
      context_.multiply(
          {scores.operand(rows, keys), false, value, false, z.data() + first * rows * width, index(blocks), 1, 0});
    }
  }
  mean_scores(context_, shape, heads.causal, statistics.data(), samples_.data() + slots.begin, batch_.sample_size);
  out.z = merge(shape, shape.group, length, z);
  return out;
}

Engine::HeadsGradient Engine::attend_backward(const simulate::Heads& heads, const Attended& forward, const Signal& gz) {
  const HeadShape& shape = forward.shape;
  const std::size_t rows = shape.rows(), keys = shape.keys, width = shape.width, at_once = blocks_at_once(shape, 2);
  const Numbers at_z = split(shape, shape.group, shape.queries, gz);
  const Buffer<float> q(context_, shape.blocks() * rows * width), k(context_, shape.blocks() * keys * width);
  const Buffer<float> v(context_, shape.blocks() * keys * width);
  {
    Scores scores(context_, at_once * rows * keys), gradient(context_, at_once * rows * keys);
    for (std::size_t first = 0; first < shape.blocks(); first += at_once) {
      const std::size_t blocks = std::min(at_once, shape.blocks() - first);
      const std::size_t of_rows = first * rows * width, of_keys = first * keys * width;
      const Operand query = forward.q.operand(of_rows, rows, width, rows * width);
      const Operand key = forward.k.operand(of_keys, keys, width, keys * width);
      const Operand value = forward.v.operand(of_keys, keys, width, keys * width);
      const Operand g = at_z.operand(of_rows, rows, width, rows * width);
      context_.multiply({query, false, key, true, scores.values(), index(blocks), heads.score_scale, 0});
      context_.multiply({g, false, value, true, gradient.values(), index(blocks), 1, 0});
      const auto slopes = [&](auto* probabilities, auto* to) {
        softmax_backward(context_, shape, rules_of(heads), heads.score_scale, first, blocks, scores.values(),
                         gradient.values(), forward.scales.data(), probabilities, to);
      };
      if (scores.half() != nullptr) {
        slopes(scores.half(), gradient.half());
      } else {
        slopes(scores.values(), gradient.values());
      }
      const Operand p = scores.operand(rows, keys), ds = gradient.operand(rows, keys);
      context_.multiply({p, true, g, false, v.data() + of_keys, index(blocks), 1, 0});
      context_.multiply({ds, true, query, false, k.data() + of_keys, index(blocks), 1, 0});
      context_.multiply({ds, false, key, false, q.data() + of_rows, index(blocks), 1, 0});
    }
  }
  Signal at_q = merge(shape, shape.group, shape.queries, q), at_k = merge(shape, 1, keys, k);
  return {std::move(at_q), std::move(at_k), merge(shape, 1, keys, v)};
}

// ---- what is looked at -----------------------------------------------------------------------------------------------

void Engine::measure(const Signal& x, const simulate::SignalSlots& slots) {
  const SignalShape shape = shape_of(x);
  const Pieces made = x.pieces ? Pieces{} : pieces_of(context_, shape, x.data.data());
  cuda::measure(context_, shape, x.pieces ? *x.pieces : made, slots, samples_.data(), batch_.sample_size);
  if (slots.rank != 0) keep_gram(x, slots.begin + slots.rank);
}

/// The Gram matrix of each replicate's first sequence, on its smaller side, in float64.
void Engine::keep_gram(const Signal& x, std::size_t place) {
  const auto length = static_cast<std::size_t>(batch_.tokens.length);
  const bool by_token = length <= x.width;
  const std::size_t size = std::min(length, x.width), count = length * x.width;
  const Buffer<double> sequence(context_, batch_.replicates * count);
  convert(context_, batch_.replicates, count, rows() * x.width, x.data.data(), sequence.data());
  Gram gram{place, size, Buffer<double>(context_, batch_.replicates * size * size)};
  const Operand tokens{sequence.data(), Type::float64, index(length), index(x.width), index(count)};
  context_.multiply({tokens, !by_token, tokens, by_token, gram.values.data(), index(batch_.replicates), 1, 0});
  grams_.push_back(std::move(gram));
}

std::vector<simulate::Sample> Engine::finish() {
  std::vector<double> numbers(samples_.size());
  context_.download(numbers.data(), samples_.data(), samples_.bytes());
  std::vector<simulate::Sample> samples;
  for (std::size_t r = 0; r < batch_.replicates; ++r) {
    const auto begin = numbers.begin() + index(r * batch_.sample_size);
    samples.emplace_back(begin, begin + index(batch_.sample_size));
  }
  std::vector<simulate::Grams> grams;
  for (const Gram& gram : grams_) {
    simulate::Grams& several = grams.emplace_back();
    several.size = gram.size;
    several.values.resize(gram.values.size());
    context_.download(several.values.data(), gram.values.data(), gram.values.bytes());
  }
  const std::vector<double> ranks = simulate::effective_ranks(grams);
  for (std::size_t i = 0; i < ranks.size(); ++i)
    samples[i % batch_.replicates][grams_[i / batch_.replicates].place] = ranks[i];
  grams_.clear();
  return samples;
}

std::vector<float> Engine::downloaded(const Signal& x) {
  std::vector<float> out(x.data.size());
  context_.download(out.data(), x.data.data(), x.data.bytes());
  return out;
}

void Engine::see_output(const Signal& y, const Signal& g) {
  if (probe_ != nullptr && probe_->output) probe_->output(downloaded(y), downloaded(g));
}

void Engine::see_input_gradient(const Signal& g) {
  if (probe_ != nullptr && probe_->input_gradient) probe_->input_gradient(downloaded(g));
}

}  // namespace sigprop::cuda
