// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "predict/tables/chebyshev.hpp"
#include "sigprop/formula/activation_quadrature.hpp"
#include "sigprop/formula/gelu.hpp"
#include "sigprop/formula/relu.hpp"
#include "sigprop/formula/softmax_row.hpp"
#include "sigprop/network/activation_kind.hpp"
#include "sigprop/scalar/jet.hpp"

namespace sigprop::predict {

/// f(φ) with the activation's function (formula/activation_function.hpp).
template <class F>
auto with_activation(network::ActivationKind kind, F&& f) {
  using network::ActivationKind;
  switch (kind) {
    case ActivationKind::relu:
      return f(formula::LeakyRelu{0});
    case ActivationKind::gelu:
      return f(formula::Gelu{});
    case ActivationKind::gelu_tanh:
      return f(formula::GeluTanh{});
    case ActivationKind::silu:
      return f(formula::Silu{});
    case ActivationKind::quick_gelu:
      return f(formula::QuickGelu{});
    case ActivationKind::mish:
      return f(formula::Mish{});
    case ActivationKind::softplus:
      return f(formula::Softplus{});
    case ActivationKind::sigmoid:
      return f(formula::Sigmoid{});
    case ActivationKind::tanh:
      return f(formula::Tanh{});
    case ActivationKind::squared_relu:
      return f(formula::SquaredRelu{});
    case ActivationKind::leaky_relu:
    case ActivationKind::identity:
      break;
  }
  return f(formula::LeakyRelu{kind == ActivationKind::identity ? 1.0 : formula::LeakyRelu{}.slope});
}

/// Moments through activations for a whole walk: the closed forms where the input mean is 0 and one
/// exists, else quadrature. A stack meets the same input variance in every layer; from the second
/// time on the pair moments are read from a Chebyshev sum in arccos r over [0, π/2], in which they
/// are smooth up to r = 1 (relative error below 1e-7).
template <class T>
class ActivationMoments {
 public:
  [[nodiscard]] formula::Moments<T> forward(network::ActivationKind kind, const formula::Moments<T>& x) {
    using network::ActivationKind;
    if (kind == ActivationKind::identity) return x;
    if (kind == ActivationKind::relu && x.mean == T(0)) return formula::relu_forward(x);
    if (kind == ActivationKind::gelu && x.mean == T(0)) return formula::gelu_forward(x);
    Entry& entry = lookup(kind, x);
    const Pair token = pair(entry, formula::correlation(x.covariance, x.variance));
    const Pair cross = pair(entry, formula::correlation(x.cross_covariance, x.variance));
    // Of an odd function at mean 0 a quadrature leaves rounding.
    const bool centred = kind == ActivationKind::tanh && x.mean == T(0);
    const T mean = centred ? T(0) : T(entry.mean_scale * T(entry.single.mean));
    const T square = mean * mean;
    return {mean, entry.product_scale * T(entry.single.second_moment) - square,
            entry.product_scale * token.product - square, entry.product_scale * cross.product - square};
  }

  [[nodiscard]] formula::Gradient<T> backward(network::ActivationKind kind, const formula::Gradient<T>& g,
                                              const formula::Moments<T>& x) {
    using network::ActivationKind;
    if (kind == ActivationKind::identity) return g;
    if (kind == ActivationKind::relu && x.mean == T(0)) return formula::relu_backward(g, x);
    if (kind == ActivationKind::gelu && x.mean == T(0)) return formula::gelu_backward(g, x);
    Entry& entry = lookup(kind, x);
    const Pair token = pair(entry, formula::correlation(x.covariance, x.variance));
    const Pair cross = pair(entry, formula::correlation(x.cross_covariance, x.variance));
    const T& scale = entry.derivative_scale;
    return {g.variance * scale * T(entry.single.derivative_product), g.covariance * scale * token.derivative,
            g.cross_covariance * scale * cross.derivative};
  }

  /// E[φ⁴]/(E[φ²])², by a rule of 81 points.
  [[nodiscard]] static T fourth_moment(network::ActivationKind kind, const formula::Moments<T>& x) {
    if (kind == network::ActivationKind::relu && x.mean == T(0)) return T(6);
    Node second(0), fourth(0);
    over_normal(kind, x, [&](const auto& phi, const Node& at, const formula::NormalPoint& point) {
      const Node value = phi.value(at), square = value * value;
      second += Node(point.weight) * square;
      fourth += Node(point.weight) * square * square;
    });
    return second > Node(0) ? T(Node(fourth / (second * second))) : T(1);
  }

  /// How E[φ²] and E[φ'²] grow with the variance of what the activation reads
  /// (formula::size_response), by the same rule.
  struct Degrees {
    T value;
    T slope;
  };
  [[nodiscard]] static Degrees degrees(network::ActivationKind kind, const formula::Moments<T>& x) {
    using network::ActivationKind;
    if (kind == ActivationKind::identity || (kind == ActivationKind::relu && x.mean == T(0))) return {T(1), T(0)};
    Node value(0), slope(0), value_growth(0), slope_growth(0);
    over_normal(kind, x, [&](const auto& phi, const Node& at, const formula::NormalPoint& point) {
      const Node y = phi.value(at), derivative = phi.derivative(at);
      const Node of_value = Node(point.weight) * y * y, of_slope = Node(point.weight) * derivative * derivative;
      const Node growth((point.z * point.z - 1) / 2);
      value += of_value;
      slope += of_slope;
      value_growth += growth * of_value;
      slope_growth += growth * of_slope;
    });
    const auto ratio = [](const Node& growth, const Node& of) { return of > Node(0) ? T(Node(growth / of)) : T(0); };
    // E[φ²] of a function without extremes does not fall; rounding must not make it.
    return {ratio(value_growth > Node(0) ? value_growth : Node(0), value), ratio(slope_growth, slope)};
  }

  struct Pair {
    T product;     ///< E[φ(x) φ(y)]
    T derivative;  ///< E[φ'(x) φ'(y)]
  };

  /// The pair moments of one mean and variance as a function of the correlation; good until the
  /// next call of another member.
  [[nodiscard]] auto curve(network::ActivationKind kind, const T& mean, const T& variance) {
    return [&entry = lookup(kind, {mean, variance, T(0), T(0)})](const T& r) -> Pair {
      const Pair scaled = pair(entry, r);
      return {entry.product_scale * scaled.product, entry.derivative_scale * scaled.derivative};
    };
  }

 private:
  using Node = typename scalar::Traits<T>::Tabulated;
  static constexpr std::size_t angle_points = 20;

  struct Entry {
    network::ActivationKind kind{};
    T mean{}, variance{};
    Node node_mean{}, node_variance{};  ///< within double's range; the scales lead back
    T mean_scale{}, product_scale{}, derivative_scale{};
    formula::ActivationMoments<Node> single{};
    std::vector<std::pair<T, Pair>> met;    ///< correlations so far, while there are few
    std::vector<Node> product, derivative;  ///< Chebyshev coefficients once built
  };

  /// The entry of this input.
  [[nodiscard]] Entry& lookup(network::ActivationKind kind, const formula::Moments<T>& x) {
    for (Entry& entry : entries_) {
      if (entry.kind == kind && scalar::same(entry.mean, x.mean) && scalar::same(entry.variance, x.variance))
        return entry;
    }
    constexpr std::size_t kept = 16;  // a stack without norm never meets a variance again: do not let it search long
    if (entries_.size() >= kept) entries_.erase(entries_.begin());
    entries_.push_back(make_entry(kind, x));
    return entries_.back();
  }

  /// A mean and a variance within double's range. Far out every activation is a power of its input,
  /// near 0 linear: moments continue as powers of the variance.
  /// add(φ, its argument, node) at every node of a rule of 81 points over the input.
  template <class Add>
  static void over_normal(network::ActivationKind kind, const formula::Moments<T>& x, const Add& add) {
    using std::sqrt;
    constexpr double step = 0.2, reach = 8;
    const Inside inside(x);
    const Node deviation = sqrt(inside.variance);
    with_activation(kind, [&](const auto& phi) {
      for (const formula::NormalPoint& point : formula::trapezoid_normal(1, step, reach))
        add(phi, Node(inside.mean + deviation * Node(point.z)), point);
    });
  }

  struct Inside {
    T shrink{1};
    Node mean, variance;

    explicit Inside(const formula::Moments<T>& x) {
      using std::sqrt;
      constexpr double far = 1e40;
      if (x.variance > T(far)) shrink = x.variance / T(far);
      if (x.variance < T(1 / far) && x.variance > T(0)) shrink = x.variance * T(far);
      mean = static_cast<Node>(x.mean / sqrt(shrink));
      variance = static_cast<Node>(x.variance / shrink);
    }
  };

  [[nodiscard]] static Entry make_entry(network::ActivationKind kind, const formula::Moments<T>& x) {
    using std::pow;
    using std::sqrt;
    Entry entry;
    entry.kind = kind;
    entry.mean = x.mean;
    entry.variance = x.variance;
    const Inside inside(x);
    const T& shrink = inside.shrink;
    entry.node_mean = inside.mean;
    entry.node_variance = inside.variance;
    with_activation(kind, [&](const auto& phi) {
      const bool large = x.variance > T(1);
      const int degree = large || phi.degree_at_infinity == 2 ? phi.degree_at_infinity : 1;
      entry.single = formula::activation_single(phi, entry.node_mean, entry.node_variance);
      entry.mean_scale = pow(sqrt(shrink), T(degree));
      entry.product_scale = pow(shrink, T(degree));
      entry.derivative_scale = degree == 0 ? T(T(1) / sqrt(shrink)) : T(pow(shrink, T(degree - 1)));
    });
    return entry;
  }

  [[nodiscard]] static formula::ActivationMoments<Node> exact_pair(const Entry& entry, const Node& r) {
    return with_activation(entry.kind, [&](const auto& phi) {
      return formula::activation_pair(phi, entry.node_mean, entry.node_variance, r);
    });
  }

  [[nodiscard]] static Pair pair(Entry& entry, const T& r) {
    using std::acos;
    constexpr std::size_t few = 2;
    for (const auto& [known, value] : entry.met) {
      if (scalar::same(known, r)) return value;
    }
    if (r < T(0) || entry.met.size() < few) {
      const auto exact = exact_pair(entry, static_cast<Node>(r));
      const Pair value{T(exact.second_moment), T(exact.derivative_product)};
      if (entry.met.size() < few) entry.met.emplace_back(r, value);
      return value;
    }
    const double quarter = scalar::pi<double>() / 4;
    if (entry.product.empty()) {
      for (std::size_t k = 0; k < angle_points; ++k) {
        const auto exact = exact_pair(entry, Node(std::cos(quarter * (chebyshev_point(k, angle_points) + 1))));
        entry.product.push_back(exact.second_moment);
        entry.derivative.push_back(exact.derivative_product);
      }
      to_coefficients(entry.product.data(), angle_points, 1);
      to_coefficients(entry.derivative.data(), angle_points, 1);
    }
    const T x = acos(r) / T(quarter) - T(1);
    return {chebyshev_sum(angle_points, x, [&](std::size_t j) { return T(entry.product[j]); }),
            chebyshev_sum(angle_points, x, [&](std::size_t j) { return T(entry.derivative[j]); })};
  }

  std::vector<Entry> entries_;
};

}  // namespace sigprop::predict
