#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Applies what `sigprop init --pytorch` writes to PyTorch models and measures every parameter's standard deviation.

Usage: pytorch_function.py SIGPROP. Needs torch, and the transformers library for its models; exits with 77 where torch is absent.
Set SIGPROP_TORCH_PYTHON to an interpreter that has them if this one does not.
"""
import json
import math
import os
import subprocess
import sys

try:
    import torch
except ImportError:
    other = os.environ.get("SIGPROP_TORCH_PYTHON")
    if other and other != sys.executable:
        os.execv(other, [other, *sys.argv])
    print("skipped: PyTorch is not installed; SIGPROP_TORCH_PYTHON may name an interpreter that has it")
    sys.exit(77)

SIGPROP = sys.argv[1]
WIDTH, HEADS, FFN, LAYERS, VOCABULARY = 256, 4, 1024, 3, 1000
# Standard errors: with about 200 comparisons a false alarm has a probability of 1e-7.
ALARM = 6.0


def spec(gated=False, kv_heads=HEADS):
    return {"name": "small", "sequence_length": 32, "input": {"embedding": {"vocabulary": VOCABULARY, "tables": ["token"]}},
            "stack": {"layers": LAYERS, "width": WIDTH, "attention": {"heads": HEADS, "kv_heads": kv_heads},
                      "ffn": {"width": FFN, "activation": "gelu", "gated": gated}, "norm": {"kind": "layer_norm", "placement": "pre"}},
            "init": {"scheme": "bert"}}


def init(model_spec, scheme, *options):
    command = [SIGPROP, "init", "-", "--scheme", scheme, "--quiet", *options]
    return subprocess.run(command, input=json.dumps(model_spec), capture_output=True, text=True, check=True).stdout


def function(model_spec, scheme):
    module = {}
    exec(init(model_spec, scheme, "--pytorch"), module)  # pylint: disable=exec-used
    return module["initialize"]


def deviations(model_spec, scheme):
    std = json.loads(init(model_spec, scheme))["init"]["std"]
    return {name: value if isinstance(value, list) else [value] * LAYERS for name, value in std.items() if name != "embedding"}, std["embedding"]


def close(what, tensor, wanted):
    found = tensor.double().pow(2).mean().sqrt().item()
    assert abs(found - wanted) <= ALARM * wanted / math.sqrt(2 * tensor.numel()), f"{what}: {found} is not {wanted}"


def check_encoder(scheme):
    torch.manual_seed(1)
    layer = torch.nn.TransformerEncoderLayer(WIDTH, HEADS, FFN, activation="gelu", batch_first=True, norm_first=True)
    model = torch.nn.ModuleDict({"encoder": torch.nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False),
                                 "embedding": torch.nn.Embedding(VOCABULARY, WIDTH), "head": torch.nn.Linear(WIDTH, 7)})
    for parameter in model.parameters():
        torch.nn.init.constant_(parameter, 9.0)
    left = function(spec(), scheme)(model)
    assert left == ["head.weight", "head.bias"], left
    std, embedding = deviations(spec(), scheme)
    close("embedding", model["embedding"].weight, embedding)
    for index, layer in enumerate(model["encoder"].layers):
        packed = layer.self_attn.in_proj_weight.chunk(3)
        for name, tensor in zip(("query", "key", "value", "output", "ffn_in", "ffn_out"),
                                (*packed, layer.self_attn.out_proj.weight, layer.linear1.weight, layer.linear2.weight)):
            close(f"{scheme}, layer {index + 1}, {name}", tensor, std[name][index])
        bias = std.get("bias", [0] * LAYERS)[index]
        for tensor in (layer.self_attn.in_proj_bias, layer.self_attn.out_proj.bias, layer.linear1.bias):
            close(f"{scheme}, layer {index + 1}, bias", tensor, bias)
        close("bias of ffn_out", layer.linear2.bias, std.get("ffn_out_bias", std.get("bias", [0] * LAYERS))[index])
        assert (layer.norm1.weight == 1).all() and (layer.norm1.bias == 0).all()


def check_truncation():
    """Cut at 2 nominal standard deviations; the measured deviation is the spec's all the same."""
    torch.manual_seed(2)
    layer = torch.nn.TransformerEncoderLayer(WIDTH, HEADS, FFN, batch_first=True)
    model = torch.nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
    function(spec(), "bert:truncation=2")(model)
    weight = model.layers[0].linear1.weight
    assert 0.0395 < weight.abs().max() <= 0.04 + 1e-6, weight.abs().max()
    close("truncated", weight, 0.02 * 0.8796256610342398)


def check_errors():
    layer = torch.nn.TransformerEncoderLayer(WIDTH, HEADS, FFN, batch_first=True)
    for layers, message in ((LAYERS - 1, "no parameter of the model was recognized as query of stack layer 3"),
                            (LAYERS + 1, "layers.3.self_attn.in_proj_weight is in layer 4, but the recipe has 3 layers")):
        try:
            function(spec(), "gpt2")(torch.nn.TransformerEncoder(layer, layers, enable_nested_tensor=False))
        except ValueError as error:
            assert str(error) == message, error
        else:
            raise AssertionError(f"{layers} layers passed")


def huggingface_models():
    try:
        import transformers
    except ImportError:
        print("the transformers library is not installed: its models were left out")
        return
    sizes = {"hidden_size": WIDTH, "num_attention_heads": HEADS, "num_hidden_layers": LAYERS, "intermediate_size": FFN, "vocab_size": VOCABULARY}
    yield spec(), transformers.GPT2Model(transformers.GPT2Config(n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS, vocab_size=VOCABULARY))
    yield spec(), transformers.BertModel(transformers.BertConfig(**sizes), add_pooling_layer=False)
    yield spec(), transformers.DistilBertModel(transformers.DistilBertConfig(dim=WIDTH, hidden_dim=FFN, n_layers=LAYERS, n_heads=HEADS, vocab_size=VOCABULARY))
    yield spec(True, 2), transformers.LlamaModel(transformers.LlamaConfig(**sizes, num_key_value_heads=2))
    yield spec(), transformers.OPTModel(transformers.OPTConfig(hidden_size=WIDTH, ffn_dim=FFN, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
                                                               vocab_size=VOCABULARY, word_embed_proj_dim=WIDTH))
    yield spec(), transformers.GPTNeoXModel(transformers.GPTNeoXConfig(**sizes))
    yield spec(), transformers.BloomModel(transformers.BloomConfig(hidden_size=WIDTH, n_layer=LAYERS, n_head=HEADS, vocab_size=VOCABULARY))
    yield spec(), transformers.ViTModel(transformers.ViTConfig(**{k: v for k, v in sizes.items() if k != "vocab_size"}), add_pooling_layer=False)


def check_huggingface():
    for model_spec, model in huggingface_models():
        torch.manual_seed(3)
        left = function(model_spec, "olmo_mitchell")(model)
        std, _ = deviations(model_spec, "olmo_mitchell")
        kind = type(model).__name__
        assert not [name for name in left if ".layer" in name or ".h." in name], (kind, left)
        outputs = {"GPT2Model": "h.2.mlp.c_proj", "BertModel": "encoder.layer.2.output.dense", "DistilBertModel": "transformer.layer.2.ffn.lin2",
                   "LlamaModel": "layers.2.mlp.down_proj", "OPTModel": "decoder.layers.2.fc2", "GPTNeoXModel": "layers.2.mlp.dense_4h_to_h", "BloomModel": "h.2.mlp.dense_4h_to_h", "ViTModel": None}
        if outputs[kind]:
            close(kind, model.get_submodule(outputs[kind]).weight, std["ffn_out"][2])
        print(f"{kind}: {len(list(model.named_parameters())) - len(left)} parameters drawn, left alone: {', '.join(left) or 'none'}")


for name in ("deepscalelm", "deepscalelm_full", "torch_linear", "ds_init", "gpt2", "xavier"):
    check_encoder(name)
check_truncation()
check_errors()
check_huggingface()
print("ok")
