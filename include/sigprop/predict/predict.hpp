// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <stdexcept>

#include "sigprop/network/network.hpp"
#include "sigprop/profile/profile.hpp"

namespace sigprop::predict {

/// Which formulas: as published (arXiv:2403.09635), or ours where those err.
enum class Theory { paper, full };

/// What a causal row is taken to average over: the actual tokens of its prefix, or each of them as their mean (O(L²) instead of
/// O(L³) a layer). By default the actual ones up to `longest_actual_prefix` tokens, and with rotary positions always the means.
enum class Prefix { actual, means };
inline constexpr double longest_actual_prefix = 1024;

struct Options {
  std::optional<Prefix> prefix;  ///< default: by the sequence length
  profile::TokenLists tokens;
};

/// A model that the reader accepts and the theory does not cover. what(): the component and "is not covered by this theory yet".
class NotCovered : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Moments of every point of the network by formula, forward then backward, with layer metrics, depth laws and verdicts.
/// Values beyond double's range carry their log10. Time and memory are linear in depth.
/// Throws NotCovered, and std::domain_error where a formula's domain is left (a norm of a signal that is 0).
[[nodiscard]] profile::Profile predict(const network::Network& network, Theory theory, const Options& options = {});

/// The same for many models, to the same bits: what they have in common is tabulated once. One thread at a time.
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
