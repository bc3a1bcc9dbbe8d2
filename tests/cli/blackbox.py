#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tools/blackbox on programs that do one thing wrong, and the parts that it is made of: python3 tests/cli/blackbox.py"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from black_box import documents, judging, reading, running, specs
from black_box.commands import Option, command_of, section
from black_box.runs import Composer, Seeds, Step, following

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLACKBOX = ROOT / "tools/blackbox"

HELP = textwrap.dedent("""\
    A program
    Usage: fake [OPTIONS] SUBCOMMAND

    Options:
      -h,--help                   Print this help message and exit

    Subcommands:
      predict                     Something
    """)
PREDICT_HELP = textwrap.dedent("""\
    Something
    Usage: fake predict [OPTIONS] SPEC

    Positionals:
      SPEC TEXT REQUIRED          Model

    Options:
      -h,--help                   Print this help message and exit
      --format TEXT:{table,json,csv}=table
                                  How to print the result
      --gram N:INT in [2 - 512]   A matrix
      -o,--output FILE REQUIRED   Write to FILE
      --keep-norm Needs: --scheme Leave it
      --quiet                     No warnings
    """)


class Fakes(unittest.TestCase):
    """Shell scripts that print the help of a program with one command, and do the same wrong thing for every other command line."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "help").write_text(HELP, encoding="utf-8")
        (self.folder / "predict").write_text(PREDICT_HELP, encoding="utf-8")

    def blackbox(self, body, *options, runs=4):
        """Exit status and output of a few runs of a script with this body."""
        program = self.folder / "fake"
        program.write_text(f'#!/bin/sh\n[ "$*" = --help ] && exec cat {self.folder}/help\n[ "$*" = "predict --help" ] && exec cat {self.folder}/predict\n{body}\n',
                           encoding="utf-8")
        program.chmod(0o755)
        done = subprocess.run([sys.executable, BLACKBOX, program, "--runs", str(runs), *map(str, options)], capture_output=True, text=True, check=False, timeout=120)
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def finds(self, kind, body, *options, runs=4):
        status, output = self.blackbox(body, *options, runs=runs)
        self.assertEqual(status, 1, output)
        self.assertIn(f": {kind}: ", output)
        return output

    def test_a_program_without_faults_passes(self):
        status, output = self.blackbox("exit 0", runs=20)
        self.assertEqual((status, "predict" in output), (0, True), output)

    def test_a_refusal_passes_only_with_a_message_that_names_something(self):
        self.assertEqual(self.blackbox('echo "sigprop: spec.json: /width is 0" >&2; exit 2')[0], 0)
        self.finds("refused without a message", "exit 2")
        self.finds("a message that names nothing", 'echo "sigprop: error" >&2; exit 2')
        self.finds("a message that names nothing", 'echo "sigprop: : cannot be read" >&2; exit 2')
        self.finds("message without the program's name", 'echo "spec.json: /width is 0" >&2; exit 2')

    def test_a_signal_is_found(self):
        self.finds("ended by a signal", "kill -SEGV $$")

    def test_other_statuses_are_found(self):
        self.finds("undocumented exit status", "exit 7")
        self.finds("undocumented exit status", "exit 1")
        self.finds("undocumented exit status", "exit 130")
        self.finds("status 3 without a reason of the machine", 'echo "sigprop: what" >&2; exit 3')

    def test_an_uncaught_exception_is_found(self):
        self.finds("uncaught", "echo \"terminate called after throwing an instance of 'std::bad_alloc'\" >&2; kill -ABRT $$")
        self.finds("uncaught", 'echo "sigprop: unexpected: vector::at" >&2; exit 3')

    def test_numbers_that_are_none_are_found(self):
        json_run = "case \"$*\" in *'format json'*|*format=json*) "
        self.finds("a number that is none", 'echo "x  nan%"')
        self.finds("a number that is none", 'echo "x  -inf"')
        self.finds("a number that is none", json_run + "echo '{\"x\": NaN}';; esac", runs=80)
        self.finds("unreadable output", json_run + "echo '{\"x\": 1e999}';; esac", runs=80)
        self.finds("unreadable output", json_run + "echo '{\"x\": 1, \"x\": 2}';; esac", runs=80)
        self.finds("out of range", json_run + "echo '{\"points\": [{\"forward\": {\"token_correlation\": 1.5}}]}';; esac", runs=80)

    def test_words_that_hold_the_letters_of_nan_pass(self):
        self.assertEqual(self.blackbox("case \"$*\" in *json*) ;; *) echo 'information in banana nano 1e-5';; esac")[0], 0)

    def test_files_that_are_left_or_changed_are_found(self):
        self.finds("left a file", "touch .out.tmp123")
        self.finds("changed a file that it should not write", "echo x > old")
        self.finds("removed a file", "rm -f old")

    def test_a_result_beside_a_refusal_is_found(self):
        self.finds("standard output beside a refusal", 'echo result; echo "sigprop: spec.json: no" >&2; exit 2')

    def test_a_run_that_takes_too_long_is_found_and_ended(self):
        self.finds("too long", "sleep 60", "--limit", "0.2", runs=1)
        self.finds("too long", "while :; do :; done", "--limit", "0.2", runs=1)

    def test_a_run_that_takes_too_much_memory_is_found_and_ended(self):
        take = f"exec {sys.executable} -c 'import time; x = bytearray(200000000); time.sleep(60)'"
        self.finds("too much memory", take, "--memory", "100", runs=1)

    def test_results_that_differ_are_found(self):
        self.finds("not the same again", "date +%N", runs=100)

    def test_a_failed_run_is_kept_and_reproduced(self):
        kept = self.folder / "kept"
        self.finds("ended by a signal", "kill -SEGV $$", "--keep", kept)
        found = sorted(kept.iterdir())
        self.assertGreater(len(found), 0)
        for folder in found:
            self.assertLessEqual({"files", "stdin", "stdout", "stderr", "reproduce"}, {path.name for path in folder.iterdir()})
            done = subprocess.run(["sh", folder / "reproduce", self.folder / "fake"], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 128 + 11, done.stderr)

    def test_the_table_counts_commands_and_statuses(self):
        output = self.blackbox('echo "sigprop: spec.json: no" >&2; exit 2', runs=30)[1]
        self.assertRegex(output, r"(?m)^command +starts +2 +failed$")
        self.assertRegex(output, r"(?m)^predict +\d+ +\d+ +0$")

    def test_a_program_that_lists_no_commands_is_refused(self):
        done = subprocess.run([sys.executable, BLACKBOX, "/bin/false"], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (2, "blackbox: /bin/false --help lists no commands; name a program of sigprop\n"))


class Parts(unittest.TestCase):
    def composer(self, seed):
        return Composer(seed, [command_of("predict", PREDICT_HELP), command_of("sweep", "Positionals:\n  SPEC TEXT\n\nOptions:\n  --set PATH=VALUES\n")],
                        Seeds.of(ROOT), True)

    def test_the_same_seed_makes_the_same_runs_and_another_makes_others(self):
        first, again, other = ([self.composer(seed).run(index) for index in range(50)] for seed in (1, 1, 2))
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_help_is_read_with_kinds_choices_and_ranges(self):
        command = command_of("predict", PREDICT_HELP)
        self.assertEqual(command.positional, "SPEC")
        self.assertEqual([(option.name, bool(option.kind)) for option in command.options],
                         [("--format", True), ("--gram", True), ("--output", True), ("--keep-norm", False), ("--quiet", False)])
        self.assertEqual((command.options[0].choices, command.options[1].range), (["table", "json", "csv"], (2, 512)))
        self.assertEqual((command.options[2].is_file, Option("--x").range), (True, None))
        self.assertEqual(section(HELP, "Nothing"), [])

    def test_documents_change_and_stay_apart_from_the_original(self):
        original = {"a": [1, {"b": 2}], "c": "x"}
        before, changed = json.dumps(original), 0
        for seed in range(200):
            changed += documents.mutated(random.Random(seed), original, 2) != original
            self.assertEqual(json.dumps(original), before)
        self.assertGreater(changed, 150)

    def test_a_raw_number_stands_in_the_text_as_it_is(self):
        self.assertEqual(documents.text_of({"a": documents.raw("1e400")}), '{"a": 1e400}')

    def test_sizes_are_tamed_through_all_repeats(self):
        component = {"repeat": {"times": 10, "of": [{"repeat": {"times": 10, "of": [{"activation": "relu"}]}}]}}
        tamed = specs.tame({"sequence_length": documents.raw("10000000"), "width": -5, "components": [component]}, {"repeats": 20, "sequence_length": 8})
        self.assertEqual((tamed["sequence_length"], tamed["width"]), (8, -5))
        self.assertEqual((tamed["components"][0]["repeat"]["times"], tamed["components"][0]["repeat"]["of"][0]["repeat"]["times"]), (10, 2))

    def test_formats_are_read(self):
        good = {"json": "[1, null]", "lines": '{"a": 1}\n{"a": 2}\n', "csv": "a,b\n1,\n", "text": "x 1", "python": "x = 1\n", "xml": "<a b='1'/>",
                "page": '<html><script type="application/json">{"a": 1}</script></html>', "latex": "\\begin{document}\\end{document}"}
        bad = {"json": "[1, Infinity]", "lines": '{"a": 1}\n{"a": \n', "csv": "a,b\n1\n", "text": "x NaN", "python": "x = = 1\n", "xml": "<a b='nan'/>",
               "page": '<html><script type="application/json">{"a": nan}</script></html>', "latex": "\\begin{document}"}
        self.assertEqual(set(good), set(reading.READERS) - {"prediction"})
        for form in good:
            with self.subTest(form=form):
                self.assertEqual(reading.problems_of(good[form].encode(), form, True), [])
                self.assertNotEqual(reading.problems_of(bad[form].encode(), form, True), [])

    def test_an_output_that_was_kept_in_part_is_not_read(self):
        outcome = running.Outcome(Step("predict", ["spec.json", "--format", "json"]), {}, stdout=b"[" + b"1," * 1000)
        limits = running.Limits()
        self.assertEqual([finding.kind for finding in judging.judged(outcome, limits)], ["unreadable output"])
        with unittest.mock.patch.object(judging, "LARGEST_KEPT", len(outcome.stdout)):
            self.assertEqual(list(judging.judged(outcome, limits)), [])

    def test_sleep_is_counted_as_it_was_looked_at(self):
        with subprocess.Popen(["sleep", "60"]) as process:
            time.sleep(0.1)
            watch = running.Watch(process, running.Outcome(Step("predict", []), {}), running.Limits())
            watch.start = watch.last_look = time.monotonic() - 50
            self.assertLess(watch.spent(), 1)
            process.kill()

    def test_values_of_options_are_found_in_both_forms(self):
        self.assertEqual(following(["--a", "1", "--a=2", "--b"], "--a"), ["1", "2"])


if __name__ == "__main__":
    unittest.main()
