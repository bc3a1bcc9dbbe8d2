// SPDX-License-Identifier: Apache-2.0
#include "spec/check_lines.hpp"

#include <catch2/catch.hpp>

#include "support/spec.hpp"

namespace {

using namespace sigprop;
using Lines = std::vector<std::size_t>;

TEST_CASE("a check's line is that of its opening brace, in any layout") {
  CHECK(spec::check_lines(R"({"checks":[{"max":1},{"max":2}]})") == Lines{1, 1});
  CHECK(spec::check_lines("{\n\"checks\": [\n{\n\"max\": 1\n},\n\n{\"max\": 2}\n]\n}\n") == Lines{3, 7});
  CHECK(spec::check_lines("\n\n{\"checks\"\n:\n[\n\n{\"max\":1}]}") == Lines{7});
  CHECK(spec::check_lines("{\"checks\": []}").empty());
  CHECK(spec::check_lines("{}").empty());
}

TEST_CASE("lines that end in CR LF are counted once") {
  CHECK(spec::check_lines("{\r\n\"checks\": [\r\n{\"max\": 1},\r\n{\"max\": 2}]\r\n}\r\n") == Lines{3, 4});
}

TEST_CASE("checks are found before and after other keys, and a byte order mark is no line") {
  CHECK(spec::check_lines("{\"a\": {\n\"b\": {}\n},\n\"checks\": [{}],\n\"c\": [{}]\n}") == Lines{4});
  CHECK(spec::check_lines("{\"checks\": [{}],\n\"a\": [{}, {\"b\": {}}]}") == Lines{1});
  CHECK(spec::check_lines("\xEF\xBB\xBF{\n\"checks\": [{}]}") == Lines{2});
}

TEST_CASE("only the top level's checks count, and objects inside a check are no checks") {
  CHECK(spec::check_lines("{\"a\": {\"checks\": [\n{}]},\n\"checks\": [\n{\"b\": {\n}},\n{}]}") == Lines{4, 6});
  CHECK(spec::check_lines("{\"a\": \"\\\"checks\\\": [{}]\",\n\"b\": [\"checks\", {}],\n\"checks\": [{}]}") ==
        Lines{3});
  CHECK(spec::check_lines("[{\"checks\": [{}]}]").empty());
}

TEST_CASE("the reader hands checks on as the spec has them, with their lines") {
  nlohmann::json spec = test::small_stack();
  spec["checks"] = test::parsed(R"([{"quantity": "forward.mean", "at": 2.0, "min": -1, "max": 0.5},
      {"preset": "stable"}, {"quantity": "rank_residual", "ratio": ["every", "last"], "min": 0},
      {"quantity": "rank_residual", "at": "first", "min": 0}])");
  const auto checks = spec::read_text(spec.dump(1), "a.json").conditions;
  REQUIRE(checks.size() == 4);
  using Kind = check::Location::Kind;
  CHECK(checks[0].pointer == "/checks/0");
  CHECK(checks[0].line == 3);
  CHECK(checks[0].condition.at.kind == Kind::layer);
  CHECK(checks[0].condition.at.layer == 2);
  CHECK(checks[0].condition.min == -1.0);
  CHECK(checks[0].condition.max == 0.5);
  CHECK_FALSE(checks[0].condition.over);
  CHECK(checks[1].preset == "stable");
  CHECK(checks[1].line > checks[0].line);
  CHECK(checks[2].condition.at.kind == Kind::every);
  CHECK(checks[2].condition.over->kind == Kind::last);
  CHECK(checks[2].condition.quantity == "rank_residual");
  CHECK(checks[3].condition.at.kind == Kind::first);
  CHECK(spec::read_text(test::text_of(test::small_stack()), "a.json").conditions.empty());
}

TEST_CASE("checks count the layers of an encoder and a decoder through the whole model") {
  nlohmann::json spec = test::encoder_decoder_of(test::small_stack());
  spec["checks"] = test::parsed(R"([{"quantity": "forward.variance", "at": 8, "max": 1}])");
  CHECK(spec::read_text(test::text_of(spec), "a.json").network);
  spec["checks"][0]["at"] = 9;
  CHECK(spec::read_text(test::text_of(spec), "a.json").errors ==
        std::vector<std::string>{
            "a.json: /checks/0/at is 9, but must be at most 8, the number of layers: count from 1, or "
            "ask for \"last\""});
}

}  // namespace
