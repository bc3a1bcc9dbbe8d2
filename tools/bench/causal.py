#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Time and memory of predictions behind a causal mask, and what sequence length costs, on one core.

Usage: tools/bench/causal.py [SIGPROP] [--repeats N]. Prints two tables; times are medians of whole processes, ratios are taken within this run.
"""

import argparse
import json
import os
import statistics
import tempfile

import predict

# spec, prefix, seconds and megabytes not to pass
TARGETS = [("gpt2", "actual", 0.5, 200), ("gpt2", "single", None, None), ("gpt2", "means", None, None), ("gpt2-xl", "actual", 1.5, 200),
           ("llama-2-7b", "actual", 2, 200), ("llama-3-8b", "actual", 2, 200), ("mixtral-8x7b", "actual", None, 200), ("gpt-j", "actual", None, 200)]
LENGTHS = {"actual": [128, 512, 1024, 2048, 4096, 8192, 16384], "single": [128, 256, 512, 1024]}
SPECS = os.path.join(os.path.dirname(__file__), "..", "..", "specs")


def stack(length):
    """Two causal Pre-LN layers of BERT's width."""
    spec = predict.stack(2)
    spec["sequence_length"] = length
    spec["stack"]["attention"]["mask"] = "causal"
    return spec


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sigprop", nargs="?", default="build/release/sigprop")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

    def measure(path, prefix):
        command = [arguments.sigprop, "predict", path, "--prefix", prefix, "--quiet"]
        runs = [predict.run(command, environment) for _ in range(arguments.repeats)]
        return statistics.median(t for t, _ in runs), max(m for _, m in runs)

    print("spec          prefix  seconds     MB")
    for name, prefix, seconds, megabytes in TARGETS:
        time, memory = measure(os.path.join(SPECS, name + ".json"), prefix)
        print(f"{name:13s} {prefix:6s} {time:8.2f} {memory:6.0f}"
              + (f"   {'within' if time <= seconds else 'above'} {seconds} s" if seconds else "")
              + (f"   {'within' if memory <= megabytes else 'above'} {megabytes} MB" if megabytes else ""))

    print("\nlength  prefix  seconds     MB   times the time for twice the length")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "spec.json")
        for prefix, lengths in LENGTHS.items():
            before = None
            for length in lengths:
                with open(path, "w", encoding="utf-8") as file:
                    json.dump(stack(length), file)
                time, memory = measure(path, prefix)
                print(f"{length:6d}  {prefix:6s} {time:8.3f} {memory:6.0f}" + (f"   {time / before:.1f}" if before else ""))
                before = time


if __name__ == "__main__":
    main()
