// SPDX-License-Identifier: Apache-2.0
#include "sigprop/profile/quantities.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <set>
#include <string>

namespace {

using namespace sigprop::profile;

/// A number of its own for each row of the table.
class Counter {
 public:
  double operator()() { return ++last_; }

 private:
  double last_ = 0;
};

TEST_CASE("no two rows of the table have one name") {
  std::multiset<std::string> names;
  for (const PointRow& row : point_quantities) names.emplace(row.name);
  for (const ListRow& row : token_lists) names.emplace(row.name);
  for (const LayerRow& row : layer_quantities) names.emplace(row.name);
  for (const WeightRow& row : weight_quantities) names.insert(name_of(row, "NAME"));
  for (const std::string& name : names) {
    INFO(name);
    CHECK(names.count(name) == 1);
  }
}

TEST_CASE("the table reaches every member of a point, each by one row") {
  Point point;
  Counter next;
  for (const PointRow& row : point_quantities) row.make(point) = next();
  for (const ListRow& row : token_lists) row.make(point) = {next()};
  Counter again;
  for (const PointRow& row : point_quantities) CHECK(row.find(point)->value == again());
  for (const ListRow& row : token_lists) CHECK(row.find(point)->front().value == again());
  // A member that is new in these structs does not compile here until the table has its row.
  const auto& [mean, variance, second, dot, cross, correlation, residual, rank, ends, tokens, gram] = point.forward;
  const auto& [g_variance, g_dot, g_cross, g_correlation, g_norm, g_ends, g_tokens] = point.backward;
  for (const Quantity& value : {mean,     variance,      second,     dot,           *cross,       correlation, residual,
                                *rank,    ends->first,   ends->last, tokens[0],     gram[0],      g_variance,  g_dot,
                                *g_cross, g_correlation, g_norm,     g_ends->first, g_ends->last, g_tokens[0]})
    CHECK(value.value > 0);
}

TEST_CASE("the table reaches every metric of both kinds of attention, and every quantity of a weight") {
  Layer layer;
  Weight weight;
  Counter next, again;
  for (const LayerRow& row : layer_quantities) row.make(layer) = next();
  for (const WeightRow& row : weight_quantities) row.make(weight) = next();
  for (const LayerRow& row : layer_quantities) CHECK(row.find(layer)->value == again());
  for (const WeightRow& row : weight_quantities) CHECK(row.find(weight)->value == again());
  for (const auto& metrics : {layer.attention, layer.cross_attention}) {
    const auto& [scores, entropy, fraction] = *metrics;
    CHECK((scores.value > 0 && entropy->value > 0 && fraction->value > 0));
  }
  CHECK(weight.gradient_norm->value > 0);
}

TEST_CASE("what is absent is null, and stays absent when it is looked for") {
  const Point point;
  CHECK(point_quantity("forward.cross_dot").find(point) == nullptr);
  CHECK(point_quantity("forward.last_second_moment").find(point) == nullptr);
  CHECK(point_quantity("forward.mean").find(point) != nullptr);
  Layer layer;
  const LayerRow& entropy = layer_quantity("cross_attention.entropy");
  CHECK_FALSE(has_attention_of(layer, entropy));
  layer.cross_attention.emplace();
  CHECK(has_attention_of(layer, entropy));
  CHECK(entropy.find(layer) == nullptr);
  CHECK_FALSE(has_attention_of(layer, layer_quantity("attention.entropy")));
}

TEST_CASE("a layer is finite only if every quantity of it is, those of cross-attention among them") {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const LayerRow& row : layer_quantities) {
    INFO(row.name);
    Layer layer;
    row.make(layer) = 1e300;
    CHECK(is_finite(layer));
    row.make(layer) = infinity;
    CHECK_FALSE(is_finite(layer));
  }
  Layer layer;
  layer.weights = {{.name = "key", .role = WeightRole::key, .std = 0.1, .gradient_norm = {}}};
  CHECK(is_finite(layer));
  layer.weights[0].gradient_norm = std::nan("");
  CHECK_FALSE(is_finite(layer));
}

TEST_CASE("rows by presence begin with what every profile has, each group in the table's order") {
  std::vector<std::string> names;
  for (const PointRow* row : point_quantities_by_presence()) names.emplace_back(row->name);
  REQUIRE(names.size() == std::size(point_quantities));
  CHECK(names.front() == "forward.mean");
  const auto place = [&](const char* name) { return std::find(names.begin(), names.end(), name) - names.begin(); };
  CHECK(place("backward.norm") < place("forward.cross_dot"));
  CHECK(place("forward.cross_dot") < place("backward.cross_dot"));
  CHECK(place("backward.cross_dot") < place("forward.first_second_moment"));
}

TEST_CASE("a list has one number for each token, a Gram matrix one for each pair of the listed tokens") {
  Profile profile;
  profile.points.emplace_back();
  profile.points[0].forward.tokens = {1.0, 2.0, 3.0};
  profile.gram_tokens = {1, 4};
  for (const ListRow& row : token_lists) {
    const std::vector<std::vector<std::size_t>> tokens = tokens_of(row, profile);
    if (row.name == "forward.tokens.second_moment")
      CHECK(tokens == std::vector<std::vector<std::size_t>>{{1}, {2}, {3}});
    if (row.name == "backward.tokens.variance") CHECK(tokens.empty());
    if (row.name == "forward.gram") CHECK(tokens == std::vector<std::vector<std::size_t>>{{1, 1}, {4, 1}, {4, 4}});
  }
}

}  // namespace
