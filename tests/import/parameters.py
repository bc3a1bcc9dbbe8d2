#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every recorded parameter has the mean, the standard deviation and the size that the imported spec tells of it; every recorded
configuration gives a spec that `sigprop predict` accepts.

Usage: parameters.py SIGPROP SOURCE.
"""
import collections
import json
import math
import re
import subprocess
import sys

from recorded import configurations, finish, import_spec, quantile, read, small
from weights import FUSED, elements, expected, layer_of, weights_of

CROSS = re.compile("EncDecAttention|encoder_attn")


def comparisons(sigprop, source):
    """(place, elements, record, (mean, std)) of every parameter that a spec tells something of; faults of names and sizes."""
    found, faults = [], []
    for path in small(source):
        spec, _ = import_spec(sigprop, path)
        config, sizes = read(path), collections.Counter()
        for name, record in read(path.parent / "parameters.json").items():
            if name.startswith("decoder.") and "stack" in spec and "encoder_layers" in config:
                continue  # whisper's, of which the spec is the encoder alone
            place, weights = f"{path.parent}: {name}", weights_of(name)
            if weights is None:
                faults.append(f"{place} matches no pattern of weights.py")
                continue
            for weight in weights:
                live = math.prod(record["shape"]) * (1 - record["zero_rows"] / record["shape"][0])
                told = expected(name, weight, spec, config)
                if told is not None:
                    found.append((place, live, record, told))
                grouped = FUSED.search(name) and "kv_heads" in spec.get("stack", {}).get("attention", {})  # of unequal parts
                if not CROSS.search(name) and not grouped:
                    sizes[(stack_of(name, spec), layer_of(name), weight)] += math.prod(record["shape"]) / len(weights)
        faults += wrong_sizes(path, sizes, spec)
    return found, faults


def stack_of(name, spec):
    first = name.partition(".")[0]
    return first if first in spec else "stack"


def wrong_sizes(path, sizes, spec):
    faults = []
    for (stack, layer, weight), size in sizes.items():
        told = elements(weight, spec.get(stack) or spec["encoder"])
        if told is not None and size != told:
            faults.append(f"{path.parent}: {weight} of layer {layer} in {stack} has {size} elements, but the spec tells {told}")
    for stack in {place[0] for place in sizes}:
        layers = 1 + max((layer for s, layer, _ in sizes if s == stack and layer is not None), default=-1)
        told = spec[stack]["layers"] if stack in spec and not spec[stack].get("tied") else layers
        if layers != told:
            faults.append(f"{path.parent}: {stack} has {layers} layers, but the spec tells {told}")
    return faults


def wrong_moments(found):
    """A standard deviation of n normal elements has a relative standard error of 1/√(2n), a mean one of std/√n."""
    limit, faults = quantile(2 * len(found)), []
    for place, live, record, (mean, std) in found:
        if abs(record["mean"] - mean) > limit * std / math.sqrt(max(live, 1)):
            faults.append(f"{place} has mean {record['mean']}, but the spec tells {mean}")
        if abs(record["std"] - std) > limit * std / math.sqrt(2 * max(live, 1)):
            faults.append(f"{place} has standard deviation {record['std']}, but the spec tells {std}")
    return faults


def refusals(sigprop, source):
    """Imported specs that cannot be predicted; of few tokens that are alike, which changes nothing of what a theory covers, and is quick.
    Most configurations have the same spec in every version of the library, which is predicted once."""
    faults, seen = [], set()
    for path in configurations(source):
        spec, _ = import_spec(sigprop, path)
        spec["sequence_length"] = min(spec["sequence_length"], 64)
        text = json.dumps(spec)
        if text in seen:
            continue
        seen.add(text)
        result = subprocess.run([sigprop, "predict", "-", "--quiet", "--sequences", "0"], input=text, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            faults.append(f"{path}: predict ended with {result.returncode}: {result.stderr}")
    return faults


def main():
    sigprop, source = sys.argv[1:3]
    found, faults = comparisons(sigprop, source)
    if len(found) < 1000:
        faults.append(f"only {len(found)} parameters were compared")
    wrong = [(place, live, record, (mean, std * 1.03)) for place, live, record, (mean, std) in found if std > 0]
    if len(wrong_moments(wrong)) < len(wrong) / 2:
        faults.append("standard deviations 3 % too large pass for most parameters: the test is blind")
    faults += wrong_moments(found) + refusals(sigprop, source)
    finish(faults, f"{len(found)} parameters as the specs tell")


if __name__ == "__main__":
    main()
