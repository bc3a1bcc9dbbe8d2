// SPDX-License-Identifier: Apache-2.0
#include "measured/tensors.hpp"

#include <array>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "measured/statistics.hpp"

namespace sigprop::test {
namespace {

using measured::Region;
using measured::Tensor;
using measured::Type;

template <class T>
Tensor tensor_of(const std::vector<T>& numbers, std::vector<std::size_t> shape, Type type) {
  Tensor out;
  out.shape = std::move(shape);
  out.type = type;
  out.bytes = {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(T)};  // NOLINT: bytes of numbers
  return out;
}

std::vector<double> read(const Tensor& tensor) {
  std::vector<double> out(tensor.count());
  measured::read_numbers(tensor, 0, out.size(), out.data());
  return out;
}

TEST_CASE("numbers of 16 bits are what their formats say") {
  const std::vector<std::uint16_t> halves{0x0000, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x3555};
  CHECK(read(tensor_of(halves, {8}, Type::f16)) ==
        std::vector<double>{0, -0.0, 1, -2, 65504, std::ldexp(1, -24), std::ldexp(1, -14), 0.333251953125});
  const std::vector<double> rest = read(tensor_of(std::vector<std::uint16_t>{0x7c00, 0xfc00, 0x7e00}, {3}, Type::f16));
  CHECK(rest[0] == std::numeric_limits<double>::infinity());
  CHECK(rest[1] == -std::numeric_limits<double>::infinity());
  CHECK(std::isnan(rest[2]));
  const std::vector<std::uint16_t> brains{0x3f80, 0xc000, 0x0000, 0x7f80, 0x3eab};
  const std::vector<double> read_brains = read(tensor_of(brains, {5}, Type::bf16));
  CHECK(read_brains[0] == 1);
  CHECK(read_brains[1] == -2);
  CHECK(std::isinf(read_brains[3]));
  CHECK(read_brains[4] == static_cast<double>(std::bit_cast<float>(0x3eab0000U)));
}

TEST_CASE("statistics are those of the numbers") {
  const std::vector<double> numbers{1, 2, 4, -3, 0, 0, 8, 0.5};
  const auto seen = measured::measure(tensor_of(numbers, {2, 4}, Type::f64), {.columns = 4}, false).statistics;
  CHECK(seen.count == 8);
  CHECK(seen.mean == Approx(1.5625));
  CHECK(seen.std == Approx(3.0561158).epsilon(1e-7));
  CHECK(seen.zeros == 2);
  CHECK(seen.largest == 8);
  double second = 0, fourth = 0;
  for (const double x : numbers) {
    second += (x - 1.5625) * (x - 1.5625) / 8;
    fourth += std::pow(x - 1.5625, 4) / 8;
  }
  CHECK(seen.kurtosis == Approx(fourth / (second * second)).epsilon(1e-12));
}

TEST_CASE("equal numbers have no spread, whatever they are") {
  for (const double value : {1.0, 0.1, -3e20, 0.0}) {
    const std::vector<double> numbers(10007, value);
    const auto seen =
        measured::measure(tensor_of(numbers, {numbers.size()}, Type::f64), {.columns = numbers.size()}, false);
    CHECK(seen.statistics.std == 0);
    CHECK(seen.statistics.mean == value);
    CHECK(seen.statistics.kurtosis == 0);
  }
}

TEST_CASE("a mean far from 0 leaves the spread its digits") {
  std::vector<double> numbers;
  for (int i = 0; i < 1000; ++i) numbers.push_back(1e6 + (i % 2 == 0 ? 1e-3 : -1e-3));
  const auto seen = measured::measure(tensor_of(numbers, {1000}, Type::f64), {.columns = 1000}, false).statistics;
  CHECK(seen.std == Approx(1e-3).epsilon(1e-6));
}

TEST_CASE("many numbers of 16 bits have the statistics of the same numbers in 64") {
  constexpr std::size_t count = (1 << 18) + 3;
  struct Case {
    Type type;
    std::uint16_t not_a_number;
    int lowest_exponent;  ///< as the format holds it
    int mantissa_bits;
    double relative;  ///< error that is allowed: halves are counted, others summed as floats, 256 in a lane
  };
  // The last of them has powers that no float can hold.
  const auto [type, not_a_number, lowest_exponent, mantissa_bits, relative] =
      GENERATE(Case{Type::f16, 0x7e00, 10, 10, 1e-12}, Case{Type::bf16, 0x7fc0, 122, 7, 256 / std::ldexp(1, 25)},
               Case{Type::bf16, 0x7fc0, 20, 7, 1e-12});
  CAPTURE(lowest_exponent);
  std::mt19937 engine(5);
  std::vector<std::uint16_t> bits(count);
  for (std::uint16_t& number : bits) {
    const auto exponent = static_cast<unsigned>(lowest_exponent) + engine() % 4;
    number = static_cast<std::uint16_t>((engine() % 2) << 15U | exponent << static_cast<unsigned>(mantissa_bits) |
                                        engine() % (1U << static_cast<unsigned>(mantissa_bits)));
  }
  bits[7] = not_a_number;
  bits[9] = 0;
  const Tensor tensor = tensor_of(bits, {count}, type);
  const std::vector<double> numbers = read(tensor);
  const Region all{.columns = count};
  const auto narrow = measured::measure(tensor, all, false);
  const auto wide = measured::measure(tensor_of(numbers, {count}, Type::f64), all, false);
  const auto &a = narrow.statistics, &b = wide.statistics;
  CHECK(a.count == count - 1);
  CHECK(a.non_finite == 1);
  CHECK(a.zeros == b.zeros);
  CHECK(a.largest == b.largest);
  CHECK(a.mean == Approx(b.mean).margin(relative * b.std));
  CHECK(a.std == Approx(b.std).epsilon(relative));
  CHECK(a.kurtosis == Approx(b.kurtosis).epsilon(10 * relative));
  CHECK(narrow.sample.size() == wide.sample.size());
  CHECK(narrow.sample[100] == wide.sample[100]);
}

TEST_CASE("a spectral norm is the largest singular value") {
  const std::vector<double> diagonal{0, 3, 0, 0, 0, -5, 2, 0, 0};
  CHECK(measured::spectral_norm(tensor_of(diagonal, {3, 3}, Type::f64), {.columns = 3}) == Approx(5).epsilon(1e-9));
  // The second and third column alone.
  CHECK(measured::spectral_norm(tensor_of(diagonal, {3, 3}, Type::f64), {.first_column = 1, .columns = 2}) ==
        Approx(5).epsilon(1e-9));
  std::mt19937_64 engine(3);
  std::normal_distribution<double> normal;
  constexpr std::size_t rows = 300, columns = 200;
  std::vector<double> random(rows * columns), of_rank_one(rows * columns);
  for (double& x : random) x = normal(engine);
  const double edge = std::sqrt(rows) + std::sqrt(columns);
  CHECK(measured::spectral_norm(tensor_of(random, {rows, columns}, Type::f64), {.columns = columns}) ==
        Approx(edge).epsilon(0.03));
  double left = 0, right = 0;
  for (std::size_t i = 0; i < rows; ++i) left += std::pow(random[i], 2);
  for (std::size_t j = 0; j < columns; ++j) right += std::pow(random[rows + j], 2);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) of_rank_one[i * columns + j] = random[i] * random[rows + j];
  }
  CHECK(measured::spectral_norm(tensor_of(of_rank_one, {rows, columns}, Type::f64), {.columns = columns}) ==
        Approx(std::sqrt(left * right)).epsilon(1e-9));
  random[7] = std::numeric_limits<double>::infinity();
  CHECK(measured::spectral_norm(tensor_of(random, {rows, columns}, Type::f64), {.columns = columns}) == 0);
  CHECK(measured::spectral_norm(tensor_of(std::vector<double>(12, 0.0), {3, 4}, Type::f64), {.columns = 4}) == 0);
}

TEST_CASE("what is no number is counted and left out") {
  const double none = std::numeric_limits<double>::quiet_NaN(), infinite = std::numeric_limits<double>::infinity();
  const std::vector<double> numbers{none, 1, infinite, 3};
  const auto seen = measured::measure(tensor_of(numbers, {4}, Type::f64), {.columns = 4}, false).statistics;
  CHECK(seen.count == 2);
  CHECK(seen.non_finite == 2);
  CHECK(seen.mean == 2);
  CHECK(seen.largest == 3);
}

TEST_CASE("a region takes its blocks of rows and its columns, an embedding leaves rows of zeros out") {
  std::vector<double> numbers;
  for (int i = 0; i < 24; ++i) numbers.push_back(i);
  const Tensor tensor = tensor_of(numbers, {6, 4}, Type::f64);
  // Rows 1, 2 and 5 of two blocks of three: the second of three.
  const auto rows = measured::measure(tensor, {.block = 1, .period = 3, .phase = 1, .columns = 4}, false).statistics;
  CHECK(rows.count == 8);
  CHECK(rows.mean == Approx((5.5 + 17.5) / 2));
  const auto columns = measured::measure(tensor, {.first_column = 1, .columns = 2}, false).statistics;
  CHECK(columns.count == 12);
  CHECK(columns.mean == Approx(11.5));
  std::vector<double> table(12, 0.0);
  for (std::size_t i = 4; i < 12; ++i) table[i] = i % 2 == 0 ? 1 : -1;
  const auto embedding = measured::measure(tensor_of(table, {3, 4}, Type::f64), {.columns = 4}, true).statistics;
  CHECK(embedding.zero_rows == 1);
  CHECK(embedding.count == 8);
  CHECK(embedding.std == 1);
}

TEST_CASE("a sample has elements at equal distances, at most as many as are needed") {
  std::vector<double> numbers(100000);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<double>(i);
  const auto sample =
      measured::measure(tensor_of(numbers, {numbers.size()}, Type::f64), {.columns = numbers.size()}, false).sample;
  REQUIRE(sample.size() == measured::sampled);
  CHECK(sample[0] == 0);
  CHECK(sample[1] == 48);
  CHECK(sample[2047] == 2047 * 48);
}

}  // namespace
}  // namespace sigprop::test
