// SPDX-License-Identifier: Apache-2.0 Two independent programs on the same kind of network: our
// simulation against profiles measured with PyTorch.
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>

#include "sigprop/simulate/simulate.hpp"
#include "support/comparison.hpp"
#include "support/engine.hpp"
#include "support/reference.hpp"
#include "support/spec.hpp"
#include "support/torch_profiles.hpp"

namespace {

using nlohmann::json;
using namespace sigprop;

constexpr double torch_epsilon = 1e-5;  // LayerNorm's default there: after a Post-LN norm it shows in the fifth digit

/// Of all stacks together: 10 stacks of at most 33 points and 16 layers, four quantities a point
/// and seven a layer.
constexpr std::size_t comparisons = 2000;

/// The largest |z| of one stack, over both programs' standard errors.
class Judge {
 public:
  explicit Judge(std::size_t replicates) : limit_(test::critical_t(replicates, comparisons)) {}

  void compare(const std::string& what, double mean, double error, const json& series, std::size_t i) {
    const double theirs = series["mean"][i], their_error = series["se"][i];
    const double z = (mean - theirs) / std::hypot(error, their_error);
    INFO(what << ": " << mean << " +- " << error << " here, " << theirs << " +- " << their_error
              << " in PyTorch, z = " << z);
    CHECK(std::abs(z) <= limit_);
    if (std::abs(z) > std::abs(worst_)) worst_ = z, where_ = what;
    ++count_;
  }
  void compare(const std::string& what, const profile::Quantity& q, const json& series, std::size_t i) {
    compare(what, q.value, q.scatter->standard_error, series, i);
  }

  [[nodiscard]] std::size_t finish() const {
    std::printf("%zu quantities, largest |z| %.2f at %s, limit %.2f\n", count_, std::abs(worst_), where_.c_str(),
                limit_);
    return count_;
  }

 private:
  double limit_;
  double worst_ = 0;
  std::string where_;
  std::size_t count_ = 0;
};

void compare_points(Judge& judge, const profile::Profile& profile, const json& entry) {
  REQUIRE(profile.points.size() == entry["forward"]["second_moment"]["mean"].size());
  for (std::size_t i = 0; i < profile.points.size(); ++i) {
    const profile::Point& point = profile.points[i];
    judge.compare(point.path + " q", point.forward.second_moment, entry["forward"]["second_moment"], i);
    judge.compare(point.path + " c", point.forward.token_dot, entry["forward"]["token_dot"], i);
    judge.compare(point.path + " gradient q", point.backward.variance, entry["backward"]["second_moment"], i);
    judge.compare(point.path + " gradient c", point.backward.token_dot, entry["backward"]["token_dot"], i);
  }
}

/// PyTorch's file holds squared norms: n² has the error 2 n · error of n.
void compare_layers(Judge& judge, const profile::Profile& profile, const json& entry) {
  constexpr std::array<const char*, 6> names{"q", "k", "v", "o", "w1", "w2"};
  for (std::size_t layer = 0; layer < profile.layers.size(); ++layer) {
    const profile::Layer& ours = profile.layers[layer];
    REQUIRE(ours.weights.size() == names.size());
    for (std::size_t w = 0; w < names.size(); ++w) {
      const profile::Quantity& norm = *ours.weights[w].gradient_norm;
      judge.compare(ours.path + " " + names[w], norm.value * norm.value, 2 * norm.value * norm.scatter->standard_error,
                    entry["weight_gradient_norm_squared"][names[w]], layer);
    }
    judge.compare(ours.path + " entropy", *ours.attention->entropy, entry["attention_entropy"], layer);
  }
}

TEST_CASE("simulation agrees with PyTorch at every point of every stack, causal ones too") {
  const auto reference = test::read_reference("torch_profiles.json");
  if (!test::has_engine()) return;
  std::size_t quantities = 0, stacks = 0;
  for (const json& entry : reference) {
    const json& setting = entry["setting"];
    INFO(test::text_of(setting));
    simulate::Settings settings = test::engine_settings();
    settings.replicates = 64;
    settings.norm_epsilon = torch_epsilon;
    settings.largest_rank = 0;
    settings.seed = 1000 + stacks;
    const simulate::Result result = simulate::simulate(test::network_of(test::torch_spec(setting)), settings);
    Judge judge(settings.replicates);
    compare_points(judge, result.profile, entry);
    compare_layers(judge, result.profile, entry);
    quantities += judge.finish();
    ++stacks;
  }
  CHECK(stacks == 10);
  CHECK(quantities <= comparisons);
}

TEST_CASE("the same comparison rejects a simulation that scales its scores by the width instead of its root") {
  const auto reference = test::read_reference("torch_profiles.json");
  if (!test::has_engine()) return;
  const json& entry = reference.front();
  json spec = test::torch_spec(entry["setting"]);
  spec["stack"]["attention"]["score_scale"] = 1.0 / 64;
  simulate::Settings settings = test::engine_settings();
  settings.largest_rank = 0;
  const profile::Profile profile = simulate::simulate(test::network_of(spec), settings).profile;
  const profile::Quantity& entropy = *profile.layers[0].attention->entropy;
  const double theirs = entry["attention_entropy"]["mean"][0], error = entry["attention_entropy"]["se"][0];
  CHECK(std::abs(entropy.value - theirs) >
        test::critical_t(settings.replicates, comparisons) * std::hypot(entropy.scatter->standard_error, error));
}

}  // namespace
