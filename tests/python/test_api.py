# SPDX-License-Identifier: Apache-2.0
"""The package `sigprop` as it is installed: python -m unittest tests/python/test_api.py"""

from __future__ import annotations

import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest

import numpy as np
import sigprop
from sigprop import program

SPECS = pathlib.Path(__file__).resolve().parents[2] / "specs"
SMALL = {"name": "small", "sequence_length": 32, "input": {"variance": 1, "token_correlation": 0.2},
         "stack": {"layers": 3, "width": 128, "attention": {"heads": 2}, "ffn": {"width": 512, "activation": "gelu"},
                   "norm": {"kind": "layer_norm", "placement": "pre"}}, "init": {"scheme": "xavier"}}


def of_program(*words: str) -> str:
    return subprocess.run([str(program.path()), *words], capture_output=True, text=True, check=True).stdout


class Predictions(unittest.TestCase):
    def test_a_prediction_is_the_programs(self) -> None:
        for name in ("bert-base", "gpt2", "mixtral-8x7b", "t5-small"):
            file = SPECS / f"{name}.json"
            there = json.loads(of_program("predict", str(file), "--format", "json"))
            here = sigprop.predict(file).to_dict()
            self.assertEqual(here["points"], there["points"], name)
            self.assertEqual(here["layers"], there["layers"], name)
            self.assertEqual(here["summary"], there["summary"], name)

    def test_a_path_a_text_a_dict_and_a_model_are_the_same_spec(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "small.json"
            file.write_text(json.dumps(SMALL), encoding="utf-8")
            profiles = [sigprop.predict(one) for one in (str(file), file, json.dumps(SMALL), SMALL, sigprop.read(SMALL))]
        for profile in profiles:
            np.testing.assert_array_equal(profile.forward.variance, profiles[0].forward.variance)

    def test_columns_have_a_number_a_point_or_a_layer(self) -> None:
        profile = sigprop.predict(SMALL)
        self.assertEqual(profile.paths[:3], ["input", "layer 1/attention", "layer 1/ffn"])
        self.assertEqual(profile.forward.variance.shape, (7,))
        self.assertEqual(profile.forward.variance.dtype, np.float64)
        self.assertEqual(profile.layers.attention.entropy.shape, (3,))
        self.assertEqual(profile.weights["query"].gradient_norm.shape, (3,))
        self.assertEqual(profile.forward.variance[2], profile.to_dict()["points"][2]["forward"]["variance"])
        self.assertIn("token_correlation", dir(profile.backward))
        self.assertTrue(np.isnan(profile.forward.variance.spread).all())
        with self.assertRaisesRegex(AttributeError, "no forward.varianc; it has .*variance"):
            _ = profile.forward.varianc
        with self.assertRaisesRegex(KeyError, "no weight 'qeury'; it has query"):
            _ = profile.weights["qeury"]

    def test_spread_stands_beside_what_it_is_of(self) -> None:
        profile = sigprop.predict(SMALL, spread=True)
        entry = profile.to_dict()["points"][3]["forward"]
        self.assertEqual(profile.forward.variance.spread[3], entry["spread"]["variance"])
        self.assertGreater(profile.weights["value"].gradient_norm.spread[0], 0)

    def test_edited_copies_leave_the_spec_as_it_was(self) -> None:
        model = sigprop.read(SMALL)
        other = sigprop.edited(model, {"stack.residual.branch": np.float64(0.5), "stack.layers": 2})
        self.assertEqual(len(sigprop.predict(other)), 5)
        self.assertEqual(len(sigprop.predict(model)), 7)
        self.assertNotIn("residual", json.loads(model.text)["stack"])

    def test_threads_have_the_same_numbers(self) -> None:
        model, found = sigprop.read(SMALL), []
        threads = [threading.Thread(target=lambda: found.append(sigprop.predict(model).to_dict()["points"])) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(found, [found[0]] * 4)

    def test_a_number_beyond_a_double_is_infinite_never_wrong(self) -> None:
        deep = sigprop.edited(SMALL, {"stack.layers": 2000, "stack.norm.kind": "none", "stack.residual.branch": 3})
        profile = sigprop.predict(deep)
        self.assertTrue(math.isnan(profile.forward.variance[-1]))
        self.assertGreater(profile.to_dict()["points"][-1]["forward"]["variance"]["log10"], 308)


class Errors(unittest.TestCase):
    def test_a_wrong_spec_is_told_as_the_program_tells_it(self) -> None:
        wrong = json.loads(json.dumps(SMALL))
        wrong["stack"]["layers"] = -3
        wrong["stack"]["wdith"] = 3
        with self.assertRaises(sigprop.SpecError) as caught:
            sigprop.predict(wrong)
        self.assertIn("spec: /stack/layers is -3, but must be an integer from 1 to", str(caught.exception))
        self.assertIn('/stack/wdith is not a known key; did you mean "width"?', str(caught.exception))
        with self.assertRaisesRegex(sigprop.SpecError, "/stack/layers is -3"):
            sigprop.check(wrong, "stable")

    def test_each_error_is_of_its_own_kind(self) -> None:
        self.assertTrue(issubclass(sigprop.NotCoveredError, sigprop.Error))
        with self.assertRaisesRegex(sigprop.NotCoveredError, "the theory 'paper'"):
            sigprop.predict(SPECS / "gpt2.json", theory="paper")
        with self.assertRaisesRegex(sigprop.NotCoveredError, "experts"):
            sigprop.predict(SPECS / "mixtral-8x7b.json", spread=True)
        with self.assertRaisesRegex(sigprop.SpecError, "theory is 'papre', but must be one of full, paper"):
            sigprop.predict(SMALL, theory="papre")
        with self.assertRaisesRegex(sigprop.SpecError, "the theory 'paper' has no spread between networks: use theory='full'"):
            sigprop.predict(SMALL, theory="paper", spread=True)
        with self.assertRaisesRegex(sigprop.SpecError, "given_ends tells what does not vary"):
            sigprop.predict(SMALL, given_ends=True)
        with self.assertRaisesRegex(sigprop.SpecError, "sequences is -1, but must be from 0 to 1000"):
            sigprop.predict(SMALL, sequences=-1)
        with self.assertRaisesRegex(sigprop.SpecError, "gram is 1, but must be from 2 to 512"):
            sigprop.predict(SMALL, gram=1)
        with self.assertRaisesRegex(sigprop.SpecError, "no-such-file.json: cannot be read: No such file"):
            sigprop.predict("no-such-file.json")
        dead = sigprop.edited(SMALL, {"input": {"variance": 1e-200}, "stack.norm": {"kind": "layer_norm", "placement": "post"},
                                      "stack.residual": {"skip": 0, "branch": 0}})
        with self.assertRaisesRegex(sigprop.MomentsError, "no moments by theory"):
            sigprop.predict(dead)


class Commands(unittest.TestCase):
    def test_a_simulation_is_a_profile_with_errors(self) -> None:
        measured = sigprop.simulate(SMALL, replicates=4, seed=3)
        predicted = sigprop.predict(SMALL)
        self.assertEqual(measured.paths, predicted.paths)
        self.assertTrue((measured.forward.variance.standard_error > 0).all())
        np.testing.assert_allclose(measured.forward.variance, predicted.forward.variance, rtol=0.2)
        self.assertEqual(measured.settings["seed"], 3)

    def test_verify_check_compare_and_sweep_return_their_results(self) -> None:
        self.assertIn(sigprop.verify(SMALL, replicates=4)["summary"]["verdict"], ("agrees", "cannot_tell"))
        self.assertTrue(all("passed" in one for one in sigprop.check(SMALL, "stable")["checks"]))
        compared = sigprop.compare(SMALL, ["xavier", "deepscalelm"])
        self.assertIn("deepscalelm", json.dumps(compared))
        points = sigprop.sweep(SMALL, {"stack.layers": [1, 2], "stack.residual.branch": "0.5:1:2"})
        self.assertEqual(len(points), 4)

    def test_init_import_and_expand_return_specs(self) -> None:
        made = sigprop.init(SMALL, "deepnorm")
        self.assertEqual(sigprop.predict(made).paths, sigprop.predict(SMALL).paths)
        config = {"model_type": "gpt2", "n_layer": 2, "n_embd": 64, "n_head": 2, "vocab_size": 100}
        self.assertEqual(sigprop.import_config(config, 16)["stack"]["layers"], 2)
        self.assertIn("components", sigprop.expand(SMALL))
        self.assertIn("deepscalelm", [one["name"] for one in sigprop.schemes()])
        self.assertIn("linear", [one["name"] for one in sigprop.formulas()])

    def test_weights_of_a_file_are_inspected(self) -> None:
        rng = np.random.default_rng(0)
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "model.npz")
            np.savez(file, **{"h.0.attn.c_proj.weight": rng.normal(size=(64, 64)).astype(np.float32)})
            found = sigprop.inspect(file)
            self.assertEqual([one["role"] for one in found["tensors"]], ["output"])

    def test_a_profile_is_saved_and_loaded(self) -> None:
        profile = sigprop.predict(SMALL)
        with tempfile.TemporaryDirectory() as folder:
            profile.save(os.path.join(folder, "profile.json"))
            self.assertEqual(os.listdir(folder), ["profile.json"])
            self.assertEqual(sigprop.Profile.load(os.path.join(folder, "profile.json")).to_dict(), profile.to_dict())
        self.assertIn("<table>", profile._repr_html_())
        self.assertIn("3 layers", repr(profile))

    def test_a_profile_is_drawn_beside_another(self) -> None:
        figure = sigprop.predict(SMALL).plot(sigprop.simulate(SMALL, replicates=2), quantity=["forward.variance", "backward.variance"])
        self.assertEqual([axes.get_title(loc="left") for axes in figure.axes], ["variance", "gradient variance"])

    def test_the_module_is_the_program(self) -> None:
        done = subprocess.run([sys.executable, "-m", "sigprop", "--version"], capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.strip(), f"sigprop {sigprop.__version__}")
        self.assertEqual(subprocess.run([sys.executable, "-m", "sigprop", "predict", "none.json"], capture_output=True, check=False).returncode, 2)


if __name__ == "__main__":
    unittest.main()
