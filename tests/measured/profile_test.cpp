// SPDX-License-Identifier: Apache-2.0
#include "sigprop/measured/profile.hpp"

#include <catch2/catch.hpp>
#include <sstream>

#include "sigprop/report/report.hpp"
#include "support/spec.hpp"

namespace sigprop::test {
namespace {

const profile::Profile& model() {
  static const profile::Profile profile = predicted(small_stack());
  return profile;
}

measured::MeasuredProfile read_text(const std::string& text) {
  return measured::read_profile(text, "m.json", model());
}

double value_of(const measured::MeasuredProfile& read, bool of_layer, std::size_t index, const std::string& quantity) {
  for (const profile::Measurement& m : read.values) {
    if (m.spot == profile::Spot{of_layer, index, quantity}) return m.value;
  }
  FAIL("nothing was measured of " + quantity);
  return 0;
}

}  // namespace

TEST_CASE("a part of a result is read, numbers alone or with their errors") {
  const auto read = read_text(R"({
    "networks": 3,
    "points": [{"path": "input", "forward": {"second_moment": {"mean": 1.5, "standard_error": 0.1}}},
               {"path": "layer 1/ffn", "backward": {"variance": 2e-5}}],
    "layers": [{"path": "layer 2", "attention": {"entropy": 2.5},
                "weights": {"value": {"std": 0.02, "gradient_norm": 7}}}]})");
  CHECK(read.networks == 3);
  CHECK(read.values.size() == 4);
  CHECK(value_of(read, false, 0, "forward.second_moment") == 1.5);
  CHECK(value_of(read, false, 2, "backward.variance") == 2e-5);
  CHECK(value_of(read, true, 1, "attention.entropy") == 2.5);
  CHECK(value_of(read, true, 1, "weights.value.gradient_norm") == 7);
}

TEST_CASE("a whole result is read, as JSON and as CSV") {
  std::ostringstream json, csv;
  report::write_json(json, model(), {"predict", {}});
  report::write_csv(csv, model());
  const auto from_json = read_text(json.str()), from_csv = read_text(csv.str());
  CHECK(from_json.values.size() > 50);
  for (const auto& [of_layer, quantity] :
       {std::pair{false, "forward.variance"}, std::pair{true, "weights.ffn_in.gradient_norm"}}) {
    CHECK(value_of(from_json, of_layer, 1, quantity) == value_of(from_csv, of_layer, 1, quantity));
  }
}

TEST_CASE("a measured profile that is wrong is refused with file, place, value and cure") {
  const auto refused = [](const std::string& text, const std::string& part) {
    CAPTURE(text);
    CHECK_THROWS_WITH(read_text(text), Catch::StartsWith("m.json") && Catch::Contains(part));
  };
  refused("", "holds no quantity");
  refused("{", "JSON");
  refused("{}", "neither");
  refused("[1]", "no column");
  refused(R"({"points": 3})", "must be a list");
  refused(R"({"points": [3]})", "/points/0 must be an object");
  refused(R"({"points": []})", "holds no quantity");
  refused(R"({"points": [{"forward": {}}]})", "no \"path\"");
  refused(R"({"points": [{"path": "layer 1/fnn"}]})", "did you mean layer 1/ffn?");
  refused(R"({"points": [{"path": "input", "forward": {"varianc": 1}}]})", "did you mean forward.variance?");
  refused(R"({"points": [{"path": "input", "forward": {"variance": "1"}}]})", "is \"1\", but must be a number");
  refused(R"({"points": [{"path": "input", "forward": {"variance": 1, "variance": 2}}]})", "variance");
  refused(R"({"networks": 0, "points": []})", "at least 1");
  refused(R"({"layers": [{"path": "layer 1", "weights": {"valu": {"gradient_norm": 1}}}]})", "weights.value");
  refused("path,forward.variance\ninput,x\n", "but must be a number");
  refused("path,forward.variance\ninput\n", "has 1 fields");
  refused("path,forward.varianc\ninput,1\n", "did you mean forward.variance?");
  refused("path,forward.variance\n\"input,1\n", "not closed");
  refused("path,weights.value.gradient_norm\ninput,1\n", "belongs to a layer");
  refused("path,forward.variance\nlayer 9/ffn,1\n", "no point \"layer 9/ffn\"");
}

}  // namespace sigprop::test
