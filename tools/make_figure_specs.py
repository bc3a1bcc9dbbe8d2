#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the specs of the 192-layer model of arXiv:2403.09635's depth figures: BERT with d = 1024, 16 heads, L = 256, p = 0.1.

Three initializations: Xavier under Pre-LN and Post-LN, and DeepScaleLM with every standard deviation and residual scale written
out, from the recursion of the authors' code (docs/theory.md, section "DeepScaleLM").
"""

import argparse
import json
import math
import pathlib

WIDTH, HEADS, LENGTH, LAYERS, FFN, VOCABULARY, DROPOUT = 1024, 16, 256, 192, 4096, 30522, 0.1
FIRST_CORRELATION = 0.221  # token correlation of the embeddings, as the authors' code sets it
BETA2 = 0.005  # of the authors' 192-layer run; their rule k/N gives 2/384 = 0.0052


def deepscalelm(width, layers, dropout, beta2, first_correlation):
    """Standard deviations of W_v and W_o by layer, and the token correlation after each layer."""
    correlation, variance = first_correlation * (1 - dropout), 1.0
    lambda2 = 1 - beta2
    stds, correlations = [], []

    def residual(branch_correlation):
        nonlocal correlation, variance
        total = lambda2 * variance + beta2
        correlation = (lambda2 * correlation * variance + beta2 * branch_correlation) / total
        variance = total

    for _ in range(layers):
        stds.append(math.sqrt(math.sqrt((1 - dropout) / correlation) / width))
        residual(1 - dropout)
        r = correlation
        residual((1 - dropout) * (r + (math.sqrt(1 - r * r) - r * math.acos(r)) / math.pi))
        correlations.append(correlation)
    return stds, correlations


def spec(name, activation, placement, init, residual):
    return {
        "$schema": "sigprop.schema.json",
        "name": name,
        "sequence_length": LENGTH,
        "batch": 64,
        "input": {
            "embedding": {
                "vocabulary": VOCABULARY,
                "tables": ["token", "position", "segment"],
                "dropout": DROPOUT,
            }
        },
        "stack": {
            "layers": LAYERS,
            "width": WIDTH,
            "attention": {"heads": HEADS, "mask": "none", "dropout": DROPOUT},
            "ffn": {"width": FFN, "activation": activation},
            "norm": {"kind": "layer_norm", "placement": placement, "final": False},
            "residual": {**residual, "dropout": DROPOUT},
        },
        "init": init,
        "gradient": {"variance": 1.0, "token_correlation": 0.0},
    }


def all_specs():
    plain = {"skip": 1.0, "branch": 1.0}
    yield spec("figure-192-xavier-pre", "gelu", "pre", {"scheme": "xavier"}, plain)
    yield spec("figure-192-xavier-post", "gelu", "post", {"scheme": "xavier"}, plain)
    stds, _ = deepscalelm(WIDTH, LAYERS, DROPOUT, BETA2, FIRST_CORRELATION)
    outer = [round(std, 8) for std in stds]
    ffn = math.sqrt(math.sqrt((1 - DROPOUT) / 2) / WIDTH)
    init = {"std": {"embedding": math.sqrt((1 - DROPOUT) / 3), "query": 1 / math.sqrt(WIDTH), "key": 1 / math.sqrt(WIDTH),
                    "value": outer, "output": outer, "ffn_in": ffn, "ffn_out": ffn}}
    scales = {"skip": math.sqrt(1 - BETA2), "branch": math.sqrt(BETA2)}
    yield spec("figure-192-deepscalelm", "relu", "pre", init, scales)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="where the specs are written, e.g. specs")
    arguments = parser.parse_args()
    for one in all_specs():
        (arguments.folder / f"{one['name']}.json").write_text(json.dumps(one, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
