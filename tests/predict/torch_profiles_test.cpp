// SPDX-License-Identifier: Apache-2.0
// Whole stacks against an independent program: profiles measured with PyTorch on random networks.
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <string>

#include "predict/walk/profile_writer.hpp"
#include "sigprop/verify/verify.hpp"
#include "support/comparison.hpp"
#include "support/reference.hpp"
#include "support/spec.hpp"
#include "support/torch_profiles.hpp"

namespace {

using nlohmann::json;
using namespace sigprop;

/// Of all stacks together: 10 stacks of at most 33 points and 16 layers, three quantities a point
/// and seven a layer.
constexpr std::size_t comparisons = 2000;

/// The limits of one stack: the model error that the theory states, as `sigprop verify` grants it,
/// and Student's t standard errors.
class Limits {
 public:
  explicit Limits(const json& s)
      : points_(2 * s["N"].get<std::size_t>() + 1), t_(test::critical_t(s["R"], comparisons)) {
    model_.width = s["d"];
    model_.sequence_length = s["L"];
    model_.head_width = model_.width / s["h"].get<double>();
    model_.post_norm = s["pre"] == 0;
    if (s["causal"] == 1) {
      score_weight_error_ = model_.post_norm ? 0.165 : 0.09;
    } else {
      score_weight_error_ = model_.post_norm ? 0.22 : 0.08;
    }
  }

  /// Of the squared gradient norms of queries and keys. `verify` grants them more, as it must for
  /// models of any size; for stacks like these docs/theory.md states the range of
  /// predicted/measured.
  [[nodiscard]] double allowed_of_scores(double scale, double error) const {
    return score_weight_error_ * scale + t_ * error;
  }

  /// Of |predicted - measured|; `scale` is what the relative model error refers to.
  [[nodiscard]] double allowed(verify::Kind kind, std::size_t point, double correlation, double scale,
                               double error) const {
    const verify::Context context{static_cast<double>(point), static_cast<double>(points_ - 1 - point), correlation};
    return verify::model_error(kind, model_, context) * scale + t_ * error;
  }

 private:
  std::size_t points_;
  double t_;
  double score_weight_error_;
  verify::Model model_;
};

struct Measured {
  double mean;
  double error;
};

Measured at(const json& series, std::size_t i) {
  return {series["mean"][i], series["se"][i]};
}

/// A norm whose square was measured: n² has the error 2 n · error of n.
Measured root_at(const json& series, std::size_t i) {
  const Measured squared = at(series, i);
  const double norm = std::sqrt(squared.mean);
  return {norm, squared.error / (2 * norm)};
}

double correlation_at(const profile::Profile& profile, std::size_t point) {
  return profile.points[point].forward.token_correlation.value;
}

/// Compares, and keeps what disagrees and the largest share of a limit that was used.
class Judge {
 public:
  void compare(const std::string& what, double predicted, const Measured& measured, double allowed) {
    const double share = std::abs(predicted - measured.mean) / allowed;
    ++count_;
    if (share > worst_) worst_ = share, where_ = what;
    if (!(share <= 1)) disagreeing_ += what + "; ";
  }
  [[nodiscard]] std::size_t finish() const {
    std::printf("%zu quantities, at most %.2f of the limit, at %s\n", count_, worst_, where_.c_str());
    return count_;
  }
  [[nodiscard]] const std::string& disagreeing() const { return disagreeing_; }

 private:
  std::size_t count_ = 0;
  double worst_ = 0;
  std::string where_;
  std::string disagreeing_;
};

void compare_points(Judge& judge, const profile::Profile& profile, const json& entry, const Limits& limits) {
  using verify::Kind;
  REQUIRE(profile.points.size() == entry["forward"]["second_moment"]["mean"].size());
  for (std::size_t i = 0; i < profile.points.size(); ++i) {
    const profile::Point& point = profile.points[i];
    const Measured q = at(entry["forward"]["second_moment"], i);
    const Measured c = at(entry["forward"]["token_dot"], i);
    const Measured g = at(entry["backward"]["second_moment"], i);
    const double predicted_q = point.forward.second_moment.value, predicted_g = point.backward.variance.value;
    const double r = correlation_at(profile, i);
    judge.compare(point.path + " second moment", predicted_q, q,
                  limits.allowed(Kind::forward, i, r, predicted_q, q.error));
    judge.compare(point.path + " token dot", point.forward.token_dot.value, c,
                  limits.allowed(Kind::forward, i, r, predicted_q, c.error));
    judge.compare(point.path + " gradient", predicted_g, g, limits.allowed(Kind::gradient, i, r, predicted_g, g.error));
  }
}

struct WeightNames {
  const char* ours;
  const char* theirs;
  verify::Kind kind;
};
constexpr std::array<WeightNames, 6> weight_names{{{"query", "q", verify::Kind::score_weight},
                                                   {"key", "k", verify::Kind::score_weight},
                                                   {"value", "v", verify::Kind::value_weight},
                                                   {"output", "o", verify::Kind::value_weight},
                                                   {"ffn_in", "w1", verify::Kind::value_weight},
                                                   {"ffn_out", "w2", verify::Kind::value_weight}}};

/// A layer counts as the point at which it begins, so that the gradient has passed all of it.
double allowed_at_layer(const Limits& limits, const profile::Profile& profile, verify::Kind kind, std::size_t layer,
                        double scale, double error) {
  return limits.allowed(kind, 2 * layer, correlation_at(profile, 2 * layer), scale, error);
}

void compare_layers(Judge& judge, const profile::Profile& profile, const json& entry, const Limits& limits) {
  const double log_length = std::log(entry["setting"]["L"].get<double>());
  for (std::size_t layer = 0; layer < profile.layers.size(); ++layer) {
    const profile::Layer& ours = profile.layers[layer];
    REQUIRE(ours.weights.size() == weight_names.size());
    for (std::size_t w = 0; w < weight_names.size(); ++w) {
      REQUIRE(ours.weights[w].name == weight_names[w].ours);
      const double predicted = ours.weights[w].gradient_norm->value;
      if (weight_names[w].kind == verify::Kind::score_weight) {
        const Measured squared = at(entry["weight_gradient_norm_squared"][weight_names[w].theirs], layer);
        judge.compare(ours.path + " " + weight_names[w].ours, predicted * predicted, squared,
                      limits.allowed_of_scores(squared.mean, squared.error));
        continue;
      }
      const Measured norm = root_at(entry["weight_gradient_norm_squared"][weight_names[w].theirs], layer);
      judge.compare(ours.path + " " + weight_names[w].ours, predicted, norm,
                    allowed_at_layer(limits, profile, weight_names[w].kind, layer, predicted, norm.error));
    }
    const Measured entropy = at(entry["attention_entropy"], layer);
    judge.compare(ours.path + " entropy", ours.attention->entropy->value, entropy,
                  allowed_at_layer(limits, profile, verify::Kind::entropy, layer, log_length, entropy.error));
  }
}

/// Compares a profile with a stack of the file at every place.
Judge judged(const profile::Profile& profile, const json& entry) {
  const Limits limits(entry["setting"]);
  Judge judge;
  compare_points(judge, profile, entry, limits);
  compare_layers(judge, profile, entry, limits);
  return judge;
}

/// Compares every stack of the file with its mask or without; returns how many.
int compare_stacks(bool causal) {
  const json reference = test::read_reference("torch_profiles.json");
  int compared = 0;
  std::size_t quantities = 0;
  for (const json& entry : reference) {
    const json& setting = entry["setting"];
    if ((setting["causal"] == 1) != causal) continue;
    INFO(test::text_of(setting));
    std::printf("%s%s-LN %s %s, %d layers of width %d: ", causal ? "causal " : "", setting["pre"] == 1 ? "Pre" : "Post",
                setting["act"].get<std::string>().c_str(), setting["scheme"].get<std::string>().c_str(),
                setting["N"].get<int>(), setting["d"].get<int>());
    const Judge judge = judged(test::predicted(test::torch_spec(setting)), entry);
    quantities += judge.finish();
    CHECK(judge.disagreeing() == "");
    ++compared;
  }
  CHECK(quantities <= comparisons);
  return compared;
}

TEST_CASE("full agrees with PyTorch at every point of every stack without a mask") {
  CHECK(compare_stacks(false) == 7);
}

TEST_CASE("full agrees with PyTorch at every point of every stack under a causal mask") {
  CHECK(compare_stacks(true) == 3);
}

TEST_CASE("the same comparison rejects causal stacks without their mask") {
  const json reference = test::read_reference("torch_profiles.json");
  for (const json& entry : reference) {
    const json& setting = entry["setting"];
    if (setting["causal"] != 1) continue;
    INFO(test::text_of(setting));
    json spec = test::torch_spec(setting);
    spec["stack"]["attention"]["mask"] = "none";
    const profile::Profile profile = test::predicted(spec);
    const Limits limits(setting);
    const Measured entropy = at(entry["attention_entropy"], 0);
    const double log_length = std::log(setting["L"].get<double>());
    CHECK(std::abs(profile.layers[0].attention->entropy->value - entropy.mean) >
          allowed_at_layer(limits, profile, verify::Kind::entropy, 0, log_length, entropy.error));
  }
}

using Algebra = predict::AlikeAlgebra<double>;

/// Takes the tokens as isotropic after every residual sum, as at the input.
class Isotropic : public predict::ProfileWriter<Algebra> {
 public:
  using ProfileWriter::join;
  using ProfileWriter::ProfileWriter;
  template <class Compute>
  [[nodiscard]] Algebra::Sum join(const network::BasicResidual<double, double>&, const Signal& x, const Signal&,
                                  const Compute& compute) {
    Algebra::Sum out = compute();
    out.signal.anisotropy = {1 / x.width, 1};
    return out;
  }
};

profile::Profile predicted_isotropic(const json& spec) {
  const network::Network plain = test::network_of(spec);
  const network::Outline outline = network::outline_of(plain);
  const auto network = network::lifted<double>(plain);
  profile::Profile result = network::blank_profile(outline);
  Algebra algebra(network, predict::AlikeTokens<double>(network, predict::Theory::full));
  Isotropic observer(outline, algebra, result);
  predict::walk_network(algebra, algebra, observer, observer);
  return result;
}

TEST_CASE("the same comparison rejects tokens without a preferred direction, in the last layer's queries and keys") {
  const json reference = test::read_reference("torch_profiles.json");
  const json& lecun = reference[4];
  REQUIRE(lecun["setting"]["scheme"] == "lecun");
  const profile::Profile profile = predicted_isotropic(test::torch_spec(lecun["setting"]));
  const Limits limits(lecun["setting"]);
  for (const std::size_t weight : {0, 1}) {
    const Measured measured = at(lecun["weight_gradient_norm_squared"][weight == 0 ? "q" : "k"], 7);
    const double squared = std::pow(profile.layers[7].weights[weight].gradient_norm->value, 2);
    const double allowed = limits.allowed_of_scores(measured.mean, measured.error);
    std::printf("isotropic: %s of the last layer predicted/measured %.3f, limit of the difference %.3f\n",
                profile.layers[7].weights[weight].name.c_str(), squared / measured.mean, allowed / measured.mean);
    CHECK(std::abs(squared - measured.mean) > allowed);
  }
}

TEST_CASE("the same comparison rejects the published formulas") {
  const json reference = test::read_reference("torch_profiles.json");
  for (const json& entry : reference) {
    const json& setting = entry["setting"];
    const bool small_branches = setting["branch"] != 1.0;
    if (setting["causal"] == 1 || small_branches) continue;
    INFO(test::text_of(setting));
    const profile::Profile profile = test::predicted(test::torch_spec(setting), predict::Theory::paper);
    const Measured input = at(entry["backward"]["second_moment"], 0);
    const double gradient = profile.points[0].backward.variance.value;
    const double allowed =
        Limits(setting).allowed(verify::Kind::gradient, 0, correlation_at(profile, 0), gradient, input.error);
    std::printf("paper: input gradient predicted/measured %.3f, limit of the difference %.3f\n", gradient / input.mean,
                allowed / input.mean);
    CHECK(std::abs(gradient - input.mean) > allowed);
  }
}

}  // namespace
