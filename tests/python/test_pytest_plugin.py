# SPDX-License-Identifier: Apache-2.0
"""The pytest plugin of the installed package: python tests/python/test_pytest_plugin.py"""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile
import unittest

DEEP = """
SPEC = {"name": "deep", "sequence_length": 32, "input": {"variance": 1, "token_correlation": 0.2},
        "components": [{"repeat": {"times": 40, "of": [{"linear": {"in": 64, "out": 64, "weight_std": 0.25}}]}}]}
"""


def of_pytest(test: str, *words: str) -> tuple[int, str]:
    """Exit status and output of a pytest that runs one file, with the plugins that are installed."""
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "test_it.py").write_text(DEEP + test, encoding="utf-8")
        done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words], cwd=folder, capture_output=True, text=True,
                              check=False)
    return done.returncode, done.stdout + done.stderr


class Plugin(unittest.TestCase):
    def test_a_profile_off_fails_with_the_table_and_no_inner_frames(self) -> None:
        status, out = of_pytest("def test_deep(assert_profile):\n    assert_profile(SPEC)\n")
        self.assertEqual(status, 1, out)
        self.assertRegex(out, r"AssertionError: \d+ checks fail:\nE\s+\S.* is .* at .*, but must be from")
        self.assertNotIn("def assert_profile(spec", out)  # the frame of the assertion itself is no news
        self.assertIn("assert_profile(SPEC)", out)

    def test_a_profile_that_keeps_its_checks_passes(self) -> None:
        status, out = of_pytest("SPEC['components'][0]['repeat']['of'][0]['linear']['weight_std'] = 0.125\n"
                                "def test_deep(assert_profile):\n    assert_profile(SPEC)\n")
        self.assertEqual(status, 0, out)

    def test_weights_off_fail_with_every_finding(self) -> None:
        status, out = of_pytest("""
import sigprop

def test_weights(assert_initialized, monkeypatch):
    monkeypatch.setattr(sigprop, "inspect", lambda *_, **__: {"findings": [{"text": "layer 1 query is zero"}, {"text": "layer 2 key has NaN"}]})
    assert_initialized("model.npz")
""")
        self.assertEqual(status, 1, out)
        self.assertRegex(out, r"AssertionError: 2 weights are not as they must be drawn:\nE\s+layer 1 query is zero\nE\s+layer 2 key has NaN")

    def test_the_plugin_is_registered_and_can_be_turned_off(self) -> None:
        self.assertIn("assert_profile", of_pytest("", "--fixtures")[1])
        self.assertNotIn("assert_profile", of_pytest("", "--fixtures", "-p", "no:sigprop")[1])


if __name__ == "__main__":
    unittest.main()
