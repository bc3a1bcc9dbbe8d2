// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "predict/slopes/walk_in_jets.hpp"
#include "predict/walk/walk_in.hpp"
#include "predict/walk/warnings.hpp"
#include "scalar/processors.hpp"
#include "sigprop/formula/domain.hpp"
#include "sigprop/network/knobs.hpp"
#include "sigprop/network/lifted.hpp"
#include "sigprop/predict/predict.hpp"

namespace sigprop::predict {
namespace {

using network::Knob;
using network::Network;
using Reading = std::function<profile::Quantity(const profile::Profile&)>;
using Progress = std::function<void(std::size_t, std::size_t)>;

void require_logarithm(const profile::Quantity& value) {
  if (!value.representable())
    throw std::range_error(
        "leaves the range of a double, in which slopes are computed: ask for one at an earlier layer, or add norms");
  if (std::isinf(value.log10)) throw std::range_error("is 0 and has no logarithm: ask for another");
}

Slopes by_jets(const Network& network, Theory theory, const std::vector<Knob>& knobs, const Reading& reading,
               const Progress& progress) {
  const network::Outline outline = network::outline_of(network);
  // Large scores take seconds to tabulate, and a search asks for the slopes of many models alike.
  thread_local const auto tables = std::make_shared<SoftmaxTables<ArgumentJet>>();
  Slopes out;
  for (std::size_t first = 0; first == 0 || first < knobs.size(); first += jet_directions) {
    const std::size_t last = std::min(first + jet_directions, knobs.size());
    network::Lifted<SlopeJet> varied = network::lifted<SlopeJet>(network);
    for (std::size_t i = first; i < last; ++i) {
      // By a common factor, or from 0.
      network::change_knob(varied, knobs[i].name, [&](SlopeJet x) {
        x.slopes[i - first] += knobs[i].is_zero() ? 1 : x.value;
        return x;
      });
    }
    profile::Profile moved = walk_in_jets(varied, outline, theory, tables);
    moved.theory = name_of(theory);
    out.value = reading(moved);
    out.warnings = warnings_of(network, theory, moved);
    require_logarithm(out.value);
    const std::vector<double>* slopes = out.value.slopes();
    if (slopes == nullptr) throw std::logic_error("a reading without slopes");
    out.by_knob.insert(out.by_knob.end(), slopes->begin(), slopes->begin() + static_cast<std::ptrdiff_t>(last - first));
    if (progress) progress(last, knobs.size());
  }
  out.value.set_slopes({});
  return out;
}

/// Predictions in double of a network, or one like it, of any length.
using WalkFunction = std::function<profile::Profile(const network::Lifted<double>&, const network::Outline&)>;

/// The network at another length. Tokens of the second half at which the loss gradient enters keep
/// their distance from the end.
Network of_length_like(const Network& network, std::size_t length) {
  Network out = network;
  out.sequence_length = length;
  for (std::size_t& token : out.gradient_tokens) {
    if (2 * token >= network.sequence_length) token = length - std::min(length, network.sequence_length - token);
    token = std::min(token, length - 1);
  }
  std::sort(out.gradient_tokens.begin(), out.gradient_tokens.end());
  out.gradient_tokens.erase(std::unique(out.gradient_tokens.begin(), out.gradient_tokens.end()),
                            out.gradient_tokens.end());
  return out;
}

/// Makes walks that share nothing, so that threads can take one each.
using WalkMaker = std::function<WalkFunction()>;

/// Predictions of a network whose tokens differ, and of those beside it.
class Differences {
 public:
  Differences(const Network& network, const Reading& reading, WalkMaker walks)
      : network_(network), reading_(reading), walks_(std::move(walks)) {}

  /// unmoved: the network's own prediction. of_length: a walk for networks of a length, or of a
  /// shorter one.
  [[nodiscard]] Slopes run(const profile::Profile& unmoved, const std::vector<Knob>& knobs, const Progress& progress,
                           const std::function<WalkFunction(std::size_t)>& of_length) {
    Slopes out;
    out.by_differences = true;
    out.warnings = warnings_of(network_, Theory::full, unmoved);
    out.value = reading_(unmoved);
    require_logarithm(out.value);
    log_value_ = log_of(unmoved);
    out.by_knob.resize(knobs.size());
    const auto worker = [&] {
      return [&, walk = walks_()](std::size_t i) {
        out.by_knob[i] = knobs[i].name == "sequence_length" ? by_length(of_length) : by(knobs[i], walk);
      };
    };
    scalar::on_all_processors(knobs.size(), worker, [&](std::size_t done) {
      if (progress) progress(done, knobs.size());
    });
    return out;
  }

 private:
  [[nodiscard]] double log_of(const profile::Profile& profile) const {
    return std::log(10.0) * reading_(profile).log10;
  }

  [[nodiscard]] double log_at(const Knob& knob, double step, const WalkFunction& walk) const {
    network::Lifted<double> moved = network::lifted<double>(network_);
    network::change_knob(moved, knob.name, [&](double x) { return knob.is_zero() ? step : x * std::exp(step); });
    return log_of(walk(moved, outline_));
  }

  [[nodiscard]] double by(const Knob& knob, const WalkFunction& walk) const {
    constexpr double longest = 1e-3,
                     part = 16;  // what is left out is of order step², and predictions are rough by some 1e-9
    // Probabilities and deviations end at 0, probabilities and correlations at 1; sizes begin
    // there.
    if (knob.is_zero()) return to_one_side(knob, longest, walk);
    const double room = 1 - knob.highest;
    if (room == 0) return to_one_side(knob, knob.whole ? longest : -longest, walk);
    const double step = room > 0 ? std::min(longest, room / part) : longest;
    return (log_at(knob, step, walk) - log_at(knob, -step, walk)) / (2 * step);
  }

  /// A slope of fourth order.
  [[nodiscard]] double to_one_side(const Knob& knob, double step, const WalkFunction& walk) const {
    const auto moved = [&](int steps) { return log_at(knob, steps * step, walk); };
    return (48 * moved(1) - 36 * moved(2) + 16 * moved(3) - 3 * moved(4) - 25 * log_value_) / (12 * step);
  }

  /// No sequence has half a token.
  [[nodiscard]] double by_length(const std::function<WalkFunction(std::size_t)>& of_length) const {
    constexpr double part = 64;
    const double length = network_.length(), step = std::max(1.0, std::round(length / part));
    const auto longer = static_cast<std::size_t>(length + step);
    const auto shorter = static_cast<std::size_t>(std::max(1.0, length - step));
    const WalkFunction walk = of_length(longer);
    const auto log_of_length = [&](std::size_t tokens) {
      const Network other = of_length_like(network_, tokens);
      return log_of(walk(network::lifted<double>(other), network::outline_of(other)));
    };
    return (log_of_length(longer) - log_of_length(shorter)) /
           std::log(static_cast<double>(longer) / static_cast<double>(shorter));
  }

  const Network& network_;
  network::Outline outline_ = network::outline_of(network_);
  const Reading& reading_;
  WalkMaker walks_;
  double log_value_ = 0;
};

profile::Profile walked(const WalkFunction& walk, const Network& network) {
  return walk(network::lifted<double>(network), network::outline_of(network));
}

/// For walks of two lengths, which share a table and so have its error in common.
std::shared_ptr<RowTables> rows_up_to(std::size_t longest) {
  return std::make_shared<RowTables>(static_cast<double>(longest));
}

Slopes behind_mask(const Network& network, const Options& options, const std::vector<Knob>& knobs,
                   const Reading& reading, const Progress& progress) {
  const auto walk = [&options](const std::shared_ptr<RowTables>& rows) -> WalkFunction {
    return [&options, rows](const network::Lifted<double>& moved, const network::Outline& outline) {
      return walk_masked(moved, outline, options.prefix, {}, rows);
    };
  };
  const WalkMaker walks = [&] { return walk(std::make_shared<RowTables>()); };
  return Differences(network, reading, walks).run(walked(walks(), network), knobs, progress, [&](std::size_t longer) {
    return walk(rows_up_to(longer));
  });
}

/// A walk over the words of a network, or its special tokens, for those beside it: the sequences
/// stay, whatever is varied.
WalkFunction walk_of(const std::shared_ptr<const WordSequences>& words, const Options& options) {
  return [words, prefix = options.prefix, rows = std::make_shared<RowTables>()](const network::Lifted<double>& moved,
                                                                                const network::Outline& outline) {
    return words ? walk_words(moved, outline, *words, prefix, {}, rows) : walk_special_tokens(moved, outline);
  };
}

/// For networks of this length, or of a shorter one: a longer sequence begins with the shorter.
WalkFunction walk_of_length(const Network& network, const Options& options, std::size_t longer) {
  const auto longest = words_of(network, Theory::full, options, longer);
  return [longest, prefix = options.prefix, rows = rows_up_to(longer)](const network::Lifted<double>& moved,
                                                                       const network::Outline& outline) {
    const auto length = static_cast<std::size_t>(moved.sequence_length);
    return longest ? walk_words(moved, outline, *beginnings(*longest, length, moved.gradient_tokens), prefix, {}, rows)
                   : walk_special_tokens(moved, outline);
  };
}

/// A network's prediction by a walk; without one where the walk does not cover it, and why.
std::optional<profile::Profile> covered(const WalkFunction& walk, const Network& network, std::string& why_not) {
  try {
    return walked(walk, network);
  } catch (const NotCovered& reason) {
    why_not = reason.what();
  } catch (const formula::DomainError& error) {
    why_not = error.what();
  }
  return std::nullopt;
}

}  // namespace

double predictions_for_slopes(const Network& network, Theory theory, const Options& options, std::size_t knobs) {
  const bool differ = theory == Theory::full && (network::has_mask(network) || network::has_special_tokens(network) ||
                                                 sequences_of(network, theory, options) > 0);
  constexpr double by_differences = 2, by_jets = 0.5;
  return 1 + (differ ? by_differences : by_jets) * static_cast<double>(knobs);
}

Slopes slopes(const Network& network, Theory theory, const Options& options, const std::vector<Knob>& knobs,
              const Reading& reading, const Progress& progress) {
  const bool masked = theory == Theory::full && network::has_mask(network);
  const auto words = words_of(network, theory, options, network.sequence_length);
  std::string why_alike;
  if (words || (theory == Theory::full && !masked && network::has_special_tokens(network))) {
    const WalkMaker walks = [&] { return walk_of(words, options); };
    if (const auto unmoved = covered(walks(), network, why_alike)) {
      return Differences(network, reading, walks).run(*unmoved, knobs, progress, [&](std::size_t longer) {
        return walk_of_length(network, options, longer);
      });
    }
    if (options.sequences.value_or(0) > 0) throw NotCovered(why_alike);
  }
  Slopes out = masked ? behind_mask(network, options, knobs, reading, progress)
                      : by_jets(network, theory, knobs, reading, progress);
  if (!why_alike.empty()) out.warnings.push_back(warning_of_alike(why_alike));
  return out;
}

}  // namespace sigprop::predict
