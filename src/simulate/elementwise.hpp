// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

#include "sigprop/network/network.hpp"
#include "simulate/host_device.hpp"
#include "simulate/subject.hpp"

/// Functions of one number that the CPU and the CUDA engine share: total, without exceptions.
namespace sigprop::simulate {

/// Value and derivative of an activation at x, as PyTorch defines them.
template <class T>
struct Slope {
  T value;
  T derivative;
};

struct Relu {
  template <class T>
  SIGPROP_HOST_DEVICE Slope<T> operator()(T x) const noexcept {
    return {x > 0 ? x : T(0), x > 0 ? T(1) : T(0)};
  }
};

struct Gelu {
  template <class T>
  SIGPROP_HOST_DEVICE Slope<T> operator()(T x) const noexcept {
    constexpr T sqrt2 = std::numbers::sqrt2_v<T>, inv_sqrtpi = std::numbers::inv_sqrtpi_v<T>;
    const T cdf = std::erfc(-x / sqrt2) / 2;
    const T density = std::exp(-x * x / 2) * inv_sqrtpi / sqrt2;
    return {x * cdf, cdf + x * density};
  }
};

struct GeluTanh {
  template <class T>
  SIGPROP_HOST_DEVICE Slope<T> operator()(T x) const noexcept {
    constexpr T slope = std::numbers::sqrt2_v<T> * std::numbers::inv_sqrtpi_v<T>;
    constexpr T cubic = static_cast<T>(0.044715);  // Hendrycks and Gimpel (2016)
    const T t = std::tanh(slope * (x + cubic * x * x * x));
    return {x / 2 * (1 + t), (1 + t) / 2 + x / 2 * (1 - t * t) * slope * (1 + 3 * cubic * x * x)};
  }
};

struct Silu {
  template <class T>
  SIGPROP_HOST_DEVICE Slope<T> operator()(T x) const noexcept {
    const T sigmoid = 1 / (1 + std::exp(-x));
    return {x * sigmoid, sigmoid * (1 + x * (1 - sigmoid))};
  }
};

struct QuickGelu {
  template <class T>
  SIGPROP_HOST_DEVICE Slope<T> operator()(T x) const noexcept {
    constexpr T slope = static_cast<T>(1.702);  // Hendrycks and Gimpel (2016)
    const T sigmoid = 1 / (1 + std::exp(-slope * x));
    return {x * sigmoid, sigmoid * (1 + slope * x * (1 - sigmoid))};
  }
};

struct Sigmoid {
  template <class T>
  SIGPROP_HOST_DEVICE Slope<T> operator()(T x) const noexcept {
    const T sigmoid = 1 / (1 + std::exp(-x));
    return {sigmoid, sigmoid * (1 - sigmoid)};
  }
};

struct Softplus {
  template <class T>
  SIGPROP_HOST_DEVICE Slope<T> operator()(T x) const noexcept {
    return {x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)), 1 / (1 + std::exp(-x))};
  }
};

struct Mish {
  template <class T>
  SIGPROP_HOST_DEVICE Slope<T> operator()(T x) const noexcept {
    const Slope<T> softplus = Softplus{}(x);
    const T t = std::tanh(softplus.value);
    return {x * t, t + x * (1 - t * t) * softplus.derivative};
  }
};

struct Tanh {
  template <class T>
  SIGPROP_HOST_DEVICE Slope<T> operator()(T x) const noexcept {
    const T t = std::tanh(x);
    return {t, 1 - t * t};
  }
};

struct LeakyRelu {
  template <class T>
  SIGPROP_HOST_DEVICE Slope<T> operator()(T x) const noexcept {
    const T slope = x > 0 ? T(1) : static_cast<T>(0.01);  // PyTorch's default
    return {slope * x, slope};
  }
};

struct SquaredRelu {
  template <class T>
  SIGPROP_HOST_DEVICE Slope<T> operator()(T x) const noexcept {
    return {x > 0 ? x * x : T(0), x > 0 ? 2 * x : T(0)};
  }
};

struct Identity {
  template <class T>
  SIGPROP_HOST_DEVICE Slope<T> operator()(T x) const noexcept {
    return {x, T(1)};
  }
};

/// Calls with(f), f the function x ↦ Slope of that activation: the choice is made once, not for
/// every element.
template <class With>
decltype(auto) with_activation(network::ActivationKind kind, const With& with) {
  using Kind = network::ActivationKind;
  switch (kind) {
    case Kind::relu:
      return with(Relu{});
    case Kind::gelu:
      return with(Gelu{});
    case Kind::gelu_tanh:
      return with(GeluTanh{});
    case Kind::silu:
      return with(Silu{});
    case Kind::quick_gelu:
      return with(QuickGelu{});
    case Kind::mish:
      return with(Mish{});
    case Kind::softplus:
      return with(Softplus{});
    case Kind::sigmoid:
      return with(Sigmoid{});
    case Kind::tanh:
      return with(Tanh{});
    case Kind::leaky_relu:
      return with(LeakyRelu{});
    case Kind::squared_relu:
      return with(SquaredRelu{});
    case Kind::identity:
      break;
  }
  return with(Identity{});
}

/// Uniform in (0, 1) with the upper 53 bits of two words.
SIGPROP_HOST_DEVICE inline double uniform_of(std::uint32_t high, std::uint32_t low) noexcept {
  const std::uint64_t bits = (std::uint64_t{high} << 32 | low) >> 11;
  return (static_cast<double>(bits) + 0.5) * 0x1p-53;
}

/// Does a token take the expert? uniform(e): the token's number of expert e.
template <class Uniform>
[[nodiscard]] SIGPROP_HOST_DEVICE bool takes(const Expert& expert, const Uniform& uniform) noexcept {
  const double own = uniform(expert.index);
  std::size_t before = 0;
  for (std::size_t e = 0; e < expert.count; ++e) {
    if (uniform(e) < own) ++before;
  }
  return before < expert.chosen;
}

/// Is the expert among a token's `chosen` of the largest logits? Of equal ones the first is larger.
/// logit(e): that of expert e.
template <class Logit>
[[nodiscard]] SIGPROP_HOST_DEVICE bool is_routed_to(const Expert& expert, const Logit& logit) noexcept {
  const auto own = logit(expert.index);
  std::size_t before = 0;
  for (std::size_t e = 0; e < expert.count; ++e) {
    const auto other = logit(e);
    if (other > own || (other == own && e < expert.index)) ++before;
  }
  return before < expert.chosen;
}

/// Its weight, before what it is divided by.
template <class T>
[[nodiscard]] SIGPROP_HOST_DEVICE T size_of_choice(network::Router router, T logit, T largest) noexcept {
  const bool is_softmax = router == network::Router::softmax || router == network::Router::softmax_over_all;
  return is_softmax ? std::exp(logit - largest) : 1 / (1 + std::exp(-logit));
}

/// The gradient at an expert's logit. share: its softmax among all experts,
/// which softmax_over_all alone reads. weight: of the expert,
/// 0 if it is not taken; g: the gradient there; mean: Σ weight g of the token.
template <class T>
[[nodiscard]] SIGPROP_HOST_DEVICE T at_logit(network::Router router, T logit, T share, T weight, T g, T mean) noexcept {
  const T below = 1 / (1 + std::exp(logit));  // 1 - σ
  switch (router) {
    case network::Router::softmax:
      break;
    case network::Router::softmax_over_all:
      return weight * g - share * mean;
    case network::Router::sigmoid:
      return weight * below * (g - mean);
    case network::Router::plain_sigmoid:
      return weight * below * g;
  }
  return weight * (g - mean);
}

/// Words below this are dropped.
[[nodiscard]] inline std::uint32_t drop_limit(double probability) {
  return static_cast<std::uint32_t>(std::ldexp(probability, 32));
}

/// Of z_i standard normal and z̄ its mean over a sequence's tokens, x_i = mean + own (z_i - z̄) +
/// common z̄ has the given moments.
struct Mixture {
  double own;
  double common;
};

[[nodiscard]] inline Mixture mixture_of(const network::GivenInput& moments, double length) {
  const double r = moments.token_correlation, std = std::sqrt(moments.variance);
  const double along = 1 + (length - 1) * r;
  return {std * std::sqrt(1 - r), std * std::sqrt(along > 0 ? along : 0)};
}

/// 1 + 1/2 + ... + 1/n for a whole n.
SIGPROP_HOST_DEVICE inline double harmonic(double n) noexcept {
  constexpr double summed = 32;  // beyond it the asymptotic series below is exact to double
  if (n <= summed) {
    double sum = 0;
    for (double i = n; i >= 1; --i) sum += 1 / i;
    return sum;
  }
  const double square = 1 / (n * n);
  return std::log(n) + std::numbers::egamma + 1 / (2 * n) - square / 12 + square * square / 120;
}

/// The word, 0 for the most frequent, at which Zipf's law of V words passes the probability u.
SIGPROP_HOST_DEVICE inline std::uint64_t zipf_word(double u, double vocabulary) noexcept {
  const double wanted = u * harmonic(vocabulary);
  double low = 1, high = vocabulary;  // the word lies in [low, high]
  while (low < high) {
    const double middle = std::floor((low + high) / 2);
    if (harmonic(middle) >= wanted) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return static_cast<std::uint64_t>(low) - 1;
}

}  // namespace sigprop::simulate
