#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Names that would steer a terminal, a log, a spreadsheet, LaTeX or a browser, through every output: hostile_names.py SIGPROP [--brief]

--brief takes every fourth name, for a program under sanitizers.
"""
import csv
import html.parser
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

SIGPROP = ""

NAMES = [
    "\x00", "a\x00b", "\x01\x02\x03", "\x07\x07", "\b\b\b\bok", "\t", "\n", "a\nb", "a\r\nb", "\r", "\x0b\x0c", "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07", "\x1b[2J\x1b[H", "\x1bP+q\x1b\\", "\x7f", "\u0080\u0085", "\u009b31m", "\u009d0;title\u009c", "\u00ad",
    "\u200e\u200f", "\u202eexe.nosj", "\u2066x\u2069", "\u2028\u2029", "\ufeff", "\ufffe\uffff",
    "::error::injected", "  ::warning file=a::b", "\n::error::second line", "::add-mask::x", "::stop-commands::t", "##[error]x", "a ##[group]b",
    "=1+1", "=HYPERLINK(\"http://x\",\"y\")", "+1", "-1+1", "@SUM(A1)", "a,b;c\"d'e",
    "\\input{/etc/passwd}", "\\write18{id} %$#_^{}~&\\end{document}", "$x^2$", "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>",
    "</script><svg/onload=alert(1)>", "&lt;&amp;", "%s%n%d", "../../x",
]
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def spec_of(name):
    linear = {"in": 16, "out": 16, "weight_std": 0.3, "name": name}
    return {"name": name, "sequence_length": 8, "width": 16, "input": {"variance": 1},
            "components": [{"linear": linear, "point": name}, {"activation": "relu", "point": "after"}],
            "checks": [{"quantity": "forward.variance", "at": "last", "max": 1e-9}]}


def sigprop(*arguments, spec, folder="."):
    return subprocess.run([SIGPROP, *arguments], input=json.dumps(spec), capture_output=True, encoding="utf-8", check=False, timeout=60, cwd=folder)


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, sorted(name for name, _ in attrs)))


class HostileNames(unittest.TestCase):
    maxDiff = None

    def is_plain(self, text, commands=False):
        self.assertIsNone(STEERING.search(text), text)
        if not commands:
            for line in text.splitlines():
                self.assertFalse(line.lstrip().startswith("::") or "##[" in line, line)

    def each(self, *arguments, look, statuses=(0,)):
        """Gives what a command prints for every name to look(name, output)."""
        for name in NAMES:
            with self.subTest(name=name, command=arguments):
                done = sigprop(*arguments, spec=spec_of(name))
                self.assertIn(done.returncode, statuses, done.stderr)
                self.is_plain(done.stderr)
                look(name, done.stdout)

    def test_tables_are_plain(self):
        for arguments in (["predict", "-"], ["predict", "-", "--plot"], ["predict", "-", "--all"], ["explain", "-", "--layer", "0"],
                          ["simulate", "-", "--replicates", "2"], ["check", "-"], ["verify", "-", "--replicates", "2", "--all"]):
            self.each(*arguments, look=lambda _, text: self.is_plain(text), statuses=(0, 1))

    def test_csv_is_plain_and_holds_no_formula(self):
        def look(_, text):
            self.is_plain(text)
            rows = list(csv.reader(io.StringIO(text)))
            self.assertEqual({len(row) for row in rows}, {len(rows[0])})
            for row in rows:
                for field in row:
                    self.assertTrue(len(field) < 2 or field[0] not in "=+-@" or is_number(field), field)

        for arguments in (["predict", "-"], ["explain", "-", "--layer", "0"], ["simulate", "-", "--replicates", "2"], ["check", "-"],
                          ["verify", "-", "--replicates", "2"]):
            self.each(*arguments, "--format", "csv", look=look, statuses=(0, 1))

    def test_json_has_names_as_they_are(self):
        def look(name, text):
            result = json.loads(text)
            self.assertEqual((result["name"], result["points"][1]["path"]), (name, f"layer 1/{name}"))

        self.each("predict", "-", "--format", "json", look=look)

    def test_latex_gets_no_macro_from_a_name(self):
        def look(_, text):
            self.is_plain(text)
            self.assertNotRegex(text, r"\\(input|write18)\b")
            self.assertEqual(text.count("\\end{document}"), 1)
            bare = re.sub(r"\\\\|\\[{}]", "", text)
            self.assertEqual(bare.count("{"), bare.count("}"))

        self.each("explain", "-", "--layer", "0", "--latex", look=look)

    def test_a_page_has_no_other_tags(self):
        tags = []

        def look(_, text):
            page = Tags()
            page.feed(text)
            tags.append(page.seen)
            self.is_plain(re.sub("<script.*?</script>", "", text, flags=re.DOTALL))

        self.each("report", "-", "-o", "-", look=look)
        self.assertEqual(tags, tags[:1] * len(tags))

    def test_reports_of_checks_are_well_formed(self):
        with tempfile.TemporaryDirectory() as folder:
            junit, sarif = os.path.join(folder, "junit"), os.path.join(folder, "sarif")
            for name in NAMES:
                with self.subTest(name=name):
                    done = sigprop("check", "-", "--junit", junit, "--sarif", sarif, "--github", spec=spec_of(name))
                    self.assertEqual(done.returncode, 1, done.stderr)
                    self.is_plain(done.stdout)
                    self.is_plain(done.stderr, commands=True)
                    commands = [line for line in done.stderr.splitlines() if line.lstrip().startswith("::")]
                    self.assertEqual(len(commands), 1, done.stderr)
                    self.assertTrue(commands[0].startswith("::error line="), commands[0])
                    xml.etree.ElementTree.parse(junit)
                    with open(sarif, encoding="utf-8") as file:
                        json.load(file)

    def test_paths_in_messages_are_plain(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in NAMES:
                if "\x00" in name or "/" in name:
                    continue
                with self.subTest(name=name):
                    for file, text in ((name, "{"), (name + "x", '{"sequence_length": 0}')):
                        with open(os.path.join(folder, file), "w", encoding="utf-8") as spec:
                            spec.write(text)
                        for command in (["predict"], ["check"], ["import"], ["sweep", "--set", "stack.layers=1"]):
                            done = sigprop(*command, "--", file, spec={}, folder=folder)
                            self.assertEqual(done.returncode, 2, (done.stdout, done.stderr))
                            self.is_plain(done.stdout + done.stderr)
                            self.assertTrue(all(line.startswith("sigprop: ") for line in done.stderr.splitlines()), done.stderr)

    def test_values_in_messages_are_plain(self):
        for name in NAMES:
            with self.subTest(name=name):
                for spec in ({name: 1}, {**spec_of("x"), "sequence_length": name}, {**spec_of("x"), "components": [{name: {}}]},
                             {"sequence_length": 8, "stack": {"layers": 1, "ffn": {"activation": name}}}):
                    done = sigprop("predict", "-", spec=spec)
                    self.assertEqual((done.returncode, done.stdout), (2, ""))
                    self.is_plain(done.stderr)
                done = sigprop("predict", "-", "--sensitivity", name.replace("\x00", "") or "x", spec=spec_of("x"))
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.is_plain(done.stderr)


def is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    SIGPROP = os.path.abspath(sys.argv.pop(1))
    if "--brief" in sys.argv:
        sys.argv.remove("--brief")
        NAMES = NAMES[::4]
    unittest.main()
