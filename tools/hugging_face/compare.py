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
from classes import FEATURE_CORRELATION, configuration, inputs, layers_of, moments, new_model, rows

WIDTH, LAYERS, HEADS = 384, 6, 6
# By what a key is to the import. Dropout stays the class's own.
SIZES = {"vocabulary": 5000, "width": WIDTH, "layers": LAYERS, "decoder_layers": LAYERS, "heads": HEADS, "decoder_heads": HEADS, "kv_heads": 2,
         "head_width": 64, "ffn_width": 1536, "decoder_ffn_width": 1536, "shared_experts": 1, "expert_width": 512, "shared_width": 512, "experts": 8, "chosen_experts": 2,
         "table_width": WIDTH, "image": 128, "patch": 16, "channels": 3, "patches": 64, "positions": 512, "rotary_width": 32, "dense_layers": 0,
         "score_scalar": 64, "layers_beside": [], "query_rank": 192, "kv_rank": 128, "fixed_key_width": 48, "turning_key_width": 16}
TOKENS, BATCH = 64, 1

# A weight's name in the library, in the order in which they are tried, and in a profile.
ROLES = [(r"EncDecAttention\.q\.|encoder_attn\.q_proj", "cross_query"), (r"EncDecAttention\.k\.|encoder_attn\.k_proj", "cross_key"),
         (r"EncDecAttention\.v\.|encoder_attn\.v_proj", "cross_value"), (r"EncDecAttention\.o\.|encoder_attn\.out_proj", "cross_output"),
         (r"(query|q_proj|q_lin|SelfAttention\.q|attn\.q)\.", "query"), (r"(key|k_proj|k_lin|SelfAttention\.k|attn\.k)\.", "key"),
         (r"((?<!key_)value|v_proj|v_lin|SelfAttention\.v|attn\.v)\.", "value"),
         (r"(attention\.output\.dense|attention\.dense|attn\.dense|attn\.o|o_proj|out_proj|out_lin|attn\.c_proj|attn\.Wo|SelfAttention\.o)\.", "output"),
         (r"(gate_proj|wi_0)\.", "ffn_gate"),
         (r"(intermediate\.dense|up_proj|fc1|c_fc|lin1|fc_in|dense_h_to_4h|intermediate_dense|\.ffn|\.wi|\.wi_1)\.", "ffn_in"),
         (r"(output\.dense|down_proj|fc2|mlp\.c_proj|mlp\.Wo|lin2|fc_out|dense_4h_to_h|output_dense|ffn_output|\.wo)\.|down_proj$", "ffn_out")]


class Sample:
    """Means over networks, by place and quantity."""

    def __init__(self):
        self.values = {}

    def add(self, place, quantity, value):
        self.values.setdefault((place, quantity), []).append(value)

    def estimate(self, key):
        values = np.asarray(self.values[key])
        return values.mean(), values.std(ddof=1) / np.sqrt(len(values))


def measure(model, row, batch, sample):
    """One network: moments of what enters each stack and of what its layers return, of the gradients there, and of the weights."""
    states, hooks = {}, []

    def keep(place, tensor):
        tensor.retain_grad()
        states[place] = tensor

    for stack, layers in layers_of(model, row, (LAYERS,)).items():
        calls = {"in": 0, "out": 0}

        def enter(_, arguments, keywords, stack=stack, calls=calls):
            calls["in"] += 1
            if calls["in"] > 1:
                return None
            state = arguments[0] if arguments else keywords["hidden_states"]
            if row["facts"].get("source") == "features":
                common = torch.randn(state.shape[0], 1, state.shape[2])
                state = (FEATURE_CORRELATION ** 0.5 * common + (1 - FEATURE_CORRELATION) ** 0.5 * torch.randn_like(state)).requires_grad_()
                arguments, keywords = ((state, *arguments[1:]), keywords) if arguments else (arguments, {**keywords, "hidden_states": state})
            keep((stack, 0), state)
            return arguments, keywords

        def leave(_, arguments, output, stack=stack, calls=calls):
            calls["out"] += 1
            keep((stack, calls["out"]), output[0] if isinstance(output, (tuple, list)) else output)

        hooks.append(layers[0].register_forward_pre_hook(enter, with_kwargs=True))
        hooks += [layer.register_forward_hook(leave) for layer in dict.fromkeys(layers)]
    output = model(**batch)
    state = output["last_hidden_state"] if "last_hidden_state" in output else output.hidden_states[-1]
    state.backward(torch.randn_like(state))
    for hook in hooks:
        hook.remove()
    for place, tensor in states.items():
        second, product = moments(tensor.detach())
        sample.add(place, "second moment", second)
        sample.add(place, "token product", product)
        sample.add(place, "gradient", tensor.grad.double().square().mean().item())
    for stack, layers in layers_of(model, row, (LAYERS,)).items():
        for i, layer in enumerate(dict.fromkeys(layers)):
            for name, parameter in layer.named_parameters():
                if parameter.grad is None or parameter.dim() < 2 or "shared_expert" in name:
                    continue
                gradient = parameter.grad.double()
                if name.endswith("c_attn.weight") and gradient.shape[1] == 3 * gradient.shape[0]:  # (in, out), the three side by side
                    for role, part in zip(("query", "key", "value"), gradient.chunk(3, dim=1), strict=True):
                        sample.add((stack, i + 1), role, part.square().sum().item())
                fused = re.search(r"(gate_up_proj|mlp\.Wi)", name)
                if fused:  # (…, 2 × hidden, in)
                    for role, part in zip(("ffn_gate", "ffn_in"), gradient.chunk(2, dim=-2), strict=True):
                        sample.add((stack, i + 1), role, part.square().sum().item())
                role = next((role for pattern, role in ROLES if re.search(pattern, "." + name)), None)
                if role and not fused:
                    sample.add((stack, i + 1), role, gradient.square().sum().item())


def sampled(config, row, networks, text):
    sample, random = Sample(), np.random.default_rng(record.SEED)
    for network in range(networks):
        torch.manual_seed(record.SEED + network)
        model = new_model(config)
        measure(model.get_encoder() if config.model_type == "whisper" else model, row, inputs(config, row, random, BATCH, TOKENS, text), sample)
    return sample


def words_of(file, vocabulary):
    """The words of a text as ids, in the order in which they first appear."""
    ids = {}
    # The first ids are those of padding and marks.
    return np.asarray([4 + ids.setdefault(word, len(ids)) % (vocabulary - 4) for word in file.read_text(encoding="utf-8").split()])


def predicted(sigprop, config, row, text):
    with tempfile.TemporaryDirectory() as folder:
        config.save_pretrained(folder)
        source = row["facts"].get("source", "words")
        image = source == "image"
        size = ["--token-correlation", "0"] if image else ["--sequence-length", str(TOKENS)]
        if source == "features":
            size += ["--token-correlation", str(FEATURE_CORRELATION)]
        command = [sigprop, "import", f"{folder}/config.json", "--quiet", *size]
        spec = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        if source == "features":  # what enters the layers is what is compared
            spec["input"] = {"variance": 1, "token_correlation": FEATURE_CORRELATION}
            spec["sequence_length"] = config.max_source_positions if config.model_type == "whisper" else TOKENS
        if text is not None and source == "words":
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
    found = re.fullmatch(r"layer (\d+)(/ffn|/parallel)?", rest)
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
    parser.add_argument("types", nargs="*")
    parser.add_argument("--networks", type=int, default=150)
    parser.add_argument("--text", type=pathlib.Path)
    parser.add_argument("--verbose", action="store_true", help="also every place and quantity")
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    scores = ("query", "key", "cross_query", "cross_key")
    print("| class | second moment | token product | gradient² | W_q, W_k | other weights |\n| --- | --- | --- | --- | --- | --- |", flush=True)
    known = rows()
    for name in arguments.types or known:
        row = known[name]
        try:
            config = configuration(name, row, SIZES)
            text = words_of(arguments.text, config.vocab_size) if arguments.text and hasattr(config, "vocab_size") else None
            ratios = compared(sampled(config, row, arguments.networks, text), predicted(arguments.sigprop, config, row, text))
        except Exception as error:  # one type less in the table
            print(f"{name}: {type(error).__name__}: {str(error)[:300]}", flush=True)
            continue
        others = {key[1] for key in ratios} - {"second moment", "token product", "gradient", *scores}
        print(f"| {name} | {column(ratios, ['second moment'])} | {column(ratios, ['token product'])} | {column(ratios, ['gradient'])} | "
              f"{column(ratios, scores)} | {column(ratios, others)} |", flush=True)
        if arguments.verbose:
            for (place, quantity), (ratio, error) in ratios.items():
                print(f"{name} {place[0]} {place[1]} {quantity}: {ratio:.3f} ± {error:.3f}", flush=True)


if __name__ == "__main__":
    main()
