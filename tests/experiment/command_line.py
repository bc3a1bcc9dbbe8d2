#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""experiment as a user meets it: python3 tests/experiment/command_line.py SIGPROP"""
import csv
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SIGPROP = ""
QUICK = ("--replicates", "2", "--settings", "3")
LONG = ("relu", "--settings", "60", "--replicates", "3000")


def sigprop(*arguments):
    return subprocess.run([SIGPROP, "experiment", *arguments], capture_output=True, text=True, check=False, timeout=300)


class Experiment(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def refuses(self, arguments, *parts):
        done = sigprop(*arguments)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        for part in parts:
            self.assertIn(part, done.stderr)

    def test_a_table_has_a_block_a_component_and_a_row_a_quantity(self):
        done = sigprop("all", *QUICK)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        blocks = done.stdout.split("\n\n")
        self.assertEqual([b.split(":")[0] for b in blocks],
                         ["linear", "relu", "gelu", "layer_norm", "dropout", "softmax", "attention"])
        self.assertEqual([len(b.strip().splitlines()) for b in blocks], [8, 8, 8, 9, 8, 8, 8])
        self.assertIn("attention: 3 of 26244 settings, 2 replicates each", done.stdout)
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 110)

    def test_json_has_every_setting_with_what_was_measured_and_predicted(self):
        done = sigprop("attention", *QUICK, "--seed", "4", "--format", "json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        result = json.loads(done.stdout)
        self.assertEqual([result[k] for k in ("command",)], ["experiment"])
        self.assertEqual([result["settings"][k] for k in ("component", "seed", "partial")], ["attention", 4, False])
        component, = result["components"]
        self.assertEqual(component["error_percentiles"]["gradient_variance"]["published"], [2.2, 13.3, 44.5])
        self.assertEqual(len(component["settings"]), 3)
        for setting in component["settings"]:
            self.assertEqual(len(setting["parameters"]), 11)
            for theory in ("paper", "full"):
                predicted, measured = (setting[theory]["predicted"]["variance"], setting["measured"]["variance"])
                self.assertAlmostEqual(setting[theory]["error"]["variance"], abs(1 - predicted / measured), places=12)

    def test_csv_has_a_row_for_each_setting_and_quantity(self):
        done = sigprop("softmax", *QUICK, "--format", "csv")
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        self.assertEqual(len(rows), 15)
        self.assertEqual(rows[1]["quantity"], "variance_second_form")
        self.assertEqual(list(rows[0])[:7], ["component", "setting", "std", "correlation", "gradient_std",
                                             "gradient_correlation", "sequence_length"])
        self.assertTrue(all(float(row["measured"]) > 0 for row in rows))

    def test_csv_of_all_components_has_the_parameters_of_each(self):
        rows = list(csv.DictReader(io.StringIO(sigprop("all", *QUICK, "--format", "csv").stdout)))
        self.assertEqual({row["component"] for row in rows if row["d_in"]}, {"linear", "attention"})
        self.assertEqual({row["component"] for row in rows if row["correlation"]}, {"softmax"})

    def test_fifty_random_settings_unless_all_are_asked_for(self):
        def count(*more):
            return len(json.loads(sigprop("relu", "--replicates", "2", "--format", "json", *more).stdout)["components"][0]["settings"])
        self.assertEqual((count(), count("--all")), (50, 450))

    def test_wrong_usage(self):
        self.refuses(("lstm",), "NAME: lstm not in {linear,relu,gelu,layer_norm,dropout,softmax,attention,all}")
        self.refuses((), "NAME is required")
        self.refuses(("relu", "--settings", "451"),
                     "--settings 451: relu takes 1 to 450 settings; --all takes the whole grid")
        for wrong in ("0", "-3", "many", "1.5", "26245"):
            self.refuses(("all", "--settings", wrong), f"--settings: Value {wrong} not in range 1 to 26244")
        self.refuses(("relu", "--settings", "3", "--all"), "--settings excludes --all")
        self.refuses(("relu", "--replicates", "1"), "--replicates: Value 1 not in range 2 to 1000000000")
        self.refuses(("relu", "--threads", "-1"), "--threads: Value -1 not in range 0 to 4096")
        self.refuses(("relu", "--format", "xml"), "--format")
        self.refuses(("relu", "--resume", self.path("absent")), "there is no such file; start with --checkpoint")
        self.refuses(("relu", *QUICK, "--output", self.path("no/folder")), "cannot be written")

    def test_a_checkpoint_is_not_overwritten_and_belongs_to_its_seed(self):
        run = self.path("run")
        self.assertEqual(sigprop("relu", *QUICK, "--checkpoint", run).returncode, 0)
        self.refuses(("relu", *QUICK, "--checkpoint", run), "the file exists; go on with it by --resume")
        self.refuses(("relu", *QUICK, "--seed", "1", "--resume", run), "belongs to another")

    def without_seconds(self, path):
        with open(path, encoding="utf-8") as file:
            result = json.load(file)
        del result["settings"]["seconds"]
        return result

    def interrupted(self, how):
        """Starts a long run, sends the signal when some settings are on disk, and returns the exit status and message."""
        run = self.path("run")
        process = subprocess.Popen([SIGPROP, "experiment", *LONG, "--threads", "2",
                                    "--format", "json", "--checkpoint", run, "--output", self.path("partial.json")],
                                   stderr=subprocess.PIPE, text=True)
        while not os.path.exists(run) or os.path.getsize(run) < 1000:
            self.assertIsNone(process.poll(), "ended before it was interrupted")
            time.sleep(0.01)
        process.send_signal(how)
        _, message = process.communicate(timeout=60)
        return process.returncode, message

    def test_an_interrupted_run_writes_what_it_has_and_resumes_to_the_same_result(self):
        status, message = self.interrupted(signal.SIGTERM)
        self.assertEqual((status, message), (128 + signal.SIGTERM, "sigprop: interrupted: the result is of the settings "
                                             "done so far, and is marked as partial\n"))
        partial = self.without_seconds(self.path("partial.json"))
        self.assertTrue(partial["settings"]["partial"])
        self.assertTrue(partial["components"][0]["partial"])
        self.assertLess(len(partial["components"][0]["settings"]), 60)
        self.resumes_to_the_same_result()

    def test_a_killed_run_resumes_to_the_same_result(self):
        self.assertEqual(self.interrupted(signal.SIGKILL)[0], -signal.SIGKILL)
        self.resumes_to_the_same_result()

    def resumes_to_the_same_result(self):
        common = (*LONG, "--format", "json", "--output")
        self.assertEqual(sigprop(*common, self.path("resumed.json"), "--resume", self.path("run")).returncode, 0)
        self.assertEqual(sigprop(*common, self.path("whole.json"), "--threads", "1").returncode, 0)
        self.assertEqual(self.without_seconds(self.path("resumed.json")), self.without_seconds(self.path("whole.json")))


if __name__ == "__main__":
    SIGPROP = sys.argv.pop(1)
    unittest.main()
