// SPDX-License-Identifier: Apache-2.0
#include "measured/statistics.hpp"

#include <Eigen/Core>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>
#include <type_traits>

namespace sigprop::measured {
namespace {

/// Sums of powers of numbers about an origin.
struct PowerSums {
  double first = 0, second = 0, third = 0, fourth = 0, largest = 0, zeros = 0;
};

/// The upper half of a float.
struct Bfloat16 {
  std::uint16_t bits;
};

/// So many numbers are taken at once; a processor with narrower registers takes them in parts.
constexpr std::size_t register_bytes = 32;

/// Numbers as a file holds them, and those that their powers are summed as. Floats, where a number
/// has three digits itself: a lane of 256 terms is wrong by 256/2²⁵ of its sum at most, 1e-5.
template <class Stored>
struct Lanes {
  using Number = double;
  using Packed __attribute__((vector_size(register_bytes / sizeof(Number) * sizeof(Stored)))) = Stored;
};
template <>
struct Lanes<Bfloat16> {
  using Number = float;
  using Packed __attribute__((vector_size(register_bytes / 2))) = std::uint16_t;
};
template <class Stored>
constexpr std::size_t lanes = register_bytes / sizeof(typename Lanes<Stored>::Number);

/// count: a multiple of lanes.
template <class Stored>
[[gnu::always_inline]] inline PowerSums sums_in_lanes(const char* bytes, std::size_t count, double about) {
  using Number = typename Lanes<Stored>::Number;
  using Pack __attribute__((vector_size(register_bytes))) = Number;
  const auto origin = static_cast<Number>(about);
  const Pack none{}, one = none + Number{1};
  Pack first{}, second{}, third{}, fourth{}, largest{}, zeros{};
  for (std::size_t i = 0; i < count; i += lanes<Stored>) {
    typename Lanes<Stored>::Packed stored;  // NOLINT: written before it is read
    std::memcpy(&stored, bytes + i * sizeof(Stored), sizeof stored);
    Pack value;  // NOLINT: written before it is read
    if constexpr (std::is_same_v<Stored, Bfloat16>) {
      using Bits __attribute__((vector_size(register_bytes))) = std::uint32_t;
      const Bits bits = __builtin_convertvector(stored, Bits) << 16U;
      std::memcpy(&value, &bits, sizeof value);
    } else {
      value = __builtin_convertvector(stored, Pack);
    }
    const Pack x = value - origin, square = x * x, size = value < none ? -value : value;
    first += x;
    second += square;
    third += square * x;
    fourth += square * square;
    largest = size > largest ? size : largest;
    zeros += value == none ? one : none;
  }
  PowerSums out;
  for (std::size_t lane = 0; lane < lanes<Stored>; ++lane) {
    out.first += first[lane];
    out.second += second[lane];
    out.third += third[lane];
    out.fourth += fourth[lane];
    out.largest = std::max<double>(out.largest, largest[lane]);
    out.zeros += zeros[lane];
  }
  return out;
}

#if defined(__x86_64__)
template <class Stored>
[[gnu::target("avx2")]] PowerSums sums_in_wide_registers(const char* bytes, std::size_t count, double origin) {
  return sums_in_lanes<Stored>(bytes, count, origin);
}
bool has_wide_registers() {
  static const bool out = __builtin_cpu_supports("avx2") > 0;
  return out;
}
#endif

template <class Stored>
PowerSums sums_of(const char* bytes, std::size_t count, double origin) {
#if defined(__x86_64__)
  if (has_wide_registers()) return sums_in_wide_registers<Stored>(bytes, count, origin);
#endif
  return sums_in_lanes<Stored>(bytes, count, origin);
}

/// Sums of powers about the first element, which leave nothing where all are equal.
class Powers {
 public:
  /// Numbers as a file holds them: some thousands of a kind that Lanes sums as floats.
  template <class Stored>
  void add(const char* bytes, std::size_t count) {
    if (count_ == 0 && out_.non_finite == 0) origin_ = first_finite<Stored>(bytes, count);
    const std::size_t even = count / lanes<Stored> * lanes<Stored>;
    const PowerSums sums = sums_of<Stored>(bytes, even, origin_);
    // Powers of floats leave their range early.
    constexpr double least = std::is_same_v<Stored, Bfloat16> ? 1e-25 : 0;
    if (!std::isfinite(sums.fourth) || sums.fourth < least) return add_each<Stored>(bytes, count);
    first_ += sums.first;
    second_ += sums.second;
    third_ += sums.third;
    fourth_ += sums.fourth;
    count_ += static_cast<double>(even);
    out_.largest = std::max(out_.largest, sums.largest);
    out_.zeros += sums.zeros;
    add_each<Stored>(bytes + even * sizeof(Stored), count - even);
  }
  /// One number so many times.
  void add(double value, double times) {
    if (!std::isfinite(value)) {
      out_.non_finite += times;
      return;
    }
    const double x = value - origin_, square = x * x;
    first_ += times * x;
    second_ += times * square;
    third_ += times * square * x;
    fourth_ += times * square * square;
    count_ += times;
    out_.largest = std::max(out_.largest, std::abs(value));
    if (value == 0) out_.zeros += times;
  }
  void set_origin(double origin) { origin_ = origin; }
  void add_zero_row() { ++out_.zero_rows; }
  /// What was added since `before` is this row.
  void add_row(std::size_t number, const Powers& before) {
    const double count = count_ - before.count_, squares = square_sum() - before.square_sum();
    if (!(count > 0)) return;
    const Row row{number, std::sqrt(std::max(0.0, squares) / count)};
    if (!out_.smallest_row || row.size < out_.smallest_row->size) out_.smallest_row = row;
    if (!out_.largest_row || row.size > out_.largest_row->size) out_.largest_row = row;
  }

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
  [[nodiscard]] double square_sum() const { return second_ + 2 * origin_ * first_ + count_ * origin_ * origin_; }
  template <class Stored>
  [[nodiscard]] static double number_at(const char* bytes, std::size_t i) {
    Stored out;  // NOLINT: written before it is read
    std::memcpy(&out, bytes + i * sizeof(Stored), sizeof out);
    if constexpr (std::is_same_v<Stored, Bfloat16>) {
      return std::bit_cast<float>(std::uint32_t{out.bits} << 16U);
    } else {
      return static_cast<double>(out);
    }
  }
  /// Those among which some are not finite, and the rest of a division.
  template <class Stored>
  void add_each(const char* bytes, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) add(number_at<Stored>(bytes, i), 1.0);
  }
  template <class Stored>
  [[nodiscard]] static double first_finite(const char* bytes, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const double number = number_at<Stored>(bytes, i);
      if (std::isfinite(number)) return number;
    }
    return 0;
  }

  double origin_ = 0, count_ = 0, first_ = 0, second_ = 0, third_ = 0, fourth_ = 0;
  Statistics out_;
};

/// Numbers of 16 bits, counted by what they are: of so few values sums can be taken afterwards.
class Counts {
 public:
  /// Neighbours of one value would wait for each other in one table.
  void add(const char* bytes, std::size_t count) {
    if (added_ + count > most) move_on();
    added_ += count;
    std::size_t i = 0;
    for (; i + tables <= count; i += tables) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, bytes + 2 * i, sizeof bits);
      for (std::size_t table = 0; table < tables; ++table) {
        ++counts_[table * values + (bits & (values - 1))];
        bits >>= 16;
      }
    }
    for (; i < count; ++i) {
      std::uint16_t bits = 0;
      std::memcpy(&bits, bytes + 2 * i, sizeof bits);
      ++counts_[bits];
    }
  }

  void add_to(Powers& powers, Type type) {
    move_on();
    std::vector<std::uint16_t> all(values);
    std::iota(all.begin(), all.end(), std::uint16_t{0});
    Tensor every;
    every.type = type;
    every.bytes = {reinterpret_cast<const char*>(all.data()), 2 * values};  // NOLINT: the bytes of a file
    std::vector<double> numbers(values);
    read_numbers(every, 0, values, numbers.data());
    for (std::size_t i = 0; i < values; ++i) {
      if (moved_[i] > 0) powers.add(numbers[i], moved_[i]);
    }
  }

 private:
  static constexpr std::size_t values = 65536, tables = 4;
  static constexpr std::size_t most = std::numeric_limits<std::uint32_t>::max();  ///< that a count can hold

  void move_on() {
    for (std::size_t i = 0; i < counts_.size(); ++i) moved_[i % values] += counts_[i];
    std::fill(counts_.begin(), counts_.end(), 0U);
    added_ = 0;
  }

  std::vector<std::uint32_t> counts_ = std::vector<std::uint32_t>(tables * values);
  std::vector<double> moved_ = std::vector<double>(values);
  std::size_t added_ = 0;
};

/// Every so many-th element.
class Sampling {
 public:
  explicit Sampling(std::size_t elements) : distance_(std::max<std::size_t>(1, elements / sampled)) {}

  /// The elements of a tensor from the first on, so many.
  void add(const Tensor& tensor, std::size_t first, std::size_t count) {
    for (; next_ < seen_ + count && out_.size() < sampled; next_ += distance_) {
      double number = 0;
      read_numbers(tensor, first + next_ - seen_, 1, &number);
      out_.push_back(static_cast<float>(number));
    }
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

Measured measure(const Tensor& tensor, const Region& region, bool by_row,
                 const std::function<void(std::string_view)>& done) {
  constexpr std::size_t piece = 2048, some_megabytes = 1 << 24;  // a piece stays in the nearest cache
  const std::size_t size = tensor.count() == 0 ? 0 : tensor.bytes.size() / tensor.count();
  std::size_t told = 0;               // elements of which the caller knows that they have been read
  std::array<double, piece> numbers;  // NOLINT: written before it is read
  Powers powers;
  const std::size_t columns = tensor.columns(), rows = columns == 0 ? 0 : tensor.count() / columns;
  const bool whole = region.period == 1 && region.columns == columns;
  Sampling sampling(tensor.count() / region.period * (columns == 0 ? 0 : region.columns) /
                    std::max<std::size_t>(1, columns));
  // To count pays where there are more numbers than values.
  constexpr std::size_t many = 1 << 18;
  std::optional<Counts> counts;
  if (tensor.type == Type::f16 && !by_row && tensor.count() >= many) {
    counts.emplace();
    read_numbers(tensor, region.first_column, 1, numbers.data());
    if (std::isfinite(numbers[0])) powers.set_origin(numbers[0]);
  }
  const auto add = [&](std::size_t first, std::size_t count) {
    sampling.add(tensor, first, count);
    for (std::size_t at = 0; at < count; at += piece) {
      const std::size_t now = std::min(piece, count - at);
      const char* const bytes = tensor.bytes.data() + (first + at) * size;
      if (counts) {
        counts->add(bytes, now);
      } else if (tensor.type == Type::bf16) {
        powers.add<Bfloat16>(bytes, now);
      } else if (tensor.type == Type::f32) {
        powers.add<float>(bytes, now);
      } else if (tensor.type == Type::f64) {
        powers.add<double>(bytes, now);
      } else {
        read_numbers(tensor, first + at, now, numbers.data());
        powers.add<double>(reinterpret_cast<const char*>(numbers.data()), now);  // NOLINT: the bytes of a buffer
      }
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
  if (whole && !by_row) {
    add(0, tensor.count());
  } else {
    for (std::size_t row = 0; row < rows; ++row) {
      const std::size_t first = row * columns + region.first_column;
      if (!region.has_row(row)) continue;
      if (by_row && is_zero(first, region.columns)) {
        powers.add_zero_row();
      } else {
        const Powers before = powers;
        add(first, region.columns);
        if (by_row) powers.add_row(row, before);
      }
    }
  }
  if (counts) counts->add_to(powers, tensor.type);
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
  // square root within 1 % of the norm, even where singular values crowd at the edge.
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
