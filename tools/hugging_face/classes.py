# SPDX-License-Identifier: Apache-2.0
"""Small models of every type that the import knows: what record.py and compare.py share."""
import json
import pathlib

import numpy as np
import torch
import transformers

TABLE = pathlib.Path(__file__).resolve().parents[2] / "src/import/model_types.json"
# What a layer leaves out at random, and marks of words beyond the small vocabulary.
QUIET = ("layerdrop", "encoder_layerdrop", "decoder_layerdrop", "drop_path_rate", "router_jitter_noise")
OWN = {"gpt_neo": {"max_position_embeddings": 512},
       "big_bird": {"attention_type": "original_full"}, "longformer": {"attention_window": 256}, "led": {"attention_window": 256},
       **{name: {"n_group": 1, "topk_group": 1} for name in ("deepseek_v2", "deepseek_v3")}, "glm4_moe_lite": {"mlp_layer_types": None},
       "esm": {"pad_token_id": 1, "mask_token_id": 3}}
FEATURE_CORRELATION = 0.2  # of what enters a stack behind something that a spec does not have


def rows():
    """Every model type that is imported, with what it takes from the types that it is like."""
    table = json.loads(TABLE.read_text(encoding="utf-8"))

    def whole(name):
        row = dict(table[name])
        base = whole(row.pop("like")) if "like" in row else {}
        out = {**base, **row}
        for part in ("facts", "keys", "limits"):
            merged = {**base.get(part, {}), **row.get(part, {})}
            out[part] = {key: value for key, value in merged.items() if value is not None}
        return out

    return {name: whole(name) for name, row in table.items() if not {"refused", "parts"} & set(row)}


def configuration(name, row, sizes):
    """Of these sizes, which are by what a key is to the import."""
    keys = {}
    for key, (role, _) in row["keys"].items():
        role = role if isinstance(role, str) else role[0]
        if role in sizes:
            keys[key] = sizes[role]
    if row["facts"].get("gated") and "ffn_width" in [value[0] for value in row["keys"].values()]:
        keys[next(key for key, value in row["keys"].items() if value[0] == "ffn_width")] = 2 * sizes["ffn_width"] // 3
    for key in QUIET:
        if key in row["limits"]:
            keys[key] = 0.0
    for key in ("bos_token_id", "eos_token_id", "decoder_start_token_id", "sep_token_id", "mask_token_id", "cls_token_id", "forced_eos_token_id"):
        keys[key] = 2
    if row["facts"].get("source", "words") == "words" and not row["facts"].get("positions_after_padding"):
        keys["pad_token_id"] = 0
    if name in ("qwen2_vl_text", "qwen2_5_vl_text"):  # whose rotary positions have 64 pairs
        keys |= {"num_attention_heads": sizes["width"] // 128, "num_key_value_heads": 1}
    if name == "whisper":
        keys |= {"decoder_attention_heads": sizes["heads"], "decoder_layers": 1}
    if name == "glm4v_moe_text":  # whose rotary positions have 32 pairs
        keys["head_dim"] = 128
    if "kv_lora_rank" in keys:
        keys["num_key_value_heads"] = sizes["heads"]
    if name == "gpt_neo":
        keys["attention_types"] = [[["global", "local"], sizes["layers"] // 2]]
    return transformers.AutoConfig.for_model(name, **{**keys, **OWN.get(name, {})})


def new_model(config):
    """Of the class that AutoModel has, else of the one that holds a decoder alone."""
    config._attn_implementation = "eager"
    for make in (transformers.AutoModel, transformers.AutoModelForCausalLM):
        try:
            return make.from_config(config).train()
        except ValueError:
            continue
    return getattr(transformers, type(config).__name__.replace("Config", "Model"))(config).train()  # of a tower


def layers_of(model, row, layers):
    """Every stack's name and its layers, the same one again where layers share their weights. layers: how many stacks may have."""
    found = {}
    tied = row["facts"].get("tied")
    for name, module in model.named_modules():
        if not isinstance(module, torch.nn.ModuleList) or len(module) not in ((1,) if tied else layers):
            continue
        parts = name.split(".")
        both = row["facts"].get("encoder_decoder")
        stack = ("decoder" if "decoder" in parts else "encoder") if both else "stack"
        found.setdefault(stack, list(module) * (layers[0] if tied else 1))
    return found


def words(config, random, sequences, tokens):
    """Words by Zipf's law with exponent 1, the word of the padding left out."""
    ids = [i for i in range(config.vocab_size) if i != getattr(config, "pad_token_id", None)]
    probability = 1 / np.arange(1, len(ids) + 1)
    drawn = random.choice(ids, size=(sequences, tokens), p=probability / probability.sum())
    return torch.from_numpy(drawn)


def segments(random, sequences, tokens):
    """Two segments with a uniform border."""
    border = random.integers(0, tokens + 1, size=(sequences, 1))
    return torch.from_numpy((np.arange(tokens) >= border).astype(np.int64))


def moments(x):
    """Mean of a squared element, and of the product of two tokens' elements in one sequence."""
    x = x.double()
    square = x.square().mean()
    total = x.sum(dim=1).square().mean()  # over tokens, then over sequences and features
    tokens = x.shape[1]
    return square.item(), ((total - tokens * square) / (tokens * (tokens - 1))).item()


def inputs(config, row, random, sequences, tokens, text=None):
    """A batch; of words by Zipf's law, or of the text's."""
    source, facts = row["facts"].get("source", "words"), row["facts"]
    if source == "image":
        if "patches" in [value[0] for value in row["keys"].values()]:  # already cut
            side = round(config.num_patches ** 0.5)
            numbers = config.num_channels * config.patch_size ** 2
            return {"pixel_values": torch.from_numpy(random.standard_normal((sequences, config.num_patches, numbers)).astype(np.float32)),
                    "pixel_attention_mask": torch.ones((sequences, config.num_patches), dtype=torch.int64),
                    "spatial_shapes": torch.tensor([[side, side]] * sequences)}
        size = (sequences, config.num_channels, config.image_size, config.image_size)
        return {"pixel_values": torch.from_numpy(random.standard_normal(size).astype(np.float32))}
    if source == "features":
        if config.model_type == "whisper":
            positions = 2 * config.max_source_positions
            return {"input_features": torch.from_numpy(random.standard_normal((sequences, config.num_mel_bins, positions)).astype(np.float32))}
        return {"input_values": torch.from_numpy(random.standard_normal((sequences, 400 + 320 * (tokens - 1))).astype(np.float32))}
    batch = {"input_ids": words(config, random, sequences, tokens)}
    if "segment" in facts["tables"] and "segments" not in (row.get("defaults") or {}):
        if getattr(config, "type_vocab_size", 0) == 2:
            batch["token_type_ids"] = segments(random, sequences, tokens)
    if facts.get("encoder_decoder"):
        batch["decoder_input_ids"] = words(config, random, sequences, tokens)
    if text is not None:
        first = random.integers(0, len(text) - tokens)
        batch["input_ids"] = torch.from_numpy(text[None, first:first + tokens])
    if config.model_type == "trocr":
        batch |= {"output_hidden_states": True}
    return batch


