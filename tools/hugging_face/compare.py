#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# /// script
# requires-python = ">=3.10"
# dependencies = ["transformers==5.24.0", "torch", "numpy"]
# ///
"""Compares predictions with random models of the transformers library, point by point and weight by weight.

Usage: compare.py SIGPROP [MODEL_TYPE...] [--networks N] [--text FILE]. Every network has fresh weights, words by Zipf's law or the next
ones of the file (a word each), masks and independent noise for the gradient at the last hidden state. Prints a line of a Markdown
table for each type: the range over all places of predicted/measured, with the largest standard error, and of two tokens' products the largest difference over the second
moment. Weights count by their squared norms.
"""
import argparse
import json
import pathlib
import re
import subprocess
import tempfile

import numpy as np
import record
import torch
import transformers

SIZES = {"vocab_size": 5000, "hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 6, "intermediate_size": 1536}
DECODER = {**SIZES, "intermediate_size": 1024, "num_key_value_heads": 2, "pad_token_id": None}
IMAGE = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 6, "intermediate_size": 1536, "image_size": 128,
         "patch_size": 16, "num_channels": 3}
TYPES = {
    "bert": SIZES, "roberta": SIZES, "llama": DECODER, "qwen3": {**DECODER, "head_dim": 64}, "olmo2": DECODER,
    "mixtral": {**DECODER, "num_local_experts": 8}, "vit": IMAGE, "deit": IMAGE,
    "t5": {"vocab_size": 5000, "d_model": 384, "d_kv": 64, "d_ff": 1536, "num_layers": 6, "num_heads": 6},
    "gpt2": {"vocab_size": 5000, "n_embd": 384, "n_layer": 6, "n_head": 6},
}
TOKENS, BATCH = 64, 1

# A weight's name in the library, in the order in which they are tried, and in a profile.
ROLES = [(r"EncDecAttention\.q\.", "cross_query"), (r"EncDecAttention\.k\.", "cross_key"), (r"EncDecAttention\.v\.", "cross_value"),
         (r"EncDecAttention\.o\.", "cross_output"), (r"(query|q_proj|SelfAttention\.q)\.", "query"),
         (r"(key|k_proj|SelfAttention\.k)\.", "key"), (r"(value|v_proj|SelfAttention\.v)\.", "value"),
         (r"(attention\.output\.dense|o_proj|attn\.c_proj|SelfAttention\.o)\.", "output"), (r"gate_proj\.", "ffn_gate"),
         (r"(intermediate\.dense|up_proj|fc1|c_fc|\.wi)\.", "ffn_in"), (r"(output\.dense|down_proj|fc2|mlp\.c_proj|\.wo)\.", "ffn_out")]


class Sample:
    """Means over networks, by place and quantity."""

    def __init__(self):
        self.values = {}

    def add(self, place, quantity, value):
        self.values.setdefault((place, quantity), []).append(value)

    def estimate(self, key):
        values = np.asarray(self.values[key])
        return values.mean(), values.std(ddof=1) / np.sqrt(len(values))


def last_state(model, batch):
    return model(**batch).last_hidden_state


def measure(model, batch, sample):
    """One network: moments of what enters each stack and of what its layers return, of the gradients there, and of the weights."""
    states, hooks = {}, []

    def keep(place, tensor):
        tensor.retain_grad()
        states[place] = tensor

    for stack, layers in record.layers_of(model, model.config.model_type).items():
        def enter(_, arguments, keywords, stack=stack):
            keep((stack, 0), arguments[0] if arguments else keywords["hidden_states"])

        hooks.append(layers[0].register_forward_pre_hook(enter, with_kwargs=True))
        for i, layer in enumerate(layers):
            def leave(_, arguments, output, stack=stack, i=i):
                keep((stack, i + 1), output[0] if isinstance(output, tuple) else output)

            hooks.append(layer.register_forward_hook(leave))
    state = last_state(model, batch)
    state.backward(torch.randn_like(state))
    for hook in hooks:
        hook.remove()
    for place, tensor in states.items():
        second, product = record.moments(tensor.detach())
        sample.add(place, "second moment", second)
        sample.add(place, "token product", product)
        sample.add(place, "gradient", tensor.grad.double().square().mean().item())
    for stack, layers in record.layers_of(model, model.config.model_type).items():
        for i, layer in enumerate(layers):
            for name, parameter in layer.named_parameters():
                if name.endswith("c_attn.weight"):  # (in, out), the three side by side
                    for role, part in zip(("query", "key", "value"), parameter.grad.double().chunk(3, dim=1), strict=True):
                        sample.add((stack, i + 1), role, part.square().sum().item())
                role = next((role for pattern, role in ROLES if re.search(pattern, "." + name)), None)
                if role and name.endswith("weight") and parameter.dim() == 2 and parameter.grad is not None:
                    sample.add((stack, i + 1), role, parameter.grad.double().square().sum().item())


def inputs(config, random, text):
    record.SEQUENCES, record.TOKENS = BATCH, TOKENS
    batch = record.inputs(config, random)
    if text is not None and "input_ids" in batch:
        first = random.integers(0, len(text) - TOKENS)
        batch["input_ids"] = torch.from_numpy(text[None, first:first + TOKENS])
    return batch


def sampled(config, networks, text):
    sample, random = Sample(), np.random.default_rng(record.SEED)
    for network in range(networks):
        torch.manual_seed(record.SEED + network)
        measure(record.new_model(config), inputs(config, random, text), sample)
    return sample


def words_of(file, vocabulary):
    """The words of a text as ids, in the order in which they first appear."""
    ids = {}
    # The first ids are those of padding and marks.
    return np.asarray([4 + ids.setdefault(word, len(ids)) % (vocabulary - 4) for word in file.read_text(encoding="utf-8").split()])


def predicted(sigprop, config, text):
    with tempfile.TemporaryDirectory() as folder:
        config.save_pretrained(folder)
        image = config.model_type in ("vit", "deit")
        size = ["--token-correlation", "0"] if image else ["--sequence-length", str(TOKENS)]
        command = [sigprop, "import", f"{folder}/config.json", "--quiet", *size]
        spec = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        if text is not None and not image:
            ids = pathlib.Path(folder) / "ids.json"
            starts = range(0, len(text) - TOKENS, TOKENS)
            ids.write_text(json.dumps([text[i:i + TOKENS].tolist() for i in starts]), encoding="utf-8")
            spec["input"]["embedding"]["words"] = {"file": str(ids)}
        run = subprocess.run([sigprop, "predict", "-", "--quiet", "--format", "json"], input=json.dumps(spec), check=True,
                             capture_output=True, text=True)
    return json.loads(run.stdout)


def place_of(path):
    """(stack, layer) of a point behind a whole layer or of an input; none within one."""
    stack, _, rest = ("stack/" + path if not path.startswith(("encoder", "decoder")) else path).partition("/")
    if rest == "input":
        return stack, 0
    found = re.fullmatch(r"layer (\d+)(/ffn)?", rest)
    return (stack, int(found.group(1))) if found else None


def compared(sample, profile):
    """Of every quantity: predicted/measured (of token products the difference over the second moment) and the standard error."""
    out = {}

    def add(key, value):
        if key not in sample.values:
            return
        mean, error = sample.estimate(key)
        if key[1] == "token product":
            scale = sample.estimate((key[0], "second moment"))[0]
            out[key] = (value - mean) / scale, error / scale
        elif mean > 0:
            out[key] = value / mean, error / mean

    for point in profile["points"]:
        place = place_of(point["path"])
        if place is None:
            continue
        add((place, "second moment"), point["forward"]["second_moment"])
        add((place, "token product"), point["forward"]["token_dot"])
        add((place, "gradient"), point["backward"]["variance"])
    for layer in profile["layers"]:
        place = place_of(layer["path"])
        for name, weight in layer["weights"].items():
            if weight.get("gradient_norm") is not None:
                add((place, name), weight["gradient_norm"] ** 2)
    return out


def column(ratios, quantities):
    found = [ratio for key, ratio in ratios.items() if key[1] in quantities]
    if not found:
        return "none"
    low, high = min(r for r, _ in found), max(r for r, _ in found)
    return f"{low:.3f} to {high:.3f} (± {max(e for _, e in found):.3f})"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("sigprop")
    parser.add_argument("types", nargs="*", default=list(TYPES))
    parser.add_argument("--networks", type=int, default=150)
    parser.add_argument("--text", type=pathlib.Path)
    parser.add_argument("--verbose", action="store_true", help="also every place and quantity")
    arguments = parser.parse_args()
    scores = ("query", "key", "cross_query", "cross_key")
    print("| class | second moment | token product | gradient² | W_q, W_k | other weights |\n| --- | --- | --- | --- | --- | --- |", flush=True)
    for name in arguments.types:
        config = transformers.AutoConfig.for_model(name, **TYPES[name])
        text = words_of(arguments.text, config.vocab_size) if arguments.text and hasattr(config, "vocab_size") else None
        ratios = compared(sampled(config, arguments.networks, text), predicted(arguments.sigprop, config, text))
        others = {key[1] for key in ratios} - {"second moment", "token product", "gradient", *scores}
        print(f"| {name} | {column(ratios, ['second moment'])} | {column(ratios, ['token product'])} | {column(ratios, ['gradient'])} | "
              f"{column(ratios, scores)} | {column(ratios, others)} |", flush=True)
        if arguments.verbose:
            for (place, quantity), (ratio, error) in ratios.items():
                print(f"{name} {place[0]} {place[1]} {quantity}: {ratio:.3f} ± {error:.3f}", flush=True)


if __name__ == "__main__":
    main()
