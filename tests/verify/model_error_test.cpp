// SPDX-License-Identifier: Apache-2.0
// The granted errors are those of the table in docs/verify.md, worked out by hand.
#include <catch2/catch.hpp>

#include "sigprop/verify/verify.hpp"

namespace {

using sigprop::verify::Context;
using sigprop::verify::Kind;
using sigprop::verify::Model;
using sigprop::verify::model_error;

const Model pre{.width = 200, .sequence_length = 50, .head_width = 20};
const Context place{.before = 8, .after = 4, .token_correlation = 0.1};

TEST_CASE("every kind of quantity is granted what the documents say") {
  CHECK(model_error(Kind::forward, pre, place) == Approx(0.014));                   // 0.004 + 0.25 · 8/200
  CHECK(model_error(Kind::gradient, pre, place) == Approx(0.016));                  // 0.01 + 0.3 · 4/200
  CHECK(model_error(Kind::scores, pre, place) == Approx(0.01 + 0.028 + 0.02));      // 0.4/20
  CHECK(model_error(Kind::entropy, pre, place) == Approx(0.002 + 0.0014 + 0.001));  // 0.02/20
  CHECK(model_error(Kind::value_weight, pre, place) == Approx(0.008 + 0.007 + 0.008));
  // 30 · 0.01/200, and 0.02 · 8 · 50/250
  CHECK(model_error(Kind::score_weight, pre, place) == Approx(0.02 + 0.0015 + 0.032 + 0.008));
  CHECK(model_error(Kind::rank, pre, place) == 0.3);
}

TEST_CASE("norms after the residual sum are granted 0.6 m/D in the gradient, and in what follows from it") {
  Model post = pre;
  post.post_norm = true;
  CHECK(model_error(Kind::gradient, post, place) == Approx(0.022));  // 0.01 + 0.6 · 4/200
  CHECK(model_error(Kind::value_weight, post, place) == Approx(0.008 + 0.007 + 0.011));
  CHECK(model_error(Kind::score_weight, post, place) == Approx(0.02 + 0.0015 + 0.032 + 0.011));
  for (const Kind kind : {Kind::forward, Kind::scores, Kind::entropy})
    CHECK(model_error(kind, post, place) == model_error(kind, pre, place));
}

TEST_CASE("without attention there is no head width to divide by") {
  Model mlp = pre;
  mlp.head_width = 0;
  CHECK(model_error(Kind::scores, mlp, place) == Approx(0.01 + 0.028));
  CHECK(model_error(Kind::entropy, mlp, place) == Approx(0.002 + 0.0014));
  mlp.head_width = 1;
  CHECK(model_error(Kind::scores, mlp, place) == Approx(0.01 + 0.028 + 0.4));
}

TEST_CASE("no more than half is granted, and an exact model nothing but the error of the effective rank") {
  const Context deep{.before = 1e6, .after = 1e6, .token_correlation = 1};
  Model exact = pre;
  exact.exact = true;
  for (const Kind kind :
       {Kind::forward, Kind::gradient, Kind::scores, Kind::entropy, Kind::value_weight, Kind::score_weight}) {
    CHECK(model_error(kind, pre, deep) == 0.5);
    CHECK(model_error(kind, exact, deep) == 0);
  }
  CHECK(model_error(Kind::rank, exact, deep) == 0.3);
  CHECK(model_error(Kind::rank, pre, deep) == 0.3);
}

}  // namespace
