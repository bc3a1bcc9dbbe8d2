// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sigprop/formula/participation.hpp"
#include "sigprop/network/lifted.hpp"

namespace sigprop::predict {

/// Follows how the centred tokens lie in space (formula::Anisotropy) from component to component.
/// Field gives the moments of its tokens as if all were alike, `alike(x)`, and the activations of
/// such tokens, `alike_activations()`.
template <class Field, class T>
class FollowsAnisotropy {
 public:
  using Anisotropy = formula::Anisotropy<T>;

  static void begin_branch(Anisotropy& x) { x.linear = T(1); }

  /// Behind a random linear map.
  [[nodiscard]] static Anisotropy anisotropy(const Anisotropy& x, const T& fan_out) {
    return formula::linear_anisotropy(x, fan_out);
  }
  template <class Moments>
  [[nodiscard]] Anisotropy anisotropy(const network::BasicGatedLinear<T, T>& op, const Anisotropy& x,
                                      const Moments& gate, const Moments& open, const Moments& value,
                                      const Moments& y) {
    const formula::Moments<T> of_value = field().alike(value);
    const T from_gate = linear_share(op.activation, gate) * of_value.token_dot();
    const T from_value = field().alike(open).token_dot() * formula::centred_variance(of_value);
    return formula::featurewise_anisotropy(formula::linear_anisotropy(x, op.out), share_of(from_gate + from_value, y),
                                           op.out);
  }
  template <class Moments>
  [[nodiscard]] Anisotropy anisotropy(const network::Activation& op, const Anisotropy& x, const Moments& before,
                                      const Moments& y, const T& width) {
    return formula::featurewise_anisotropy(x, share_of(linear_share(op.kind, before), y), width);
  }
  template <class Moments>
  [[nodiscard]] Anisotropy anisotropy(const network::BasicDropout<T>&, const Anisotropy& x, const Moments& before,
                                      const Moments& y, const T& width) const {
    return formula::featurewise_anisotropy(x, share_of(centred(before), y), width);
  }
  /// y: one expert's output.
  template <class Signal>
  [[nodiscard]] Anisotropy anisotropy(const network::BasicExperts<T, T>& op, const Anisotropy& x,
                                      const Signal& y) const {
    return formula::experts_anisotropy(x, y.anisotropy, field().alike(y.moments), y.width, op.count, op.chosen);
  }
  /// Behind a router as of so many experts as share the tokens alike.
  template <class Signal, class Pairs>
  [[nodiscard]] Anisotropy anisotropy(const network::BasicExperts<T, T>&, const Anisotropy& x, const Signal& y,
                                      const Pairs& overlap) const {
    const formula::Gradient<T> taken_together = field().alike(overlap);
    const T taken = T(1) / taken_together.variance, shared = T(1) / taken_together.covariance;
    const T chosen = taken < T(1) ? T(1) : taken;
    return formula::experts_anisotropy(x, y.anisotropy, field().alike(y.moments), y.width,
                                       shared < chosen ? chosen : shared, chosen);
  }
  /// After two lists side by side.
  template <class Signal>
  [[nodiscard]] Anisotropy anisotropy(const Anisotropy& x, const Signal& a, const Signal& b) const {
    return formula::parallel_anisotropy(x, a.anisotropy, centred(a.moments), b.anisotropy, centred(b.moments), a.width);
  }
  template <class Signal>
  [[nodiscard]] Anisotropy anisotropy(const network::BasicResidual<T, T>& op, const Signal& x,
                                      const Signal& branch) const {
    return formula::residual_anisotropy(x.anisotropy, T(op.skip * op.skip * centred(x.moments)), branch.anisotropy,
                                        T(op.branch * op.branch * centred(branch.moments)), x.width);
  }

 private:
  [[nodiscard]] Field& field() { return static_cast<Field&>(*this); }
  [[nodiscard]] const Field& field() const { return static_cast<const Field&>(*this); }

  template <class Moments>
  [[nodiscard]] T centred(const Moments& x) const {
    return formula::centred_variance(field().alike(x));
  }
  template <class Moments>
  [[nodiscard]] T share_of(const T& part, const Moments& y) const {
    return formula::share_of(part, centred(y));
  }
  /// The part of an activation's centred variance that is linear in its input.
  template <class Moments>
  [[nodiscard]] T linear_share(network::ActivationKind kind, const Moments& x) {
    const formula::Moments<T> alike = field().alike(x);
    const formula::Gradient<T> one{T(1), T(1), T(1)};
    return field().alike_activations().backward(kind, one, alike).covariance * formula::centred_variance(alike);
  }
};

}  // namespace sigprop::predict
