// SPDX-License-Identifier: Apache-2.0
// Whole stacks under a causal mask: neighbouring tokens in groups against every token by itself.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <string>

#include "sigprop/profile/quantities.hpp"
#include "support/spec.hpp"

namespace {

using namespace sigprop;
using nlohmann::json;

/// Heads of 64 features over 200 tokens, the first 48 of which are groups of their own.
json stack(const char* placement, double sharpness) {
  const double score = std::pow(sharpness, 0.25) / std::sqrt(256);
  return {{"sequence_length", 200},
          {"batch", 4},
          {"input", {{"variance", 1}, {"token_correlation", 0.1}, {"cross_correlation", 0.05}}},
          {"stack",
           {{"layers", 4},
            {"width", 256},
            {"attention", {{"heads", 4}, {"mask", "causal"}, {"dropout", 0.1}}},
            {"ffn", {{"width", 1024}, {"activation", "gelu"}}},
            {"norm", {{"kind", "layer_norm"}, {"placement", placement}}}}},
          {"init", {{"scheme", "lecun"}, {"std", {{"query", score}, {"key", score}}}}},
          {"gradient", {{"variance", 1}, {"token_correlation", 0.2}, {"cross_correlation", 0.1}}}};
}

struct Worst {
  double point = 0, weight = 0;
};

/// The largest relative distances of moments at a point, its first and last token among them, and
/// of a weight's gradient norm.
Worst distance(const profile::Profile& some, const profile::Profile& all) {
  Worst out;
  const auto apart = [](double a, double b) { return std::abs(a / b - 1); };
  for (std::size_t i = 0; i < all.points.size(); ++i) {
    const profile::Point &a = some.points[i], &b = all.points[i];
    const double of_point[] = {apart(a.forward.second_moment.value, b.forward.second_moment.value),
                               apart(a.forward.token_dot.value, b.forward.token_dot.value),
                               apart(a.forward.ends->first.value, b.forward.ends->first.value),
                               apart(a.forward.ends->last.value, b.forward.ends->last.value),
                               apart(a.backward.variance.value, b.backward.variance.value),
                               apart(a.backward.ends->first.value, b.backward.ends->first.value),
                               apart(a.backward.ends->last.value, b.backward.ends->last.value)};
    for (const double one : of_point) out.point = std::max(out.point, one);
  }
  for (std::size_t i = 0; i < all.layers.size(); ++i) {
    for (std::size_t w = 0; w < all.layers[i].weights.size(); ++w) {
      out.weight = std::max(out.weight, apart(some.layers[i].weights[w].gradient_norm->value,
                                              all.layers[i].weights[w].gradient_norm->value));
    }
  }
  return out;
}

TEST_CASE("groups of neighbouring tokens are their tokens: 0.3 % at every point, 1 % of every weight's gradient",
          "[bulk]") {
  for (const char* placement : {"pre", "post"}) {
    for (const double sharpness : {0.5, 6.0}) {
      for (const bool rotary : {false, true}) {
        json spec = stack(placement, sharpness);
        if (rotary) spec["stack"]["attention"]["rotary_base"] = 10000;
        const auto predicted = [&](predict::Prefix prefix) {
          return test::predicted(spec, predict::Theory::full, {prefix, {}});
        };
        const profile::Profile all = predicted(predict::Prefix::single);
        const Worst groups = distance(predicted(predict::Prefix::actual), all);
        const Worst means = distance(predicted(predict::Prefix::means), all);
        std::printf("%s, score variance %.1f%s: points %.1e, weights %.1e; means %.1e, %.1e\n", placement, sharpness,
                    rotary ? ", rotary" : "", groups.point, groups.weight, means.point, means.weight);
        INFO(placement << ", score variance " << sharpness << ", rotary " << rotary);
        CHECK(groups.point <= 3e-3);
        CHECK(groups.weight <= 1e-2);
        CHECK((means.point > 3e-3 || means.weight > 1e-2));
      }
    }
  }
}

}  // namespace
