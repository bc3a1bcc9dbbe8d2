// SPDX-License-Identifier: Apache-2.0
#include "predict/spread/neurons.hpp"

#include <algorithm>
#include <cmath>

#include "predict/tables/activation_moments.hpp"
#include "sigprop/formula/softmax_row.hpp"

namespace sigprop::predict {
namespace {

constexpr double reach = 6;

[[nodiscard]] double root(double x) {
  return x > 0 ? std::sqrt(x) : 0;
}

/// Exact for polynomials of degree 9 in a standard normal number.
[[nodiscard]] std::vector<formula::NormalPoint> hermite_rule() {
  const double near = std::sqrt(5 - std::sqrt(10.0)), far = std::sqrt(5 + std::sqrt(10.0));
  const double of_near = (7 + 2 * std::sqrt(10.0)) / 60, of_far = (7 - 2 * std::sqrt(10.0)) / 60;
  return {{-far, of_far}, {-near, of_near}, {0, 8.0 / 15}, {near, of_near}, {far, of_far}};
}

[[nodiscard]] std::vector<formula::NormalPoint> one_point() {
  return {{0, 1}};
}

/// a + x (b - a), number by number.
template <class Numbers>
[[nodiscard]] Numbers between(const Numbers& a, const Numbers& b, double x) {
  Numbers out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = a[i] + x * (b[i] - a[i]);
  return out;
}

/// The parts of a normal number: of all tokens of a batch, of a sequence, of one token.
struct Parts {
  double batch, sequence, token;

  Parts(const formula::Moments<double>& x, const Modes& modes)
      : batch(root(modes.batch() > 1 ? std::min(x.cross_covariance, within(x, modes)) : within(x, modes))),
        sequence(modes.batch() > 1 ? root(within(x, modes) - batch * batch) : 0),
        token(root(x.variance - within(x, modes))) {}

 private:
  [[nodiscard]] static double within(const formula::Moments<double>& x, const Modes& modes) {
    return modes.length() > 1 ? std::clamp(x.covariance, 0.0, x.variance) : x.variance;
  }
};

}  // namespace

/// Every average over a token's own part as a function of the rest, on a uniform grid.
struct Neurons::Curve {
  using Numbers = std::array<double, 13>;

  double first = 0, step = 1;
  std::vector<Numbers> values;

  [[nodiscard]] static Node node(const Numbers& x) {
    return {x[0],        x[1], x[2], x[3], {x[4], 0}, {x[5], 0}, {x[11], 0}, {x[12], 0},
            x[4] * x[4], x[5], x[6], x[7], x[8],      x[9],      x[10]};
  }

  [[nodiscard]] Node at(double x) const {
    if (values.size() == 1) return node(values.front());
    const double place = std::clamp((x - first) / step, 0.0, static_cast<double>(values.size() - 1) - 1e-9);
    const auto left = static_cast<std::size_t>(place);
    return node(between(values[left], values[left + 1], place - static_cast<double>(left)));
  }
};

Neurons::Curve Neurons::curve(network::ActivationKind kind, const formula::Moments<double>& a, const Modes& modes) {
  const Parts parts(a, modes);
  const double common = std::hypot(parts.batch, parts.sequence);
  constexpr double fine = 0.05, own_step = 0.15;
  // Two normal numbers lie within the reach of both.
  const double side = (modes.batch() > 1 ? std::sqrt(2.0) : 1) * reach;
  const auto count = common > 0 ? static_cast<std::size_t>(std::ceil(2 * side / fine)) + 1 : 1;
  Curve out;
  out.step = fine * common;
  out.first = a.mean - (count > 1 ? side * common : 0);
  const auto own = formula::trapezoid_normal(1, own_step, reach);
  with_activation(kind, [&](const auto& phi) {
    std::vector<double> y(own.size()), slope(own.size());
    for (std::size_t i = 0; i < count; ++i) {
      const double centre = out.first + static_cast<double>(i) * out.step;
      double mean = 0, mean_slope = 0;
      for (std::size_t k = 0; k < own.size(); ++k) {
        const double h = centre + parts.token * own[k].z;
        y[k] = phi.value(h);
        slope[k] = phi.derivative(h);
        mean += own[k].weight * y[k];
        mean_slope += own[k].weight * slope[k];
      }
      Curve::Numbers sums{};
      double with_square = 0;
      for (std::size_t k = 0; k < own.size(); ++k) {
        const double w = own[k].weight, d = y[k] - mean, e = slope[k] - mean_slope;
        const double d2 = d * d, e2 = e * e, square = slope[k] * slope[k];
        sums[1] += w * d2;
        sums[2] += w * d2 * d;
        sums[3] += w * d2 * d2;
        sums[5] += w * square;
        sums[6] += w * square * square;
        sums[11] += w * square * slope[k];
        sums[12] += w * d * slope[k];
        sums[7] += w * e2 * square;
        sums[8] += w * e2 * e2;
        sums[9] += w * d * square;
        with_square += w * d2 * square;
      }
      sums[0] = mean;
      sums[4] = mean_slope;
      sums[10] = with_square - sums[1] * sums[5];
      out.values.push_back(sums);
    }
  });
  return out;
}

Neurons::Node Neurons::gated(const Node& phi, double b_mean, double b_variance, const std::array<double, 2>& weights) {
  // Moments of b, and of powers of it with d = b - E[b].
  const double m = b_mean, u = b_variance, m2 = m * m;
  const double b2 = m2 + u, b3 = m * (m2 + 3 * u), b4 = m2 * m2 + 6 * m2 * u + 3 * u * u;
  const double b_d = u, b2_d = 2 * m * u, b3_d = 3 * u * b2, b2_d2 = u * (m2 + 3 * u);
  const double mean = phi.mean, mean2 = mean * mean, phi2 = mean2 + phi.variance;
  const double d_phi2 = phi.third + 2 * mean * phi.variance;  // E[(φ - M) φ²]
  const double d2_phi2 = phi.fourth + 2 * mean * phi.third + mean2 * phi.variance;
  const double phi4 = d2_phi2 + 2 * mean * d_phi2 + mean2 * phi2;
  const double d2_square = phi.with_variance + phi.variance * phi.square;  // E[(φ - M)² φ'²]
  const double phi2_square = d2_square + 2 * mean * phi.with_mean + mean2 * phi.square;
  const auto& [of_a, of_b] = weights;

  Node out{};
  out.mean = mean * m;
  out.variance = phi.variance * b2 + mean2 * u;
  out.third = phi.third * b3 + 3 * phi.variance * mean * b2_d;
  out.fourth =
      phi.fourth * b4 + 4 * phi.third * mean * b3_d + 6 * phi.variance * mean2 * b2_d2 + 3 * mean2 * mean2 * u * u;
  out.slope = {phi.slope[0] * m, mean};
  out.squares = {phi.square * b2, phi2};
  out.cubes = {phi.cubes[0] * b3, phi.third + 3 * mean * phi.variance + mean2 * mean};
  out.joint = {phi.joint[0] * b2 + mean * phi.slope[0] * u, phi.variance * m};
  out.slope_square = of_a * out.slope[0] * out.slope[0] + of_b * mean2;
  out.square = of_a * out.squares[0] + of_b * phi2;
  out.square_square = of_a * of_a * phi.square_square * b4 + 2 * of_a * of_b * phi2_square * b2 + of_b * of_b * phi4;
  // As if a centred slope had the shape of the slope itself: these count by 1/L only.
  const double shape = out.square > 0 ? out.square_square / (out.square * out.square) : 0;
  const double centred = std::max(out.square - out.slope_square, 0.0);
  out.half_centred = centred * out.square * shape;
  out.centred = centred * centred * shape;
  out.with_mean = of_b * d_phi2 * m + of_a * (phi.with_mean * b3 + mean * phi.square * b2_d);
  const double by_b = d2_phi2 * b2 + 2 * d_phi2 * mean * b_d + mean2 * phi2 * u;
  const double by_a = d2_square * b4 + 2 * phi.with_mean * mean * b3_d + mean2 * phi.square * b2_d2;
  out.with_variance = of_a * by_a + of_b * by_b - out.variance * out.square;
  return out;
}

Neurons::Neurons(network::ActivationKind kind, const formula::Moments<double>& a, const Modes& modes) : modes_(modes) {
  const Curve phi = curve(kind, a, modes);
  const Parts parts(a, modes);
  const bool batched = modes.batch() > 1;
  const auto outer = parts.batch > 0 ? formula::trapezoid_normal(1, batched ? 0.2 : 0.05, reach) : one_point();
  const auto inner = parts.sequence > 0 ? formula::trapezoid_normal(1, 0.3, reach) : one_point();
  for (const auto& y : inner) inner_.push_back(y.weight);
  for (const auto& z : outer) {
    outer_.push_back(z.weight);
    for (const auto& y : inner) nodes_.push_back(phi.at(a.mean + parts.batch * z.z + parts.sequence * y.z));
  }
}

Neurons::Neurons(network::ActivationKind kind, const formula::Moments<double>& a, const formula::Moments<double>& b,
                 const std::array<double, 2>& weights, const Modes& modes)
    : modes_(modes), weights_(weights) {
  const Curve phi = curve(kind, a, modes);
  const Parts of_a(a, modes), of_b(b, modes);
  const bool batched = modes.batch() > 1;
  const auto outer_a = of_a.batch > 0 ? formula::trapezoid_normal(1, batched ? 0.4 : 0.1, reach) : one_point();
  const auto inner_a = of_a.sequence > 0 ? formula::trapezoid_normal(1, 0.5, reach) : one_point();
  const auto outer_b = of_b.batch > 0 ? hermite_rule() : one_point();
  const auto inner_b = of_b.sequence > 0 ? hermite_rule() : one_point();
  for (const auto& y : inner_a) {
    for (const auto& v : inner_b) inner_.push_back(y.weight * v.weight);
  }
  const double own = of_b.token * of_b.token;
  for (const auto& z : outer_a) {
    for (const auto& w : outer_b) {
      outer_.push_back(z.weight * w.weight);
      for (const auto& y : inner_a) {
        const Node open = phi.at(a.mean + of_a.batch * z.z + of_a.sequence * y.z);
        for (const auto& v : inner_b)
          nodes_.push_back(gated(open, b.mean + of_b.batch * w.z + of_b.sequence * v.z, own, weights));
      }
    }
  }
}

NeuronCovariance Neurons::covariance(const formula::Gradient<double>& gradient, double count) const {
  const double batch = modes_.batch(), length = modes_.length();
  const double of_batch = 1 - 1 / batch, of_length = 1 - 1 / length;
  // Parts of the gradient: of the batch, of a sequence, of one token.
  const double g = gradient.variance;
  const double within = length > 1 ? std::clamp(gradient.covariance, 0.0, g) : g;
  const double across = batch > 1 ? std::clamp(gradient.cross_covariance, 0.0, within) : within;
  const double of_sequence = within - across, of_token = g - within;

  NeuronCovariance second = NeuronCovariance::Zero();  // E[e_i e_j] over z, then their covariance
  Eigen::Matrix<double, 2 * mode_count, 1> mean = decltype(mean)::Zero();
  const Node* node = nodes_.data();
  for (const double outer : outer_) {
    const auto average = [&](const auto& f) {
      double sum = 0;
      for (std::size_t i = 0; i < inner_.size(); ++i) sum += inner_[i] * f(node[i]);
      return sum;
    };
    const double m0 = average([](const Node& n) { return n.mean; });
    const double v = average([](const Node& n) { return n.variance; });
    const double square = average([](const Node& n) { return n.square; });
    const double slope_square = average([](const Node& n) { return n.slope_square; });
    // The mean gradient varies with the variances around it, as a sum of few skewed numbers does.
    double common_slope = 0;  // Σ w ⟨E[D]⟩²
    double skewed_0_1 = 0, skewed_0_2 = 0, with_slopes = 0;
    for (std::size_t k = 0; k < weights_.size(); ++k) {
      if (weights_[k] == 0) continue;
      const double slope = average([k](const Node& n) { return n.slope[k]; });
      double slope3 = 0, slope_slope2 = 0, skew = 0, with_slope = 0, joint = 0, p = 0, slope_p = 0, s = 0, slope_s = 0;
      for (std::size_t i = 0; i < inner_.size(); ++i) {
        const Node& n = node[i];
        const double w = inner_[i], m = n.slope[k], d = m - slope, apart = n.squares[k] - m * m;
        slope3 += w * d * d * d;
        slope_slope2 += w * m * m * d;
        skew += w * (n.cubes[k] - 3 * m * n.squares[k] + 2 * m * m * m);
        with_slope += w * (n.cubes[k] - m * n.squares[k]);
        joint += w * ((n.mean - m0) * m + n.joint[k] / length);
        p += w * apart;
        slope_p += w * m * apart;
        s += w * n.squares[k];
        slope_s += w * m * n.squares[k];
      }
      common_slope += weights_[k] * slope * slope;
      with_slopes += 4 * weights_[k] * across * m0 * slope * joint / batch;
      const double factor = 2 * slope * weights_[k] * weights_[k] / batch, all = 3 * across * (across + of_sequence);
      skewed_0_1 += factor * (3 * across * across * slope3 + 3 * across * of_sequence * slope_slope2);
      skewed_0_2 +=
          factor *
          (3 * across * across * (slope_p - slope * p) + across * of_sequence * (3 * slope_p - slope * p) +
           across * of_token * (slope_s - slope * s) + (all * skew + 3 * across * of_token * with_slope) / length);
    }
    // What follows is 0 or simple in a batch of one.
    double vm = 0, m3 = 0, m4 = 0, dv = 0, d2v = 0, d_square = 0, d2_slope = 0;
    for (std::size_t i = 0; i < inner_.size(); ++i) {
      const Node& n = node[i];
      const double d = n.mean - m0, w = inner_[i];
      vm += w * d * d;
      m3 += w * d * d * d;
      m4 += w * d * d * d * d;
      dv += w * d * n.variance;
      d2v += w * d * d * n.variance;
      d_square += w * d * (n.square - square);
      d2_slope += w * d * d * n.slope_square;
    }
    const double v2 = average([](const Node& n) { return n.variance * n.variance; });
    const double vy = vm + v / length;
    const double m3y = m3 + 3 * dv / length;
    const double m4y = m4 + 6 * d2v / length + 3 * v2 / (length * length);
    const double third = average([](const Node& n) { return n.third; });
    const double fourth = average([](const Node& n) { return n.fourth - n.variance * n.variance; });

    const double e0 = m0 * m0 + vy / batch, e1 = vy * of_batch, e2 = v * of_length;
    NeuronCovariance e = NeuronCovariance::Zero();
    e(0, 0) = std::pow(m0, 4) + 6 * m0 * m0 * vy / batch + 3 * vy * vy / (batch * batch);
    // The variance of a sample's variance: of few sequences more than that of many.
    const double few = batch > 1 ? (batch - 3) / (batch - 1) : 0;
    e(1, 1) = e1 * e1 + (m4y - few * vy * vy) / batch * of_batch * of_batch;
    e(2, 2) = e2 * e2 + (v2 - v * v + fourth / length) / batch;
    e(0, 1) = e0 * e1 + (2 * m0 * m3y + (m4y - 3 * vy * vy) / batch) / batch * of_batch;
    e(0, 2) = e0 * e2 + 2 * m0 * (dv + third / length) / batch;
    e(1, 2) = e1 * e2 + (d2v - vm * v) / batch * of_batch;

    // Backward: x is the square of what all gradients have in common, of mean 1.
    const double a = across * common_slope;
    const double a1 = across * (slope_square - common_slope), a0 = of_sequence * slope_square;
    const double u1 = across * (square - slope_square);
    const double u0 = of_sequence * (square - slope_square) + of_token * square;
    const double w1 = a1 + u1 / length, w0 = a0 + u0 / length;
    const auto product = [](double x1, double x0, double y1, double y0) {
      return 3 * x1 * y1 + x1 * y0 + x0 * y1 + x0 * y0;
    };
    const double ww = product(w1, w0, w1, w0), uu = product(u1, u0, u1, u0), wu = product(w1, w0, u1, u0);
    const double f0 = a + (w1 + w0) / batch, f1 = (w1 + w0) * of_batch, f2 = (u1 + u0) * of_length;
    const double slope4 = average([](const Node& n) { return n.slope_square * n.slope_square; });
    const double slope_squares = average([](const Node& n) { return n.slope_square * n.square; });
    const double squares = average([](const Node& n) { return n.square * n.square; });
    const double apart =
        average([](const Node& n) { return (n.square - n.slope_square) * (n.square - n.slope_square); });
    const double apart_square = average([](const Node& n) { return (n.square - n.slope_square) * n.square; });
    const double apart_slope = average([](const Node& n) { return (n.square - n.slope_square) * n.slope_square; });
    const double token4 = 3 * within * within * average([](const Node& n) { return n.centred; }) +
                          6 * within * of_token * average([](const Node& n) { return n.half_centred; }) +
                          3 * of_token * of_token * average([](const Node& n) { return n.square_square; });
    e(3, 3) = 3 * a * a + 6 * a * (3 * w1 + w0) / batch + 3 * ww / (batch * batch);
    const double sequence4 = 3 * of_sequence * of_sequence * slope4 + 6 * of_sequence * slope_squares * g / length +
                             3 * g * g * squares / (length * length);
    e(4, 4) = (ww + (std::max(sequence4, 3 * w0 * w0) - few * w0 * w0) / batch) * of_batch * of_batch;
    const double token_variances = 3 * of_sequence * of_sequence * apart + 2 * of_sequence * of_token * apart_square +
                                   of_token * of_token * squares - u0 * u0;
    e(5, 5) = uu * of_length * of_length + (token_variances + (token4 - uu) / length) / batch;
    const double heavy = std::max(sequence4 - 3 * w0 * w0, 0.0) / (batch * batch);
    e(3, 4) = (a * (3 * w1 + w0) + ww / batch + skewed_0_1 + heavy) * of_batch;
    e(3, 5) = (a * (3 * u1 + u0) + wu / batch + skewed_0_2) * of_length;
    e(4, 5) = wu * of_batch * of_length +
              (3 * of_sequence * of_sequence * apart_slope + of_sequence * of_token * slope_squares - a0 * u0) / batch;

    const Eigen::Matrix<double, 2 * mode_count, 1> at{e0, e1, e2, f0, f1, f2};
    for (int i = 0; i < mode_count; ++i) {
      for (int j = mode_count; j < 2 * mode_count; ++j) e(i, j) = at[i] * at[j];
    }
    const double with_mean = average([](const Node& n) { return n.with_mean; });
    const double with_variance = average([](const Node& n) { return n.with_variance; });
    const double v_square = average([](const Node& n) { return n.variance * n.square; }) - v * square;
    e(0, 3) += with_slopes;
    e(2, 5) += g * (v_square + with_variance / length) / batch;
    e(0, 5) += g * 2 * m0 * (d_square + with_mean / length) / batch;
    e(1, 4) += of_sequence * (d2_slope - vm * slope_square) / batch;

    second += outer * e;
    mean += outer * at;
    node += inner_.size();
  }

  NeuronCovariance out = NeuronCovariance::Zero();
  for (int i = 0; i < 2 * mode_count; ++i) {
    for (int j = i; j < 2 * mode_count; ++j) {
      const double both = mean[i] * mean[j];
      if (both > 0) out(i, j) = out(j, i) = (second(i, j) / both - 1) / count;
    }
  }
  return out;
}

}  // namespace sigprop::predict
