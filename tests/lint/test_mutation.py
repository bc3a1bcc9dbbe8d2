# SPDX-License-Identifier: Apache-2.0
"""tools/mutation on small inputs: a mutant changes code only, keeps its name when its line moves, and is counted once."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "mutation"))

import results
import runner
import sites


def changes(text: str) -> set[tuple[str, str]]:
    return {mutant.shown() for mutant in sites.mutants("src/a.cpp", text)}


class Sites(unittest.TestCase):
    def test_every_kind_of_change_is_found(self) -> None:
        self.assertEqual(changes("{\n  if (a < b) x = std::min(-y, c);\n}\n"), {
            ("<", "<="), ("<", ">"), ("(a < b)", "(!(a < b))"), ("min", "max"), ("-", "(nothing)"), ("if (a < b) x = std::min(-y, c);", "(deleted)")})
        self.assertEqual(changes("  bool v = !w && u == 2.5 + 0;\n"), {
            ("!", "(nothing)"), ("&&", "||"), ("==", "!="), ("2.5", "(2 * 2.5)"), ("2.5", "0.0"), ("+", "-"), ("0", "1")})
        self.assertEqual(changes("const long n = 1'000;\n"), {("1'000", "1001"), ("1'000", "999")})

    def test_statements_are_left_out_and_declarations_are_not(self) -> None:
        self.assertEqual(changes("{\n  double x = y;\n  x += y;\n  f(x);\n  break;\n  return x;\n}\n"), {
            ("x += y;", "(deleted)"), ("+=", "-="), ("f(x);", "(deleted)"), ("break;", "(deleted)")})

    def test_a_branch_with_an_alternative_is_not_left_out(self) -> None:
        self.assertEqual(changes("if (a)\n  f();\nelse\n  g();\n"), {("(a)", "(!(a))")})

    def test_comments_strings_directives_assertions_and_template_brackets_stay(self) -> None:
        for text in ("// a < 1\n", "/* a\n < 1 */\n", '#include "a + 1"\n', "#define A (1 + \\\n 2)\n", "static_assert(sizeof(T) == 8);\n",
                     'auto s = "a < 1" + t;\n', 'auto s = R"(a < 1)";\n', "char c = '1';\n", "template <class T, std::size_t N = 2>\n",
                     "using A = std::array<std::array<T, 2>, 3>;\n"):
            self.assertEqual(changes(text), set(), text)

    def test_a_mutant_changes_its_place_and_nothing_else(self) -> None:
        text = 'f("a < b");  // a < b\nreturn a < b;\n'
        mutants = [mutant for mutant in sites.mutants("src/a.cpp", text) if mutant.kind == "relation"]
        self.assertEqual([mutant.of(text) for mutant in mutants],
                         ['f("a < b");  // a < b\nreturn a <= b;\n', 'f("a < b");  // a < b\nreturn a > b;\n'])
        self.assertEqual([(mutant.line, mutant.column) for mutant in mutants], [(2, 10), (2, 10)])

    def test_the_names_of_mutants_differ_and_stay_when_lines_move(self) -> None:
        text = "  a = b + c;\n  a = b + c;\n"
        names = [mutant.name for mutant in sites.mutants("src/a.cpp", text)]
        self.assertEqual(len(set(names)), len(names))
        self.assertEqual([mutant.name for mutant in sites.mutants("src/a.cpp", "\n\n" + text)], names)

    def test_a_seed_draws_the_same_order_and_another_seed_another(self) -> None:
        found = sites.mutants("src/a.cpp", "".join(f"  a = b + c{i};\n" for i in range(9)))
        self.assertEqual(sites.drawn(found, 1), sites.drawn(found[::-1], 1))
        self.assertNotEqual(sites.drawn(found, 1), sites.drawn(found, 2))


class Table(unittest.TestCase):
    def record(self, result: str) -> results.Record:
        mutant = sites.mutants("src/check/a.cpp", "  a = b + c;\n")[0]
        return results.Record.of(mutant, runner.Outcome(result, "check_tests"), 1)

    def test_what_does_not_compile_does_not_count_and_a_time_out_is_a_kill(self) -> None:
        records = [self.record(result) for result in ("killed", "timeout", "survived", "survived", "invalid")]
        self.assertEqual(results.percent_killed(records), 50)
        self.assertIn("src/check/a.cpp:1: ", results.table(records))

    def test_the_last_outcome_of_a_mutant_holds(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "results.jsonl"
            for result in ("survived", "killed"):
                results.Results(path).add(self.record(result))
            self.assertEqual([record.result for record in results.Results(path).records.values()], ["killed"])


class Rooms(unittest.TestCase):
    def test_every_room_has_sources_and_its_programs_exist(self) -> None:
        root = pathlib.Path(__file__).resolve().parents[2]
        for room, programs in runner.PROGRAMS.items():
            self.assertTrue(runner.sources_of(root, room), room)
            for program in programs:
                listing = (root / "tests" / program.removesuffix("_tests") / "CMakeLists.txt").read_text(encoding="utf-8")
                self.assertIn(f"sigprop_test({program} unit", listing)

    def test_a_source_is_judged_by_the_tests_of_its_name_first_and_by_those_that_read_it(self) -> None:
        root = pathlib.Path(__file__).resolve().parents[2]
        judges = runner.Runner(root, root / "build", 1, deep=False)
        relu = judges.light_programs("formula", "include/sigprop/formula/relu.hpp")
        self.assertEqual(relu[0], "formula_relu_test")
        self.assertNotIn("formula_rotary_test", relu)
        self.assertIn("formula_gelu_test", relu)
        weights = judges.light_programs("profile", "src/profile/depth_law.cpp")
        self.assertEqual(weights[0], "profile_depth_law_test")
        self.assertIn("check_evaluate_test", weights)
        self.assertNotIn("check_presets_test", weights)


if __name__ == "__main__":
    unittest.main()
