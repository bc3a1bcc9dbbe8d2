// SPDX-License-Identifier: Apache-2.0
// Whatever reads a profile reads the table of quantities: each reader's set of names against it.
// Every quantity has a value of its own, so that a reader that confuses two of them is found as
// well.
#include <catch2/catch.hpp>
#include <set>
#include <sstream>

#include "report/json_value.hpp"
#include "report/page_curves.hpp"
#include "sigprop/check/check.hpp"
#include "sigprop/report/report.hpp"
#include "sigprop/verify/verify.hpp"
#include "support/full_profile.hpp"

namespace {

using namespace sigprop;
using report::Json;
using Values = std::map<std::string, double>;

Values without(Values values, const std::set<std::string>& names) {
  for (const std::string& name : names) {
    INFO(name << " is no quantity of the table");
    CHECK(values.erase(name) == 1);
  }
  return values;
}

/// The numbers of nested objects by their dotted names; a list counts as its first number.
void flatten(const Json& json, const std::string& name, Values& out) {
  if (json.is_object()) {
    for (const auto& [key, value] : json.items()) flatten(value, name.empty() ? key : name + "." + key, out);
  } else if (json.is_array() && !json.empty()) {
    flatten(json[0], name, out);
  } else if (json.is_number()) {
    out[name] = json.get<double>();
  }
}

TEST_CASE("JSON holds every quantity of the table under its name") {
  const test::FullProfile full = test::full_profile();
  std::ostringstream out;
  report::write_json(out, full.profile, {"predict", {}});
  const Json json = Json::parse(out.str());
  Values found;
  flatten(json["points"][0], "", found);
  flatten(json["layers"][0], "", found);
  CHECK(without(found, {"index", "layer", "weights.query.std"}) == full.values);
}

TEST_CASE("CSV holds every quantity of the table in a column of its name") {
  const test::FullProfile full = test::full_profile();
  std::ostringstream out;
  report::write_csv(out, full.profile);
  std::istringstream lines(out.str());
  std::string header, row;
  std::getline(lines, header);
  for (std::string line; std::getline(lines, line);) row = line;  // the last point of the layer
  std::istringstream names(header), cells(row);
  Values found;
  for (std::string name, cell; std::getline(names, name, ',') && std::getline(cells, cell, ',');) {
    while (name.find_last_of("0123456789") == name.size() - 1) name.resize(name.rfind('.'));
    if (name != "path" && name.find("log10") == std::string::npos) found[name] = std::stod(cell);
  }
  CHECK(without(found, {"index", "layer"}) == full.values);
}

TEST_CASE("a check may name every quantity of the table but lists, and reads it") {
  const test::FullProfile full = test::full_profile();
  const std::vector<std::string> known = check::quantity_names();
  Values found;
  for (const std::string& name : known) {
    const bool of_weights = name.starts_with("weights.") && name != "weights.query.gradient_norm";
    if (!of_weights && name.find('.') != std::string::npos)
      found[name] = check::read(check::reading_of(name + " last"), full.profile).value;
  }
  CHECK(found == without(full.values, {"forward.tokens.second_moment", "backward.tokens.variance", "forward.gram"}));
}

TEST_CASE("verify compares every quantity of the table that is not another one in other units") {
  const test::FullProfile full = test::full_profile();
  const verify::Verification result = verify::verify(full.profile, full.profile, {}, {});
  Values found;
  for (const verify::QuantityVerdict& verdict : result.quantities)
    found[verdict.quantity] = verdict.worst.measured.value;
  CHECK(found == without(full.values, {"attention.entropy_fraction", "cross_attention.entropy_fraction"}));
  CHECK(result.agrees());
}

/// Which of the values occur among some numbers.
Values occurring(const Values& values, const std::set<double>& numbers) {
  Values out;
  for (const auto& [name, value] : values) {
    if (numbers.count(value) == 1) out[name] = value;
  }
  return out;
}

TEST_CASE("a page draws every quantity of the table but those that repeat another") {
  const test::FullProfile full = test::full_profile();
  const Json curves = report::curves_json(full.profile, nullptr);
  std::set<double> drawn;
  for (const Json& chart : curves["charts"]) {
    for (const Json& curve : chart["curves"]) drawn.insert(curve["theory"][0].get<double>());
  }
  CHECK(occurring(full.values, drawn) ==
        without(full.values,
                {"forward.mean", "forward.token_dot", "forward.cross_dot", "backward.token_dot", "backward.cross_dot",
                 "backward.norm", "forward.tokens.second_moment", "backward.tokens.variance", "forward.gram",
                 "attention.entropy", "cross_attention.entropy"}));
}

TEST_CASE("a table shows variances, correlations, scores, entropies and gradient norms") {
  const test::FullProfile full = test::full_profile();
  std::ostringstream out;
  report::write_table(out, full.profile, true);
  std::set<double> shown;
  std::istringstream words(out.str());
  for (std::string word; words >> word;) {
    std::istringstream text(word);
    double number = 0;
    if (text >> number) shown.insert(word.back() == '%' ? number / 100 : number);
  }
  std::set<std::string> names;
  for (const auto& [name, value] : occurring(full.values, shown)) names.insert(name);
  CHECK(names == std::set<std::string>{"forward.variance", "forward.token_correlation", "backward.variance",
                                       "backward.token_correlation", "attention.score_variance",
                                       "attention.entropy_fraction", "cross_attention.score_variance",
                                       "cross_attention.entropy_fraction", "weights.query.gradient_norm"});
}

TEST_CASE("the printed table of quantities has a row for each of them") {
  std::ostringstream out;
  report::write_quantities(out);
  for (const auto& [name, value] : test::full_profile().values) {
    INFO(name);
    const std::string shown = name.starts_with("weights.") ? "weights.NAME.gradient_norm" : name;
    CHECK(out.str().find("| `" + shown + "` | ") != std::string::npos);
  }
}

}  // namespace
