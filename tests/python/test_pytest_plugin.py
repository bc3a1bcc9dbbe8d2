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


# The weights of GPT-2 as its class draws them, but for attention's projections, which are `scale`
# times as wide.
GPT2 = """
import numpy as np

CONFIG = {"model_type": "gpt2", "n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 100, "n_positions": 32}

def saved(folder, scale):
    rng, width = np.random.default_rng(0), 64
    shapes = {"attn.c_attn": (width, 3 * width), "attn.c_proj": (width, width), "mlp.c_fc": (width, 4 * width), "mlp.c_proj": (4 * width, width)}
    tensors = {"wte.weight": 0.02 * rng.normal(size=(100, width)), "wpe.weight": 0.02 * rng.normal(size=(32, width))}
    for layer in range(2):
        for name, shape in shapes.items():
            std = 0.01 * (scale if name == "attn.c_proj" else 1) if name.endswith("c_proj") else 0.02
            tensors[f"h.{layer}.{name}.weight"] = std * rng.normal(size=shape)
            tensors[f"h.{layer}.{name}.bias"] = np.zeros(shape[1])
    for norm in ("h.0.ln_1", "h.0.ln_2", "h.1.ln_1", "h.1.ln_2", "ln_f"):
        tensors |= {f"{norm}.weight": np.ones(width), f"{norm}.bias": np.zeros(width)}
    np.savez(folder / "model.npz", **{name: values.astype(np.float32) for name, values in tensors.items()})
    return folder / "model.npz"
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
        test = f"{GPT2}\ndef test_weights(assert_initialized, tmp_path):\n    assert_initialized(saved(tmp_path, SCALE), config=CONFIG)\n"
        status, out = of_pytest(test.replace("SCALE", "1"))
        self.assertEqual(status, 0, out)
        status, out = of_pytest(test.replace("SCALE", "2"))
        self.assertEqual(status, 1, out)
        self.assertRegex(out, r"AssertionError: 2 weights are not as they must be drawn:\nE\s+layer 1 output \(.*\): std is 0\.02")

    def test_the_plugin_is_registered_and_can_be_turned_off(self) -> None:
        self.assertIn("assert_profile", of_pytest("", "--fixtures")[1])
        self.assertNotIn("assert_profile", of_pytest("", "--fixtures", "-p", "no:sigprop")[1])


if __name__ == "__main__":
    unittest.main()
