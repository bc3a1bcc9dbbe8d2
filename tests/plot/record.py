#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the results that the tests of figures read: python3 tests/plot/record.py SIGPROP. They stand in tests/plot/data.

No program makes sweep.jsonl: its rows have the shape of a sweep, one point of the grid is absent, one has no value, and one value passes the
range of a double.
"""
import json
import pathlib
import subprocess
import sys

DATA = pathlib.Path(__file__).resolve().parent / "data"


def stack(name, length, layers, mask="none"):
    return {"name": name, "sequence_length": length, "input": {"variance": 1.0, "token_correlation": 0.2},
            "stack": {"layers": layers, "width": 64, "attention": {"heads": 2, "mask": mask}, "ffn": {"width": 128, "activation": "gelu"},
                      "norm": {"kind": "layer_norm", "placement": "pre"}}, "init": {"scheme": "xavier"}}


def specs():
    small = stack("small", 32, 3)
    block = {"layers": 2, "width": 64, "attention": {"heads": 2}, "ffn": {"width": 128, "activation": "relu"},
             "norm": {"kind": "layer_norm", "placement": "post"}}
    return {"small": small, "tokens": stack("causal", 6, 2, "causal"), "behind": stack("behind", 64, 2, "causal"),
            "translate": {"name": "translate", "sequence_length": 16, "input": small["input"], "encoder": block,
                          "decoder": {**block, "cross_attention": {"heads": 2}}, "init": {"scheme": "xavier"}},
            "gain": {"name": "gain", "sequence_length": 4, "input": {"variance": 1.0},
                     "components": [{"repeat": {"times": 25, "of": [{"linear": {"in": 50, "out": 50, "weight_std": 1e6}}]}}]}}


COMMANDS = {
    "full": ("small", "predict"),
    "spread": ("small", "predict", "--spread"),
    "paper": ("small", "predict", "--theory", "paper"),
    "simulated": ("small", "simulate", "--replicates", "8"),
    "verified": ("small", "verify", "--replicates", "30"),
    "disagrees": ("small", "verify", "--replicates", "30", "--theory", "paper"),
    "compared": ("small", "compare", "--schemes", "gpt2,deepscalelm,llama,admin"),
    "tokens": ("tokens", "predict", "--tokens"),
    "gram": ("behind", "predict", "--gram", "8"),
    "gram-simulated": ("behind", "simulate", "--gram", "8", "--replicates", "20"),
    "translate": ("translate", "predict"),
    "gain": ("gain", "predict"),
}


def sweep():
    for at in range(20):
        x, y = at % 5, at // 5
        if at != 7:
            values = {"forward.variance last": 1.0 + 0.5 * x + y, "backward.variance first": 10.0 ** (x - y / 2)}
            if at == 13:
                del values["backward.variance first"]
            values["weights.value.gradient_norm first"] = {"value": None, "log10": 300.0 + at} if at > 15 else 10.0 ** (280 + at)
            yield {"index": at, "set": {"stack.residual.branch": 0.1 * 2**x, "init.std.query": 0.01 * (y + 1), "stack.norm.placement": "pre"},
                   "values": values}
    yield {"index": 20, "set": {"stack.residual.branch": 0.1, "init.std.query": 0.01, "stack.norm.placement": "post"},
           "values": {"forward.variance last": 1.0}}


def run(sigprop, *words, text=None):
    done = subprocess.run([sigprop, *words], input=text, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(words)}: {done.stderr}")
    return done.stdout


def without_seconds(text):
    """The result, whose time would be another each time."""
    result = json.loads(text)
    result["settings"].pop("seconds", None)
    for component in result.get("components", []):
        component["settings"] = []  # a figure has no use for the single settings
    return json.dumps(result) + "\n"


def main(sigprop):
    DATA.mkdir(exist_ok=True)
    for name, (spec, command, *options) in COMMANDS.items():
        out = run(sigprop, command, "-", *options, "--format", "json", "--quiet", text=json.dumps(specs()[spec]))
        (DATA / f"{name}.json").write_text(without_seconds(out), encoding="utf-8")
    out = run(sigprop, "experiment", "all", "--settings", "5", "--replicates", "20", "--format", "json", "--quiet")
    (DATA / "experiment.json").write_text(without_seconds(out), encoding="utf-8")
    (DATA / "sweep.jsonl").write_text("".join(json.dumps(row) + "\n" for row in sweep()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
