// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <set>
#include <sstream>

#include "sigprop/report/report.hpp"
#include "sigprop/report/verification.hpp"
#include "support/spec.hpp"

namespace {

using namespace sigprop;

std::string table_of(const profile::Profile& profile) {
  std::ostringstream out;
  report::write_table(out, profile, true);
  return out.str();
}

/// The first line that begins with a text; empty where there is none.
std::string line_of(const std::string& table, const std::string& beginning) {
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(beginning)) return line;
  }
  return "";
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream text(line);
  return {std::istream_iterator<std::string>(text), std::istream_iterator<std::string>()};
}

/// Layers with weights of two names, whose norms are given by layer.
profile::Profile layers_of(const std::vector<double>& ffn_in, const std::string& stack = "") {
  profile::Profile out;
  out.theory = "full";
  for (const double norm : ffn_in) {
    profile::Layer& layer = out.layers.emplace_back();
    layer.index = out.layers.size();
    layer.path = stack + "layer " + std::to_string(layer.index);
    layer.weights = {{.name = "query", .role = profile::WeightRole::query, .std = 0.1, .gradient_norm = 5},
                     {.name = "ffn_in", .role = profile::WeightRole::linear, .std = 0.1, .gradient_norm = norm}};
  }
  return out;
}

TEST_CASE("a dead layer in the middle is seen in the table of weights, with its number") {
  const std::string table = table_of(layers_of({3, 2, 0, 40, 1}));
  CHECK_THAT(line_of(table, "ffn_in"),
             Catch::Matchers::EndsWith("3 .. 1                     0.3333      0 (3) .. 40 (4)"));
  CHECK_THAT(line_of(table, "all of a layer"), Catch::Matchers::EndsWith("5 (3) .. 40.31 (4)"));
}

TEST_CASE("an extreme layer of two stacks is named with its stack") {
  const std::string table = table_of(layers_of({3, 2, 1}, "decoder/"));
  CHECK_THAT(line_of(table, "ffn_in"), Catch::Matchers::EndsWith("1 (decoder 3) .. 3 (decoder 1)"));
}

TEST_CASE("attention beside a feed-forward network has its scores in the row of the point after both") {
  const profile::Profile profile = test::predicted(test::changed({{"parallel", true}, {"layers", 2}}));
  const std::string table = table_of(profile);
  const std::vector<std::string> header = words_of(line_of(table, "point")), row = words_of(line_of(table, "layer 1/"));
  REQUIRE(header.back() == "entropy");
  REQUIRE(row.size() == 8);  // "layer" and "1/parallel", four columns of the point, two of attention
  CHECK(row.back().ends_with("%"));
}

TEST_CASE("rows of an encoder and a decoder stand under their stacks, and cross-attention has its scores") {
  nlohmann::json spec = test::encoder_decoder_of(test::changed({{"layers", 2}}));
  spec["decoder"]["attention"].erase("mask");
  const profile::Profile profile = test::predicted(spec);
  const std::string table = table_of(profile);
  const std::size_t encoder = table.find("\nencoder\n"), decoder = table.find("\ndecoder\n");
  REQUIRE(encoder != std::string::npos);
  REQUIRE(decoder != std::string::npos);
  CHECK(encoder < decoder);
  CHECK(table.find("...") == std::string::npos);
  const std::vector<std::string> row = words_of(line_of(table, "layer 2/cross_attention"));
  REQUIRE(row.size() == 8);
  CHECK(std::stod(row[6]) == Approx(profile.layers.back().cross_attention->score_variance.value).epsilon(1e-3));
}

TEST_CASE("of a point after both kinds of attention, the second has a line of its own") {
  profile::Profile profile;
  profile.theory = "full";
  profile.points.push_back({.index = 0, .path = "layer 1/both", .layer = 1, .forward = {}, .backward = {}});
  profile::Layer& layer = profile.layers.emplace_back();
  layer.attention = profile::AttentionMetrics{.score_variance = 3, .entropy = {}, .entropy_fraction = 0.5};
  layer.cross_attention = profile::AttentionMetrics{.score_variance = 7, .entropy = {}, .entropy_fraction = 0.25};
  const std::string table = table_of(profile);
  CHECK_THAT(line_of(table, "layer 1/both"), Catch::Matchers::EndsWith("          3    50.0%"));
  CHECK_THAT(line_of(table, "  cross_attention"), Catch::Matchers::EndsWith("          7    25.0%"));
}

TEST_CASE("no two rows of a verification's table have the same place and quantity") {
  verify::Verification result;
  for (const char* path :
       {"encoder/layer 1/attention", "decoder/layer 1/attention", "decoder/layer 1/cross_attention"}) {
    verify::Comparison& comparison = result.comparisons.emplace_back();
    comparison.path = path;
    comparison.quantity = "forward.variance";
  }
  std::ostringstream out;
  report::write_table(out, result, {}, true);
  std::set<std::string> rows;
  std::istringstream lines(out.str());
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("forward.variance")) rows.insert(line);
  }
  CHECK(rows.size() == 3);
}

}  // namespace
