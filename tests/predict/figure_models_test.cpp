// SPDX-License-Identifier: Apache-2.0
// The 192-layer models of the paper's depth figures.
#include <catch2/catch.hpp>
#include <cmath>

#include "support/spec.hpp"

namespace {

using namespace sigprop;

double squared_norm(const profile::Layer& layer) {
  double sum = 0;
  for (const profile::Weight& weight : layer.weights) sum += std::pow(weight.gradient_norm->value, 2);
  return sum;
}

TEST_CASE("Pre-LN with Xavier grows linearly to the measured variance while its gradient falls hyperbolically",
          "[bulk]") {
  const profile::Profile profile = test::predicted(test::project_spec("figure-192-xavier-pre.json"));
  REQUIRE(profile.points.size() == 385);
  CHECK(profile.points.back().forward.variance.value ==
        Approx(403.5).epsilon(0.01));  // measured on real text: about 407
  CHECK(profile.summary.forward_law == "linear");
  CHECK(profile.summary.backward_law == "hyperbolic");
}

TEST_CASE("DeepScaleLM keeps variance and weight gradients flat over 192 layers", "[bulk]") {
  const profile::Profile profile = test::predicted(test::project_spec("figure-192-deepscalelm.json"));
  for (const profile::Point& point : profile.points) {
    INFO(point.path);
    CHECK(point.forward.variance.value == Approx(1).epsilon(0.05));
  }
  const double first = std::sqrt(squared_norm(profile.layers.front()));
  for (const profile::Layer& layer : profile.layers) {
    INFO("layer " << layer.index);
    CHECK(std::sqrt(squared_norm(layer)) == Approx(first).epsilon(0.10));
  }
  CHECK(profile.summary.forward_law == "constant");
  CHECK(profile.summary.verdicts.empty());
}

TEST_CASE("Post-LN with Xavier loses most of its gradient in the last layers and keeps unit variance", "[bulk]") {
  const profile::Profile profile = test::predicted(test::project_spec("figure-192-xavier-post.json"));
  CHECK(profile.points.back().forward.variance.value == Approx(1));
  CHECK(profile.points[profile.points.size() - 9].backward.variance.value < 0.1);
}

}  // namespace
