// SPDX-License-Identifier: Apache-2.0
#include "sigprop/predict/spread.hpp"

#include <cmath>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "predict/spread/spreading.hpp"
#include "predict/walk/observer.hpp"
#include "predict/walk/walk.hpp"
#include "sigprop/network/outline.hpp"

namespace sigprop::predict {
namespace {

/// The deviation of the second moment with these products.
[[nodiscard]] Eigen::RowVectorXd own_row(const Spreading& algebra, const formula::Gradient<double>& products,
                                         const Deviations& rows) {
  return algebra.modes().energies(products).transpose() * rows.topRows(mode_count);
}

/// That over the second moment.
[[nodiscard]] Eigen::RowVectorXd relative_row(const Spreading& algebra, const formula::Gradient<double>& products,
                                              const Deviations& rows) {
  const double whole = products.variance;
  return own_row(algebra, products, rows) / (whole > 0 ? whole : 1);
}

/// To the digits that a theory of leading order can have; derivatives by differences leave rounding
/// where a norm holds a quantity fixed.
[[nodiscard]] double rounded(double spread) {
  constexpr double least = 1e-9, digits = 1e4;
  if (!(spread > least)) return 0;
  const double scale = digits / std::pow(10.0, std::floor(std::log10(spread)));
  return std::round(spread * scale) / scale;
}

/// Writes lengths of rows into a profile.
class SpreadWriter : public Observer {
 public:
  SpreadWriter(const network::Outline& outline, Spreading& algebra, profile::Profile& profile)
      : outline_(outline), algebra_(algebra), profile_(profile) {}

  void at_point(std::size_t point, const Spreading::Signal& x) {
    profile::Forward& forward = profile_.points[point].forward;
    const Absolute at = absolute(products(x.moments), x.rows);
    forward.second_moment.set_spread(relative(at.own, x.moments.second_moment()));
    forward.variance.set_spread(relative(at.own, x.moments.variance));
    forward.token_correlation.set_spread(of_ratio(at, x.moments.covariance, x.moments.variance));
  }

  void at_point(std::size_t point, const Spreading::Gradient& g, double /*width*/) {
    profile::Backward& backward = profile_.points[point].backward;
    const Absolute at = absolute(g.moments, g.rows);
    backward.variance.set_spread(relative(at.own, g.moments.variance));
    backward.token_correlation.set_spread(of_ratio(at, g.moments.covariance, g.moments.variance));
  }

  void at_attention(std::size_t weight, bool /*cross*/, const profile::AttentionMetrics& /*metrics*/) {
    profile::Layer& layer = profile_.layers[outline_.weight_indices[weight].layer];
    if (!layer.attention) return;
    const Deviations& rows = algebra_.score_rows();
    layer.attention->score_variance.set_spread(rounded(rows.row(0).norm()));
    if (layer.attention->entropy) layer.attention->entropy->set_spread(rounded(rows.row(1).norm()));
  }

  template <class T>
  void at_weight(std::size_t weight, const std::optional<T>& /*squared_norm*/) {
    const network::Outline::WeightIndex& place = outline_.weight_indices[weight];
    auto& norm = profile_.layers[place.layer].weights[place.index].gradient_norm;
    const double of_square = algebra_.take_weight_row().norm();
    if (norm) norm->set_spread(rounded(of_square / 2));
  }

 private:
  /// Deviations of the second moment and of the product of two tokens.
  struct Absolute {
    Eigen::RowVectorXd own, paired;
  };

  [[nodiscard]] Absolute absolute(const formula::Gradient<double>& products, const Deviations& rows) const {
    const double length = algebra_.modes().length();
    Eigen::RowVectorXd own = own_row(algebra_, products, rows);
    const double apart = length > 1 ? algebra_.modes().energies(products)[2] * length / (length - 1) : 0;
    return {own, own - apart * rows.row(2)};
  }

  [[nodiscard]] static double relative(const Eigen::RowVectorXd& row, double mean) {
    return mean > 0 ? rounded(row.norm() / mean) : 0;
  }

  [[nodiscard]] static double of_ratio(const Absolute& at, double covariance, double variance) {
    if (!(variance > 0)) return 0;
    return rounded((at.paired - covariance / variance * at.own).norm() / variance);
  }

  const network::Outline& outline_;
  Spreading& algebra_;
  profile::Profile& profile_;
};

/// Keeps the rows of the quantities whose logarithms are nearly normal, and exact enough in their
/// means, that many can be judged together.
class RowKeeper : public Observer {
 public:
  struct Rows {
    std::vector<profile::DeviationRow> forward, backward, weights;
  };

  RowKeeper(const network::Outline& outline, Spreading& algebra, Rows& rows)
      : outline_(outline), algebra_(algebra), rows_(rows) {}

  void at_point(std::size_t point, const Spreading::Signal& x) {
    keep(rows_.forward, {false, point, "forward.second_moment"}, relative_row(algebra_, products(x.moments), x.rows));
  }
  void at_point(std::size_t point, const Spreading::Gradient& g, double /*width*/) {
    keep(rows_.backward, {false, point, "backward.variance"}, relative_row(algebra_, g.moments, g.rows));
  }
  template <class T>
  void at_weight(std::size_t weight, const std::optional<T>& squared_norm) {
    const network::Outline::WeightIndex& place = outline_.weight_indices[weight];
    const std::string& name = outline_.layers[place.layer].weights[place.index].name;
    const Eigen::RowVectorXd row = algebra_.take_weight_row() / 2;
    if (squared_norm) keep(rows_.weights, {true, place.layer, "weights." + name + ".gradient_norm"}, row);
  }

  /// Points from the first to the last, then layers.
  [[nodiscard]] static std::vector<profile::DeviationRow> in_order(Rows rows) {
    std::vector<profile::DeviationRow> out = std::move(rows.forward);
    out.insert(out.end(), std::make_move_iterator(rows.backward.rbegin()),
               std::make_move_iterator(rows.backward.rend()));
    out.insert(out.end(), std::make_move_iterator(rows.weights.rbegin()), std::make_move_iterator(rows.weights.rend()));
    return out;
  }

 private:
  static void keep(std::vector<profile::DeviationRow>& list, profile::Spot spot, const Eigen::RowVectorXd& row) {
    list.push_back({std::move(spot), {row.begin(), row.end()}});
  }

  const network::Outline& outline_;
  Spreading& algebra_;
  Rows& rows_;
};

/// Where tokens differ: behind a mask, with class tokens.
std::optional<Places> places_where_tokens_differ(const network::Network& network, const Options& options) {
  const network::Lifted<double> numbers = network::lifted<double>(network);
  if (network::has_mask(network)) return places_of(numbers, GroupedTokens(numbers, options.prefix, {}));
  if (network::has_special_tokens(network)) return places_of(numbers, field_of_special_tokens(numbers, {}));
  return {};
}

}  // namespace

void require_spread_covered(const network::Network& network) {
  const auto refuse = [](const std::string& what) {
    throw NotCovered("the spread of " + what + " is not covered by this theory yet");
  };
  if (!network.encoder.empty()) refuse("an encoder with a decoder");
  network::for_each_component(network.body, [&](const network::Component& component) {
    if (std::holds_alternative<network::Experts>(component.op)) refuse("experts");
    const auto* repeat = std::get_if<network::Repeat>(&component.op);
    if (repeat != nullptr && repeat->tied && repeat->times > 1) refuse("tied layers");
  });
}

/// What all walks of a network have in common.
struct Spread::Model {
  network::Outline outline;
  network::Lifted<double> numbers;  ///< without masks
  bool given_ends;
  std::optional<Places> places;

  /// Walks the network with the observer that `make` returns for the algebra.
  template <class Make>
  void walk(Spreading::Columns columns, const Make& make) const {
    Spreading algebra(numbers, columns, given_ends, places ? &*places : nullptr);
    auto observer = make(algebra);
    Walk walk(algebra, observer);
    static_cast<void>(walk.forward(numbers.body, walk.input()));
    walk.backward(algebra.loss_gradient());
  }
};

Spread::Spread(const network::Network& network, const SpreadOptions& options) {
  require_spread_covered(network);
  network::Network unmasked = network;
  network::remove_masks(unmasked);
  model_ =
      std::make_unique<const Model>(Model{network::outline_of(network), network::lifted<double>(unmasked),
                                          options.given_ends, places_where_tokens_differ(network, options.prediction)});
}
Spread::~Spread() = default;

void Spread::set(profile::Profile& profile) const {
  model_->walk(Spreading::Columns::few,
               [&](Spreading& algebra) { return SpreadWriter(model_->outline, algebra, profile); });
}

std::vector<profile::DeviationRow> Spread::rows() const {
  constexpr std::size_t most_layers = 256;
  const std::size_t layers = model_->outline.layers.size();
  if (layers > most_layers)
    throw NotCovered("the covariance of " + std::to_string(layers) +
                     " layers takes too much memory; it can be had of " + std::to_string(most_layers));
  RowKeeper::Rows rows;
  model_->walk(Spreading::Columns::all, [&](Spreading& algebra) { return RowKeeper(model_->outline, algebra, rows); });
  return RowKeeper::in_order(std::move(rows));
}

}  // namespace sigprop::predict
