// SPDX-License-Identifier: Apache-2.0
#include "sigprop/predict/predict.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "predict/walk/walk_in.hpp"
#include "predict/walk/warnings.hpp"
#include "sigprop/formula/domain.hpp"
#include "sigprop/profile/quantities.hpp"
#include "sigprop/profile/summary.hpp"

namespace sigprop::predict {
namespace {

/// A quantity that a walk in double may have lost: not finite, or so small that digits are missing
/// or it became 0.
bool in_range(const profile::Quantity& q) {
  constexpr double lowest = -290;  // log10; products of a few such numbers still are normal doubles
  constexpr double highest = 290;
  return std::isfinite(q.value) && q.log10 > lowest && q.log10 < highest;
}

bool is_in_range(const profile::Point& point) {
  return in_range(point.forward.variance) && in_range(point.backward.variance) &&
         std::isfinite(point.forward.token_dot.value) && std::isfinite(point.backward.token_dot.value);
}

bool is_in_range(const profile::Profile& profile) {
  return std::all_of(profile.points.begin(), profile.points.end(),
                     [](const profile::Point& point) { return is_in_range(point); }) &&
         std::all_of(profile.layers.begin(), profile.layers.end(),
                     [](const profile::Layer& layer) { return profile::is_finite(layer); });
}

[[noreturn]] void refuse_range() {
  throw NotCovered(
      "a variance beyond 1e290, or below 1e-290, is not covered behind a causal mask; lower the depth or the standard "
      "deviations, or add norms");
}

/// The walk in double where its range suffices, else in wide numbers. A double that left its range
/// can also end in a domain error (a norm of Infinity): the wide walk then decides whether the
/// error is the model's. why_alike: the reason why words are not followed, where one is to be told.
profile::Profile walk(const network::Network& network, Theory theory, const Options& options,
                      const std::shared_ptr<SoftmaxTables<double>>& tables, const std::shared_ptr<RowTables>& rows,
                      std::string& why_alike) {
  const auto words = words_of(network, theory, options, network.sequence_length);
  const bool special = theory == Theory::full && !network::has_mask(network) && network::has_special_tokens(network);
  if (words || special) {
    try {
      const network::Lifted<double> numbers = network::lifted<double>(network);
      const network::Outline outline = network::outline_of(network);
      profile::Profile result = words ? walk_words(numbers, outline, *words, options.prefix, options.tokens, rows)
                                      : walk_special_tokens(numbers, outline, options.tokens);
      if (is_in_range(result)) return result;
      why_alike = "a number leaves the range of a double";
    } catch (const NotCovered& reason) {
      why_alike = reason.what();
    } catch (const formula::DomainError& error) {
      why_alike = error.what();
    }
    if (options.sequences.value_or(0) > 0)
      throw NotCovered("with --sequences " + std::to_string(*options.sequences) + ": " + why_alike);
  }
  if (theory == Theory::full && network::has_mask(network)) {
    return walk_masked(network::lifted<double>(network), network::outline_of(network), options.prefix, options.tokens,
                       rows);
  }
  try {
    profile::Profile result = walk_in_double(network, theory, tables);
    if (is_in_range(result)) return result;
  } catch (const formula::DomainError&) {
  }
  try {
    return walk_in_wide(network, theory);
  } catch (const formula::DomainError& error) {
    if (!std::isnan(error.value)) throw;
    // All numbers of a spec are finite: this one left the range of wide ones.
    throw NotCovered(error.name +
                     " leaves the range of all numbers; lower the depth or the standard deviations, or add norms");
  }
}

/// Of tokens that are all alike, where a point has no lists yet.
void set_moments(profile::Profile& profile, double sequence_length) {
  const auto length = static_cast<std::size_t>(sequence_length);
  for (profile::Point& point : profile.points) {
    if (point.forward.tokens.empty()) point.forward.tokens.assign(length, point.forward.second_moment);
    if (point.backward.tokens.empty()) point.backward.tokens.assign(length, point.backward.variance);
  }
}

void set_gram(profile::Profile& profile) {
  for (profile::Point& point : profile.points) {
    profile::Forward& x = point.forward;
    if (!x.gram.empty()) continue;
    for (std::size_t row = 0; row < profile.gram_tokens.size(); ++row) {
      x.gram.insert(x.gram.end(), row, x.token_dot);
      x.gram.push_back(x.second_moment);
    }
  }
}

}  // namespace

profile::Profile walk_masked(const network::Lifted<double>& network, const network::Outline& outline, Prefix prefix,
                             const profile::TokenLists& tokens, const std::shared_ptr<RowTables>& rows) {
  try {
    profile::Profile result = walk_by_token(network, outline, prefix, tokens, rows);
    if (is_in_range(result)) return result;
  } catch (const formula::DomainError& error) {
    // All numbers of a spec are finite: a formula that meets another one met what left double's
    // range.
    if (std::isfinite(error.value)) throw;
  }
  refuse_range();
}

struct Predictor::Tables {
  std::shared_ptr<SoftmaxTables<double>> softmax = std::make_shared<SoftmaxTables<double>>();
  std::shared_ptr<RowTables> rows = std::make_shared<RowTables>();
};

Predictor::Predictor() : tables_(std::make_unique<Tables>()) {}
Predictor::Predictor(Predictor&&) noexcept = default;
Predictor& Predictor::operator=(Predictor&&) noexcept = default;
Predictor::~Predictor() = default;

const char* name_of(Theory theory) {
  return theory == Theory::paper ? "paper" : "full";
}

const char* name_of(Prefix prefix) {
  switch (prefix) {
    case Prefix::single:
      return "single";
    case Prefix::means:
      return "means";
    default:
      return "actual";
  }
}

profile::Profile predict(const network::Network& network, Theory theory, const Options& options) {
  return Predictor()(network, theory, options);
}

profile::Profile Predictor::operator()(const network::Network& network, Theory theory, const Options& options) {
  std::string why_alike;
  profile::Profile result = walk(network, theory, options, tables_->softmax, tables_->rows, why_alike);
  if (options.tokens.moments) set_moments(result, network.length());
  if (options.tokens.gram > 0) {
    result.gram_tokens = profile::gram_tokens(network.length(), options.tokens.gram);
    set_gram(result);
  }
  result.name = network.name;
  result.theory = name_of(theory);
  result.warnings = warnings_of(network, theory, result);
  if (!why_alike.empty()) result.warnings.push_back(warning_of_alike(why_alike));
  result.summary = profile::summarize(result, network.thresholds, network.length());
  return result;
}

}  // namespace sigprop::predict
