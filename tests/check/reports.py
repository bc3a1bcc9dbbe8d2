#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The reports of `sigprop check` as the programs read them for which they are made. Usage: reports.py SIGPROP."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import urllib.parse
import xml.etree.ElementTree

SIGPROP = pathlib.Path(sys.argv.pop(1)).resolve()
MODEL = {"sequence_length": 32, "stack": {"layers": 2, "width": 128, "attention": {"heads": 2}, "ffn": {"width": 512, "activation": "gelu"},
                                          "norm": {"kind": "layer_norm"}}, "init": {"scheme": "xavier"}}
PASS = {"quantity": "forward.variance", "at": "last", "max": 1000}
FAIL = {"quantity": "forward.variance", "at": "last", "max": 0.001}
NO_SUCH = {"quantity": "weights.ffn_gate.gradient_norm", "max": 1}


class Reports(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, checks, model_name="m"):
        text = json.dumps(MODEL | {"name": model_name, "checks": checks}, indent=1)
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def check(self, *arguments):
        return subprocess.run([SIGPROP, "check", *arguments], capture_output=True, text=True, cwd=self.folder, check=False)

    def junit(self, *specs):
        status = self.check(*specs, "--junit", "junit.xml").returncode
        return status, xml.etree.ElementTree.parse(self.folder / "junit.xml").getroot()

    def sarif(self, *specs):
        status = self.check(*specs, "--sarif", "out.sarif").returncode
        return status, json.loads((self.folder / "out.sarif").read_text(encoding="utf-8"))

    def test_junit_has_a_suite_a_spec_and_a_case_a_check(self):
        status, root = self.junit(self.write("a.json", [PASS, FAIL]), self.write("b.json", [NO_SUCH, PASS]), "none.json")
        self.assertEqual(status, 2)
        self.assertEqual((root.tag, root.attrib), ("testsuites", {"name": "sigprop check", "tests": "5", "failures": "1", "errors": "2"}))
        self.assertEqual([suite.attrib for suite in root], [
            {"name": "m", "tests": "2", "failures": "1", "errors": "0"}, {"name": "m", "tests": "2", "failures": "0", "errors": "1"},
            {"name": "none.json", "tests": "1", "failures": "0", "errors": "1"}])
        passed, failed = root[0]
        self.assertEqual((passed.tag, len(passed)), ("testcase", 0))
        self.assertEqual((failed.get("classname"), failed.get("name")), ("a.json", "/checks/1 forward.variance last"))
        self.assertRegex(failed[0].get("message"), r"^forward\.variance last is [\d.]+ at layer 2/ffn, but must be at most 0\.001$")
        self.assertEqual([case[0].tag for case in (failed, root[1][0], root[2][0])], ["failure", "error", "error"])
        for suite in root:
            self.assertEqual(len(suite), int(suite.get("tests")))

    def test_every_line_is_where_the_check_begins(self):
        _, root = self.junit(self.write("a.json", [PASS, FAIL]))
        lines = (self.folder / "a.json").read_text(encoding="utf-8").splitlines()
        for case in root.iter("testcase"):
            number = int(case.get("line"))
            self.assertEqual(lines[number - 1].strip(), "{")
            self.assertIn('"quantity"', lines[number])

    def test_junit_survives_any_name(self):
        for name in ['<&>"\'', "a\tb\nc\rd", "\x00\x01\x1f", "\ufffe\uffff", "größe 😀", "]]>"]:
            with self.subTest(name=name):
                _, root = self.junit(self.write("a.json", [PASS], name))
                kept = "".join("\ufffd" if (c < " " and c not in "\t\n\r") or c in "\ufffe\uffff" else c for c in name)
                self.assertEqual(root[0].get("name"), kept)

    def test_sarif_has_a_result_for_each_failure_and_fault(self):
        status, log = self.sarif(self.write("a b.json", [PASS, FAIL]), self.write("b.json", [NO_SUCH, PASS]))
        self.assertEqual(status, 2)
        self.assertEqual(log["version"], "2.1.0")
        run, = log["runs"]
        driver = run["tool"]["driver"]
        self.assertEqual(driver["name"], "sigprop")
        rules = [rule["id"] for rule in driver["rules"]]
        self.assertEqual(rules, ["spec", "forward.variance"])
        self.assertEqual([result["ruleId"] for result in run["results"]], rules)
        for result, file in zip(run["results"], ("b.json", "a b.json")):
            self.assertEqual(result["level"], "error")
            self.assertTrue(result["message"]["text"])
            place, = result["locations"]
            physical = place["physicalLocation"]
            self.assertEqual(urllib.parse.unquote(physical["artifactLocation"]["uri"]), file)
            self.assertNotIn(" ", physical["artifactLocation"]["uri"])
            self.assertGreater(physical["region"]["startLine"], 1)

    def test_sarif_of_what_passes_has_no_result(self):
        status, log = self.sarif(self.write("a.json", [PASS]))
        self.assertEqual((status, log["runs"][0]["results"]), (0, []))

    def test_a_report_is_written_whole_or_not_at_all(self):
        self.write("a.json", [PASS])
        failed = self.check("a.json", "--junit", "no/such/junit.xml")
        self.assertEqual((failed.returncode, failed.stdout, failed.stderr), (
            2, "", "sigprop: --junit no/such/junit.xml: cannot be written: No such file or directory; "
            "name a file in a folder that exists and is yours\n"))
        failed = self.check("a.json", "--sarif", "x", "--junit", "x")
        self.assertEqual((failed.returncode, failed.stderr), (
            2, "sigprop: --sarif x: is a spec, or written by another option already; name another file\n"))
        self.check("a.json", "--junit", "x.xml", "--output", "no/such/folder")
        self.assertEqual([path.name for path in self.folder.iterdir()], ["a.json"])

    def test_annotations_leave_standard_output_to_the_result(self):
        self.write("a.json", [FAIL])
        done = self.check("a.json", "--github", "--format", "json")
        result = json.loads(done.stdout)
        self.assertEqual((done.returncode, result["summary"]), (1, {"checks": 1, "failed": 1, "faults": 0}))
        self.assertRegex(done.stderr, r"^::error file=a\.json,line=\d+,title=sigprop check%3A forward\.variance::m: ")

    def test_what_is_wrong_with_one_spec_does_not_keep_the_others_from_their_checks(self):
        self.write("good.json", [PASS])
        self.write("bad.json", [{"quantity": "forward.varience", "max": 1}])
        self.write("none.json", [])
        done = self.check("bad.json", "none.json", "good.json", "--format", "json")
        result = json.loads(done.stdout)
        self.assertEqual(done.returncode, 2)
        self.assertEqual([check["spec"] for check in result["checks"]], ["good.json"])
        self.assertEqual([fault["spec"] for fault in result["faults"]], ["bad.json", "none.json"])
        self.assertEqual(len(done.stderr.splitlines()), 2)


if __name__ == "__main__":
    unittest.main()
