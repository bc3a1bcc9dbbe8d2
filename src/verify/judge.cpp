// SPDX-License-Identifier: Apache-2.0
#include "sigprop/verify/judge.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <limits>

#include "verify/formatted.hpp"
#include "verify/place.hpp"

namespace sigprop::verify {
namespace {

using profile::Quantity;
using profile::Spot;

/// A quantity of a profile with what a judgement needs of its place.
struct Found {
  const Quantity* value = nullptr;
  std::string path;
  std::size_t layer = 0;
  Kind kind = Kind::forward;
  Context context;
};

Found find(const profile::Profile& profile, const Spot& spot) {
  Found out;
  if (!spot.of_layer) {
    const profile::Point& point = profile.points.at(spot.index);
    for (const profile::PointRow& row : profile::point_quantities) {
      if (row.name == spot.quantity) out = {row.find(point), point.path, point.layer, row.error, {}};
    }
    out.context = context_of_point(profile, spot.index);
    return out;
  }
  const profile::Layer& layer = profile.layers.at(spot.index);
  for (const profile::LayerRow& row : profile::layer_quantities) {
    if (row.name == spot.quantity) out = {row.find(layer), layer.path, layer.index, row.error, {}};
  }
  for (const profile::Weight& weight : layer.weights) {
    for (const profile::WeightRow& row : profile::weight_quantities) {
      if (name_of(row, weight.name) == spot.quantity)
        out = {row.find(weight), layer.path, layer.index, error_of(row, weight.role), {}};
    }
  }
  out.context = context_of_point(profile, point_before(profile, spot.index));
  return out;
}

bool is_correlation(std::string_view quantity) {
  return quantity.ends_with("token_correlation");
}

/// The least error that is granted, and how much wider than predicted the spread may be of what the
/// theory of the spread has at leading order only.
constexpr double least_error = 0.01, of_scores = 1.5;

/// The spread of the mean over so many networks, where the logarithm of one has the deviation s.
double spread_of_mean(double s, std::size_t networks) {
  if (networks == 1) return s;
  return std::sqrt(std::log1p(std::expm1(s * s) / static_cast<double>(networks)));
}

/// Where a measurement lies, in the logarithm around its median.
double deviation_of(const Judged& judged) {
  if (!judged.of_logarithm()) return judged.measured - judged.predicted;
  if (!(judged.measured > 0)) return -std::numeric_limits<double>::infinity();
  return std::log(judged.measured / judged.predicted) + judged.spread * judged.spread / 2;
}

double uncertainty_of(const Judged& judged) {
  return std::hypot(judged.spread, judged.model_error);
}

/// Which quantities are judged together: those of DeviationRow, but for the weights of scores.
bool is_together(const Judged& judged, Kind kind) {
  return judged.of_logarithm() && kind != Kind::score_weight && judged.measured > 0 && judged.spread > 0;
}

/// The principal parts of the deviations of many quantities, as far as their covariance is known
/// well enough: neighbouring points are correlated to 0.99, and small parts hold what the theory of
/// the means leaves out.
Together judged_together(const Eigen::VectorXd& deviations, Eigen::MatrixXd covariance, double level) {
  const Eigen::VectorXd scale = covariance.diagonal().cwiseSqrt().cwiseInverse();
  covariance = (scale.asDiagonal() * covariance * scale.asDiagonal()).eval();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(covariance);
  constexpr double least_weight = 0.01, slack = 1.25;
  const double least = least_weight * covariance.trace();
  Together out;
  for (Eigen::Index i = 0; i < deviations.size(); ++i) {
    const double variance = solver.eigenvalues()[i];
    if (variance < least) continue;
    const double part = solver.eigenvectors().col(i).dot(scale.cwiseProduct(deviations));
    out.chi_square += part * part / variance / slack;
    ++out.parts;
  }
  if (out.parts == 0) return out;
  const boost::math::chi_squared distribution(static_cast<double>(out.parts));
  out.limit = boost::math::quantile(boost::math::complement(distribution, level));
  out.off = out.chi_square > out.limit;
  return out;
}

std::string how_far(const Judged& judged) {
  if (!judged.of_logarithm())
    return formatted("%+.3g", judged.measured - judged.predicted) + " beside " + formatted("%.4g", judged.predicted);
  return formatted("%.3g", judged.measured / judged.predicted) + " times the mean " +
         formatted("%.4g", judged.predicted);
}

/// What the signal reaches first, then the gradient on its way back, then weights.
const Judged* first_off(const std::vector<Judged>& quantities) {
  const auto rank = [](const Judged& judged) {
    if (judged.spot.of_layer) return judged.spot.quantity.starts_with("weights.") ? 3 : 1;
    return judged.spot.quantity.starts_with("forward.") ? 0 : 2;
  };
  const Judged* out = nullptr;
  for (const Judged& judged : quantities) {
    if (!judged.off) continue;
    if (out == nullptr || rank(judged) < rank(*out) || (rank(judged) == rank(*out) && rank(judged) == 2)) out = &judged;
  }
  return out;
}

std::string sentence_of(const Judgement& judgement) {
  const std::string all = std::to_string(judgement.quantities.size());
  if (const Judged* first = first_off(judgement.quantities)) {
    return std::to_string(judgement.off()) + " of " + all + " quantities are off; the first is " +
           first->spot.quantity + " at " + first->path + ": " + formatted("%.4g", first->measured) + ", " +
           how_far(*first) + ", where networks spread by " + formatted("%.2g", first->spread) + " (z " +
           formatted("%.1f", first->z) + ")";
  }
  if (judgement.together && judgement.together->off) {
    return "no single one of " + all + " quantities is off, but together they are: χ² " +
           formatted("%.0f", judgement.together->chi_square) + " where " +
           formatted("%.0f", judgement.together->limit) + " is the limit";
  }
  return "all " + all + " quantities lie within the spread";
}

}  // namespace

bool Judged::of_logarithm() const {
  return !is_correlation(spot.quantity);
}

std::size_t Judgement::off() const {
  return static_cast<std::size_t>(
      std::count_if(quantities.begin(), quantities.end(), [](const Judged& judged) { return judged.off; }));
}

std::pair<double, double> Judged::range(double critical_z) const {
  const double width = critical_z * uncertainty_of(*this);
  if (!of_logarithm()) return {predicted - width, predicted + width};
  const double median = std::log(predicted) - spread * spread / 2;
  return {std::exp(median - width), std::exp(median + width)};
}

std::vector<profile::Measurement> measurements_of(const profile::Profile& profile) {
  std::vector<profile::Measurement> out;
  const auto add = [&out](bool of_layer, std::size_t index, std::string name, const Quantity* value) {
    if (value != nullptr && value->representable()) out.push_back({{of_layer, index, std::move(name)}, value->value});
  };
  for (std::size_t i = 0; i < profile.points.size(); ++i) {
    for (const profile::PointRow& row : profile::point_quantities)
      add(false, i, std::string(row.name), row.find(profile.points[i]));
  }
  for (std::size_t i = 0; i < profile.layers.size(); ++i) {
    for (const profile::LayerRow& row : profile::layer_quantities)
      add(true, i, std::string(row.name), row.find(profile.layers[i]));
    for (const profile::Weight& weight : profile.layers[i].weights) {
      for (const profile::WeightRow& row : profile::weight_quantities)
        add(true, i, name_of(row, weight.name), row.find(weight));
    }
  }
  return out;
}

Judgement judge(const profile::Profile& predicted, const std::vector<profile::Measurement>& measured,
                const std::vector<profile::DeviationRow>& rows, const Model& model, const JudgeOptions& options) {
  Judgement out;
  out.networks = options.networks;
  std::vector<Eigen::Map<const Eigen::VectorXd>> together;  // rows of those that are judged so
  std::vector<double> deviations, errors;
  for (const profile::Measurement& measurement : measured) {
    const Found found = find(predicted, measurement.spot);
    if (found.value == nullptr || !found.value->spread() || !found.value->representable()) continue;
    Judged judged{measurement.spot, found.path, found.layer, found.value->value, measurement.value};
    const bool scores = found.kind == Kind::score_weight || found.kind == Kind::scores || found.kind == Kind::entropy;
    judged.spread = spread_of_mean(*found.value->spread(), options.networks) * (scores ? of_scores : 1);
    judged.model_error = std::max(least_error, model_error(found.kind, model, found.context));
    const double deviation = deviation_of(judged);
    judged.z = deviation / uncertainty_of(judged);
    if (is_together(judged, found.kind)) {
      const auto row = std::find_if(rows.begin(), rows.end(),
                                    [&](const profile::DeviationRow& r) { return r.spot == measurement.spot; });
      if (row != rows.end()) {
        together.emplace_back(row->row.data(), static_cast<Eigen::Index>(row->row.size()));
        deviations.push_back(deviation);
        errors.push_back(judged.model_error);
      }
    }
    out.quantities.push_back(std::move(judged));
  }
  if (out.quantities.empty()) {
    out.sentence = "nothing that was measured has a predicted spread";
    return out;
  }
  // Half of the level for single quantities, half for all together.
  const double level = options.level / 2;
  const auto count = static_cast<double>(out.quantities.size());
  const double one = -std::expm1(std::log1p(-level) / count);
  out.critical_z = boost::math::quantile(boost::math::complement(boost::math::normal(), one / 2));
  for (Judged& judged : out.quantities) judged.off = !(std::abs(judged.z) <= out.critical_z);
  if (!together.empty()) {
    const auto size = static_cast<Eigen::Index>(together.size());
    Eigen::MatrixXd covariance(size, size);
    for (Eigen::Index i = 0; i < size; ++i) {
      for (Eigen::Index j = 0; j <= i; ++j) {
        const auto &a = together[static_cast<std::size_t>(i)], &b = together[static_cast<std::size_t>(j)];
        const Eigen::Index common = std::min(a.size(), b.size());
        const double shared = a.head(common).dot(b.head(common)) / static_cast<double>(options.networks);
        covariance(i, j) = covariance(j, i) =
            shared + errors[static_cast<std::size_t>(i)] * errors[static_cast<std::size_t>(j)];
      }
    }
    out.together =
        judged_together(Eigen::Map<const Eigen::VectorXd>(deviations.data(), size), std::move(covariance), level);
  }
  out.sentence = sentence_of(out);
  return out;
}

double chance_to_see(const Judgement& judgement, const profile::Profile& faulty) {
  const boost::math::normal normal;
  double best = 0;
  for (const Judged& judged : judgement.quantities) {
    const Found found = find(faulty, judged.spot);
    if (found.value == nullptr) continue;
    Judged other = judged;
    other.measured = found.value->value;
    const double shift =
        std::abs(other.of_logarithm() ? std::log(other.measured / other.predicted) : other.measured - other.predicted);
    if (!(judged.spread > 0)) continue;
    // A network of the faulty model is off where its own deviation does not bring it back.
    const double limit = judgement.critical_z * uncertainty_of(judged);
    best = std::max(best, boost::math::cdf(normal, (shift - limit) / judged.spread));
  }
  return best;
}

}  // namespace sigprop::verify
