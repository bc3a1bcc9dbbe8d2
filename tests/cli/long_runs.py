#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""simulate and verify as a user meets them: python3 tests/cli/long_runs.py SIGPROP"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SIGPROP = ""

SPEC = {"name": "small", "sequence_length": 32, "batch": 2, "input": {"variance": 1, "token_correlation": 0.2},
        "stack": {"layers": 3, "width": 128, "attention": {"heads": 2, "dropout": 0.1}, "ffn": {"width": 512, "activation": "gelu"},
                  "norm": {"kind": "layer_norm", "placement": "pre"}, "residual": {"dropout": 0.1}},
        "init": {"scheme": "xavier"}}


def sigprop(*arguments, spec=None):
    text = json.dumps(spec if spec is not None else SPEC)
    return subprocess.run([SIGPROP, *arguments], input=text, capture_output=True, text=True, check=False, timeout=300)


def changed(**keys):
    return {**SPEC, **keys}


class Engines(unittest.TestCase):
    def refused(self, status, message, *arguments):
        done = sigprop(*arguments)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (status, "", f"sigprop: {message}\n"))

    def test_what_does_not_go_together_is_refused(self):
        self.refused(2, "--precision tf32 is not for --engine cpu, which computes in float32 or float64",
                     "simulate", "-", "--precision", "tf32")
        self.refused(2, "--precision float64 is not for --engine cuda, which computes in float32, tf32 or bf16",
                     "simulate", "-", "--engine", "cuda", "--precision", "float64")
        self.refused(2, "--device chooses a CUDA device: it needs --engine cuda", "verify", "-", "--device", "0")
        self.refused(2, "--precision bf16 is not for --engine cpu, which computes in float32 or float64",
                     "experiment", "relu", "--settings", "1", "--precision", "bf16")

    def test_cuda_computes_the_same_or_tells_what_is_missing(self):
        for command in (["simulate", "-", "--replicates", "2"], ["verify", "-", "--replicates", "2"], ["experiment", "relu", "--settings", "1"]):
            done = sigprop(*command, "--engine", "cuda", "--format", "json", "--quiet")
            if done.returncode == 3:
                self.assertEqual(done.stdout, "")
                self.assertRegex(done.stderr, "^sigprop: (this build has no CUDA engine: install .* or use --engine cpu"
                                              "|no CUDA device can be used: .*; --engine cpu needs none)\n$")
                continue
            self.assertEqual(done.stderr, "")
            self.assertEqual(json.loads(done.stdout)["settings"]["engine"], "cuda")

    def test_the_program_does_not_load_cuda_until_it_is_asked_for(self):
        libraries = subprocess.run(["ldd", SIGPROP], capture_output=True, text=True, check=True).stdout
        self.assertNotIn("libcu", libraries)


class Simulate(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def test_json_has_means_with_errors_and_tells_how_it_was_made(self):
        done = sigprop("simulate", "-", "--format", "json", "--replicates", "3", "--seed", "7")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        result = json.loads(done.stdout)
        self.assertEqual(result["command"], "simulate")
        settings = result["settings"]
        self.assertEqual([settings[k] for k in ("engine", "precision", "seed", "replicates", "partial")],
                         ["cpu", "float32", 7, 3, False])
        self.assertGreater(settings["seconds"], 0)
        self.assertEqual([p["path"] for p in result["points"]],
                         ["input"] + [f"layer {n}/{b}" for n in (1, 2, 3) for b in ("attention", "ffn")])
        for quantity in ("mean", "variance", "token_dot", "cross_dot", "token_correlation", "effective_rank"):
            self.assertEqual(set(result["points"][1]["forward"][quantity]), {"mean", "standard_error", "standard_deviation"})
        self.assertEqual(set(result["layers"][0]["weights"]), {"query", "key", "value", "output", "ffn_in", "ffn_out"})

    def test_one_replicate_has_no_error(self):
        result = json.loads(sigprop("simulate", "-", "--format", "json", "--replicates", "1").stdout)
        self.assertIsNone(result["points"][0]["forward"]["variance"]["standard_error"])

    def test_under_a_mask_the_first_and_the_last_token_are_told(self):
        stack = {**SPEC["stack"], "attention": {"heads": 2, "mask": "causal"}}
        result = json.loads(sigprop("simulate", "-", "--format", "json", "--replicates", "2", spec=changed(stack=stack)).stdout)
        self.assertIn("first_second_moment", result["points"][1]["forward"])
        self.assertIn("last_variance", result["points"][1]["backward"])

    def test_an_interrupted_run_ends_with_what_it_has_and_resumes_to_the_same_result(self):
        checkpoint, output = self.path("run"), self.path("out.json")
        arguments = [SIGPROP, "simulate", "-", "--format", "json", "--output", output]
        slow = changed(sequence_length=128)
        for number in (signal.SIGINT, signal.SIGTERM):
            if os.path.exists(checkpoint):
                os.remove(checkpoint)
            process = subprocess.Popen([*arguments, "--replicates", "100000", "--checkpoint", checkpoint], stdin=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
            process.stdin.write(json.dumps(slow))
            process.stdin.close()
            deadline = time.monotonic() + 120
            while not (os.path.exists(checkpoint) and os.path.getsize(checkpoint) > 20000) and time.monotonic() < deadline:
                time.sleep(0.05)
            process.send_signal(number)
            errors = process.stderr.read()
            process.stderr.close()
            self.assertEqual(process.wait(timeout=60), 128 + number, errors)
            self.assertIn("interrupted: the result is of the replicates done so far, and is marked as partial", errors)
        with open(output, encoding="utf-8") as file:
            partial = json.load(file)
        self.assertTrue(partial["settings"]["partial"])
        done = partial["settings"]["replicates"]
        self.assertGreater(done, 0)
        wanted = str(done + 3)
        resumed = sigprop("simulate", "-", "--format", "json", "--replicates", wanted, "--resume", checkpoint, spec=slow)
        whole = sigprop("simulate", "-", "--format", "json", "--replicates", wanted, spec=slow)
        self.assertEqual(resumed.returncode, 0, resumed.stderr)
        first, second = json.loads(resumed.stdout), json.loads(whole.stdout)
        self.assertEqual(first["points"], second["points"])
        self.assertEqual(first["layers"], second["layers"])

    def test_a_killed_run_resumes(self):
        checkpoint = self.path("run")
        process = subprocess.Popen([SIGPROP, "simulate", "-", "--replicates", "100000", "--checkpoint", checkpoint],
                                   stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        process.stdin.write(json.dumps(SPEC))
        process.stdin.close()
        deadline = time.monotonic() + 120
        while not (os.path.exists(checkpoint) and os.path.getsize(checkpoint) > 20000) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.kill()
        process.wait()
        resumed = sigprop("simulate", "-", "--format", "csv", "--replicates", "5", "--resume", checkpoint)
        self.assertEqual(resumed.returncode, 0, resumed.stderr)
        self.assertEqual(resumed.stdout, sigprop("simulate", "-", "--format", "csv", "--replicates", "5").stdout)

    def test_a_damaged_record_is_computed_again_to_the_same_result(self):
        checkpoint = self.path("run")
        whole = sigprop("simulate", "-", "--format", "csv", "--replicates", "6", "--checkpoint", checkpoint)
        with open(checkpoint, "rb") as file:
            kept = bytearray(file.read())
        record = (len(kept) - kept.index(b"version")) // 6
        kept[-3 * record] ^= 4
        with open(checkpoint, "wb") as file:
            file.write(kept)
        resumed = sigprop("simulate", "-", "--format", "csv", "--replicates", "6", "--resume", checkpoint)
        self.assertEqual((resumed.returncode, resumed.stdout), (0, whole.stdout))
        self.assertEqual(resumed.stderr, f"sigprop: warning: --resume {checkpoint}: 1 record is damaged and left out; "
                                         "the replicates that are missing are computed again\n")

    def test_two_processes_do_not_write_one_checkpoint(self):
        checkpoint = self.path("run")
        first = subprocess.Popen([SIGPROP, "simulate", "-", "--replicates", "100000", "--checkpoint", checkpoint], stdin=subprocess.PIPE,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
        first.stdin.write(json.dumps(SPEC))
        first.stdin.close()
        deadline = time.monotonic() + 60
        while not os.path.exists(checkpoint) and time.monotonic() < deadline:
            time.sleep(0.01)
        second = sigprop("simulate", "-", "--resume", checkpoint)
        first.kill()
        first.wait()
        self.assertEqual((second.returncode, second.stdout, second.stderr),
                         (2, "", f"sigprop: --resume {checkpoint}: is in use: process {first.pid} writes it; "
                                 "wait until it has ended, or name another file\n"))

    def test_a_checkpoint_knows_all_digits_of_a_norms_epsilon(self):
        checkpoint = self.path("run")
        self.assertEqual(sigprop("simulate", "-", "--replicates", "2", "--norm-epsilon", "1e-9", "--checkpoint", checkpoint).returncode, 0)
        self.assertEqual(sigprop("simulate", "-", "--norm-epsilon", "2e-9", "--resume", checkpoint).returncode, 2)

    def test_a_checkpoint_of_another_model_or_seed_is_refused(self):
        checkpoint = self.path("run")
        self.assertEqual(sigprop("simulate", "-", "--replicates", "2", "--checkpoint", checkpoint).returncode, 0)
        message = (f"sigprop: --resume {checkpoint}: belongs to another model, seed, precision or version; "
                   "resume with those it was made with, or start anew\n")
        for more in (["--seed", "1"], ["--precision", "float64"]):
            done = sigprop("simulate", "-", "--resume", checkpoint, *more)
            self.assertEqual((done.returncode, done.stderr), (2, message))
        done = sigprop("simulate", "-", "--resume", checkpoint, spec=changed(sequence_length=33))
        self.assertEqual((done.returncode, done.stderr), (2, message))

    def test_too_little_memory_is_refused_before_the_work(self):
        done = sigprop("simulate", "-", "--memory", "1MB")
        self.assertEqual(done.returncode, 3)
        self.assertRegex(done.stderr, r"^sigprop: one network needs \S+ GB of memory, but may use \S+ GB \(--memory\): ")

    def test_wrong_options_are_named(self):
        for arguments, words in ((["--replicates", "0"], "--replicates"), (["--precision", "float16"], "--precision"),
                                 (["--engine", "abacus"], "--engine"), (["--threads", "-1"], "--threads"), (["--seed", "-1"], "--seed"),
                                 (["--checkpoint", "a", "--resume", "b"], "--resume")):
            done = sigprop("simulate", "-", *arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(words, done.stderr)

    def test_the_plan_is_told_on_demand(self):
        done = sigprop("simulate", "-", "--replicates", "4", "--threads", "2", "--verbose")
        self.assertRegex(done.stderr, r"^sigprop: plan: 2 replicates at once, 1 threads each, layers kept, about \d+ MiB\n$")


class Verify(unittest.TestCase):
    def test_full_agrees_and_paper_does_not(self):
        full = sigprop("verify", "-", "--replicates", "40", "--format", "json", "--quiet")
        self.assertEqual(full.returncode, 0, full.stderr)
        result = json.loads(full.stdout)
        self.assertEqual(result["summary"]["verdict"], "agrees")
        variance = result["points"][0]["backward"]["variance"]
        self.assertEqual(set(variance), {"predicted", "mean", "standard_error", "standard_deviation", "difference", "z",
                                         "relative_difference", "model_error", "limit", "detectable", "agrees"})
        self.assertAlmostEqual(variance["z"], variance["difference"] / variance["standard_error"])
        paper = sigprop("verify", "-", "--replicates", "40", "--theory", "paper", "--quiet")
        self.assertEqual(paper.returncode, 1)
        self.assertRegex(paper.stderr, r"the theory paper disagrees with the simulation: \d+ of \d+ comparisons disagree; the worst is ")
        self.assertIn("DISAGREES", paper.stdout)

    def test_a_tolerance_takes_the_place_of_the_model_error(self):
        done = sigprop("verify", "-", "--replicates", "60", "--tolerance", "0", "--format", "json", "--quiet")
        self.assertEqual({c["model_error"] for p in json.loads(done.stdout)["points"] for c in p["forward"].values()}, {0})

    def test_what_stands_in_a_list_inside_counts_for_the_model_error(self):
        def granted(components):
            spec = {"sequence_length": 8, "width": 16, "components": components}
            done = sigprop("verify", "-", "--replicates", "30", "--format", "json", "--quiet", spec=spec)
            return json.loads(done.stdout)["points"][-1]["forward"]["variance"]["model_error"]

        linear, gelu = {"linear": {"in": 16, "out": 16, "weight_std": 0.25}}, {"activation": "gelu"}
        self.assertEqual(granted([{"parallel": {"of": [[linear], [linear]]}}]), 0)
        self.assertGreater(granted([{"parallel": {"of": [[linear], [linear, gelu]]}}]), 0)
        self.assertEqual(granted([{"experts": {"count": 2, "top_k": 1, "of": [linear]}}]), 0)
        self.assertGreater(granted([{"experts": {"count": 2, "top_k": 1, "of": [linear, gelu]}}]), 0)

    def test_few_replicates_are_warned_of_and_one_is_judged_by_the_spread(self):
        few = sigprop("verify", "-", "--replicates", "3")
        self.assertIn("3 replicates are few", few.stderr)
        one = sigprop("verify", "-", "--replicates", "1")
        self.assertEqual((one.returncode, one.stderr), (0, ""))
        self.assertIn("lie within the spread", one.stdout)

    def test_a_model_without_a_theory_is_refused_before_the_simulation(self):
        stack = {**SPEC["stack"], "attention": {"heads": 2, "mask": "causal"}}
        done = sigprop("verify", "-", "--theory", "paper", "--replicates", "1000000", spec=changed(stack=stack))
        self.assertEqual((done.returncode, done.stderr), (
            2, "sigprop: standard input: layer 1/attention: a causal mask is not covered by the theory 'paper'; use --theory full\n"))

    def test_csv_has_a_row_a_comparison(self):
        lines = sigprop("verify", "-", "--replicates", "3", "--format", "csv", "--quiet").stdout.splitlines()
        self.assertEqual(lines[0].split(",")[:3], ["path", "quantity", "predicted"])
        self.assertGreater(len(lines), 100)


if __name__ == "__main__":
    SIGPROP = sys.argv.pop(1)
    unittest.main(verbosity=1)
