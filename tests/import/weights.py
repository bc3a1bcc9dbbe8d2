# SPDX-License-Identifier: Apache-2.0
"""Which weights of a spec a parameter of the transformers library is, by its name."""
import re

GAIN, BIAS, OUTSIDE, EMBEDDING, SPECIAL, PATCH, SHARED, BRANCH = "gain", "bias", "outside", "embedding", "special", "patch", "shared", "branch"

# The first pattern that is found in a name decides; a fused matrix is several weights.
PATTERNS = [(re.compile(pattern), weights) for pattern, weights in (
    # Parts that no spec has: heads, what widens a narrow table, biases of scores, what makes features of sound, latent states.
    (r"(^pooler|^head|contact_head|relative_attention_bias|project_(in|out)|embedding_hidden_mapping_in|embeddings_project)\.", (OUTSIDE,)),
    (r"(_global|conv|conv1|conv2|original[01]|feature_projection\.projection)\.(weight|bias)$|parametrizations|mask_token$|masked_spec_embed$", (OUTSIDE,)),
    (r"e_score_correction_bias$|(q_a_proj|q_b_proj|kv_a_proj_with_mqa|kv_b_proj)\.weight$", (OUTSIDE,)),
    (r"\.bias$", (BIAS,)),
    (r"(lambda1|lambda_\d)$", (BRANCH,)),
    (r"(?i)((ln|ln_\w|norm\w*)|norm_\d)\.weight$", (GAIN,)),
    (r"(cls_token|distillation_token|class_embedding|register_tokens|embeddings\.position_embeddings|embeddings\.position_embedding\.weight)$", (SPECIAL,)),
    (r"(patch_embeddings\.projection|patch_embeddings|patch_embedding)\.weight$", (PATCH,)),
    (r"(embeddings|embed_tokens|embed_positions|tokens_embed|positions_embed|token_embedding|embed_in|wte|wpe|^shared)\.weight$", (EMBEDDING,)),
    (r"(c_attn|query_key_value|qkv_proj|Wqkv)\.weight$", ("query", "key", "value")),
    (r"(query|q_lin|q_proj|attn\.q|\.q)\.weight$", ("query",)),
    (r"(key|k_lin|k_proj|attn\.k|\.k)\.weight$", ("key",)),
    (r"(value|v_lin|v_proj|attn\.v|\.v)\.weight$", ("value",)),
    (r"(attention\.(output\.)?dense|attn\.dense|self_attn\.output|attn\.o|out_lin|o_proj|out_proj|attn\.c_proj|attn\.Wo|\.o)\.weight$", ("output",)),
    (r"shared_expert_gate\.weight$", ("router_2",)),
    (r"(block_sparse_moe|mlp)\.(gate|router)\.weight$|router\.weight$", ("router",)),
    (r"shared_(expert|experts|mlp)\.\w+\.weight$", (SHARED,)),
    (r"(gate_up_proj|experts\.gate_up_proj|Wi)(\.weight)?$", ("ffn_gate", "ffn_in")),
    (r"input_linear\.weight$", ("ffn_gate", "ffn_in")),
    (r"(gate_proj|wi_0|\.w1)\.weight$", ("ffn_gate",)),
    (r"(intermediate\.dense|intermediate_dense|lin1|fc1|c_fc|fc_in|dense_h_to_4h|ffn|wi|wi_1|up_proj|\.w3)\.weight$", ("ffn_in",)),
    (r"(output\.dense|output_dense|output_linear|lin2|fc2|fc_out|mlp\.c_proj|mlp\.Wo|ffn_output|dense_4h_to_h|\.wo|down_proj|\.w2)\.weight$", ("ffn_out",)),
    (r"experts\.down_proj$", ("ffn_out",)),
)]
FUSED = re.compile(r"(c_attn|query_key_value|qkv_proj|Wqkv)\.weight$")
UNIT_GAIN = ("gemma", "gemma2", "gemma3_text", "vaultgemma")  # whose norms multiply by 1 + weight, and whose embedding is multiplied by √width
LAYER = re.compile(r"(?:^|\.)(?:h|layer|layers|block|blocks|albert_layers)\.(\d+)\.")


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
        return 0, 1e-6 if model_type.startswith("siglip") else 0  # which draws them so
    if weights == GAIN:
        return (0 if model_type in UNIT_GAIN else config.get("initializer_factor", 1)), 0
    if weights == BRANCH:
        return spec["stack"]["residual"].get("branch", 1), 0
    if model_type == "clip_vision_model" and weights in (PATCH, SPECIAL):
        return None  # a norm behind them leaves nothing of their size
    if weights in (PATCH, SPECIAL) and "patches" in spec["input"]:
        return 0, of_image(weights, spec, config)
    if weights == SHARED:
        return 0, std["ffn_in"]
    if weights in (EMBEDDING, SPECIAL):
        return of_table(name, spec, config)
    if weights in ("router", "router_2"):
        return 0, spec["stack"]["ffn"].get("router_std", 0)
    layer = layer_of(name)
    scaled = weights == "query" and config.get("scale_attn_by_inverse_layer_idx")  # written in the query's weights
    return 0, at_layer(std[weights], layer) * (layer + 1 if scaled else 1)


def of_image(weights, spec, config):
    """The deviation of what embeds a patch, or of a table beside the patches."""
    kept = 1 - config.get("hidden_dropout_prob", 0)
    patches, special = spec["input"]["patches"], spec["input"].get("class_token", {}).get("std", 0)
    if weights == PATCH:
        return (patches["variance"] * kept / patches["pixels"]) ** 0.5
    return (patches.get("position_std", special) if weights == SPECIAL and not special else special) * kept ** 0.5


def of_table(name, spec, config):
    """(mean, standard deviation) of a table's elements, without the factor that a class applies to the words'."""
    embedding, std = spec["input"].get("embedding", {}), spec["init"]["std"]
    if not embedding:
        return None
    told = embedding.get("std") or {"token": std["embedding"], "position": std["embedding"]}
    if re.search("position|embed_positions|wpe", name):
        sines = embedding.get("segments") == 1 and "type_vocab_size" not in config
        return None if sines else (0, told["position"])
    width = config.get("hidden_size") or config.get("d_model") or config.get("n_embd")
    factor = config.get("embedding_multiplier", 1) * (width ** 0.5 if config.get("scale_embedding") or config["model_type"] in UNIT_GAIN else 1)
    if config.get("word_embed_proj_dim", width) != width:
        return None  # widened by weights
    return 0, told["token"] / factor / config.get("scale_emb", 1)


def elements(weights, stack):
    """How many elements a weight has in one layer of a spec's stack; None for what has no single size."""
    width, attention = stack["width"], stack["attention"]
    head_width = attention.get("head_width", width // attention["heads"])
    queries, keys = attention["heads"] * head_width, attention.get("kv_heads", attention["heads"]) * head_width
    ffn = stack["ffn"]["width"] * width * stack["ffn"].get("experts", 1)
    return {"query": queries * width, "key": keys * width, "value": keys * width, "output": queries * width,
            "ffn_in": ffn, "ffn_gate": ffn, "ffn_out": ffn,
            "router": width * stack["ffn"].get("experts", 1)}.get(weights)
