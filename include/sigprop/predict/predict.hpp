// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "sigprop/network/knobs.hpp"
#include "sigprop/network/network.hpp"
#include "sigprop/profile/profile.hpp"

namespace sigprop::predict {

/// Which formulas: as published (arXiv:2403.09635), or ours where those err.
enum class Theory { paper, full };

[[nodiscard]] const char* name_of(Theory theory);

/// What a causal row is taken to average over: the actual tokens of its prefix, in groups of
/// neighbours whose number hardly grows with the sequence; the same without groups, O(L³) a layer;
/// or every token as the mean of its prefix.
enum class Prefix { actual, single, means };

[[nodiscard]] const char* name_of(Prefix prefix);

struct Options {
  Prefix prefix = Prefix::actual;
  profile::TokenLists tokens = {};
  /// The prediction averages over so many sequences of an embedding's words, where they are read
  /// without a mask, as by an encoder. 0: all tokens are alike. Without a value two to eight, fewer
  /// for more than 12 layers or 512 tokens, of two stacks 256; where the theory does not cover them
  /// tokens are alike, and a warning gives the reason.
  std::optional<std::size_t> sequences = {};
};

/// A model that the reader accepts and the theory does not cover. what(): the component and "is not
/// covered by this theory yet".
class NotCovered : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Moments of every point of the network by formula, forward then backward, with layer metrics,
/// depth laws and verdicts. Values beyond double's range carry their log10. Time and memory are
/// linear in depth. Throws NotCovered, and std::domain_error where a formula's domain is left (a
/// norm of a signal that is 0).
[[nodiscard]] profile::Profile predict(const network::Network& network, Theory theory, const Options& options = {});

/// What a prediction takes on a processor of today, within a factor of some three.
struct Estimate {
  double seconds = 0;
  double gigabytes = 0;
};

/// Without predicting anything. Throws NotCovered where a prefix cannot be had.
[[nodiscard]] Estimate estimate(const network::Network& network, Theory theory, const Options& options = {});

/// How something that is read of a prediction follows the knobs: ∂ln|Q|/∂ln k, or ∂ln|Q|/∂k of a
/// knob that is 0 (see network::Knob::is_zero).
struct Slopes {
  profile::Quantity value;
  std::vector<double> by_knob;        ///< in the order of the knobs
  bool by_differences = false;        ///< false: by dual numbers, exact to rounding
  std::vector<std::string> warnings;  ///< the prediction's
};

/// The slopes of what `reading` takes of a network's prediction; the knobs are some of `network`'s.
/// Where predictions beside it are compared, several threads read at once.
/// By dual numbers through the whole walk, at a few times the cost of a prediction for every twelve
/// knobs; behind a causal mask, where tokens are followed in double, by differences, at the cost of
/// two predictions a knob, four of one that is 0 or 1. `progress` is told of knobs done and all.
/// Throws as predict() does, and std::range_error where the prediction leaves the range of a
/// double.
[[nodiscard]] Slopes slopes(const network::Network& network, Theory theory, const Options& options,
                            const std::vector<network::Knob>& knobs,
                            const std::function<profile::Quantity(const profile::Profile&)>& reading,
                            const std::function<void(std::size_t, std::size_t)>& progress = {});

/// How many predictions take as long as the slopes by so many knobs. Throws NotCovered where words
/// were asked for and do not apply.
[[nodiscard]] double predictions_for_slopes(const network::Network& network, Theory theory, const Options& options,
                                            std::size_t knobs);

/// The same for many models, to the same bits: what they have in common is tabulated once. One
/// thread at a time.
class Predictor {
 public:
  Predictor();
  Predictor(Predictor&&) noexcept;
  Predictor& operator=(Predictor&&) noexcept;
  ~Predictor();

  [[nodiscard]] profile::Profile operator()(const network::Network& network, Theory theory,
                                            const Options& options = {});

 private:
  struct Tables;
  std::unique_ptr<Tables> tables_;
};

}  // namespace sigprop::predict
