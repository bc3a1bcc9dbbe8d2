// SPDX-License-Identifier: Apache-2.0
#include "predict/explain/recursion.hpp"

#include <algorithm>
#include <cmath>

#include "predict/explain/expressed.hpp"
#include "predict/explain/layer_map.hpp"

namespace sigprop::predict {
namespace {

using network::Network;
using scalar::Expression;
using Kind = Recursion::Kind;
using Signal = OneLayer::Signal;
using Gradient = OneLayer::Gradient;

/// The signal after many more of the layers, with its shares and its participation as they will be;
/// `still`: it has come to rest.
struct Later {
  Signal signal;
  bool still = false;
};

Later long_after(OneLayer& layer, Signal x) {
  constexpr int most = 2000;
  constexpr double far = 1e100;
  for (int turn = 0; turn < most; ++turn) {
    const Signal y = layer.forward(x);
    const double before = x.moments.second_moment(), q = y.moments.second_moment();
    if (!(q > 1 / far && q < far)) return {x};
    if (std::abs(q - before) <= 1e-13 * q && std::abs(correlation_of(y) - correlation_of(x)) <= 1e-13 &&
        y.anisotropy.participation == x.anisotropy.participation)
      return {y, true};
    x = y;
  }
  return {x, false};
}

// ---- backward --------------------------------------------------------------------------------------------------------

/// A gradient that has gone back through many of the layers: its shares as they come to be.
Gradient long_back(OneLayer& layer, const Signal& x) {
  constexpr int turns = 200;
  Gradient g{{1, 0, 0}, 0, 0};
  for (int turn = 0; turn < turns; ++turn) {
    g = layer.backward(x, g);
    g.moments = formula::scaled(g.moments, std::sqrt(1 / g.moments.variance));
  }
  return g;
}

/// η/γ² that a gradient can have, where rounding leaves it a little outside.
std::optional<double> possible_correlation(double eta, double length) {
  constexpr double rounding = 1e-4;
  const double lowest = length > 1 ? -1 / (length - 1) : 0;
  if (!(eta >= lowest - rounding && eta <= 1 + rounding)) return {};
  return std::clamp(eta, lowest, 1.0);
}

/// Eigenvalues and eigenvectors of the map of (γ², η) around that gradient; it is linear but for
/// the gradient's shares.
void set_modes(OneLayer& layer, const Signal& x, Recursion& out) {
  const Gradient g = long_back(layer, x);
  if (!std::isfinite(g.moments.covariance)) return;
  constexpr double step = 1e-5;
  const auto along = [&](double variance, double covariance) {
    const auto through = [&](double sign) {
      Gradient moved = g;
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
    // (a - growth) γ² + b η = 0 and c γ² + (d - growth) η = 0: the line with the larger numbers
    // tells more. Where it leaves γ² at 0, η is alone.
    constexpr double rounding = 1e-9;
    const bool first = std::abs(b) + std::abs(a - mode.growth) > std::abs(c) + std::abs(d - mode.growth);
    const double of_variance = first ? a - mode.growth : c, of_eta = first ? b : d - mode.growth;
    if (std::abs(of_eta) > rounding)
      mode.correlation = possible_correlation(-of_variance / of_eta, layer.network().sequence_length);
    if (out.kind == Kind::adds) mode.exponent = (mode.growth - 1) * very_many;
  }
}

// ---- symbols ---------------------------------------------------------------------------------------------------------

/// Has it a value, and does it say nothing of q?
bool is_closed_gain(const Expression& gain) {
  if (!std::isfinite(gain.sample())) return false;
  const auto symbols = gain.symbols();
  return std::none_of(symbols.begin(), symbols.end(), [](const auto& met) { return met.first.text == "q"; });
}

/// The layer with everything put together: q' and c' by q and r.
void set_expressions(const Network& layer, Theory theory, const std::shared_ptr<Functionals<double>::Tables>& tables,
                     const Signal& memory, const Signal& x, Recursion& out) {
  network::Lifted<Expression> named = network::lifted<Expression>(layer);
  std::size_t residuals = 0;
  for (auto& component : named.body) {
    auto* residual = std::get_if<network::BasicResidual<Expression, Expression>>(&component.op);
    if (residual == nullptr) continue;
    const std::string index = std::to_string(++residuals);
    const auto name = [&](Expression& factor, const char* text, const char* latex) {
      factor = Notebook::only_named(indexed(text, latex, index, false, factor.sample() > 0), factor);
    };
    name(residual->skip, "λ", "\\lambda");
    name(residual->branch, "β", "\\beta");
  }
  using Algebraic = AlikeAlgebra<Expression, NotebookNotes>;
  Algebraic algebra(named,
                    AlikeTokens<Expression, NotebookNotes>(named, theory, tables, {std::make_shared<Notebook>()}));
  const auto number = [](double value) { return Expression(value); };
  const formula::Moments<double>& m = memory.moments;
  algebra.field().attend_to({{number(m.mean), number(m.variance), number(m.covariance), number(m.cross_covariance)},
                             number(0),
                             number(memory.width),
                             {number(memory.anisotropy.participation), number(1)},
                             {}});
  Observer nobody;
  Walk<Algebraic, Observer> walk(algebra, nobody);
  const Expression q({"q", "q"}, x.moments.second_moment());
  const Expression r({"r", "r", false}, correlation_of(x));
  const Algebraic::Signal y =
      walk.pass(named.body, {{number(0), q, r * q, number(0)}, number(0), number(x.width), {number(1), number(1)}});
  out.second_moment = y.moments.second_moment();
  out.token_dot = y.moments.token_dot();
  if (out.kind != Kind::settles && out.kind != Kind::scales) return;
  const Expression gain = out.second_moment.derivative("q");
  if (is_closed_gain(gain)) out.gain_expression = gain;
}

/// A linear map sees second moments only; what else a layer may begin with tells a mean from what
/// scatters about it.
bool begins_with_linear(const std::vector<network::Component>& list) {
  const auto& op = list.front().op;
  return std::holds_alternative<network::Linear>(op) || std::holds_alternative<network::GatedLinear>(op);
}

bool is_told_by_products(const std::vector<network::Component>& list, const Signal& start, const Signal& end) {
  const auto ordinary = [](const Signal& x) {
    const double q = x.moments.second_moment();
    return q > 0 && std::isfinite(q);
  };
  const bool mean = start.moments.mean != 0 || end.moments.mean != 0;
  return ordinary(start) && ordinary(end) && (!mean || begins_with_linear(list));
}

/// The signal as it is far on, or behind the last layer where layers lead nowhere; what is known of
/// where they lead goes into `out`.
Signal far_on(OneLayer& layer, const LayerMap& map, const Signal& end, Recursion& out) {
  if (out.kind == Kind::grows) return end;
  const Later later = long_after(layer, end);
  if (out.kind == Kind::other) {
    if (!later.still) return end;
    const double r = correlation_of(later.signal);
    out.correlation = std::abs(r) < 1e-12 ? 0 : r;
    out.limit = later.signal.moments.second_moment();
    return later.signal;
  }
  out.correlation = map.resting_correlation(out.end_correlation);
  const double r = out.correlation.value_or(correlation_of(later.signal));
  const Signal far = placed(later.signal, map.resting(r), r);
  if (out.correlation) out.shrinking = map.shrinking(r);
  if (out.kind == Kind::resets || out.kind == Kind::settles) out.limit = far.moments.second_moment();
  if (out.kind != Kind::scales) out.increment = map.increment(r);
  return far;
}

}  // namespace

std::optional<Recursion> recursion_of(const Network& network, Theory theory, const network::Outline& outline,
                                      const Recorded& walked, std::size_t layer,
                                      const std::shared_ptr<Functionals<double>::Tables>& tables) {
  const std::optional<network::Run> run = network::run_of(network, layer);
  if (!run) return {};
  const Signal &start = walked.signals[run->before], &end = walked.signals[run->behind];
  if (!is_told_by_products(run->components, start, end)) return {};

  Network alone = network::layer_alone(network, outline, layer);
  alone.body = run->components;
  OneLayer one(alone, theory, tables, walked.memory);
  const LayerMap first(one, start), map(one, end);
  Recursion out;
  out.first = outline.layers[run->first - 1].path;
  out.last = outline.layers[run->last - 1].path;
  out.layers = run->last - run->first + 1;
  out.kind = first.kind == map.kind ? map.kind : Kind::other;
  out.start_correlation = correlation_of(start);
  out.end_correlation = correlation_of(end);
  set_expressions(alone, theory, tables, walked.memory, start, out);

  const Signal far = far_on(one, map, end, out);
  if (!out.limit) out.growth = one.forward(far).moments.second_moment() / far.moments.second_moment();
  out.gain = out.kind == Kind::scales ? out.growth : map.gain;
  set_modes(one, far, out);
  return out;
}

}  // namespace sigprop::predict
