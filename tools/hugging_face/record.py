#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# /// script
# requires-python = ">=3.10"
# dependencies = ["transformers==5.23.0", "torch", "numpy"]
# ///
"""Records what the transformers library does: its default configurations, and small random models of every type.

Usage: record.py FOLDER [MODEL_TYPE...]. Writes below FOLDER/<version of transformers>/<model type>:

  config.json                 the class's default configuration, as the class saves it
  <variant>/config.json       a small configuration
  <variant>/parameters.json   of every parameter of a random model: shape, mean, standard deviation, rows of zeros
  <variant>/forward.json      second moment and token product of the residual stream in training mode, over random models

Another version: uv run --with transformers==4.57.1 tools/hugging_face/record.py FOLDER.
"""
import json
import pathlib
import sys

import numpy as np
import torch
import transformers
from classes import configuration, inputs, layers_of, moments, new_model, rows

NETWORKS, SEQUENCES, TOKENS = 32, 8, 64
SEED = 20250807

# Small enough to store and to run, wide enough for sharp standard deviations. No two of the widths, heads and rates that a class
# keeps apart are equal, and no standard deviation is a class's default, so that a mix-up shows.
WORDS = {"vocab_size": 1000, "bos_token_id": 2, "eos_token_id": 3}
BERT = {**WORDS, "hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 640,
        "max_position_embeddings": 128, "initializer_range": 0.05, "hidden_dropout_prob": 0.15, "attention_probs_dropout_prob": 0.05}
LLAMA = {**WORDS, "hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2,
         "intermediate_size": 640, "max_position_embeddings": 128, "initializer_range": 0.05, "attention_dropout": 0.1}
GPT2 = {**WORDS, "n_embd": 256, "n_layer": 4, "n_head": 4, "n_inner": 640, "n_positions": 128, "initializer_range": 0.05,
        "resid_pdrop": 0.15, "embd_pdrop": 0.2, "attn_pdrop": 0.05}
OPT = {**WORDS, "hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "ffn_dim": 640, "max_position_embeddings": 128,
       "init_std": 0.05, "dropout": 0.15, "attention_dropout": 0.05, "word_embed_proj_dim": 256}
BLOOM = {**WORDS, "hidden_size": 256, "n_layer": 4, "n_head": 4, "initializer_range": 0.05, "hidden_dropout": 0.15,
         "attention_dropout": 0.05}
NEOX = {**WORDS, "hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 640,
        "max_position_embeddings": 128, "initializer_range": 0.05, "hidden_dropout": 0.15, "attention_dropout": 0.05}
GPTJ = {**WORDS, "n_embd": 256, "n_layer": 4, "n_head": 4, "n_inner": 640, "n_positions": 128, "rotary_dim": 16,
        "initializer_range": 0.05, "resid_pdrop": 0.15, "embd_pdrop": 0.2, "attn_pdrop": 0.05}
BART = {**WORDS, "d_model": 256, "encoder_layers": 3, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 8,
        "encoder_ffn_dim": 640, "decoder_ffn_dim": 320, "max_position_embeddings": 128, "init_std": 0.05, "dropout": 0.15,
        "attention_dropout": 0.05}
T5 = {**WORDS, "d_model": 256, "d_kv": 48, "d_ff": 640, "num_layers": 3, "num_decoder_layers": 2, "num_heads": 4, "eos_token_id": 3,
      "decoder_start_token_id": 0, "dropout_rate": 0.1}
VIT = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 640, "image_size": 64, "patch_size": 8,
       "num_channels": 3, "initializer_range": 0.05, "hidden_dropout_prob": 0.15, "attention_probs_dropout_prob": 0.05}

SMALL = {
    "gpt2": {"small": GPT2, "layer_scaled_scores": {**GPT2, "scale_attn_by_inverse_layer_idx": True, "activation_function": "relu"},
             "unscaled_scores": {**GPT2, "scale_attn_weights": False}},
    "bert": {"small": BERT, "decoder": {**BERT, "is_decoder": True, "hidden_act": "relu"}},
    "roberta": {"small": BERT},
    "distilbert": {"small": {**WORDS, "dim": 256, "n_layers": 4, "n_heads": 4, "hidden_dim": 640, "max_position_embeddings": 128,
                             "initializer_range": 0.05, "dropout": 0.15, "attention_dropout": 0.05}},
    "llama": {"small": {**LLAMA, "head_dim": 48, "attention_bias": True, "mlp_bias": True}},
    "mistral": {"small": LLAMA},
    "mixtral": {"small": {**LLAMA, "intermediate_size": 320, "num_local_experts": 4}},
    "qwen2": {"small": LLAMA},
    "qwen3": {"small": {**LLAMA, "head_dim": 48}},
    "olmo2": {"small": LLAMA},
    "gemma": {"small": {**LLAMA, "head_dim": 48}},
    "gemma2": {"small": {**LLAMA, "head_dim": 48, "query_pre_attn_scalar": 64}},
    "t5": {"small": T5, "gated": {**T5, "feed_forward_proj": "gated-gelu", "initializer_factor": 1.0, "dropout_rate": 0.0},
           "factor": {**T5, "initializer_factor": 0.5, "dropout_rate": 0.0}},
    "bart": {"small": BART},
    "vit": {"small": VIT},
    "deit": {"small": VIT},
    "opt": {"small": OPT, "post_norm": {**OPT, "do_layer_norm_before": False, "activation_function": "gelu"},
            "projected": {**OPT, "word_embed_proj_dim": 128}},
    "bloom": {"small": BLOOM, "normed_residual": {**BLOOM, "apply_residual_connection_post_layernorm": True}},
    "gpt_neox": {"small": NEOX, "sequential": {**NEOX, "use_parallel_residual": False}},
    "gptj": {"small": GPTJ},
}

# Of every other type.
WIDTH, LAYERS, HEADS = 256, 2, 4
SIZES = {"vocabulary": 1000, "width": WIDTH, "layers": LAYERS, "decoder_layers": LAYERS, "heads": HEADS, "decoder_heads": HEADS, "kv_heads": 2,
         "head_width": 64, "ffn_width": 768, "decoder_ffn_width": 768, "shared_experts": 1, "expert_width": 128, "shared_width": 192, "experts": 4, "chosen_experts": 2,
         "table_width": WIDTH, "image": 64, "patch": 8, "channels": 3, "patches": 64, "positions": 128, "rotary_width": 32, "dense_layers": 0,
         "score_scalar": 64, "layers_beside": [], "query_rank": 96, "kv_rank": 64, "fixed_key_width": 48, "turning_key_width": 16, "std": 0.05}


def save(value, path):
    """One line a member, so that a difference between versions shows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{json.dumps(key)}: {json.dumps(member)}" for key, member in value.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def rounded(number):
    return float(f"{number:.6g}")


def parameter_record(parameter):
    rows = parameter.detach().double().reshape(parameter.shape[0], -1)
    live = rows[(rows != 0).any(dim=1)]
    zero_rows = len(rows) - len(live)
    if not len(live):
        live = rows
    return {"shape": list(parameter.shape), "mean": rounded(live.mean().item()), "std": rounded(live.std(correction=0).item()),
            "zero_rows": zero_rows}


def parameter_records(model):
    return {name: parameter_record(p) for name, p in model.named_parameters() if p.numel()}


def residual_stream(model, row, batch, layers):
    """Moments of what enters each stack and of what each layer returns."""
    found, hooks = {}, []
    for stack, modules in layers_of(model, row, layers).items():
        found[stack] = []

        def enter(_, arguments, keywords, stack=stack):
            if not found[stack]:
                found[stack].append(moments(arguments[0] if arguments else keywords["hidden_states"]))

        def leave(_, arguments, output, stack=stack):
            found[stack].append(moments(output[0] if isinstance(output, (tuple, list)) else output))

        hooks.append(modules[0].register_forward_pre_hook(enter, with_kwargs=True))
        hooks += [module.register_forward_hook(leave) for module in dict.fromkeys(modules)]
    with torch.no_grad():
        model(**batch)
    for hook in hooks:
        hook.remove()
    return found


def estimate(samples):
    samples = np.asarray(samples)
    return {"mean": rounded(samples.mean()), "standard_error": rounded(samples.std(ddof=1) / np.sqrt(len(samples)))}


def forward_record(config, row, layers):
    random = np.random.default_rng(SEED)
    runs = []
    for network in range(NETWORKS):
        torch.manual_seed(SEED + network)
        runs.append(residual_stream(new_model(config), row, inputs(config, row, random, SEQUENCES, TOKENS), layers))
    out = {"networks": NETWORKS, "sequences": SEQUENCES, "tokens": TOKENS}
    for stack in runs[0]:
        points = range(len(runs[0][stack]))
        out[stack] = [{name: estimate([run[stack][point][moment] for run in runs])
                       for moment, name in enumerate(("second_moment", "token_dot"))} for point in points]
    return out


def layers_in(config, row):
    """How many layers stacks have."""
    keys = [key for key, (role, _) in row["keys"].items() if role in ("layers", "decoder_layers")]
    return [getattr(config, key) for key in keys if getattr(config, key, None)]


def main():
    folder = pathlib.Path(sys.argv[1]) / transformers.__version__
    known = rows()
    for model_type in sys.argv[2:] or known:
        place, row = folder / model_type, known[model_type]
        transformers.AutoConfig.for_model(model_type).save_pretrained(place)
        variants = {name: transformers.AutoConfig.for_model(model_type, **keys) for name, keys in SMALL.get(model_type, {}).items()}
        for variant, config in (variants or {"small": configuration(model_type, row, SIZES)}).items():
            config.save_pretrained(place / variant)
            torch.manual_seed(SEED)
            model = new_model(config)
            save(parameter_records(model), place / variant / "parameters.json")
            if row["facts"].get("source") != "features":  # what enters those is none of the configuration's
                save(forward_record(config, row, layers_in(config, row)), place / variant / "forward.json")
            print(place / variant, flush=True)


if __name__ == "__main__":
    main()
