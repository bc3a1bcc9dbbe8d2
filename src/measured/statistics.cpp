// SPDX-License-Identifier: Apache-2.0
#include "measured/statistics.hpp"

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <array>
#include <cmath>

namespace sigprop::measured {
namespace {

/// Sums of powers about the first element, which leave nothing where all are equal.
class Powers {
 public:
  void add(const double* numbers, std::size_t count) {
    if (count_ == 0) begin_with(numbers, count);
    double first = 0, second = 0, third = 0, fourth = 0, largest = 0, zeros = 0, lost = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const double value = numbers[i];
      const bool good = std::isfinite(value);
      const double x = good ? value - origin_ : 0, square = x * x, size = good ? std::abs(value) : 0;
      first += x;
      second += square;
      third += square * x;
      fourth += square * square;
      largest = size > largest ? size : largest;
      zeros += value == 0 ? 1 : 0;
      lost += good ? 0 : 1;
    }
    first_ += first;
    second_ += second;
    third_ += third;
    fourth_ += fourth;
    count_ += static_cast<double>(count) - lost;
    out_.largest = std::max(out_.largest, largest);
    out_.zeros += zeros;
    out_.non_finite += lost;
  }
  void add_zero_row() { ++out_.zero_rows; }

  [[nodiscard]] Statistics statistics() const {
    Statistics out = out_;
    out.count = count_;
    if (!(count_ > 0)) return out;
    const double mean = first_ / count_;
    const double variance = std::max(0.0, second_ / count_ - mean * mean);
    const double fourth = fourth_ / count_ - 4 * mean * third_ / count_ + 6 * mean * mean * second_ / count_ -
                          3 * mean * mean * mean * mean;
    out.mean = origin_ + mean;
    out.std = std::sqrt(variance);
    // Rounding is no distribution.
    constexpr double rounding = 1e-14;
    if (variance <= rounding * std::max(mean * mean, origin_ * origin_ * rounding)) out.std = 0;
    if (out.std > 0) out.kurtosis = fourth / (variance * variance);
    return out;
  }

 private:
  void begin_with(const double* numbers, std::size_t count) {
    const double* const good = std::find_if(numbers, numbers + count, [](double x) { return std::isfinite(x); });
    if (good != numbers + count) origin_ = *good;
  }

  double origin_ = 0, count_ = 0, first_ = 0, second_ = 0, third_ = 0, fourth_ = 0;
  Statistics out_;
};

/// Every so many-th element.
class Sampling {
 public:
  explicit Sampling(std::size_t elements) : distance_(std::max<std::size_t>(1, elements / sampled)) {}

  void add(const double* numbers, std::size_t count) {
    for (; next_ < seen_ + count && out_.size() < sampled; next_ += distance_)
      out_.push_back(static_cast<float>(numbers[next_ - seen_]));
    seen_ += count;
  }
  [[nodiscard]] std::vector<float> taken() { return std::move(out_); }

 private:
  std::size_t distance_;
  std::size_t seen_ = 0;
  std::size_t next_ = 0;
  std::vector<float> out_;
};

}  // namespace

Measured measure(const Tensor& tensor, const Region& region, bool without_zero_rows,
                 const std::function<void(std::string_view)>& done) {
  constexpr std::size_t piece = 8192, some_megabytes = 1 << 24;
  const std::size_t size = tensor.count() == 0 ? 0 : tensor.bytes.size() / tensor.count();
  std::size_t told = 0;               // elements of which the caller knows that they have been read
  std::array<double, piece> numbers;  // NOLINT: written before it is read
  Powers powers;
  const std::size_t columns = tensor.columns(), rows = columns == 0 ? 0 : tensor.count() / columns;
  const bool whole = region.period == 1 && region.columns == columns;
  Sampling sampling(tensor.count() / region.period * (columns == 0 ? 0 : region.columns) /
                    std::max<std::size_t>(1, columns));
  const auto add = [&](std::size_t first, std::size_t count) {
    for (std::size_t at = 0; at < count; at += piece) {
      const std::size_t now = std::min(piece, count - at);
      read_numbers(tensor, first + at, now, numbers.data());
      powers.add(numbers.data(), now);
      sampling.add(numbers.data(), now);
      if (done && (first + at + now - told) * size >= some_megabytes) {
        done(tensor.bytes.substr(told * size, (first + at + now - told) * size));
        told = first + at + now;
      }
    }
  };
  const auto is_zero = [&](std::size_t first, std::size_t count) {
    for (std::size_t at = 0; at < count; at += piece) {
      const std::size_t now = std::min(piece, count - at);
      read_numbers(tensor, first + at, now, numbers.data());
      if (std::any_of(numbers.begin(), numbers.begin() + static_cast<std::ptrdiff_t>(now),
                      [](double x) { return x != 0; }))
        return false;
    }
    return true;
  };
  if (whole && !without_zero_rows) {
    add(0, tensor.count());
  } else {
    for (std::size_t row = 0; row < rows; ++row) {
      const std::size_t first = row * columns + region.first_column;
      if (!region.has_row(row)) continue;
      if (without_zero_rows && is_zero(first, region.columns)) {
        powers.add_zero_row();
      } else {
        add(first, region.columns);
      }
    }
  }
  return {powers.statistics(), sampling.taken()};
}

double spectral_norm(const Tensor& tensor, const Region& region) {
  const std::size_t columns = tensor.columns(), rows = columns == 0 ? 0 : tensor.count() / columns;
  const std::size_t width = std::min(region.columns, columns);
  std::vector<double> row(width);
  // Wᵀ W x, in one pass over the rows.
  const auto squared = [&](const Eigen::VectorXd& x) {
    Eigen::VectorXd out = Eigen::VectorXd::Zero(x.size());
    for (std::size_t r = 0; r < rows; ++r) {
      if (!region.has_row(r)) continue;
      read_numbers(tensor, r * columns + region.first_column, width, row.data());
      const Eigen::Map<const Eigen::VectorXd> of_row(row.data(), x.size());
      out += of_row.dot(x) * of_row;
    }
    return out;
  };
  // Lanczos' process: the tridiagonal matrix of Wᵀ W on the space of a few powers has its largest
  // eigenvalue within 2 % already where singular values crowd at the edge.
  constexpr Eigen::Index steps = 12;
  Eigen::VectorXd last = Eigen::VectorXd::Zero(static_cast<Eigen::Index>(width)), x = last;
  for (Eigen::Index i = 0; i < x.size(); ++i) x[i] = std::cos(1.0 + 1.7 * static_cast<double>(i));
  if (width == 0 || rows == 0) return 0;
  x.normalize();
  Eigen::VectorXd diagonal(steps), beside(steps);
  Eigen::Index taken = 0;
  double off = 0;
  while (taken < steps) {
    Eigen::VectorXd next = squared(x) - off * last;
    diagonal[taken] = next.dot(x);
    next -= diagonal[taken] * x;
    off = next.norm();
    beside[taken++] = off;
    if (!(off > 1e-12 * diagonal[0])) break;
    last = std::move(x);
    x = next / off;
  }
  if (!diagonal.head(taken).allFinite()) return 0;
  Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver;
  solver.computeFromTridiagonal(diagonal.head(taken), beside.head(std::max<Eigen::Index>(taken - 1, 0)),
                                Eigen::EigenvaluesOnly);
  return std::sqrt(std::max(solver.eigenvalues().maxCoeff(), 0.0));
}

}  // namespace sigprop::measured
