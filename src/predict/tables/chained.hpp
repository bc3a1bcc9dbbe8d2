// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "predict/tables/activation_moments.hpp"
#include "predict/tables/softmax_table.hpp"
#include "sigprop/scalar/jet.hpp"

/// Functions that are tabulated or remembered, read with jets: they are known with their
/// derivatives by their few arguments, which the chain rule carries on to all directions.
namespace sigprop::predict {

/// A number with its derivatives by the few arguments of a tabulated function.
using ArgumentJet = scalar::Jet<few_arguments>;

/// What a function of few arguments, read at these, becomes in their directions.
template <std::size_t N>
[[nodiscard]] scalar::Jet<N> chained(const ArgumentJet& f, const std::array<scalar::Jet<N>, few_arguments>& arguments) {
  scalar::Jet<N> out(f.value);
  for (std::size_t a = 0; a < few_arguments; ++a) {
    if (f.slopes[a] == 0) continue;
    for (std::size_t i = 0; i < N; ++i) out.slopes[i] += f.slopes[a] * arguments[a].slopes[i];
  }
  return out;
}

template <std::size_t N>
class ChainedActivations {
 public:
  using T = scalar::Jet<N>;

  [[nodiscard]] formula::Moments<T> forward(network::ActivationKind kind, const formula::Moments<T>& x) {
    const formula::Moments<ArgumentJet> y = known_.forward(kind, variables(x));
    const auto out = follower(x);
    return {out(y.mean), out(y.variance), out(y.covariance), out(y.cross_covariance)};
  }

  [[nodiscard]] formula::Gradient<T> backward(network::ActivationKind kind, const formula::Gradient<T>& g,
                                              const formula::Moments<T>& x) {
    const formula::Gradient<ArgumentJet> factor =
        known_.backward(kind, {ArgumentJet(1), ArgumentJet(1), ArgumentJet(1)}, variables(x));
    const auto out = follower(x);
    return {g.variance * out(factor.variance), g.covariance * out(factor.covariance),
            g.cross_covariance * out(factor.cross_covariance)};
  }

  [[nodiscard]] T fourth_moment(network::ActivationKind kind, const formula::Moments<T>& x) {
    return follower(x)(known_.fourth_moment(kind, variables(x)));
  }
  [[nodiscard]] typename ActivationMoments<T>::Degrees degrees(network::ActivationKind kind,
                                                               const formula::Moments<T>& x) {
    const auto known = known_.degrees(kind, variables(x));
    const auto out = follower(x);
    return {out(known.value), out(known.slope)};
  }

 private:
  /// Carries what is known on into the directions of x.
  [[nodiscard]] static auto follower(const formula::Moments<T>& x) {
    return [&x](const ArgumentJet& f) { return chained<N>(f, {x.mean, x.variance, x.covariance, x.cross_covariance}); };
  }

  [[nodiscard]] static formula::Moments<ArgumentJet> variables(const formula::Moments<T>& x) {
    return {ArgumentJet(x.mean.value, 0), ArgumentJet(x.variance.value, 1), ArgumentJet(x.covariance.value, 2),
            ArgumentJet(x.cross_covariance.value, 3)};
  }

  ActivationMoments<ArgumentJet> known_;
};

/// Of score variance, correlation, keys and head width.
template <std::size_t N>
[[nodiscard]] formula::SoftmaxMeans<scalar::Jet<N>> softmax_means(SoftmaxTables<ArgumentJet>& tables, double length,
                                                                  const Head& head,
                                                                  const std::array<scalar::Jet<N>, few_arguments>& x) {
  const formula::SoftmaxMeans<ArgumentJet> known =
      tables.of(length, head)(ArgumentJet(x[0].value, 0), ArgumentJet(x[1].value, 1));
  const auto out = [&](const ArgumentJet& f) { return chained<N>(f, x); };
  return {{out(known.row.squares), out(known.row.query_jacobian), out(known.row.key_jacobian), out(known.row.entropy),
           out(known.row.leak)},
          {out(known.pair.overlap), out(known.pair.query_jacobian), out(known.pair.key_jacobian)}};
}

template <class T>
[[nodiscard]] formula::SoftmaxMeans<T> softmax_means(SoftmaxTables<T>& tables, double length, const Head& head,
                                                     const std::array<T, few_arguments>& x) {
  return tables.of(length, head)(x[0], x[1]);
}

/// The functionals that a walk in numbers of T reads: activations, and tables of softmax
/// functionals.
template <class T>
struct Functionals {
  using Activations = ActivationMoments<T>;
  using Tables = SoftmaxTables<T>;
};

template <std::size_t N>
struct Functionals<scalar::Jet<N>> {
  using Activations = ChainedActivations<N>;
  using Tables = SoftmaxTables<ArgumentJet>;
};

}  // namespace sigprop::predict
