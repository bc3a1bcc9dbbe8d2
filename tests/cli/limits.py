#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Long work: what it takes is told before, a limit ends it, a terminal shows that it goes on. Usage: limits.py SIGPROP SOURCE."""
import json
import os
import pathlib
import pty
import re
import subprocess
import sys
import tempfile
import time

SIGPROP, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])

# Five points a layer, so that a million layers take more than the default of `check`.
DEEP = {"sequence_length": 16, "width": 16, "input": {"variance": 1}, "components": [{"repeat": {"times": 1000000, "of": [
    {"linear": {"in": 16, "out": 16, "weight_std": 0.25}, "point": f"point {i}"} for i in range(5)]}}]}


def masked(layers):
    """Tokens that differ by their position, each by itself with SINGLE: a layer takes a fraction of a second."""
    return {"name": "long", "sequence_length": 512, "stack": {
        "layers": layers, "width": 256, "attention": {"heads": 4, "mask": "causal"}, "ffn": {"width": 1024, "activation": "gelu"},
        "norm": {"kind": "layer_norm"}}, "init": {"scheme": "gpt2"}}


LONG = masked(24)  # told before; not one of its predictions is waited for
SHOWN = masked(10)  # takes seconds, while a terminal shows something
HALF = masked(5)
SINGLE = ("--prefix", "single")


def alike(tokens):
    return {"name": "alike", "sequence_length": tokens, "input": {"variance": 1}, "stack": {
        "layers": 1, "width": 64, "attention": {"heads": 1}, "ffn": {"width": 64, "activation": "relu"},
        "norm": {"kind": "layer_norm"}}, "init": {"scheme": "xavier"}}


LISTS = ("--tokens", "--format", "json")


def run(*arguments):
    begin = time.monotonic()
    done = subprocess.run([SIGPROP, *map(str, arguments)], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr, time.monotonic() - begin


def on_terminal(*arguments):
    """The exit status, and what a terminal shows meanwhile, with the seconds from the start."""
    master, slave = pty.openpty()
    begin = time.monotonic()
    with subprocess.Popen([SIGPROP, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=slave) as process:
        os.close(slave)
        shown = []
        while True:
            try:
                piece = os.read(master, 4096)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            shown.append((time.monotonic() - begin, piece.decode()))
        os.close(master)
    return process.returncode, shown, time.monotonic() - begin


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    target = folder / "result.json"

    def written(name, spec):
        path = folder / f"{name}.json"
        path.write_text(json.dumps(spec), encoding="utf-8")
        return path

    deep, long, shown_long, half = written("deep", DEEP), written("long", LONG), written("shown", SHOWN), written("half", HALF)
    tokens, lists = written("tokens", alike(10**7)), written("lists", alike(2 * 10**6))
    specs = sorted(folder.iterdir())

    # Before the work: no memory is taken.
    status, told, seconds = run("check", deep, "--preset", "stable")
    assert status == 3 and re.fullmatch(r"sigprop: \S*deep.json: would take about [0-9.]+ GB, more than --max-memory allows: .*\n", told), told
    assert seconds < 5, seconds
    status, told, _ = run("check", long, *SINGLE, "--preset", "stable", "--max-seconds", 0.5, "--max-memory", 0)
    assert status == 3 and "long.json: will take about" in told and "long.json: stopped after 0.5 s" in told, told

    # In the midst of it, and nothing is left behind.
    status, told, seconds = run("predict", long, *SINGLE, "--max-seconds", 0.5, "--format", "json", "--output", target)
    assert status == 3 and "stopped after 0.5 s" in told, told
    assert seconds < 5, seconds
    status, told, _ = run("predict", deep, "--max-memory", 1)
    assert status == 3 and "would take about" in told, told
    status, told, seconds = run("predict", tokens, *LISTS, "--max-memory", 1)
    assert status == 3 and re.search(r"would take about [0-9.]+ GB, more than --max-memory allows: raise it, or leave out --tokens", told), told
    assert seconds < 5, seconds
    status, told, _ = run("predict", lists, *LISTS, "--max-seconds", 0.5, "--output", target)  # lists are written for longer than found
    assert status == 3 and "stopped after 0.5 s" in told, told
    status, told, _ = run("simulate", SOURCE / "specs/deit-small.json", "--replicates", 100, "--max-memory", 0.05)
    assert status == 3 and "stopped beyond 0.05 GB of memory" in told, told
    assert sorted(folder.iterdir()) == specs, list(folder.iterdir())

    # What takes long is told before; where it is not asked for, it is not.
    assert "long.json: will take about" in run("predict", long, *SINGLE, "--max-seconds", 0.5)[1]
    assert "will take" not in run("predict", long, *SINGLE, "--max-seconds", 0.5, "--quiet")[1]
    assert run("predict", SOURCE / "specs/vit-base.json")[1] == ""
    several = "weights.all.gradient_norm first/last"  # many predictions, none of which takes long
    for many in (["predict", SOURCE / "specs/llama-3-8b.json", "--sensitivity", several], ["predict", SOURCE / "specs/bert-base.json", "--sequences", 1000],
                 ["compare", SOURCE / "specs/llama-3-8b.json", "--schemes", "all"]):
        status, told, _ = run(*many, "--max-seconds", 0.3)
        assert status == 3 and "will take about" in told, (many, told)

    # A terminal is never silent for two seconds, and is left clean.
    for command in (["predict", shown_long, *SINGLE], ["compare", half, *SINGLE, "--schemes", "gpt2,xavier"],
                    ["check", shown_long, *SINGLE, "--preset", "trainable"]):
        status, shown, seconds = on_terminal(*command)
        assert status == 0, (command, shown)
        times = [0, *(at for at, _ in shown), seconds]
        assert seconds < 2 or max(after - before for before, after in zip(times, times[1:])) < 2.5, (command, times)
        text = "".join(piece for _, piece in shown)
        assert seconds < 2 or "so far" in text or " of " in text, (command, text)
        assert "\r\x1b[K" not in text or text.rstrip().endswith("\x1b[K") or text.endswith("\n"), (command, text)
    status, shown, _ = on_terminal("predict", half, *SINGLE, "--quiet")
    assert status == 0 and not shown, shown
