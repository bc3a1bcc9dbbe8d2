#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sigprop sweep as a user meets it: python3 tests/cli/sweep.py SIGPROP [--brief]"""
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from random import Random

SIGPROP, BRIEF = "", False

SPEC = {"name": "small", "sequence_length": 32, "input": {"variance": 1, "token_correlation": 0.2},
        "stack": {"layers": 3, "width": 128, "attention": {"heads": 2}, "ffn": {"width": 512, "activation": "gelu"},
                  "norm": {"kind": "layer_norm", "placement": "pre"}},
        "init": {"scheme": "xavier"}}


def sigprop(*arguments, spec=None):
    text = json.dumps(spec if spec is not None else SPEC)
    return subprocess.run([SIGPROP, *arguments], input=text, capture_output=True, text=True, check=False, timeout=300)


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


class Sweep(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.spec = self.path("small.json")
        with open(self.spec, "w", encoding="utf-8") as file:
            json.dump(SPEC, file)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def text(self, path):
        with open(path, encoding="utf-8") as file:
            return file.read()

    def refused(self, message, *arguments):
        done = sigprop("sweep", "-", *arguments)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (2, "", f"sigprop: {message}\n"))

    def test_a_setting_that_is_no_text_or_no_number_is_refused(self):
        with open(self.spec, encoding="utf-8") as file:
            spec = file.read().encode()
        for setting, why in ((b"stack.lay\xb0=1", "is no UTF-8 text"), (b"name=a\xb0", "is no UTF-8 text"),
                             (b"stack.residual.branch=-1e308:1e308:3", "has ends so far apart that no number holds what lies between")):
            done = subprocess.run([SIGPROP.encode(), b"sweep", b"-", b"--set", setting], input=spec, capture_output=True, check=False)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(why, done.stderr.decode())

    def test_a_point_has_what_predict_says_of_its_spec(self):
        done = sigprop("sweep", "-", "--set", "stack.layers=2,4", "--set", "stack.residual.branch=0.5:1:2",
                       "--quantity", "forward.variance last", "--quantity", "weights.query.gradient_norm 1")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        head, *points = lines(done.stdout)
        self.assertEqual((head["command"], head["points"], head["spec"], head["settings"]["theory"]), ("sweep", 4, SPEC, "full"))
        self.assertEqual(head["axes"][1], {"path": "stack.residual.branch", "values": [0.5, 1]})
        self.assertEqual([p["set"] for p in points], [{"stack.layers": n, "stack.residual.branch": b} for n in (2, 4) for b in (0.5, 1)])
        for index, point in enumerate(points):
            spec = json.loads(json.dumps(SPEC))
            spec["stack"]["layers"] = point["set"]["stack.layers"]
            spec["stack"]["residual"] = {"branch": point["set"]["stack.residual.branch"]}
            predicted = json.loads(sigprop("predict", "-", "--format", "json", spec=spec).stdout)
            self.assertEqual(point["index"], index)
            self.assertEqual(point["values"]["forward.variance last"], predicted["points"][-1]["forward"]["variance"])
            self.assertEqual(point["values"]["weights.query.gradient_norm 1"], predicted["layers"][0]["weights"]["query"]["gradient_norm"])

    def test_ranges_are_even_or_of_equal_factors_and_words_are_words(self):
        done = sigprop("sweep", "-", "--set", "init.std.query=log:0.01:1:3", "--set", "stack.ffn.activation=relu,gelu",
                       "--set", "stack.layers=1:3:3")
        points = lines(done.stdout)[1:]
        self.assertEqual(len(points), 18)
        for point, wanted in zip(points[::6], (0.01, 0.1, 1)):
            self.assertTrue(math.isclose(point["set"]["init.std.query"], wanted, rel_tol=1e-15))
        self.assertEqual([p["set"]["stack.ffn.activation"] for p in points[:6:3]], ["relu", "gelu"])
        self.assertEqual([p["set"]["stack.layers"] for p in points[:3]], [1, 2, 3])

    def test_without_a_wish_a_model_has_the_usual_quantities_that_it_can_have(self):
        self.assertIn("attention.entropy_fraction last", lines(sigprop("sweep", "-", "--set", "stack.layers=2,3").stdout)[1]["values"])
        plain = {"sequence_length": 8, "input": {"variance": 1}, "components": [{"linear": {"in": 64, "out": 64, "weight_std": 0.1}}]}
        values = lines(sigprop("sweep", "-", "--set", "components.0.linear.weight_std=0.1,0.2", spec=plain).stdout)[2]
        self.assertEqual(values["set"], {"components.0.linear.weight_std": 0.2})
        self.assertNotIn("attention.entropy_fraction last", values["values"])

    def test_any_number_of_threads_writes_the_same(self):
        arguments = ["sweep", "-", "--set", "stack.residual.branch=0.1:1:40"]
        self.assertEqual(sigprop(*arguments, "--threads", "1").stdout, sigprop(*arguments, "--threads", "5").stdout)

    def test_networks_can_be_drawn_in_place_of_theory(self):
        done = sigprop("sweep", "-", "--set", "stack.layers=1,2", "--replicates", "3", "--quantity", "forward.variance last", "--threads", "1")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        head, *points = lines(done.stdout)
        self.assertEqual(head["settings"]["replicates"], 3)
        self.assertEqual(set(points[1]["values"]["forward.variance last"]), {"mean", "standard_error", "standard_deviation"})

    def test_a_point_that_theory_has_no_value_for_says_why(self):
        spec = json.loads(json.dumps(SPEC))
        spec["stack"]["ffn"].update({"experts": 4, "top_k": 2, "router_std": 0.02})
        done = sigprop("sweep", "-", "--set", "stack.ffn.experts=4,1025", spec=spec)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stderr, "sigprop: warning: 1 of 2 points have no values; their lines say why\n")
        good, bad = lines(done.stdout)[1:]
        self.assertIn("values", good)
        self.assertIn("a router of more than 1024 experts", bad["error"])
        self.assertNotIn("values", bad)

    def test_mistakes_are_refused_before_the_work(self):
        form = ("; it must be PATH=VALUES, VALUES one of A,B,... or FIRST:LAST:COUNT or log:FIRST:LAST:COUNT, "
                "as in stack.residual.branch=0.1:1:10")
        self.refused(f'--set "stack.layers" has no path or no values{form}', "--set", "stack.layers")
        self.refused(f'--set "stack.layers=1:2" has a range of 2 parts{form}', "--set", "stack.layers=1:2")
        self.refused(f'--set "a=0.1:1:1" has the count 1, which must be a whole number from 2 to 1000000{form}', "--set", "a=0.1:1:1")
        self.refused(f'--set "a=log:0:1:3" has an end that is not above 0, which equal factors need{form}', "--set", "a=log:0:1:3")
        self.refused("--set names a twice, but must name every path once", "--set", "a=1,2", "--set", "a=3")
        self.refused("--set makes more than 1000000 points; take fewer values", "--set", "a=1:2:2000", "--set", "b=1:2:2000")
        self.refused('standard input with stack.width.x=1: "stack.width.x" asks for the key "x" of 128, which has no keys: end the path before it',
                     "--set", "stack.width.x=1")
        self.refused("standard input with stack.attention.heads=3: /stack/attention/heads is 3, but must divide the width, 128: "
                     "change one of them or give head_width", "--set", "stack.attention.heads=2,3")
        shape = ("; it must be a quantity and a place, first, last or the number of a layer, or two of them for a ratio, "
                 'as in "forward.variance last" or "backward.variance first/last"')
        self.refused(f'--quantity "forward.variance" names no place{shape}', "--set", "stack.layers=2", "--quantity", "forward.variance")
        self.refused(f'--quantity "forward.variance end" has the place "end"{shape}',
                     "--set", "stack.layers=2", "--quantity", "forward.variance end")

    def test_unknown_quantities_and_layers_are_refused(self):
        for quantity in ("forward.varianc last", "weights.gate.gradient_norm last", "forward.variance 9"):
            done = sigprop("sweep", "-", "--set", "stack.layers=2", "--quantity", quantity)
            self.assertEqual((done.returncode, done.stdout), (2, ""), quantity)
            self.assertIn(quantity.split()[0], done.stderr)

    def test_a_file_is_whole_or_goes_on(self):
        target = self.path("out.jsonl")
        done = sigprop("sweep", self.spec, "--set", "stack.layers=1:5:5", "--output", target)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertEqual(self.text(target).count("\n"), 6)
        self.assertEqual(sorted(os.listdir(self.folder.name)), ["out.jsonl", "small.json"])

    def test_another_sweep_is_not_continued(self):
        target = self.path("out.jsonl")
        with open(target + ".partial", "w", encoding="utf-8") as file:
            file.write('{"another": 1}\n')
        done = sigprop("sweep", self.spec, "--set", "stack.layers=1,2", "--output", target)
        self.assertEqual(done.returncode, 2)
        self.assertIn("holds another sweep", done.stderr)
        self.assertEqual(os.listdir(self.folder.name).count("out.jsonl"), 0)

    def test_what_is_no_unfinished_sweep_is_left_alone(self):
        target = self.path("out.jsonl")
        for foreign in ("x", '{"half": ', "no line ends here" * 100):
            with open(target + ".partial", "w", encoding="utf-8") as file:
                file.write(foreign)
            done = sigprop("sweep", self.spec, "--set", "stack.layers=1,2", "--output", target)
            self.assertEqual(done.returncode, 2, foreign)
            self.assertEqual(self.text(target + ".partial"), foreign)

    def test_flips_cuts_and_copies_of_an_unfinished_sweep_change_nothing(self):
        """A flipped bit loses a line or has the file refused; the result is the whole one or none."""
        target, partial = self.path("out.jsonl"), self.path("out.jsonl.partial")
        arguments = ["sweep", self.spec, "--set", "stack.residual.branch=0.1:1:200", "--output", target]
        self.assertEqual(sigprop(*arguments).returncode, 0)
        whole = self.text(target)
        os.remove(target)
        kept = self.unfinished(arguments, partial)
        random = Random(1)
        for _ in range(10 if BRIEF else 40):
            damaged = bytearray(kept)
            way = random.randrange(3)
            if way == 0:
                damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
            elif way == 1:
                del damaged[random.randrange(len(damaged)):]
            else:
                at = kept.index(b"\n", random.randrange(len(kept) // 2)) + 1
                damaged += damaged[at:kept.index(b"\n", at) + 1]
            with open(partial, "wb") as file:
                file.write(damaged)
            done = sigprop(*arguments)
            if done.returncode == 0:
                self.assertEqual(self.text(target), whole)
                os.remove(target)
            else:
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn("holds another sweep", done.stderr)
                os.remove(partial)

    def unfinished(self, arguments, partial):
        """What a killed sweep leaves."""
        work = subprocess.Popen([SIGPROP, *arguments, "--threads", "1"], stderr=subprocess.DEVNULL)
        while not os.path.exists(partial) or self.text(partial).count("\n") < 8:
            self.assertIsNone(work.poll())
        work.kill()
        work.wait()
        with open(partial, "rb") as file:
            return file.read()

    def test_two_sweeps_do_not_write_one_result(self):
        target = self.path("out.jsonl")
        arguments = [SIGPROP, "sweep", self.spec, "--set", "stack.residual.branch=0.1:1:50", "--set", "stack.residual.skip=0.5:1:50",
                     "--output", target]
        first = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
        while not os.path.exists(target + ".partial"):
            self.assertIsNone(first.poll())
        second = subprocess.run(arguments, capture_output=True, text=True, check=False)
        self.assertEqual(second.returncode, 2)
        self.assertIn(f"out.jsonl.partial: is in use: process {first.pid} writes it; wait until it has ended", second.stderr)
        self.assertEqual(first.wait(timeout=300), 0)
        self.assertEqual([p["index"] for p in lines(self.text(target))[1:]], list(range(2500)))

    def check_killed(self, kill, status):
        target = self.path("out.jsonl")
        arguments = [SIGPROP, "sweep", self.spec, "--set", "stack.residual.branch=0.1:1:50", "--set", "stack.residual.skip=0.5:1:50",
                     "--output", target]
        work = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
        while not (os.path.exists(target + ".partial") and self.text(target + ".partial").count("\n") > 20):
            self.assertIsNone(work.poll())
            time.sleep(0.01)
        work.send_signal(kill)
        _, said = work.communicate(timeout=60)
        self.assertEqual(work.returncode, status)
        done = self.text(target + ".partial")
        self.assertLess(done.count("\n"), 2501)
        self.assertFalse(os.path.exists(target))
        with open(target + ".partial", "a", encoding="utf-8") as file:
            file.write('{"index": 99')  # a line that the end cut off
        subprocess.run(arguments, check=True, timeout=300)
        text = self.text(target)
        kept = [line.split(" ", 2)[2] for line in done.splitlines()[2:-1]]
        self.assertEqual([line for line in text.splitlines() if line in set(kept)], sorted(kept, key=lambda line: json.loads(line)["index"]))
        self.assertEqual([p["index"] for p in lines(text)[1:]], list(range(2500)))
        return said

    def test_an_interrupted_sweep_loses_and_repeats_no_point(self):
        self.assertRegex(self.check_killed(signal.SIGINT, 130), r"interrupted after \d+ of 2500 points; the same command goes on from there")

    def test_nor_does_a_killed_one(self):
        self.check_killed(signal.SIGKILL, -9)


if __name__ == "__main__":
    SIGPROP = sys.argv.pop(1)
    BRIEF = "--brief" in sys.argv
    sys.argv = [word for word in sys.argv if word != "--brief"]
    unittest.main()
