#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Time and memory of whole `sigprop predict` processes, and what depth costs.

Usage: tools/bench/predict.py [SIGPROP] [--repeats N]. Prints a table; times are medians, and the ratios in the last lines are
taken within this run, since machines differ and are noisy.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time

TARGETS = {(1000, "full"): 0.050, (1000, "paper"): 0.010, (100000, "full"): 2.0}  # seconds, on one core
MEMORY_TARGET = 64  # MB, at 1000 layers


def stack(layers, activation="gelu", query=1.0):
    """A Pre-LN stack of BERT's width; `query` scales the queries, and with them the score variance."""
    d = 768
    std = {"query": query * d**-0.5, "key": d**-0.5, "value": d**-0.5, "output": d**-0.5, "ffn_in": d**-0.5, "ffn_out": 3072**-0.5}
    return {"name": f"{layers} layers", "sequence_length": 512, "input": {"variance": 1, "token_correlation": 0.2},
            "stack": {"layers": layers, "width": d, "attention": {"heads": 12, "dropout": 0.1},
                      "ffn": {"width": 3072, "activation": activation}, "norm": {"kind": "layer_norm", "placement": "pre"},
                      "residual": {"dropout": 0.1}},
            "init": {"std": std}}


def run(command, environment):
    """Seconds and peak megabytes of one process."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(command)} failed")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sigprop", nargs="?", default="build/release/sigprop")
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    cases = [(1000, "gelu", 1.0, "full", "table"), (1000, "gelu", 1.0, "paper", "table"), (1000, "silu", 1.0, "full", "table"),
             (1000, "gelu", 3.0, "full", "table"), (10000, "gelu", 1.0, "full", "table"), (100000, "gelu", 1.0, "full", "table"),
             (100000, "gelu", 1.0, "full", "json")]
    seconds = {}
    with tempfile.TemporaryDirectory() as folder:
        print("layers  activation  score v  theory  format     ms    MB")
        for layers, activation, query, theory, form in cases:
            path = os.path.join(folder, "spec.json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(stack(layers, activation, query), file)
            command = [arguments.sigprop, "predict", path, "--theory", theory, "--format", form, "--quiet"]
            runs = [run(command, environment) for _ in range(arguments.repeats if layers <= 10000 else 3)]
            median = statistics.median(t for t, _ in runs)
            memory = max(m for _, m in runs)
            seconds.setdefault((layers, theory), median)
            print(f"{layers:6d}  {activation:10s}  {query**2 * 0.8:7.2g}  {theory:6s}  {form:6s} {1000 * median:7.1f} {memory:5.0f}")
            if layers == 1000 and memory > MEMORY_TARGET:
                print(f"        above the target of {MEMORY_TARGET} MB")
    for key, target in TARGETS.items():
        verdict = "within" if seconds[key] <= target else "above"
        print(f"{key[0]} layers, {key[1]}: {1000 * seconds[key]:.1f} ms, {verdict} the target of {1000 * target:.0f} ms")
    print(f"100000 layers / 10000 layers: {seconds[(100000, 'full')] / seconds[(10000, 'full')]:.1f} times the time for 10 times the depth")


if __name__ == "__main__":
    main()
