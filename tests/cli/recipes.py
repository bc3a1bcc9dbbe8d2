#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The workflow of docs/ci.md on files with hostile names: recipes.py SIGPROP SOURCE"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap
import unittest

SIGPROP, SOURCE = "", pathlib.Path()

NAMES = ["plain.json", "two words.json", "-x.json", "--help.json", "--output.json", "a\nb.json", "$(touch pwned).json", "`touch pwned`.json",
         "; touch pwned;.json", "*.json", "'quoted\".json", "ünï.json", "~.json", "&& exit 0 #.json"]


def workflow():
    page = (SOURCE / "docs/ci.md").read_text(encoding="utf-8")
    return next(block for block in re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL) if "jobs:" in block)


def spec(bound):
    return {"name": "x", "sequence_length": 8, "width": 16, "input": {"variance": 1},
            "components": [{"linear": {"in": 16, "out": 16, "weight_std": 0.25}}],
            "checks": [{"quantity": "forward.variance", "at": "last", "max": bound}]}


class Workflow(unittest.TestCase):
    def step(self):
        """The commands that check the specs."""
        block = re.search(r"- name: Check the specs\n +run: \|\n((?: {10}.*\n)+)", workflow())
        return textwrap.dedent(block[1])

    def run_on(self, bounds):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "specs/below").mkdir(parents=True)
            (folder / "sigprop/build/release").mkdir(parents=True)
            (folder / "sigprop/build/release/sigprop").symlink_to(SIGPROP)
            (folder / "specs/sigprop.schema.json").write_text("{}", encoding="utf-8")
            for file, bound in bounds.items():
                (folder / "specs" / file).write_text(json.dumps(spec(bound)), encoding="utf-8")
                (folder / "specs/below" / file).write_text(json.dumps(spec(bound)), encoding="utf-8")
            done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", self.step()], cwd=folder, capture_output=True, text=True, check=False,
                                  env={**os.environ, "LC_ALL": "C.UTF-8"})
            left = sorted(path.name for path in folder.iterdir())
            self.assertEqual(left, ["checks.sarif", "checks.xml", "sigprop", "specs"])
            return done

    def test_every_file_is_checked_whatever_its_name(self):
        done = self.run_on(dict.fromkeys(NAMES, 9))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(f"{2 * len(NAMES)} checks passed", done.stdout)

    def test_a_failure_in_any_of_them_fails_the_step(self):
        for name in NAMES:
            with self.subTest(name=name):
                done = self.run_on({**dict.fromkeys(NAMES, 9), name: 0.1})
                self.assertEqual(done.returncode, 1)
                self.assertIn(f"{2 * len(NAMES)} checks: 2 failed", done.stdout)

    def test_actions_are_pinned_and_permissions_are_few(self):
        used = re.findall(r"uses: (\S+)", workflow())
        self.assertGreater(len(used), 2)
        for action in used:
            self.assertRegex(action, r"^[\w./-]+@[0-9a-f]{40}$")
        self.assertIn("\npermissions: {}\n", workflow())
        self.assertEqual(re.findall(r"^ +([a-z-]+): write", workflow(), flags=re.MULTILINE), ["security-events"])
        self.assertEqual(workflow().count("actions/checkout"), workflow().count("persist-credentials: false"))


if __name__ == "__main__":
    SIGPROP, SOURCE = os.path.abspath(sys.argv.pop(1)), pathlib.Path(sys.argv.pop(1))
    unittest.main()
