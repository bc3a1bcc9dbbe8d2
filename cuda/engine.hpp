// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "cuda/context.hpp"
#include "cuda/kernels/draw.hpp"
#include "cuda/kernels/heads.hpp"
#include "cuda/kernels/measure.hpp"
#include "simulate/subject.hpp"

namespace sigprop::cuda {

/// Numbers as products of matrices take them: float32, or bf16 where the arithmetic is.
class Numbers {
 public:
  Numbers(Context& context, std::size_t size);

  /// `rows` × `columns` matrices, `stride` elements apart, from element `first` on.
  [[nodiscard]] Operand operand(std::size_t first, std::size_t rows, std::size_t columns, std::size_t stride) const;
  [[nodiscard]] Bf16* half() const { return half_.data(); }
  /// Calls with(float* or Bf16*).
  template <class With>
  void write(const With& with) {
    if (half_) {
      with(half_.data());
    } else {
      with(single_.data());
    }
  }

 private:
  Buffer<float> single_;
  Buffer<Bf16> half_;
};

/// How tests look into a batch of networks: all replicates' numbers, one after the other.
struct Probe {
  std::function<void(std::span<const float> output, std::span<const float> gradient)> output;
  std::function<void(std::span<const float>)> input_gradient;
};

/// The networks that are walked side by side.
struct Batch {
  simulate::Tokens tokens;
  std::size_t replicates = 1;
  DrawKey key;
  double norm_epsilon = 0;
  std::size_t sample_size = 0;
};

/// How memory is saved.
struct Thrift {
  bool redraw_weights = false;                     ///< weights are drawn again for every product
  std::size_t score_bytes = std::size_t{1} << 30;  ///< scores of so many blocks at once as fit into this, at least one
};

/// The operations of a Walk on a device, for a batch of replicates: a signal is (replicates, B · L,
/// width), a weight (replicates, out, in).
class Engine {
 public:
  struct Signal {
    Buffer<float> data;
    std::size_t width = 0;
    mutable std::optional<Numbers> rounded;  ///< what products take in bf16, once it was needed
    std::optional<Pieces> pieces;            ///< where they came with the signal

    [[nodiscard]] std::size_t cols() const { return width; }

    /// Its numbers are other ones now: what was made of the old ones goes.
    void changed() {
      rounded.reset();
      pieces.reset();
    }
  };

  struct Weight {
    std::uint32_t tensor = 0;
    std::size_t out = 0;
    std::size_t in = 0;
    double std = 0;
    std::optional<Numbers> values;  ///< none where it is drawn again
    bool shared = false;            ///< one for all replicates
  };

  struct Activated {
    Signal value;
    Signal derivative;
  };

  struct Normalized {
    Signal y;
    Buffer<float> inverse_scale;
    std::size_t parts;
  };

  /// Queries, keys and values head by head; scores are computed again on the way back.
  struct Attended {
    HeadShape shape;
    Numbers q, k, v;
    Buffer<RowScale> scales;
    Signal z;
  };

  struct HeadsGradient {
    Signal q, k, v;
  };

  Engine(Context& context, const Batch& batch, const Thrift& thrift, const Probe* probe = nullptr);

  /// The samples of all replicates, in order. Waits for the device.
  [[nodiscard]] std::vector<simulate::Sample> finish();

  [[nodiscard]] Signal tokens(std::uint32_t tensor, std::size_t width, const network::GivenInput& moments);
  [[nodiscard]] Signal tokens(std::uint32_t tensor, std::size_t width, const network::Embedding& embedding);
  void add_tables(std::uint32_t tensor, const network::GivenInput& input, Signal& x);
  void keep_tokens(const std::vector<std::size_t>& kept, Signal& x);
  [[nodiscard]] Weight weight(std::uint32_t tensor, std::size_t out, std::size_t in, double std);
  /// One for all replicates: that of replicate 0.
  [[nodiscard]] static Weight shared_weight(Context& context, std::uint64_t seed, std::uint32_t tensor, std::size_t out,
                                            std::size_t in, double std);
  void add_bias(std::uint32_t tensor, double std, Signal& y);
  void drop(std::uint32_t tensor, double probability, Signal& x);
  [[nodiscard]] Signal dropped(std::uint32_t tensor, double probability, const Signal& x);

  void choose(std::uint32_t tensor, const simulate::Expert& expert, Signal& x);

  [[nodiscard]] Signal route(network::Router router, std::size_t chosen, const Signal& logits);
  void route_backward(network::Router router, const Signal& logits, const Signal& weights, Signal& g);
  [[nodiscard]] Signal weighed(const Signal& weights, std::size_t expert, const Signal& y);
  void put_dots(const Signal& a, const Signal& b, std::size_t expert, Signal& into);

  [[nodiscard]] Signal project(const Signal& x, const Weight& w);
  [[nodiscard]] Signal project_back(const Signal& g, const Weight& w);
  void add_project_back(const Signal& g, const Weight& w, Signal& into);
  void record_weight_gradient(std::uint32_t tensor, std::size_t place, const Signal& g, const Signal& x);

  [[nodiscard]] Signal zeros_like(const Signal& x);
  [[nodiscard]] Signal product(const Signal& a, const Signal& b);
  void multiply(Signal& g, const Signal& by);
  [[nodiscard]] Signal combine(double skip, const Signal& x, double branch, const Signal& f);
  [[nodiscard]] Signal scaled(double factor, const Signal& g);
  [[nodiscard]] Activated activate(network::ActivationKind kind, const Signal& x);
  [[nodiscard]] Normalized normalize(network::NormKind kind, double epsilon, const Signal& x, std::size_t parts = 1);
  void normalize_backward(network::NormKind kind, const Normalized& forward, Signal& g);

  void rotate(std::size_t head_width, std::size_t turned, double base, bool backward, Signal& x);
  [[nodiscard]] Attended attend(const simulate::Heads& heads, Signal&& q, Signal&& k, Signal&& v,
                                const simulate::ScoreSlots& slots);
  [[nodiscard]] HeadsGradient attend_backward(const simulate::Heads& heads, const Attended& forward, const Signal& gz);

  [[nodiscard]] SignalShape shape_of(const Signal& x) const;
  void measure(const Signal& x, const simulate::SignalSlots& slots);
  void see_input(const Signal&) const {}
  void see_output(const Signal& y, const Signal& g);
  void see_input_gradient(const Signal& g);

 private:
  struct Gram {
    std::size_t place;  ///< of the effective rank in a sample
    std::size_t size;
    Buffer<double> values;
  };

  [[nodiscard]] std::size_t rows() const { return static_cast<std::size_t>(batch_.tokens.rows()); }
  [[nodiscard]] std::size_t elements(std::size_t width) const { return batch_.replicates * rows() * width; }
  [[nodiscard]] Signal fresh(std::size_t width);
  [[nodiscard]] Operand operand(const Signal& x);
  void multiply_by(const Signal& x, const Weight& w, bool transposed, double beta, Signal& y);
  [[nodiscard]] Numbers split(const HeadShape& shape, std::size_t group, std::size_t length, const Signal& x);
  [[nodiscard]] Signal merge(const HeadShape& shape, std::size_t group, std::size_t length, const Buffer<float>& x);
  [[nodiscard]] ScoreRules rules_of(const simulate::Heads& heads) const;
  [[nodiscard]] std::size_t blocks_at_once(const HeadShape& shape, std::size_t matrices) const;
  void keep_gram(const Signal& x, std::size_t place);
  [[nodiscard]] std::vector<float> downloaded(const Signal& x);

  Context& context_;
  const Batch batch_;
  const Thrift thrift_;
  const Probe* const probe_;
  Buffer<double> samples_;
  std::vector<Gram> grams_;
};

}  // namespace sigprop::cuda
