#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/bench/gpu without a GPU, its programs being stand-ins: python3 tests/bench/gpu_test.py [GEMM_RATE_CUDA]"""
import contextlib
import gzip
import importlib.machinery
import importlib.util
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import types
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tools/bench/gpu"
GEMM_RATE = ""


def loaded():
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("gpu", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("gpu", loader))
    loader.exec_module(module)
    return module


gpu = loaded()

# Networks whose run takes 1 s and another second for every replicate, in batches of 4; on devices all means are 1e-6 larger.
SIGPROP = """#!/usr/bin/env python3
import json, os, sys
words = sys.argv[1:]
value = dict(zip(words, words[1:]))
cuda = value.get("--engine") == "cuda"
if cuda and os.environ.get("NO_DEVICE"):
    sys.exit(print("sigprop: no CUDA device can be used: there is none; --engine cpu needs none", file=sys.stderr) or 3)
number = lambda x: {"mean": x * (1 + 1e-6 * cuda), "standard_error": 0.1, "standard_deviation": 0.2}
replicates = int(value.get("--replicates", 32))
print(f"sigprop: plan: x, {min(4, replicates)} replicates at once, weights kept", file=sys.stderr)
point = {"path": "x", "forward": {"mean": number(0.0), "variance": number(1.0), "second_moment": number(1.0)},
         "backward": {"variance": number(2.0), "norm": number(3.0)}}
layer = {"weights": {"query": {"gradient_norm": number(3.0)}, "key": {"gradient_norm": number(4.0)}}}
settings = {"device": "stand-in", "seconds": 1.0 + replicates}
result = {"settings": settings, "points": [point, point], "layers": [layer, layer]}
if words[0] == "experiment":
    result = {"settings": {"seconds": 100.0}, "components": [{"component": "linear", "error_percentiles": {}}]}
out = open(value["--output"], "w") if "--output" in value else sys.stdout
print(json.dumps(result), file=out)
"""
GEMM = """#!/bin/sh
echo '{"products": [], "flops": 2e12, "seconds": 0.1}'
"""
TORCH = """#!/bin/sh
echo '{"seconds": 5, "mode": "compiled", "statistics":' \\
  '{"layers": [], "points": [{"forward": {"second_moment": 1.1}, "backward": {"second_moment": 2}}]}}'
"""
TESTS = """#!/bin/sh
echo 'All tests passed (12 assertions in 3 test cases)'
"""
SANITIZER = """#!/bin/sh
[ $2 = memcheck ] && echo '========= ERROR SUMMARY: 0 errors' && exit 0
echo '========= RACECHECK SUMMARY: 2 hazards displayed (2 errors, 0 warnings)'
exit 86
"""


class Numbers(unittest.TestCase):
    def test_the_products_of_a_small_stack_are_counted_by_hand(self):
        # d = 2, one layer, one head, L = 3: weights 2·2·4 + 2·8·2 = 48 numbers, each taking part in 3 multiply-adds;
        # scores and their use 2·(3·3·2). Two operations each; once forward, twice backward.
        self.assertEqual(gpu.flops(2, 1, 1, 3), 3 * 2 * (48 * 3 + 36))
        self.assertEqual(gpu.flops(2, 5, 1, 3, 7), 5 * 7 * gpu.flops(2, 1, 1, 3))

    def test_a_difference_is_relative_to_the_mean_or_to_the_spread_of_what_is_zero_but_for_chance(self):
        def result(mean, variance):
            return {"name": "x", "points": [{"mean": {"mean": mean, "standard_error": 1, "standard_deviation": 2},
                                             "variance": {"mean": variance, "standard_error": None, "standard_deviation": None}}]}
        found = gpu.differences(result(0.5, 3.0), result(0.25, 2.0))
        self.assertEqual(found, {"/points/0/mean": 0.125, "/points/0/variance": 0.5})
        self.assertEqual(gpu.largest(found), ("/points/0/variance", 0.5))
        self.assertEqual(set(gpu.differences(result(0, None), result(0, None)).values()), {0.0})
        with self.assertRaisesRegex(gpu.Failed, "^/points/0/variance is None, but 2.0 in what it is compared with$"):
            gpu.differences(result(0, None), result(0, 2.0))
        with self.assertRaisesRegex(gpu.Failed, "^the results have different points$"):
            gpu.differences({"points": []}, result(0, 1))

    def test_models_are_cut_to_what_a_cpu_computes_in_seconds(self):
        for path in sorted((ROOT / "specs").glob("*.json")):
            whole = json.loads(path.read_text(encoding="utf-8"))
            if "stack" not in whole:
                continue
            spec = gpu.cut(whole)
            layers = spec["stack"]["layers"]
            self.assertTrue(layers == 2 or gpu.spec_flops(spec) <= gpu.CHECK_FLOPS, path)
            self.assertGreaterEqual(layers, 2)
            self.assertLessEqual(spec["batch"], 8)
            for std in spec["init"].get("std", {}).values():
                self.assertTrue(not isinstance(std, list) or len(std) == layers)
        self.assertEqual(gpu.cut({"components": []}), {"components": []})

    def test_the_deep_model_is_that_of_the_figures_in_another_size(self):
        spec = gpu.deepscalelm(1000)
        stack = spec["stack"]
        self.assertEqual((stack["layers"], stack["width"], stack["attention"]["heads"], stack["ffn"]["width"]), (1000, 512, 8, 2048))
        self.assertAlmostEqual(stack["residual"]["skip"] ** 2, 0.999)
        self.assertAlmostEqual(stack["residual"]["branch"] ** 2, 0.001)
        self.assertEqual(len(spec["init"]["std"]["value"]), 1000)
        self.assertAlmostEqual(spec["init"]["std"]["query"], 512**-0.5)

    def test_counts_are_read_from_all_summaries_of_catch(self):
        for text, counts in (("All tests passed (12 assertions in 3 test cases)", (3, 0, 0)),
                             ("All tests passed (1 assertion in 1 test case)", (1, 0, 0)),
                             ("skipped: no device\ntest cases: 2 | 2 passed\nassertions: - none -\n", (1, 0, 1)),
                             ("test cases:  5 |  3 passed | 2 failed\nassertions: 9 | 7 passed | 2 failed\n", (3, 2, 0)),
                             ("test cases: 1 | 1 failed\n", (0, 1, 0)),
                             ("Segmentation fault", None)):
            self.assertEqual(gpu.test_counts(text), counts, text)

    def test_unevenness_is_the_largest_over_the_smallest(self):
        self.assertAlmostEqual(gpu.unevenness([1.0, 1.1, 1.05]), 10)


class Timing(unittest.TestCase):
    def bench(self, seconds_of, at_once_of):
        bench = gpu.Bench.__new__(gpu.Bench)
        self.runs = []

        def timed(spec, precision, replicates, *more):
            self.runs.append(replicates)
            return seconds_of(replicates), at_once_of(replicates), {"settings": {"device": "x"}}
        bench.timed = timed
        return bench

    def test_start_up_drops_out_and_batches_are_full(self):
        bench = self.bench(lambda r: 3 + 0.01 * r, lambda r: min(r, 64))
        found, _ = bench.per_replicate("spec", "float32", 16)
        self.assertAlmostEqual(found["seconds"], 0.01)
        self.assertEqual((found["replicates"], found["at_once"]), (64, 64))
        self.assertEqual(self.runs, [16, 32, 64, 128, 64, 128, 64, 128])

    def test_long_runs_are_not_repeated(self):
        bench = self.bench(lambda r: 30.0 * r, lambda r: 1)
        self.assertAlmostEqual(bench.per_replicate("spec", "float32", 1)[0]["seconds"], 30)
        self.assertEqual(self.runs, [1, 2])

    def test_runs_that_never_take_longer_fail(self):
        with self.assertRaisesRegex(gpu.Failed, "replicates take no longer than half as many"):
            self.bench(lambda r: 1.0, lambda r: 1).per_replicate("spec", "float32", 1)


class Items(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "deep/gpu.json"
        self.said = io.StringIO()

    def bench(self, **changed):
        options = types.SimpleNamespace(output=self.path, limit=1e9, again=False, device=0)
        options.__dict__.update(changed)
        programs = types.SimpleNamespace(folder=ROOT / "none", environment=dict(os.environ))
        return gpu.Bench(options, programs, gpu.Store(self.path))

    def do(self, bench, work, **more):
        with contextlib.redirect_stdout(self.said):
            bench.item("gemm", "tf32", work, **more)
        return gpu.Store(self.path).get("gemm", "tf32")

    def test_what_is_done_is_kept_and_not_done_again(self):
        first = self.do(self.bench(), lambda: {"value": 1})
        self.assertEqual((first["status"], first["value"]), ("done", 1))
        self.assertEqual(self.do(self.bench(), lambda: {"value": 2}), first)
        self.assertIn("gemm tf32: done before\n", self.said.getvalue())
        self.assertEqual(self.do(self.bench(again=True), lambda: {"value": 2})["value"], 2)
        self.assertEqual([p.name for p in self.path.parent.iterdir()], ["gpu.json"])

    def test_what_failed_or_was_skipped_is_tried_again(self):
        def fail():
            raise gpu.Failed("it broke", [gpu.figure("half", 1)])

        def skip():
            raise gpu.Skipped("no tool")
        found = self.do(self.bench(), fail)
        self.assertEqual((found["status"], found["reason"], found["figures"][0]["name"]), ("failed", "it broke", "half"))
        found = self.do(self.bench(), skip)
        self.assertEqual((found["status"], found["reason"]), ("skipped", "no tool"))
        self.assertEqual(self.do(self.bench(), lambda: {})["status"], "done")

    def test_an_unforeseen_error_fails_one_item(self):
        found = self.do(self.bench(), lambda: {}["missing"])
        self.assertEqual(found["status"], "failed")
        self.assertTrue(found["reason"].endswith("KeyError: 'missing'"), found["reason"])

    def test_no_work_is_begun_that_the_limit_has_no_time_for(self):
        bench = self.bench(limit=gpu.STEPS["gemm"] / 2)
        self.assertIsNone(self.do(bench, lambda: self.fail("begun")))
        self.assertEqual(bench.left, ["gemm tf32"])
        self.assertFalse(gpu.all_good(bench, ["gemm"]))

    def test_a_command_over_the_limit_is_stopped_with_what_it_started(self):
        bench = self.bench(limit=0.5)
        self.assertIsNone(self.do(bench, lambda: bench.command(["sh", "-c", "sleep 60 & wait"]), seconds=0))
        self.assertEqual(bench.left, ["gemm tf32"])

    def test_a_foreign_file_is_not_overwritten(self):
        self.path.parent.mkdir()
        self.path.write_text('{"command": "simulate"}', encoding="utf-8")
        with self.assertRaisesRegex(SystemExit, "is not a result of tools/bench/gpu: choose another --output"):
            self.bench()


class Table(unittest.TestCase):
    def test_a_line_has_name_measured_goal_and_verdict(self):
        done = {"status": "done", "commit": "new", "figures": [gpu.figure("seconds", 1.234, "s", 2), gpu.figure("share", 65.4, "%", 70, least=True),
                                                               gpu.figure("passed", 1234)]}
        skipped = {"status": "skipped", "reason": "no tool", "commit": "old"}
        self.assertEqual(gpu.table_lines({"steps": {"sanitizer": {"memcheck": skipped}, "gemm": {"tf32": done}}}, "new"),
                         ["seconds              1.23 s  ≤ 2 s   met",
                          "share                65.4 %  ≥ 70 %  NOT MET",
                          "passed                 1234",
                          "sanitizer memcheck  skipped          no tool (of old)"])

    def test_nothing_makes_an_empty_table(self):
        self.assertEqual(gpu.table_lines({"steps": {}}), [])


class Whole(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        bundle = self.folder / "bundle"
        (bundle / "bin").mkdir(parents=True)
        for name, text in (("sigprop", SIGPROP), ("gemm_rate_cuda", GEMM), ("cuda_tests", TESTS),
                           ("torch", TORCH), ("compute-sanitizer", SANITIZER)):
            (bundle / "bin" / name).write_text(text, encoding="utf-8")
            (bundle / "bin" / name).chmod(0o755)
        shutil.copytree(ROOT / "specs", bundle / "specs")
        (bundle / "commit").write_text("abc\n", encoding="utf-8")
        self.bundle = bundle

    def run_gpu(self, *arguments, **environment):
        command = [sys.executable, SCRIPT, "--use", self.bundle, "--output", self.folder / "out/gpu.json", "--torch", self.bundle / "bin/torch"]
        return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False, timeout=300,
                              env={**os.environ, "PATH": f"{self.bundle}/bin:/usr/bin:/bin", "TMPDIR": str(self.folder), **environment})

    def result(self):
        return json.loads((self.folder / "out/gpu.json").read_text(encoding="utf-8"))

    def test_without_a_device_sigprop_says_so_and_the_status_is_3(self):
        done = self.run_gpu(NO_DEVICE="1")
        self.assertEqual((done.returncode, done.stderr), (3, "sigprop: no CUDA device can be used: there is none; --engine cpu needs none\n"))

    def test_wrong_arguments_are_named(self):
        for arguments, message in ((["--steps", "gemm,speed"], "there is no step 'speed'; the steps are build, test, check, gemm, torch, "
                                    "experiment, figures, precision, sanitizer"), (["--bundle", "x"], "not allowed with argument")):
            done = self.run_gpu(*arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn(message, done.stderr)

    def test_a_bundle_does_not_replace_what_is_none(self):
        done = subprocess.run([sys.executable, SCRIPT, "--bundle", self.folder], capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual((done.returncode, done.stderr),
                         (1, f"gpu: {self.folder} is there and no bundle: name a folder that may be made anew\n"))
        self.assertTrue((self.bundle / "bin/sigprop").exists())

    def test_a_folder_without_programs_is_named(self):
        (self.bundle / "bin/sigprop").unlink()
        done = self.run_gpu("--steps", "gemm")
        self.assertEqual((done.returncode, done.stderr),
                         (1, f"gpu: there is no {self.bundle}/bin/sigprop: run the step build, or --use a bundle\n"))

    def test_steps_are_done_once_in_order_and_end_in_a_table(self):
        done = self.run_gpu("--steps", "precision,gemm,test")
        self.assertEqual(done.stderr, "")
        begun = [line for line in done.stdout.splitlines() if line.endswith(" ...")]
        self.assertEqual(begun, ["test cuda_tests ...", "gemm float32 ...", "gemm tf32 ...", "gemm bf16 ...", "precision tf32 ...",
                                 "precision bf16 ..."])
        lines = done.stdout.split("\n\n")[-1].splitlines()
        self.assertRegex(lines[0], r"^cuda_tests: passed +3$")
        self.assertRegex(lines[1], r"^cuda_tests: failed +0 +≤ 0 +met$")
        # 10.7 TFLOP in one second, where the stand-in of cuBLAS does 20
        self.assertRegex(done.stdout, r"\nd 4096, tf32: share +53.6 % +≥ 70 % +NOT MET\n")
        self.assertRegex(done.stdout, r"\nbert-base, bf16: largest effect on a moment +0\n")
        self.assertEqual(done.returncode, 1)
        again = self.run_gpu("--steps", "gemm")
        self.assertNotIn(" ...", again.stdout)
        self.assertEqual(again.stdout.split("\n\n")[-1], done.stdout.split("\n\n")[-1])

    def test_everything_else_runs_through(self):
        done = self.run_gpu("--steps", "check,torch,experiment,figures,sanitizer")
        self.assertEqual(done.stderr, "")
        for line in (r"bert-base: largest difference from the CPU +1e-06 +≤ 0.0001 +met", r"d 512, L 256, bf16: times as fast +5 +≥ 3 +met",
                     r"experiment all --all +100 s +≤ 300 s +met", r"192 layers, bf16, --largest-rank 0: a replicate +1 s +≤ 2 s +met",
                     r"memcheck cuda_tests: errors +0 +≤ 0 +met", r"racecheck cuda_tests: errors +2 +≤ 0 +NOT MET",
                     r"DeepScaleLM, 1000 layers: norm of a layer's weight gradients uneven by +0 % +≤ 10 % +met"):
            self.assertRegex(done.stdout, line)
        packed = self.folder / "out/experiment-all.json.gz"
        self.assertEqual(json.loads(gzip.decompress(packed.read_bytes()))["settings"], {"seconds": 100.0})
        self.assertEqual(self.result()["steps"]["check"]["bert-large"]["cut_from_to"]["layers"][0], 24)
        self.assertEqual(self.result()["machine"]["device"], "stand-in")
        self.assertAlmostEqual(self.result()["steps"]["torch"]["d 256, tf32"]["largest_difference_of_moments"], 0.1, places=5)

    def test_a_torch_that_is_absent_is_skipped(self):
        (self.bundle / "bin/torch").write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'torch'\" >&2; exit 1\n", encoding="utf-8")
        done = self.run_gpu("--steps", "torch")
        self.assertEqual(done.stderr, "")
        self.assertRegex(done.stdout, r"\ntorch d 256, tf32 +skipped +\S+/bin/torch has no torch: name a Python that has it with --torch\n")
        self.assertEqual(done.returncode, 0)


class Gemm(unittest.TestCase):
    def listed(self, *words):
        return json.loads(subprocess.run([GEMM_RATE, *map(str, words), "none"], capture_output=True, text=True, check=True).stdout)

    def setUp(self):
        if not GEMM_RATE:
            self.skipTest("gemm_rate_cuda is not named")

    def test_the_list_has_the_layers_operations_and_the_scores_once_more(self):
        for precision in gpu.PRECISIONS:
            for width, heads, length, batch, replicates in ((64, 2, 32, 2, 4), (4096, 32, 2048, 1, 4)):
                found = self.listed(precision, width, heads, 4 * width, length, batch, replicates)
                scores = 2 * width * length**2 * batch
                self.assertAlmostEqual(found["flops"] / (replicates * (gpu.flops(width, 1, heads, length, batch) + scores)), 1, places=7)

    def test_weights_are_counted_one_by_one(self):
        found = self.listed("float32", 8, 2, 32, 5, 3, 7)["products"]
        square = [p for p in found if p["batch"] == 7 and sorted((p["rows"], p["inner"], p["columns"])) == [8, 8, 15]]
        self.assertEqual({p["name"]: p["calls"] for p in square},
                         {"project": 4, "project back": 2, "project back and add": 2, "weight gradient": 4})
        self.assertEqual(sum(p["calls"] for p in found), 3 * 6 + 7)

    def test_wrong_usage_is_told(self):
        for words in ((), ("float16", 8, 2, 32, 5, 3, 7, "none"), ("bf16", 8, 3, 32, 5, 3, 7, "none"), ("bf16", 8, 2, 0, 5, 3, 7, "none")):
            done = subprocess.run([GEMM_RATE, *map(str, words)], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr),
                             (2, "Usage: gemm_rate_cuda float32|tf32|bf16 WIDTH HEADS FFN LENGTH BATCH REPLICATES DEVICE|none\n"))


if __name__ == "__main__":
    if len(sys.argv) > 1 and (not sys.argv[1] or pathlib.Path(sys.argv[1]).is_file()):
        GEMM_RATE = sys.argv.pop(1)
    unittest.main()
