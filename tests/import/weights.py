# SPDX-License-Identifier: Apache-2.0
"""Which weights of a spec a parameter of the transformers library is, by its name."""
import re

GAIN, BIAS, OUTSIDE, EMBEDDING, SPECIAL, PATCH = "gain", "bias", "outside", "embedding", "special", "patch"

# The first pattern that is found in a name decides; a fused matrix is several weights.
PATTERNS = [(re.compile(pattern), weights) for pattern, weights in (
    # Parts that no spec has: the head, OPT's narrow table, T5's biases of scores.
    (r"(^pooler|relative_attention_bias|project_(in|out))\.", (OUTSIDE,)),
    (r"\.bias$", (BIAS,)),
    (r"(?i)(ln_\w|norm\w*)\.weight$", (GAIN,)),
    (r"(cls_token|distillation_token|embeddings\.position_embeddings)$", (SPECIAL,)),
    (r"patch_embeddings\.projection\.weight$", (PATCH,)),
    (r"(embeddings|embed_tokens|embed_positions|embed_in|wte|wpe|^shared)\.weight$", (EMBEDDING,)),
    (r"(c_attn|query_key_value)\.weight$", ("query", "key", "value")),
    (r"(query|q_lin|q_proj|\.q)\.weight$", ("query",)),
    (r"(key|k_lin|k_proj|\.k)\.weight$", ("key",)),
    (r"(value|v_lin|v_proj|\.v)\.weight$", ("value",)),
    (r"(attention\.(output\.)?dense|out_lin|o_proj|out_proj|attn\.c_proj|\.o)\.weight$", ("output",)),
    (r"(block_sparse_moe|mlp)\.gate\.weight$", ("router",)),
    (r"experts\.gate_up_proj$", ("ffn_gate", "ffn_in")),
    (r"(gate_proj|wi_0|\.w1)\.weight$", ("ffn_gate",)),
    (r"(intermediate\.dense|lin1|fc1|c_fc|fc_in|dense_h_to_4h|wi|wi_1|up_proj|\.w3)\.weight$", ("ffn_in",)),
    (r"(output\.dense|lin2|fc2|fc_out|mlp\.c_proj|dense_4h_to_h|\.wo|down_proj|\.w2)\.weight$", ("ffn_out",)),
    (r"experts\.down_proj$", ("ffn_out",)),
)]
UNIT_GAIN = ("gemma", "gemma2")  # whose norms multiply by 1 + weight, and whose embedding is multiplied by √width
LAYER = re.compile(r"(?:^|\.)(?:h|layer|layers|block)\.(\d+)\.")


def weights_of(name):
    """The weights that a parameter is, or None for a name that no pattern knows."""
    return next((weights for pattern, weights in PATTERNS if pattern.search(name)), None)


def layer_of(name):
    """Layers count from 0; a parameter of no layer is in none."""
    found = LAYER.search(name)
    return int(found.group(1)) if found else None


def at_layer(std, layer):
    return std[layer] if isinstance(std, list) else std


def expected(name, weights, spec, config):
    """(mean, standard deviation) that the spec tells of a parameter; None where it tells nothing."""
    std, model_type = spec["init"]["std"], config["model_type"]
    if weights == OUTSIDE:
        return None
    if weights == BIAS:
        return 0, 0
    if weights == GAIN:
        return (0 if model_type in UNIT_GAIN else config.get("initializer_factor", 1)), 0
    if weights == PATCH:
        return 0, std["query"]
    if weights == SPECIAL:
        return 0, 0 if model_type == "deit" else std["query"]
    if weights == EMBEDDING:
        return 0, std["embedding"] / (config["hidden_size"] ** 0.5 if model_type in UNIT_GAIN else 1)
    if weights == "router":
        return 0, spec["stack"]["ffn"].get("router_std", 0)
    layer = layer_of(name)
    scaled = weights == "query" and config.get("scale_attn_by_inverse_layer_idx")  # written in the query's weights
    return 0, at_layer(std[weights], layer) * (layer + 1 if scaled else 1)


def elements(weights, stack):
    """How many elements a weight has in one layer of a spec's stack; None for what has no single size."""
    width, attention = stack["width"], stack["attention"]
    head_width = attention.get("head_width", width // attention["heads"])
    queries, keys = attention["heads"] * head_width, attention.get("kv_heads", attention["heads"]) * head_width
    ffn = stack["ffn"]["width"] * width * stack["ffn"].get("experts", 1)
    return {"query": queries * width, "key": keys * width, "value": keys * width, "output": queries * width,
            "ffn_in": ffn, "ffn_gate": ffn, "ffn_out": ffn,
            "router": width * stack["ffn"].get("experts", 1)}.get(weights)
