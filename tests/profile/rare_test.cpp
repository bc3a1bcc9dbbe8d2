// SPDX-License-Identifier: Apache-2.0
#include "sigprop/profile/rare.hpp"

#include <catch2/catch.hpp>
#include <utility>
#include <vector>

#include "sigprop/profile/profile.hpp"

namespace {

using namespace sigprop;
using Numbers = profile::Rare<std::vector<double>>;

}  // namespace

TEST_CASE("a rare value is absent until it is given, and after a reset") {
  Numbers numbers;
  CHECK_FALSE(numbers.has_value());
  numbers = std::vector{1.0, 2.0};
  REQUIRE(numbers);
  CHECK(numbers->size() == 2);
  numbers.emplace().push_back(3);
  CHECK(*numbers == std::vector{3.0});
  numbers.reset();
  CHECK_FALSE(numbers);
}

TEST_CASE("the copy of a rare value is its own") {
  const Numbers numbers = std::vector{1.0, 2.0};
  Numbers copy = numbers;
  copy->push_back(3);
  CHECK(numbers->size() == 2);
  copy = numbers;
  copy = *&copy;
  CHECK(*copy == *numbers);
  const Numbers moved = std::move(copy);
  CHECK(*moved == *numbers);
  copy = Numbers();
  CHECK_FALSE(copy);
  CHECK_FALSE(Numbers(copy));
}

TEST_CASE("a predicted quantity takes four words, however many members measured ones have") {
  CHECK(sizeof(profile::Quantity) <= 4 * sizeof(double));
  CHECK(sizeof(profile::Forward::ends) == sizeof(void*));
  CHECK(sizeof(profile::Layer::cross_attention) == sizeof(void*));
}
