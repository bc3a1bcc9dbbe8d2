// SPDX-License-Identifier: Apache-2.0
#include "sigprop/verify/verify.hpp"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>
#include <tuple>

#include "verify/formatted.hpp"
#include "verify/pairs.hpp"

namespace sigprop::verify {
namespace {

constexpr double seen_with_95_percent = 1.645;  // one-sided, in standard errors

Comparison compare(const Pair& pair, const Model& model, const Options& options, double t) {
  Comparison out{pair.of_layer, pair.index, pair.path, pair.quantity, pair.predicted, pair.measured, pair.scale};
  const double error = pair.measured.scatter ? pair.measured.scatter->standard_error : 0;
  out.model_error = options.tolerance ? *options.tolerance : model_error(pair.kind, model, pair.context);
  out.difference = pair.predicted.value - pair.measured.value;
  out.z = out.difference == 0 ? 0 : out.difference / error;
  out.limit = (out.model_error + options.rounding) * pair.scale + t * error;
  out.detectable = pair.scale > 0 ? (out.limit + seen_with_95_percent * error) / pair.scale : 0;
  out.agrees = std::abs(out.difference) <= out.limit;
  return out;
}

double badness(const Comparison& c) {
  return c.limit > 0 ? std::abs(c.difference) / c.limit : 0;
}

std::vector<QuantityVerdict> by_quantity(const std::vector<Comparison>& comparisons) {
  std::vector<QuantityVerdict> out;
  for (const Comparison& c : comparisons) {
    auto verdict =
        std::find_if(out.begin(), out.end(), [&](const QuantityVerdict& v) { return v.quantity == c.quantity; });
    if (verdict == out.end()) verdict = out.insert(out.end(), {c.quantity, 0, 0, c, 0});
    ++verdict->compared;
    verdict->disagreeing += c.agrees ? 0 : 1;
    verdict->detectable = std::max(verdict->detectable, c.detectable);
    if (badness(c) > badness(verdict->worst)) verdict->worst = c;
  }
  return out;
}

std::string percent(double x) {
  const double value = 100 * std::abs(x);
  return formatted(value < 99.5 ? "%.2g %%" : "%.0f %%", value);
}

std::string disagreement(const Verification& result) {
  const auto worst = std::max_element(result.quantities.begin(), result.quantities.end(),
                                      [](const auto& a, const auto& b) { return badness(a.worst) < badness(b.worst); });
  const Comparison& c = worst->worst;
  const std::string error = c.measured.scatter ? " ± " + formatted("%.2g", c.measured.scatter->standard_error) : "";
  return std::to_string(result.disagreeing) + " of " + std::to_string(result.comparisons.size()) +
         " comparisons disagree; the worst is " + c.quantity + " at " + c.path + ": predicted " +
         formatted("%.4g", c.predicted.value) + ", measured " + formatted("%.4g", c.measured.value) + error + ", " +
         percent(c.relative()) + (c.difference < 0 ? " too low" : " too high") + " where " +
         percent(c.limit / c.scale) + " is allowed";
}

std::string agreement(const Verification& result) {
  const auto least = std::max_element(result.quantities.begin(), result.quantities.end(),
                                      [](const auto& a, const auto& b) { return a.detectable < b.detectable; });
  std::string sentence = "all " + std::to_string(result.comparisons.size()) + " comparisons agree";
  if (least == result.quantities.end()) return sentence;
  sentence += "; an error would have been seen above ";
  for (const QuantityVerdict& verdict : result.quantities) {
    if (verdict.quantity == "forward.variance" || verdict.quantity == "backward.variance")
      sentence += percent(verdict.detectable) + " of " + verdict.quantity + ", ";
  }
  return sentence + percent(least->detectable) + " of " + least->quantity + ", the least certain";
}

/// The least number of replicates with which a comparison shows a deviation: more of them show it
/// as well, since both t and the standard error fall with their number.
double replicates_for(const Comparison& c, double deviation, std::size_t replicates, std::size_t comparisons,
                      double family_error, double rounding) {
  const double beyond = deviation - (c.model_error + rounding) * c.scale;
  if (!(beyond > 0) || !c.measured.scatter) return std::numeric_limits<double>::infinity();
  const double spread = c.measured.scatter->standard_error * std::sqrt(static_cast<double>(replicates));
  const auto shows = [&](std::size_t many) {
    const double t = critical_t(many, comparisons, family_error);
    return (t + seen_with_95_percent) * spread <= beyond * std::sqrt(static_cast<double>(many));
  };
  constexpr std::size_t fewest = 2, most = 1'000'000'000'000;
  std::size_t too_few = fewest - 1, enough = most;
  while (enough - too_few > 1) {
    const std::size_t middle = (too_few + enough) / 2;
    (shows(middle) ? enough : too_few) = middle;
  }
  return static_cast<double>(enough);
}

using Place = std::tuple<bool, std::size_t, std::string, std::string>;

std::map<Place, const Comparison*> by_place(const std::vector<Comparison>& comparisons) {
  std::map<Place, const Comparison*> out;
  for (const Comparison& c : comparisons) out[{c.of_layer, c.index, c.path, c.quantity}] = &c;
  return out;
}

std::string unseen(const std::vector<Sight>& sights, double replicates) {
  const auto most = std::max_element(sights.begin(), sights.end(), [](const Sight& a, const Sight& b) {
    return (std::isinf(a.replicates) ? 0 : a.replicates) < (std::isinf(b.replicates) ? 0 : b.replicates);
  });
  std::string names;
  for (const Sight& sight : sights) {
    if (sight.replicates > replicates && !std::isinf(sight.replicates))
      names += (names.empty() ? "" : ", ") + sight.fault;
  }
  return names + " would have agreed as well: " + formatted("%.0f", most->replicates) + " networks would tell";
}

}  // namespace

const char* name_of(Verdict verdict) {
  return verdict == Verdict::disagrees ? "disagrees" : verdict == Verdict::agrees ? "agrees" : "cannot_tell";
}

Verdict Verification::verdict() const {
  if (!agrees()) return Verdict::disagrees;
  const bool blind = std::any_of(sights.begin(), sights.end(), [this](const Sight& sight) {
    return sight.replicates > static_cast<double>(replicates) && !std::isinf(sight.replicates);
  });
  return blind ? Verdict::cannot_tell : Verdict::agrees;
}

double replicates_to_see(const Verification& verification, const Options& options, const profile::Profile& predicted,
                         const profile::Profile& faulty) {
  const auto comparisons = by_place(verification.comparisons);
  double least = std::numeric_limits<double>::infinity();
  for (const Pair& pair : pairs_of(predicted, faulty)) {
    const auto found = comparisons.find({pair.of_layer, pair.index, pair.path, pair.quantity});
    if (found == comparisons.end()) continue;
    const double deviation = std::abs(pair.predicted.value - pair.measured.value);
    least = std::min(least, replicates_for(*found->second, deviation, verification.replicates,
                                           verification.comparisons.size(), options.family_error, options.rounding));
  }
  return least;
}

void add_sights(Verification& verification, std::vector<Sight> sights) {
  verification.sights = std::move(sights);
  if (!verification.agrees()) return;
  const auto replicates = static_cast<double>(verification.replicates);
  std::string hidden;
  for (const Sight& sight : verification.sights) {
    if (std::isinf(sight.replicates)) hidden += (hidden.empty() ? "" : ", ") + sight.fault;
  }
  if (verification.verdict() == Verdict::cannot_tell)
    verification.sentence += "; but " + unseen(verification.sights, replicates);
  if (!hidden.empty()) verification.sentence += "; no number of networks tells " + hidden + " from the granted error";
}

double critical_t(std::size_t replicates, std::size_t comparisons, double family_error) {
  const double one_error = -std::expm1(std::log1p(-family_error) / static_cast<double>(comparisons));
  const boost::math::students_t distribution(static_cast<double>(replicates - 1));
  return boost::math::quantile(boost::math::complement(distribution, one_error / 2));
}

Verification verify(const profile::Profile& predicted, const profile::Profile& measured, const Model& model,
                    const Options& options) {
  if (options.replicates < 2) throw std::logic_error("a verification needs at least 2 replicates");
  const std::vector<Pair> pairs = pairs_of(predicted, measured);
  Verification out;
  out.replicates = options.replicates;
  out.critical_t = pairs.empty() ? 0 : critical_t(options.replicates, pairs.size(), options.family_error);
  for (const Pair& pair : pairs) out.comparisons.push_back(compare(pair, model, options, out.critical_t));
  out.disagreeing = static_cast<std::size_t>(
      std::count_if(out.comparisons.begin(), out.comparisons.end(), [](const Comparison& c) { return !c.agrees; }));
  out.quantities = by_quantity(out.comparisons);
  out.sentence = out.agrees() ? agreement(out) : disagreement(out);
  return out;
}

}  // namespace sigprop::verify
