#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The residual stream of recorded random models has the moments that `sigprop predict` tells of the imported spec. This sees what no
standard deviation shows: the norms' place, the embedding's scale, the activation, the gate, the mask, the experts.

Usage: forward.py SIGPROP SOURCE.
"""
import functools
import json
import subprocess
import sys

from recorded import finish, import_spec, quantile, read, small

MODEL_ERROR = 0.05   # of a second moment: the prediction's at width 256, and what the norms' ε and T5's small biases of scores change
MOMENTS = ("second_moment", "token_dot")

# Models that a spec cannot express wholly and that are seen to differ.
DIFFERENT = {("bloom", "normed_residual"), ("glm4_moe_lite", "small"), ("marian", "small"), ("mpt", "small")}
# Words that turn with their position and no mask: the prediction takes tokens as alike there.
OFF = {("eurobert", "small")}


@functools.cache
def profile(sigprop, text):
    """Predicted moments at every point of a spec."""
    command = [sigprop, "predict", "-", "--format", "json", "--quiet"]
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise SystemExit(result.stderr)
    return {point["path"]: point["forward"] for point in json.loads(result.stdout)["points"]}


def path_of(stack, layer, spec):
    last = "parallel" if spec[stack].get("parallel") else "ffn"
    return ("" if stack == "stack" else f"{stack}/") + (f"layer {layer}/{last}" if layer else "input")


def comparisons(sigprop, path):
    """(place, second moment, recorded, told) of every point and moment, and the warnings of the import."""
    record, found = read(path.parent / "forward.json"), []
    spec, warnings = import_spec(sigprop, path, record["tokens"], ("--batch", "2"))
    told = profile(sigprop, json.dumps(spec))
    for stack in ("stack", "encoder", "decoder"):
        for layer, measured in enumerate(record.get(stack, [])):
            point = told[path_of(stack, layer, spec)]
            for moment in MOMENTS:
                place = f"{path.parent}: {moment} at {path_of(stack, layer, spec)}"
                found.append((place, measured["second_moment"]["mean"], measured[moment], point[moment]))
    return found, warnings


def is_off(comparison, limit):
    _, size, measured, told = comparison
    return abs(measured["mean"] - told) > MODEL_ERROR * size + limit * measured["standard_error"]


def main():
    sigprop, source = sys.argv[1:3]
    models = {path: comparisons(sigprop, path) for path in small(source) if (path.parent / "forward.json").exists()}
    limit, faults = quantile(sum(len(found) for found, _ in models.values())), []
    for path, (found, warnings) in models.items():
        off = [comparison for comparison in found if is_off(comparison, limit)]
        if path.parts[-3:-1] in DIFFERENT:
            if not warnings or not off:
                faults.append(f"{path}: should differ, with a warning, but {len(off)} moments do and there are {len(warnings)} warnings")
        elif path.parts[-3:-1] in OFF:
            if not off:
                faults.append(f"{path}: does not differ any more: take it from OFF")
        else:
            faults += [f"{place} is {measured}, but the spec tells {told}" for place, _, measured, told in off]
    finish(faults, f"{len(models)} models as their specs tell, or different where the import says so")


if __name__ == "__main__":
    main()
