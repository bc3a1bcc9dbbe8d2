// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>

#include "sigprop/network/outline.hpp"
#include "sigprop/simulate/simulate.hpp"
#include "simulate/replicate.hpp"
#include "support/quantities.hpp"
#include "support/spec.hpp"
#include "support/temporary.hpp"

namespace {

using nlohmann::json;
using namespace sigprop;
namespace fs = std::filesystem;

json spec() {
  json out = test::small_stack();
  out["sequence_length"] = 40;
  out["batch"] = 2;
  out["stack"]["attention"] = {{"heads", 4}, {"dropout", 0.1}, {"mask", "causal"}};
  out["stack"]["residual"] = {{"dropout", 0.1}};
  return out;
}

simulate::Settings some(std::size_t replicates, int threads = 1) {
  simulate::Settings settings;
  settings.replicates = replicates;
  settings.threads = threads;
  return settings;
}

/// Every number of a profile with its scatter.
std::vector<double> numbers(const profile::Profile& profile) {
  std::vector<double> out;
  for (const profile::Quantity& q : test::quantities(profile))
    out.insert(out.end(), {q.value, q.scatter->standard_error, q.scatter->standard_deviation});
  return out;
}

void check_same_bits(const json& model) {
  INFO(test::text_of(model));
  const network::Network network = test::network_of(model);
  const std::vector<double> one = numbers(simulate::simulate(network, some(5)).profile);
  CHECK(one == numbers(simulate::simulate(network, some(5, 2)).profile));
  CHECK(one == numbers(simulate::simulate(network, some(5, 16)).profile));  // more threads than replicates: inside each
  simulate::Settings little = some(5, 2);
  little.memory = 4 * 1.01 * simulate::elements_held(network, simulate::Policy::recompute);
  REQUIRE(simulate::plan(network, little).recompute);
  CHECK(one == numbers(simulate::simulate(network, little).profile));
}

TEST_CASE("a run has the same bits for every number of threads and every plan") {
  check_same_bits(spec());
}

TEST_CASE("a run of today's blocks has the same bits for every number of threads and every plan", "[bulk]") {
  json model = spec();
  model["stack"].update({{"layers", 3}, {"parallel", true}});
  model["stack"]["attention"].update({{"query_key_norm", "rms_norm"}, {"rotary_base", 100}, {"rotary_width", 16}});
  check_same_bits(model);
  model["stack"]["tied"] = true;
  check_same_bits(model);
  model = spec();
  model["stack"]["ffn"].update({{"experts", 3}, {"top_k", 2}});
  check_same_bits(model);
}

TEST_CASE("another seed gives another network, and float64 nearly the same one") {
  const network::Network network = test::network_of(spec());
  const auto input_gradient = [&](simulate::Settings settings) {
    return simulate::simulate(network, settings).profile.points[0].backward.variance.value;
  };
  const double one = input_gradient(some(1));
  simulate::Settings other = some(1);
  other.seed = 1;
  CHECK(std::abs(input_gradient(other) / one - 1) > 1e-3);
  simulate::Settings precise = some(1);
  precise.precision = simulate::Precision::float64;
  CHECK(input_gradient(precise) == Approx(one).epsilon(1e-4));
}

TEST_CASE("a run stopped and resumed gives the bits of one that was not, also with more replicates") {
  const network::Network network = test::network_of(spec());
  const std::string file = test::own_path("run_test");
  fs::remove(file);
  std::atomic<bool> stop{false};
  simulate::Settings settings = some(8, 2);
  settings.checkpoint = simulate::Checkpoint{file, false, "model"};
  const auto stop_at_three = [&](const simulate::Progress& p) { stop = stop || p.done >= 3; };
  const simulate::Result partial = simulate::simulate(network, settings, stop_at_three, &stop);
  CHECK(partial.partial);
  CHECK(partial.replicates >= 3);
  CHECK(partial.replicates < 8);
  settings.checkpoint->resume = true;
  settings.replicates = 9;
  std::size_t resumed = 0;
  const simulate::Result whole =
      simulate::simulate(network, settings, [&](const simulate::Progress& p) { resumed = p.resumed; });
  CHECK(resumed == partial.replicates);
  CHECK_FALSE(whole.partial);
  CHECK(numbers(whole.profile) == numbers(simulate::simulate(network, some(9)).profile));
  fs::remove(file);
}

double mean(const std::vector<profile::Quantity>& tokens) {
  double sum = 0;
  for (const profile::Quantity& token : tokens) sum += token.value;
  return sum / static_cast<double>(tokens.size());
}

TEST_CASE("every token is measured where asked for, and nothing else changes") {
  const network::Network network = test::network_of(spec());
  simulate::Settings settings = some(5);
  const profile::Profile without = simulate::simulate(network, settings).profile;
  settings.tokens.moments = true;
  const profile::Profile with = simulate::simulate(network, settings).profile;
  CHECK(numbers(with) == numbers(without));
  for (std::size_t i = 0; i < with.points.size(); ++i) {
    const profile::Point& point = with.points[i];
    INFO(point.path);
    CHECK(without.points[i].forward.tokens.empty());
    REQUIRE(point.forward.tokens.size() == 40);
    REQUIRE(point.backward.tokens.size() == 40);
    CHECK(mean(point.forward.tokens) == Approx(point.forward.second_moment.value).epsilon(1e-12));
    CHECK(mean(point.backward.tokens) == Approx(point.backward.variance.value).epsilon(1e-12));
    CHECK(point.forward.tokens.front().value == point.forward.ends->first.value);
    CHECK(point.backward.tokens.back().value == point.backward.ends->last.value);
    CHECK(point.backward.tokens.back().scatter->standard_error ==
          Approx(point.backward.ends->last.scatter->standard_error).epsilon(1e-9));
  }
}

TEST_CASE(
    "products of tokens are measured where asked for: the diagonal has the second moments, the rest the mean product") {
  const network::Network network = test::network_of(spec());
  simulate::Settings settings = some(5);
  settings.tokens = {true, 40};
  const profile::Profile all = simulate::simulate(network, settings).profile;
  settings.tokens.gram = 4;
  const profile::Profile some_tokens = simulate::simulate(network, settings).profile;
  CHECK(some_tokens.gram_tokens == std::vector<std::size_t>{1, 14, 27, 40});
  const auto place = [](std::size_t i, std::size_t j) { return i * (i + 1) / 2 + j; };
  for (std::size_t p = 0; p < all.points.size(); ++p) {
    const profile::Forward& x = all.points[p].forward;
    INFO(all.points[p].path);
    REQUIRE(x.gram.size() == place(40, 0));
    double others = 0;
    for (std::size_t i = 0; i < 40; ++i) {
      CHECK(x.gram[place(i, i)].value == Approx(x.tokens[i].value).epsilon(1e-12));
      CHECK(x.gram[place(i, i)].scatter->standard_error == Approx(x.tokens[i].scatter->standard_error).epsilon(1e-9));
      for (std::size_t j = 0; j < i; ++j) others += x.gram[place(i, j)].value;
    }
    CHECK(others / place(39, 0) == Approx(x.token_dot.value).epsilon(1e-9).margin(1e-12));
    CHECK(some_tokens.points[p].forward.gram[place(2, 1)].value == x.gram[place(26, 13)].value);
  }
  CHECK(simulate::simulate(network, some(5)).profile.points[0].forward.gram.empty());
}

TEST_CASE("single tokens are measured on the CPU only") {
  for (const profile::TokenLists& tokens : {profile::TokenLists{true, 0}, profile::TokenLists{false, 4}}) {
    simulate::Settings settings = some(2);
    settings.tokens = tokens;
    settings.engine = simulate::Engine::cuda;
    CHECK_THROWS_WITH(simulate::simulate(test::network_of(spec()), settings),
                      "single tokens are measured on the CPU only: --tokens and --gram need --engine cpu");
  }
}

TEST_CASE("a checkpoint without every token is not gone on with to measure them") {
  const network::Network network = test::network_of(spec());
  const std::string file = test::own_path("run_test_tokens");
  fs::remove(file);
  simulate::Settings settings = some(1);
  settings.checkpoint = simulate::Checkpoint{file, false, "model"};
  (void)simulate::simulate(network, settings);
  settings.checkpoint->resume = true;
  settings.tokens.moments = true;
  CHECK_THROWS_WITH(simulate::simulate(network, settings),
                    "--resume " + file +
                        ": belongs to another model, seed, precision or version; resume with those it was made with, "
                        "or start anew");
  fs::remove(file);
}

TEST_CASE("a run that was stopped before its first replicate has nothing to report") {
  const std::atomic<bool> stop{true};
  CHECK_THROWS_WITH(simulate::simulate(test::network_of(spec()), some(2), {}, &stop),
                    "stopped before one replicate was done: there is nothing to report");
}

TEST_CASE("a network that does not fit is refused before the work, with what it needs and may use") {
  simulate::Settings settings = some(2);
  settings.memory = 1e6;
  CHECK_THROWS_WITH(
      simulate::simulate(test::network_of(spec()), settings),
      Catch::Matchers::StartsWith("one network needs ") &&
          Catch::Matchers::EndsWith("of memory, but may use 0.001 GB (--memory): shorten the sequence, lower the "
                                    "batch, or raise --memory"));
}

TEST_CASE("numbers beyond float32 are told with the place, and float64 holds them") {
  json big = spec();
  big["stack"].erase("norm");
  big["stack"]["norm"] = {{"kind", "none"}};
  big["stack"]["residual"] = {{"branch", 1e6}};
  const network::Network network = test::network_of(big);
  CHECK_THROWS_WITH(simulate::simulate(network, some(2)),
                    Catch::Matchers::StartsWith("the simulation left the range of its numbers (at layer "));
  simulate::Settings precise = some(2);
  precise.precision = simulate::Precision::float64;
  CHECK(std::isfinite(simulate::simulate(network, precise).profile.points.back().forward.variance.value));
}

TEST_CASE("simulation and prediction report the same places") {
  for (const char* name : {"bert-base.json", "deit-small.json", "mlp.json", "figure-192-xavier-post.json"}) {
    const network::Network network = test::network_of(test::project_spec(name));
    const network::Outline outline = network::outline_of(network);
    const profile::Profile profile = predict::predict(network, predict::Theory::paper);
    INFO(name);
    REQUIRE(outline.points.size() == profile.points.size());
    REQUIRE(outline.layers.size() == profile.layers.size());
    for (std::size_t i = 0; i < outline.points.size(); ++i) {
      CHECK(outline.points[i].path == profile.points[i].path);
      CHECK(outline.points[i].layer == profile.points[i].layer);
    }
    for (std::size_t i = 0; i < outline.layers.size(); ++i) {
      CHECK(outline.layers[i].path == profile.layers[i].path);
      REQUIRE(outline.layers[i].weights.size() == profile.layers[i].weights.size());
      for (std::size_t w = 0; w < outline.layers[i].weights.size(); ++w)
        CHECK(outline.layers[i].weights[w].name == profile.layers[i].weights[w].name);
    }
  }
}

TEST_CASE("the scatter of a mean is the replicates' deviation over the root of their number") {
  const network::Network network = test::network_of(spec());
  constexpr int replicates = 4;
  const profile::Profile profile = simulate::simulate(network, some(replicates)).profile;
  const profile::Quantity& whole = profile.points[0].backward.variance;
  double mean = 0, squares = 0, before = 0;
  for (int r = 1; r <= replicates; ++r) {  // the r-th replicate from the means of the first r and r - 1
    const profile::Profile first = simulate::simulate(network, some(static_cast<std::size_t>(r))).profile;
    const double to_here = r * first.points[0].backward.variance.value;
    mean += (to_here - before) / replicates;
    squares += (to_here - before) * (to_here - before) / replicates;
    before = to_here;
  }
  const double deviation = std::sqrt((squares - mean * mean) * replicates / (replicates - 1));
  CHECK(whole.value == Approx(mean));
  CHECK(whole.scatter->standard_deviation == Approx(deviation).epsilon(1e-6));
  CHECK(whole.scatter->standard_error == Approx(deviation / std::sqrt(replicates)).epsilon(1e-6));
}

}  // namespace
