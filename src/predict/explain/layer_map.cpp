// SPDX-License-Identifier: Apache-2.0
#include "predict/explain/layer_map.hpp"

#include <algorithm>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>

namespace sigprop::predict {
namespace {

using Kind = Recursion::Kind;

constexpr double tolerance = 1e-9;

bool alike(double a, double b) {
  return std::abs(a - b) <= tolerance * std::max({1.0, std::abs(a), std::abs(b)});
}

/// Derivatives by q, in its own measure, and by r; at 0 and 1 from inside, so near that what goes
/// with √(1 - r) does not count.
struct Jacobian {
  double q_by_q, q_by_r, r_by_q, r_by_r;

  Jacobian(const LayerMap& map, double q, double r) {
    const bool inside = r > 1e-3 && r < 1 - 1e-3;
    constexpr double step = 1e-5;
    const double r_step = inside ? step : 1e-8;
    const double right = std::min(r + r_step, 1.0), left = std::max(r - r_step, 0.0);
    const auto along = [&](const OneLayer::Signal& above, const OneLayer::Signal& below, double apart, double& of_q,
                           double& of_r) {
      of_q = (above.moments.second_moment() - below.moments.second_moment()) / (q * apart);
      of_r = (correlation_of(above) - correlation_of(below)) / apart;
    };
    along(map.after(q * (1 + step), r), map.after(q * (1 - step), r), 2 * step, q_by_q, r_by_q);
    along(map.after(q, right), map.after(q, left), right - left, q_by_r, r_by_r);
  }

  /// Of the eigenvalues the one of larger modulus.
  [[nodiscard]] double largest() const {
    const double half = (q_by_q + r_by_r) / 2, square = half * half - (q_by_q * r_by_r - q_by_r * r_by_q);
    if (square < 0) return std::sqrt(q_by_q * r_by_r - q_by_r * r_by_q);
    return std::abs(half) + std::sqrt(square);
  }
};

}  // namespace

OneLayer::OneLayer(const network::Network& layer, Theory theory,
                   const std::shared_ptr<Functionals<double>::Tables>& tables, const Signal& memory)
    : layer_(network::lifted<double>(layer)),
      algebra_(layer_, AlikeTokens<double>(layer_, theory, tables)),
      walk_(algebra_, nobody_) {
  algebra_.field().attend_to(memory);
}

OneLayer::Gradient OneLayer::backward(const Signal& x, const Gradient& g) {
  static_cast<void>(forward(x));
  return walk_.pass_back(layer_.body, g);
}

double correlation_of(const OneLayer::Signal& x) {
  return x.moments.token_dot() / x.moments.second_moment();
}

OneLayer::Signal placed(OneLayer::Signal x, double q, double r) {
  const double before = x.moments.second_moment();
  x.moments = {0, q, r * q, before > 0 ? x.moments.cross_dot() / before * q : 0};
  return x;
}

LayerMap::LayerMap(OneLayer& of, const OneLayer::Signal& at) : layer(of), x(at) {
  const double q = x.moments.second_moment(), r = correlation_of(x);
  const auto moments = [&](double times) { return after(times * q, r).moments; };
  const auto once = moments(1), twice = moments(2), four = moments(4);
  const double size = once.second_moment();
  const auto as_many = [&](const formula::Moments<double>& more, double times) {
    return alike(more.second_moment() / size, times) && alike(more.token_dot() / size, times * once.token_dot() / size);
  };
  if (as_many(twice, 2) && as_many(four, 4)) {
    kind = Kind::scales;
    gain = size / q;
    return;
  }
  const auto slope = [&](const formula::Moments<double>& more, const formula::Moments<double>& less, double apart) {
    return (more.second_moment() - less.second_moment()) / (apart * q);
  };
  const double near = slope(twice, once, 1), far = slope(four, twice, 2);
  if (!alike(near * q / size, far * q / size)) return;
  gain = near;
  kind = alike(near * q / size, 0) ? Kind::resets
         : alike(near, 1)          ? Kind::adds
         : near < 1                ? Kind::settles
                                   : Kind::grows;
  if (kind == Kind::resets) gain = 0;
  if (kind == Kind::adds) gain = 1;
}

double LayerMap::increment(double r) const {
  const double q = x.moments.second_moment();
  return after(q, r).moments.second_moment() - gain * q;
}

double LayerMap::resting(double r) const {
  if (kind == Kind::resets || kind == Kind::settles) return increment(r) / (1 - gain);
  return kind == Kind::adds ? very_many * increment(r) : x.moments.second_moment();
}

double LayerMap::next_correlation(double r) const {
  const double q = resting(r);
  const OneLayer::Signal y = after(q, r);
  if (kind != Kind::adds) return correlation_of(y);
  return (y.moments.token_dot() - r * q) / (y.moments.second_moment() - q);
}

std::optional<double> LayerMap::resting_correlation(double r) const {
  const auto moved = [&](double at) { return next_correlation(at) - at; };
  const double first = moved(r);
  if (std::abs(first) <= 1e-14) return r;
  const double end = first > 0 ? 1 : 0;
  constexpr int steps = 64;
  double before = r;
  for (int i = 1; i <= steps; ++i) {
    const double at = i == steps ? end : r + (end - r) * i / steps;
    const double there = moved(at);
    if (i == steps && std::abs(there) <= tolerance) return end;
    if (there * first <= 0) {
      std::uintmax_t turns = 100;
      const auto bracket = boost::math::tools::toms748_solve(moved, std::min(before, at), std::max(before, at),
                                                             boost::math::tools::eps_tolerance<double>(40), turns);
      return (bracket.first + bracket.second) / 2;
    }
    before = at;
  }
  return {};
}

double LayerMap::shrinking(double r) const {
  const Jacobian jacobian(*this, resting(r), r);
  // What layers multiply does not tell r where q is.
  if (kind == Kind::scales) return jacobian.r_by_r;
  if (kind != Kind::adds) return jacobian.largest();
  constexpr double step = 1e-5;
  const double right = std::min(r + step, 1.0), left = std::max(r - step, 0.0);
  return (next_correlation(right) - next_correlation(left)) / (right - left);
}

}  // namespace sigprop::predict
