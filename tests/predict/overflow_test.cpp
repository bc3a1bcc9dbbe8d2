// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <cmath>
#include <sstream>

#include "sigprop/report/report.hpp"
#include "support/spec.hpp"

namespace {

using namespace sigprop;
using nlohmann::json;

json linear_chain(double gain, int layers, const char* activation) {
  return {{"sequence_length", 4},
          {"input", {{"variance", 1}, {"token_correlation", 0.5}}},
          {"components",
           json::array(
               {{{"repeat",
                  {{"times", layers},
                   {"of", json::array({{{"linear", {{"in", 100}, {"out", 100}, {"weight_std", std::sqrt(gain / 100)}}}},
                                       {{"activation", activation}}})}}}}})}};
}

TEST_CASE("a gain of 2 for 10000 layers has log10 3010.3 in both directions") {
  const profile::Profile profile = test::predicted(linear_chain(2, 10000, "identity"));
  CHECK(profile.points.back().forward.variance.log10 == Approx(10000 * std::log10(2.0)).epsilon(1e-10));
  CHECK(profile.points.front().backward.variance.log10 == Approx(3010.29995664).epsilon(1e-10));
  CHECK_FALSE(profile.points.back().forward.variance.representable());
  CHECK(profile.points.back().forward.token_correlation.value == Approx(0.5));
  CHECK(profile.summary.forward_law == "exponential");
}

TEST_CASE("a gain of 1/2 for 10000 layers has log10 -3010.3", "[bulk]") {
  const profile::Profile profile = test::predicted(linear_chain(0.5, 10000, "identity"));
  CHECK(profile.points.back().forward.variance.log10 == Approx(-3010.29995664).epsilon(1e-10));
  CHECK(profile.points.front().backward.variance.log10 == Approx(-3010.29995664).epsilon(1e-10));
}

TEST_CASE("every activation keeps its growth rate beyond the range of double", "[bulk]") {
  // Far out GELU and SiLU halve the second moment as ReLU does; below, they are linear with slope
  // 1/2.
  for (const char* activation : {"gelu", "gelu_tanh", "silu", "leaky_relu"}) {
    INFO(activation);
    const auto log10_at = [&](int layers) {
      return test::predicted(linear_chain(8, layers, activation)).points.back().forward.second_moment.log10;
    };
    const double slope = std::string(activation) == "leaky_relu" ? (1 + 0.0001) / 2 : 0.5;
    CHECK((log10_at(1600) - log10_at(1200)) / 400 == Approx(std::log10(8 * slope)).epsilon(1e-6));
  }
}

TEST_CASE("results beyond the range of double are written without Infinity or NaN") {
  const profile::Profile profile = test::predicted(linear_chain(2, 4000, "relu"));
  std::ostringstream json_text, csv, table;
  const profile::Profile grown = test::predicted(linear_chain(8, 4000, "relu"));
  report::write_json(json_text, grown, {"predict", {}});
  report::write_csv(csv, grown);
  report::write_table(table, grown, true);
  for (const std::string& text : {json_text.str(), csv.str(), table.str()}) {
    CHECK(text.find("inf") == std::string::npos);
    CHECK(text.find("nan") == std::string::npos);
  }
  const json parsed = test::parsed(json_text.str());
  const json& last = parsed["points"].back()["forward"]["variance"];
  CHECK(last["value"].is_null());
  CHECK(last["log10"].get<double>() == Approx(grown.points.back().forward.variance.log10));
  CHECK(profile.points.back().forward.second_moment.value == Approx(1).epsilon(1e-9));
}

TEST_CASE("a deep transformer without norms overflows double and stays finite in its logarithms", "[bulk]") {
  json spec = test::small_stack();
  spec["stack"]["layers"] = 2000;
  spec["stack"]["norm"] = {{"kind", "none"}};
  spec["init"] = {{"scheme", "kaiming"}};
  const profile::Profile profile = test::predicted(spec);
  for (const profile::Point& point : profile.points) {
    REQUIRE(std::isfinite(point.forward.variance.log10));
    REQUIRE(std::isfinite(point.backward.variance.log10));
    REQUIRE(std::isfinite(point.forward.rank_residual.value));
  }
  CHECK(profile.points.back().forward.variance.log10 > 308);
}

TEST_CASE("scores of a cross-attention beyond the range of double keep their logarithm", "[bulk]") {
  // The norms of the encoder's branches leave its memory to grow by its skips alone; the decoder
  // has no norms.
  json spec = test::encoder_decoder_of(test::changed({{"layers", 12}}));
  spec["encoder"]["residual"] = {{"skip", std::vector<double>(24, 1e6)}};
  spec["encoder"]["residual"]["skip"].back() = 1;
  spec["decoder"]["layers"] = 1;
  spec["decoder"]["norm"] = {{"kind", "none"}};
  spec["decoder"]["residual"] = {{"skip", {1e6, 1, 1}}};
  spec["decoder"]["attention"].erase("mask");
  spec["decoder"]["cross_attention"] = {{"heads", 4}};
  spec["init"] = {{"scheme", "lecun"}, {"std", {{"query", 1e5}, {"key", 1e5}}}};
  const profile::Profile profile = test::predicted(spec);
  CHECK(std::isfinite(profile.layers.back().attention->score_variance.value));
  const profile::Quantity& scores = profile.layers.back().cross_attention->score_variance;
  CHECK_FALSE(scores.representable());
  CHECK(scores.log10 == Approx(312.1).margin(0.1));
}

}  // namespace
