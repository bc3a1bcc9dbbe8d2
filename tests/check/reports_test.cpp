// SPDX-License-Identifier: Apache-2.0
#include "sigprop/report/checks.hpp"

#include <sstream>

#include "check/made.hpp"

namespace {

using namespace sigprop;
using namespace sigprop::test;

const check::Location first{Kind::first}, last{Kind::last}, every{Kind::every};

report::CheckedSpec checked(const std::vector<check::Check>& checks) {
  check::Evaluation evaluation = check::evaluate(checks, made(), 64);
  return {"models/a.json", "a", evaluation.outcomes, evaluation.faults};
}

std::string github(const std::vector<report::CheckedSpec>& specs) {
  std::ostringstream out;
  report::write_github(out, specs);
  return out.str();
}

TEST_CASE("a check is worded as its place, ratio and bounds are") {
  using report::bound, report::subject;
  CHECK(subject({"forward.variance", every, {}, {}, {}}) == "forward.variance every");
  CHECK(subject({"forward.variance", {Kind::layer, 0}, {}, {}, {}}) == "forward.variance input");
  CHECK(subject({"forward.variance", {Kind::layer, 3}, first, {}, {}}) == "forward.variance layer 3/first");
  CHECK(bound({"", {}, {}, 0.1, 10.0}) == "from 0.1 to 10");
  CHECK(bound({"", {}, {}, 0.1, {}}) == "at least 0.1");
  CHECK(bound({"", {}, {}, {}, 1e4}) == "at most 1e+04");
}

TEST_CASE("a sentence tells value, place and bound, and how many places fail") {
  CHECK(report::sentence(outcome_of(asked("forward.variance", last, {}, 1.0))) ==
        "forward.variance last is 4.02 at layer 2/ffn, but must be at most 1");
  CHECK(report::sentence(outcome_of(asked("forward.variance", every, {}, 1.0))) ==
        "forward.variance every is 4.02 at layer 2/ffn, the worst of 4 places, but must be at most 1");
  CHECK(report::sentence(outcome_of(ratio_of("forward.variance", last, first, 5.0))) ==
        "forward.variance last/first is 1.99 at layer 2/ffn over layer 1/ffn, at most 5 as it must be");
}

TEST_CASE("an annotation names file and line, and escapes what GitHub would read as its own") {
  report::CheckedSpec spec = checked({asked("forward.variance", last, {}, 1.0)});
  CHECK(
      github({spec}) ==
      "::error file=models/a.json,line=7,title=sigprop check%3A forward.variance::a: forward.variance last is 4.02 at "
      "layer 2/ffn, but must be at most 1\n");
  spec.file = "a,b:c%d.json";
  spec.name = "100%\r\nx, y: z";
  CHECK(github({spec}) ==
        "::error file=a%2Cb%3Ac%25d.json,line=7,title=sigprop check%3A forward.variance::100%25\\r%0Ax, y: z: "
        "forward.variance last is 4.02 at layer 2/ffn, but must be at most 1\n");
  spec.file = "-";
  spec.outcomes[0].check.line = 0;
  CHECK(github({spec}).rfind("::error title=sigprop check%3A forward.variance::", 0) == 0);
}

TEST_CASE("what passes is not annotated") {
  CHECK(github({checked({asked("forward.variance", last, {}, 5.0)})}).empty());
}

TEST_CASE("ten errors are annotated, and of more a notice tells the rest") {
  const auto lines = [](std::size_t failing) {
    const std::string text =
        github({checked(std::vector<check::Check>(failing, asked("forward.variance", last, {}, 1.0)))});
    return std::make_pair(std::count(text.begin(), text.end(), '\n'), text.substr(text.rfind("::", text.size() - 3)));
  };
  CHECK(lines(10).first == 10);
  CHECK(lines(10).second.find("not shown") == std::string::npos);
  CHECK(lines(13).first == 11);
  CHECK(lines(13).second ==
        "::3 of 13 errors are not shown here, for GitHub shows 10 of a step: the step's log has all\n");
}

TEST_CASE("the worst check stands first, and passes stand by how tight they are") {
  std::ostringstream out;
  report::write_checks_csv(
      out, {checked({asked("forward.variance", last, {}, 400.0), asked("forward.mean", last, {}, 5.0),
                     asked("backward.variance", last, {}, 2.0), asked("backward.norm", last, {}, 0.1)})});
  std::istringstream rows(out.str());
  std::vector<std::string> order;
  for (std::string row; std::getline(rows, row);) {
    const std::size_t end = row.find(" last");
    if (end != std::string::npos) order.push_back(row.substr(row.rfind(',', end) + 1, end - row.rfind(',', end) - 1));
  }
  CHECK(order == std::vector<std::string>{"backward.norm", "backward.variance", "forward.mean", "forward.variance"});
}

}  // namespace
