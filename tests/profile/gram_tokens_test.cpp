// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "sigprop/profile/profile.hpp"

namespace {

using sigprop::profile::gram_tokens;
using Numbers = std::vector<std::size_t>;

TEST_CASE("tokens of a Gram matrix lie evenly from the first to the last, all of a short sequence") {
  CHECK(gram_tokens(10, 2) == Numbers{1, 10});
  CHECK(gram_tokens(1024, 4) == Numbers{1, 342, 683, 1024});
  CHECK(gram_tokens(5, 5) == Numbers{1, 2, 3, 4, 5});
  CHECK(gram_tokens(3, 64) == Numbers{1, 2, 3});
  CHECK(gram_tokens(1, 2) == Numbers{1});
}

}  // namespace
