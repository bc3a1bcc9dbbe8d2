// SPDX-License-Identifier: Apache-2.0
#include "predict/recursion.hpp"

#include <algorithm>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>

#include "predict/expressed.hpp"
#include "predict/walk.hpp"

namespace sigprop::predict {
namespace {

using network::Network;
using scalar::Expression;
using Algebra = Exchangeable<double>;

constexpr double tolerance = 1e-9;
constexpr double very_deep = 1e4;  ///< layers, of which one more changes little

bool alike(double a, double b) {
  return std::abs(a - b) <= tolerance * std::max({1.0, std::abs(a), std::abs(b)});
}

/// Forward and backward through one of the layers.
class Layer {
 public:
  Layer(const Network& layer, Theory theory, const std::shared_ptr<Known<double>::Tables>& tables,
        const Keeping& walked)
      : layer_(layer),
        outline_(network::outline_of(layer_)),
        unread_(blank_profile(outline_)),
        algebra_(layer_, theory, tables),
        walk_(layer_, outline_, algebra_, unread_) {
    algebra_.attend_to(walked.memory);
  }

  [[nodiscard]] Algebra::Signal forward(const Algebra::Signal& x) { return walk_.pass(layer_.body, x); }

  /// Of what entered it.
  [[nodiscard]] Algebra::Gradient backward(const Algebra::Signal& x, const Algebra::Gradient& g) {
    static_cast<void>(forward(x));
    return walk_.pass_back(layer_.body, g);
  }

  /// With a second moment and the correlation of token products in the place of its own.
  [[nodiscard]] static Algebra::Signal at(Algebra::Signal x, double q, double r) {
    const double across = x.moments.second_moment() > 0 ? x.moments.cross_dot() / x.moments.second_moment() : 0;
    x.moments = {0, q, r * q, across * q};
    return x;
  }

 private:
  const Network layer_;
  const network::Outline outline_;
  profile::Profile unread_;
  Algebra algebra_;
  Walk<Algebra> walk_;
};

double correlation_of(const Algebra::Signal& x) {
  return x.moments.token_dot() / x.moments.second_moment();
}

/// The map of (q, r), and what of it is known.
struct Map {
  Layer& layer;
  Algebra::Signal x;  ///< for all but q and r
  Recursion::Kind kind = Recursion::Kind::other;
  double gain = 0;  ///< A

  [[nodiscard]] Algebra::Signal after(double q, double r) const { return layer.forward(Layer::at(x, q, r)); }

  /// C(r)
  [[nodiscard]] double increment(double r) const {
    const double q = x.moments.second_moment();
    return after(q, r).moments.second_moment() - gain * q;
  }

  /// What a signal of this correlation comes to, or, where layers add, comes by.
  [[nodiscard]] double resting(double r) const {
    using Kind = Recursion::Kind;
    if (kind == Kind::resets || kind == Kind::settles) return increment(r) / (1 - gain);
    return kind == Kind::adds ? very_deep * increment(r) : x.moments.second_moment();
  }

  /// Of r itself, or where layers add, of what they add: r* is where it stays.
  [[nodiscard]] double next_correlation(double r) const {
    const double q = resting(r);
    const Algebra::Signal y = after(q, r);
    if (kind != Recursion::Kind::adds) return correlation_of(y);
    return (y.moments.token_dot() - r * q) / (y.moments.second_moment() - q);
  }
};

Map map_of(Layer& layer, const Algebra::Signal& x) {
  using Kind = Recursion::Kind;
  const double v = x.moments.second_moment(), r = correlation_of(x);
  Map map{layer, x};
  const auto moments = [&](double scale) { return map.after(scale * v, r).moments; };
  const auto once = moments(1), twice = moments(2), four = moments(4);
  const double q = once.second_moment();
  const auto as_many = [&](const formula::Moments<double>& more, double times) {
    return alike(more.second_moment() / q, times) && alike(more.token_dot() / q, times * once.token_dot() / q);
  };
  if (as_many(twice, 2) && as_many(four, 4)) {
    map.kind = Kind::scales;
    return map;
  }
  const auto gain = [&](const formula::Moments<double>& more, const formula::Moments<double>& less, double apart) {
    return (more.second_moment() - less.second_moment()) / (apart * v);
  };
  const double near = gain(twice, once, 1);
  if (alike(near, gain(four, twice, 2))) {
    map.kind = alike(near, 0) ? Kind::resets : alike(near, 1) ? Kind::adds : near < 1 ? Kind::settles : Kind::grows;
    map.gain = map.kind == Kind::resets ? 0 : map.kind == Kind::adds ? 1 : near;
  }
  return map;
}

/// Where r stays, from r on in the direction in which it goes; none if it goes on to the end of what is possible without coming to rest.
std::optional<double> resting_correlation(const Map& map, double r) {
  const auto moved = [&](double at) { return map.next_correlation(at) - at; };
  const double first = moved(r);
  if (std::abs(first) <= 1e-14) return r;
  const double end = first > 0 ? 1 : 0;
  constexpr int steps = 64;
  double before = r;
  for (int i = 1; i <= steps; ++i) {
    const double at = i == steps ? end : r + (end - r) * i / steps;
    if (moved(at) * first <= 0 && !(at == end && std::abs(moved(at)) <= tolerance)) {
      std::uintmax_t turns = 100;
      const auto bracket = boost::math::tools::toms748_solve(moved, std::min(before, at), std::max(before, at),
                                                             boost::math::tools::eps_tolerance<double>(40), turns);
      return (bracket.first + bracket.second) / 2;
    }
    before = at;
  }
  if (std::abs(moved(end)) <= tolerance) return end;
  return {};
}

/// The slope of the next r by r; at 0 and 1 from inside, so near that what goes with √(1 - r) does not count.
double slope_at(const Map& map, double r) {
  const bool inside = r > 1e-3 && r < 1 - 1e-3;
  const double step = inside ? 1e-5 : 1e-8;
  const double above = std::min(r + step, 1.0), below = std::max(r - step, 0.0);
  return (map.next_correlation(above) - map.next_correlation(below)) / (above - below);
}

/// The signal after many more of the layers, with its shares and its participation as they will be; `still`: it has come to rest.
struct Later {
  Algebra::Signal signal;
  bool still = false;
};

Later long_after(Layer& layer, Algebra::Signal x) {
  constexpr int most = 2000;
  constexpr double far = 1e100;
  for (int turn = 0; turn < most; ++turn) {
    const Algebra::Signal y = layer.forward(x);
    const double before = x.moments.second_moment(), q = y.moments.second_moment();
    if (!(q > 1 / far && q < far)) return {x};
    if (std::abs(q - before) <= 1e-13 * q && std::abs(correlation_of(y) - correlation_of(x)) <= 1e-13 &&
        y.cloud.participation == x.cloud.participation)
      return {y, true};
    x = y;
  }
  return {x, false};
}

/// A gradient of that much correlation that has gone back through many of the layers: its shares as they come to be.
Algebra::Gradient long_back(Layer& layer, const Algebra::Signal& x) {
  constexpr int turns = 200;
  Algebra::Gradient g{{1, 0, 0}, 0, 0};
  for (int turn = 0; turn < turns; ++turn) {
    g = layer.backward(x, g);
    g.moments = formula::scaled(g.moments, std::sqrt(1 / g.moments.variance));
  }
  return g;
}

/// Eigenvalues and eigenvectors of the map of (γ², η) around that gradient; it is linear but for the gradient's shares.
void set_modes(Layer& layer, const Algebra::Signal& x, Recursion& out) {
  const Algebra::Gradient g = long_back(layer, x);
  if (!std::isfinite(g.moments.covariance)) return;
  constexpr double step = 1e-5;
  const auto along = [&](double variance, double covariance) {
    const auto through = [&](double sign) {
      Algebra::Gradient moved = g;
      moved.moments.variance += sign * step * variance;
      moved.moments.covariance += sign * step * covariance;
      return layer.backward(x, moved).moments;
    };
    const formula::Gradient<double> above = through(1), below = through(-1);
    return std::array<double, 2>{(above.variance - below.variance) / (2 * step),
                                 (above.covariance - below.covariance) / (2 * step)};
  };
  const auto [a, c] = along(1, 0);
  const auto [b, d] = along(0, 1);
  const double half = (a + d) / 2;
  const double root = std::sqrt(std::max(half * half - (a * d - b * c), 0.0));
  for (std::size_t i = 0; i < 2; ++i) {
    Recursion::Mode& mode = out.modes[i];
    mode.growth = i == 0 ? half + root : half - root;
    // (a - growth) γ² + b η = 0 and c γ² + (d - growth) η = 0: the line with the larger numbers tells more.
    const bool first = std::abs(b) > std::abs(d - mode.growth);
    mode.correlation = first ? (mode.growth - a) / b : c / (mode.growth - d);
    if (out.kind == Recursion::Kind::adds) mode.exponent = (mode.growth - 1) * very_deep;
  }
}

/// The layer with everything put together: q' and c' by q and r.
void set_expressions(const Network& layer, Theory theory, const std::shared_ptr<Known<double>::Tables>& tables,
                     const Keeping& walked, const Algebra::Signal& x, Recursion& out) {
  const auto notebook = std::make_shared<Notebook>();
  std::size_t residuals = 0;
  for (const network::Component& component : layer.body) {
    const auto* residual = std::get_if<network::Residual>(&component.op);
    if (residual == nullptr) continue;
    const std::string index = std::to_string(++residuals);
    const auto name = [&](const double& factor, const char* text, const char* latex) {
      notebook->name(&factor, Notebook::only_named(indexed(text, latex, index, false, factor > 0), Expression(factor)));
    };
    name(residual->skip, "λ", "\\lambda");
    name(residual->branch, "β", "\\beta");
  }
  using Algebraic = Exchangeable<Expression>;
  const network::Outline outline = network::outline_of(layer);
  profile::Profile unread = blank_profile(outline);
  Algebraic algebra(layer, theory, tables, {notebook});
  const auto number = [](double value) { return Expression(value); };
  const formula::Moments<double>& m = walked.memory.moments;
  algebra.attend_to({{number(m.mean), number(m.variance), number(m.covariance), number(m.cross_covariance)},
                     number(0),
                     number(walked.memory.width),
                     {number(walked.memory.cloud.participation), number(1)}});
  Walk<Algebraic> walk(layer, outline, algebra, unread);
  const Expression q({"q", "q"}, x.moments.second_moment());
  const Expression r({"r", "r", false}, correlation_of(x));
  const Algebraic::Signal y =
      walk.pass(layer.body, {{number(0), q, r * q, number(0)}, number(0), number(x.width), {number(1), number(1)}});
  out.second_moment = y.moments.second_moment();
  out.token_dot = y.moments.token_dot();
  out.gain = out.second_moment.derivative("q");
}

bool begins_with_linear(const std::vector<network::Component>& list) {
  const auto& op = list.front().op;
  return std::holds_alternative<network::Linear>(op) || std::holds_alternative<network::GatedLinear>(op);
}

}  // namespace

std::optional<Recursion> recursion_of(const Network& network, Theory theory, const network::Outline& outline,
                                      const Keeping& walked, std::size_t layer,
                                      const std::shared_ptr<Known<double>::Tables>& tables) {
  using Kind = Recursion::Kind;
  const std::optional<network::Run> run = network::run_of(network, layer);
  if (!run) return {};
  const std::size_t first = network::first_point(outline, run->first);
  const Algebra::Signal& start = walked.signals[first - 1];
  if (!(start.moments.second_moment() > 0)) return {};

  Network alone = network::layer_alone(network, outline, layer);
  alone.body = run->components;
  Layer one(alone, theory, tables, walked);
  Algebra::Signal end = start;
  for (std::size_t turn = run->first; turn <= run->last; ++turn) end = one.forward(end);
  if (!(end.moments.second_moment() > 0) || !std::isfinite(end.moments.second_moment())) return {};
  // A linear map sees second moments only; what else a layer may begin with tells a mean from what scatters about it.
  const bool mean = start.moments.mean != 0 || end.moments.mean != 0;
  if (mean && !begins_with_linear(alone.body)) return {};

  Recursion out;
  out.first = outline.layers[run->first - 1].path;
  out.last = outline.layers[run->last - 1].path;
  out.layers = run->last - run->first + 1;
  set_expressions(alone, theory, tables, walked, start, out);
  out.start_correlation = correlation_of(start);
  out.end_correlation = correlation_of(end);

  const Map map = map_of(one, end);
  out.kind = map.kind;
  // As it is far on; behind the last layer where they lead nowhere.
  Algebra::Signal far = end;
  if (map.kind == Kind::other) {
    const Later later = long_after(one, end);
    if (later.still) {
      far = later.signal;
      out.correlation = correlation_of(far);
      out.limit = far.moments.second_moment();
    }
  } else if (map.kind != Kind::grows) {
    out.correlation = resting_correlation(map, out.end_correlation);
    const Algebra::Signal later = long_after(one, end).signal;
    const double r = out.correlation.value_or(correlation_of(later));
    far = Layer::at(later, map.resting(r), r);
    if (out.correlation) out.correlation_slope = slope_at(map, r);
  }
  const double q = far.moments.second_moment();
  if (map.kind == Kind::resets || map.kind == Kind::settles) out.limit = q;
  if (map.kind != Kind::scales) out.increment = map.increment(correlation_of(far));
  if (!out.limit) out.growth = one.forward(far).moments.second_moment() / q;
  set_modes(one, far, out);
  return out;
}

}  // namespace sigprop::predict
