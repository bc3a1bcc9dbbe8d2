// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "sigprop/scalar/scalar.hpp"

/// The elementwise activations that have no closed-form moments for every input: value, derivative,
/// and what a quadrature must know of them. `kink` says that the derivative jumps at 0. φ(x) ~
/// x^degree_at_infinity for large x.
namespace sigprop::formula {

/// x Φ(x), Φ the normal distribution function: GELU in its erf form.
struct Gelu {
  static constexpr bool kink = false;
  static constexpr int degree_at_infinity = 1;
  template <class T>
  [[nodiscard]] static T normal_cdf(const T& x) {
    using std::erfc;
    using std::sqrt;
    return erfc(-x / sqrt(T(2))) / T(2);
  }
  template <class T>
  [[nodiscard]] T value(const T& x) const {
    return x * normal_cdf(x);
  }
  template <class T>
  [[nodiscard]] T derivative(const T& x) const {
    using std::exp;
    using std::sqrt;
    return normal_cdf(x) + x * exp(-x * x / T(2)) / sqrt(T(2) * scalar::pi<T>());
  }
};

/// GELU in its tanh form: x/2 (1 + tanh(√(2/π)(x + 0.044715 x³))).
struct GeluTanh {
  static constexpr bool kink = false;
  static constexpr int degree_at_infinity = 1;
  static constexpr double cubic = 0.044715;  ///< Hendrycks and Gimpel (2016)
  template <class T>
  [[nodiscard]] T value(const T& x) const {
    using std::sqrt;
    using std::tanh;
    return x / T(2) * (T(1) + tanh(sqrt(T(2) / scalar::pi<T>()) * (x + T(cubic) * x * x * x)));
  }
  template <class T>
  [[nodiscard]] T derivative(const T& x) const {
    using std::sqrt;
    using std::tanh;
    const T slope = sqrt(T(2) / scalar::pi<T>());
    const T t = tanh(slope * (x + T(cubic) * x * x * x));
    return (T(1) + t) / T(2) + x / T(2) * (T(1) - t * t) * slope * (T(1) + T(3 * cubic) * x * x);
  }
};

/// x / (1 + e^-x): SiLU, also called swish.
struct Silu {
  static constexpr bool kink = false;
  static constexpr int degree_at_infinity = 1;
  template <class T>
  [[nodiscard]] static T sigmoid(const T& x) {
    using std::exp;
    return T(1) / (T(1) + exp(-x));
  }
  template <class T>
  [[nodiscard]] T value(const T& x) const {
    return x * sigmoid(x);
  }
  template <class T>
  [[nodiscard]] T derivative(const T& x) const {
    const T s = sigmoid(x);
    return s + x * s * (T(1) - s);
  }
};

/// x / (1 + e^(-1.702 x)): a quick approximation of GELU.
struct QuickGelu {
  static constexpr bool kink = false;
  static constexpr int degree_at_infinity = 1;
  static constexpr double slope = 1.702;  ///< Hendrycks and Gimpel (2016)
  template <class T>
  [[nodiscard]] T value(const T& x) const {
    return x * Silu::sigmoid(T(slope) * x);
  }
  template <class T>
  [[nodiscard]] T derivative(const T& x) const {
    const T s = Silu::sigmoid(T(slope) * x);
    return s + T(slope) * x * s * (T(1) - s);
  }
};

/// 1 / (1 + e^-x).
struct Sigmoid {
  static constexpr bool kink = false;
  static constexpr int degree_at_infinity = 0;
  template <class T>
  [[nodiscard]] T value(const T& x) const {
    return Silu::sigmoid(x);
  }
  template <class T>
  [[nodiscard]] T derivative(const T& x) const {
    const T s = Silu::sigmoid(x);
    return s * (T(1) - s);
  }
};

/// ln(1 + e^x).
struct Softplus {
  static constexpr bool kink = false;
  static constexpr int degree_at_infinity = 1;
  template <class T>
  [[nodiscard]] T value(const T& x) const {
    using std::exp;
    using std::log;
    return x > T(0) ? T(x + log(T(1) + exp(-x))) : T(log(T(1) + exp(x)));
  }
  template <class T>
  [[nodiscard]] T derivative(const T& x) const {
    return Silu::sigmoid(x);
  }
};

/// x tanh(ln(1 + e^x)).
struct Mish {
  static constexpr bool kink = false;
  static constexpr int degree_at_infinity = 1;
  template <class T>
  [[nodiscard]] T value(const T& x) const {
    using std::tanh;
    return x * tanh(Softplus{}.value(x));
  }
  template <class T>
  [[nodiscard]] T derivative(const T& x) const {
    using std::tanh;
    const T t = tanh(Softplus{}.value(x));
    return t + x * (T(1) - t * t) * Silu::sigmoid(x);
  }
};

struct Tanh {
  static constexpr bool kink = false;
  static constexpr int degree_at_infinity = 0;
  template <class T>
  [[nodiscard]] T value(const T& x) const {
    using std::tanh;
    return tanh(x);
  }
  template <class T>
  [[nodiscard]] T derivative(const T& x) const {
    using std::tanh;
    const T t = tanh(x);
    return T(1) - t * t;
  }
};

/// x for x > 0, slope x below; slope 0 is ReLU.
struct LeakyRelu {
  static constexpr bool kink = true;
  static constexpr int degree_at_infinity = 1;
  double slope = 0.01;  ///< the field's default
  template <class T>
  [[nodiscard]] T value(const T& x) const {
    return x > T(0) ? x : T(slope) * x;
  }
  template <class T>
  [[nodiscard]] T derivative(const T& x) const {
    return x > T(0) ? T(1) : T(slope);
  }
};

/// max(x, 0)².
struct SquaredRelu {
  static constexpr bool kink = true;
  static constexpr int degree_at_infinity = 2;
  template <class T>
  [[nodiscard]] T value(const T& x) const {
    return x > T(0) ? T(x * x) : T(0);
  }
  template <class T>
  [[nodiscard]] T derivative(const T& x) const {
    return x > T(0) ? T(T(2) * x) : T(0);
  }
};

}  // namespace sigprop::formula
