#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the predicted spread between networks on stacks of many kinds: python3 tools/model_error/spread.py SIGPROP [--replicates 150]

For every stack runs `sigprop predict --spread` and `sigprop simulate`, and prints a Markdown table: the smallest and the largest ratio of
predicted and measured standard deviation over all points and layers, of the logarithm, of correlations of themselves. A measured deviation
has a relative standard error of 1/sqrt(2 (R - 1)).
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile

USUAL = {"placement": "pre", "width": 128, "heads": 4, "layers": 6, "length": 32, "batch": 1, "activation": "gelu", "ffn": 4, "gated": False,
         "norm": "layer_norm", "dropout": 0.0, "correlation": 0.2, "gradient_correlation": 0.0, "kv_heads": None, "mask": "none", "rotary": False,
         "words": False, "final": False, "scheme": "xavier", "skip": 1.0, "branch": 1.0}

ENCODERS = [
    {"activation": "relu"},
    {"placement": "post", "activation": "relu", "correlation": 0.4},
    {"width": 256, "layers": 12, "dropout": 0.1},
    {"placement": "post", "width": 256, "layers": 12, "dropout": 0.1},
    {"width": 192, "heads": 3, "batch": 4, "length": 48, "layers": 4, "dropout": 0.1},
    {"placement": "post", "width": 192, "heads": 3, "batch": 4, "length": 48, "layers": 4, "dropout": 0.1},
    {"width": 256, "layers": 8, "norm": "rms_norm", "activation": "silu", "gated": True, "ffn": 2, "final": True, "gradient_correlation": 0.1},
    {"width": 192, "heads": 6, "kv_heads": 2, "batch": 8, "norm": "rms_norm", "activation": "silu", "gated": True, "ffn": 2},
    {"placement": "post", "width": 512, "heads": 8, "layers": 6, "length": 64, "activation": "relu", "correlation": 0.1},
    {"width": 512, "heads": 8, "layers": 8, "length": 64, "dropout": 0.1, "final": True},
    {"placement": "post", "width": 256, "layers": 10, "skip": 0.97, "branch": 0.24, "activation": "relu", "correlation": 0.3},
    {"placement": "sandwich", "width": 192, "heads": 3, "layers": 6, "activation": "tanh", "batch": 2, "correlation": 0.5, "gradient_correlation": 0.3},
]

DECODERS = [
    {"mask": "causal", "words": True, "batch": 4, "length": 64, "final": True, "scheme": "gpt2"},
    {"mask": "causal", "words": True, "batch": 4, "length": 64, "final": True, "scheme": "llama", "norm": "rms_norm", "activation": "silu",
     "gated": True, "ffn": 2.6875, "rotary": True},
    {"mask": "causal", "length": 64},
    {"mask": "causal", "length": 64, "placement": "post", "activation": "relu", "batch": 2, "correlation": 0.3},
]

# Column: (quantities, is the logarithm compared?).
COLUMNS = {"second moment": (["forward.second_moment"], True), "token r": (["forward.token_correlation"], False),
           "gradient²": (["backward.variance"], True), "its token r": (["backward.token_correlation"], False),
           "W_v W_o W_1 W_2": (["value", "output", "ffn_gate", "ffn_in", "ffn_out"], True), "W_q W_k": (["query", "key"], True)}


def spec(s):
    attention = {"heads": s["heads"], "mask": s["mask"], "dropout": s["dropout"]}
    if s["kv_heads"]:
        attention["kv_heads"] = s["kv_heads"]
    if s["rotary"]:
        attention["rotary_base"] = 10000
    norm = {"kind": s["norm"], "placement": s["placement"], "epsilon": 1e-12}
    if s["placement"] == "pre":
        norm["final"] = s["final"]
    given = {"variance": 1, "token_correlation": s["correlation"]}
    return {"sequence_length": s["length"], "batch": s["batch"],
            "input": {"embedding": {"vocabulary": 5000, "tables": ["token"]}} if s["words"] else given,
            "stack": {"layers": s["layers"], "width": s["width"], "attention": attention,
                      "ffn": {"width": int(s["ffn"] * s["width"]), "activation": s["activation"], "gated": s["gated"]}, "norm": norm,
                      "residual": {"skip": s["skip"], "branch": s["branch"], "dropout": s["dropout"]}},
            "init": {"scheme": s["scheme"]}, "gradient": {"variance": 1, "token_correlation": s["gradient_correlation"]}}


def run(sigprop, arguments, model):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "spec.json"
        path.write_text(json.dumps(model), encoding="utf-8")
        done = subprocess.run([sigprop, arguments[0], str(path), *arguments[1:], "--format", "json", "--quiet"], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{arguments}: {done.stderr}")
    return json.loads(done.stdout)


def measured(number, of_logarithm):
    if not of_logarithm:
        return number["standard_deviation"]
    return math.sqrt(math.log1p((number["standard_deviation"] / number["mean"]) ** 2))


def pairs(predicted, seen, quantity, of_logarithm):
    """(predicted, measured) spread of a quantity at all its places."""
    if "." in quantity:
        side, name = quantity.split(".")
        for p, m in zip(predicted["points"], seen["points"], strict=True):
            yield p[side]["spread"][name], measured(m[side][name], of_logarithm)
    else:
        for p, m in zip(predicted["layers"], seen["layers"], strict=True):
            if quantity in p["weights"]:
                yield p["weights"][quantity]["spread"], measured(m["weights"][quantity]["gradient_norm"], of_logarithm)


def name_of(stack):
    words = [{"pre": "Pre", "post": "Post", "sandwich": "Sandwich"}[stack["placement"]] + ("-RMS" if stack["norm"] == "rms_norm" else "-LN"),
             f"{stack['width']}", f"{stack['layers']} layers", ("gated " if stack["gated"] else "") + stack["activation"]]
    if stack["batch"] > 1:
        words.append(f"B = {stack['batch']}")
    if stack["kv_heads"]:
        words.append(f"{stack['kv_heads']} key heads of {stack['heads']}")
    if stack["dropout"]:
        words.append(f"p = {stack['dropout']}")
    if stack["branch"] != 1:
        words.append(f"branches × {stack['branch']}")
    if stack["mask"] == "causal":
        words.append("causal" + (", words" if stack["words"] else "") + (", rotary" if stack["rotary"] else ""))
    return ", ".join(words)


def row(sigprop, change, replicates):
    stack = USUAL | change
    model = spec(stack)
    how = [] if stack["mask"] == "causal" else ["--sequences", "0"]
    predicted = run(sigprop, ["predict", "--spread", *how], model)
    seen = run(sigprop, ["simulate", "--replicates", str(replicates), "--seed", "7"], model)
    smallest = 1e-3  # a spread of less is of no account, and a norm leaves none
    cells = []
    for quantities, of_logarithm in COLUMNS.values():
        ratios = [p / m for quantity in quantities for p, m in pairs(predicted, seen, quantity, of_logarithm) if m > smallest]
        cells.append(f"{min(ratios):.2f}–{max(ratios):.2f}" if ratios else "–")
    at_input = measured(seen["points"][0]["backward"]["variance"], True)
    return [name_of(stack), f"{predicted['points'][0]['backward']['spread']['variance']:.3f} / {at_input:.3f}", *cells]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sigprop", help="the program")
    parser.add_argument("--replicates", type=int, default=150, help="networks a stack")
    parser.add_argument("--decoders", action="store_true", help="stacks behind a causal mask")
    arguments = parser.parse_args()
    head = ["stack", "gradient² at the input", *COLUMNS]
    print("| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
    for change in DECODERS if arguments.decoders else ENCODERS:
        print("| " + " | ".join(row(arguments.sigprop, change, arguments.replicates)) + " |", flush=True)


if __name__ == "__main__":
    main()
