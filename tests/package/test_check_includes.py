# SPDX-License-Identifier: Apache-2.0
"""tools/check_includes.py on small trees: what breaks a rule is rejected with the whole message, what keeps to it passes."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "check_includes.py"


def check(files):
    """Exit status and lines printed for a tree of {path: text}."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            file = pathlib.Path(root, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        done = subprocess.run([sys.executable, SCRIPT, root], capture_output=True, text=True, check=False)
        return done.returncode, (done.stdout + done.stderr).splitlines()


class CheckIncludes(unittest.TestCase):
    def rejects(self, path, text, message):
        self.assertEqual(check({path: text}), (1, [message]))

    def test_a_tree_that_keeps_the_rules_passes(self):
        tree = {
            "include/sigprop/formula/relu.hpp": '#include <cmath>\n#include "sigprop/scalar/scalar.hpp"\n',
            "src/predict/walk/walk.cpp": '#include <Eigen/Dense>\n#include "predict/walk/walk.hpp"\n',
            "src/report/catalog.cpp": '#include <nlohmann/json.hpp>\n#include "formula_catalog.inc"\n',
            "tests/formula/relu.cpp": '#include "anything.hpp"\n',
        }
        self.assertEqual(check(tree), (0, ["3 files keep to their doors"]))

    def test_a_forbidden_room(self):
        self.rejects(
            "src/simulate/engine.cpp",
            '#include <vector>\n#include "sigprop/formula/relu.hpp"\n',
            "src/simulate/engine.cpp:2: simulate may not include the room formula; it may include: cuda, files, network, profile, scalar",
        )

    def test_a_file_outside_the_folders_of_a_divided_room(self):
        self.rejects(
            "src/predict/walk.cpp",
            '#include "predict/walk/walk.hpp"\n',
            "src/predict/walk.cpp:1: the room predict is divided: the file must lie in one of "
            "tables, walk, tokens, slopes, explain, spread",
        )

    def test_a_forbidden_folder_of_a_divided_room(self):
        self.rejects(
            "src/predict/walk/predict.cpp",
            '#include "predict/explain/notebook.hpp"\n',
            "src/predict/walk/predict.cpp:1: predict/walk may not include predict/explain; it may include: tables",
        )

    def test_a_table_that_knows_a_network(self):
        self.rejects(
            "src/predict/tables/row_table.cpp",
            '#include "sigprop/network/network.hpp"\n',
            "src/predict/tables/row_table.cpp:1: predict/tables may not include sigprop/network/network.hpp; of other rooms it may "
            "include: sigprop/formula/, sigprop/scalar/, sigprop/network/activation_kind.hpp, sigprop/network/router.hpp",
        )

    def test_a_forbidden_room_by_its_private_path(self):
        self.rejects(
            "src/spec/read.cpp",
            '#include "predict/walk.hpp"\n',
            "src/spec/read.cpp:1: spec may not include the room predict; it may include: check, files, network, scheme",
        )

    def test_a_forbidden_library(self):
        self.rejects(
            "src/network/network.cpp",
            "#  include <nlohmann/json.hpp>\n",
            "src/network/network.cpp:1: network may not include nlohmann/json; it may include: Boost.Math, Eigen",
        )

    def test_input_and_output_in_a_formula(self):
        self.rejects(
            "include/sigprop/formula/relu.hpp",
            "#include <iostream>\n",
            "include/sigprop/formula/relu.hpp:1: formula may not include <iostream>: it neither reads nor writes",
        )

    def test_an_installed_header_that_needs_an_optional_library(self):
        self.rejects(
            "include/sigprop/spec/read.hpp",
            "#include <nlohmann/json.hpp>\n",
            "include/sigprop/spec/read.hpp:1: an installed header may not include nlohmann/json: "
            "users of the library need not have it",
        )

    def test_an_installed_header_that_needs_a_private_one(self):
        self.rejects(
            "include/sigprop/predict/predict.hpp",
            '#include "predict/walk.hpp"\n',
            "include/sigprop/predict/predict.hpp:1: an installed header may not include predict/walk.hpp, "
            "which is not installed",
        )

    def test_an_unknown_library(self):
        self.rejects(
            "src/cli/main.cpp",
            "#include <fmt/format.h>\n",
            "src/cli/main.cpp:1: fmt/format.h belongs to no room and to no library that tools/check_includes.py knows; "
            "write a room's path in full",
        )

    def test_formulas_and_random_numbers_in_one_file(self):
        place = ("formulas and random numbers may meet only in src/cli/common/experiment_predictions.cpp, "
                 "src/cli/common/experiment_predictions.hpp, src/cli/common/verification.cpp")
        for theory in ("predict/predict", "formula/relu"):
            for chance in ("simulate/simulate", "experiment/experiment"):
                text = f'#include "sigprop/{theory}.hpp"\n#include "sigprop/{chance}.hpp"\n'
                with self.subTest(theory=theory, chance=chance):
                    self.rejects("src/cli/compare.cpp", text, "src/cli/compare.cpp:2: " + place)
                    self.assertEqual(check({"src/cli/common/verification.cpp": text})[0], 0)

    def test_a_file_in_no_room(self):
        self.rejects(
            "include/sigprop/helpers/strings.hpp",
            "",
            "include/sigprop/helpers/strings.hpp:1: the file lies in no room that tools/check_includes.py knows",
        )

    def test_a_folder_without_sources_is_an_error(self):
        status, lines = check({"README.md": ""})
        self.assertEqual(status, 1)
        self.assertRegex(lines[0], r"^check_includes.py: .* holds no sources$")


if __name__ == "__main__":
    unittest.main()
