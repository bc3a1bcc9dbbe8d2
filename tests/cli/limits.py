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

DEEP = {"sequence_length": 16, "stack": {
    "layers": 1000000, "width": 16, "attention": {"heads": 2}, "ffn": {"width": 64, "activation": "relu"},
    "norm": {"kind": "layer_norm"}}, "init": {"scheme": "xavier"}}

# Tokens that differ by their position, each by itself, in so many layers that it takes seconds.
LONG = {"name": "long", "sequence_length": 512, "stack": {
    "layers": 24, "width": 256, "attention": {"heads": 4, "mask": "causal"}, "ffn": {"width": 1024, "activation": "gelu"},
    "norm": {"kind": "layer_norm"}}, "init": {"scheme": "gpt2"}}
SINGLE = ("--prefix", "single")


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
    deep, long, target = folder / "deep.json", folder / "long.json", folder / "result.json"
    deep.write_text(json.dumps(DEEP), encoding="utf-8")
    long.write_text(json.dumps(LONG), encoding="utf-8")

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
    status, told, _ = run("simulate", SOURCE / "specs/deit-small.json", "--replicates", 100, "--max-memory", 0.05)
    assert status == 3 and "stopped beyond 0.05 GB of memory" in told, told
    assert sorted(path.name for path in folder.iterdir()) == ["deep.json", "long.json"], list(folder.iterdir())

    # What takes long is told before; where it is not asked for, it is not.
    assert "long.json: will take about" in run("predict", long, *SINGLE, "--max-seconds", 0.5)[1]
    assert "will take" not in run("predict", long, *SINGLE, "--max-seconds", 0.5, "--quiet")[1]
    assert run("predict", SOURCE / "specs/vit-base.json")[1] == ""

    # A terminal is never silent for two seconds, and is left clean.
    for command in (["predict", long, *SINGLE], ["compare", long, *SINGLE, "--schemes", "gpt2,xavier"],
                    ["check", long, *SINGLE, "--preset", "trainable"]):
        status, shown, seconds = on_terminal(*command)
        assert status == 0, (command, shown)
        times = [0, *(at for at, _ in shown), seconds]
        assert seconds < 2 or max(after - before for before, after in zip(times, times[1:])) < 2.5, (command, times)
        text = "".join(piece for _, piece in shown)
        assert seconds < 2 or "so far" in text or " of " in text, (command, text)
        assert "\r\x1b[K" not in text or text.rstrip().endswith("\x1b[K") or text.endswith("\n"), (command, text)
    status, shown, _ = on_terminal("predict", long, *SINGLE, "--quiet")
    assert status == 0 and not shown, shown
