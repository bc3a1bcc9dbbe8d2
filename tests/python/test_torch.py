# SPDX-License-Identifier: Apache-2.0
"""sigprop.torch on real models of transformers and torch: python tests/python/test_torch.py, with both beside the package."""

from __future__ import annotations

import dataclasses
import math
import types
import unittest

import numpy as np
import sigprop
import sigprop.torch
import torch
import transformers
from sigprop.testing import assert_initialized, assert_profile

WORDS = 2000


def tokens(seed: int = 0, shape: tuple[int, int] = (4, 64)) -> torch.Tensor:
    """Words of Zipf's law."""
    law = 1 / np.arange(1, WORDS + 1)
    return torch.tensor(np.random.default_rng(seed).choice(WORDS, shape, p=law / law.sum()))


def gpt2(seed: int = 0) -> transformers.GPT2LMHeadModel:
    torch.manual_seed(seed)
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(n_embd=128, n_layer=4, n_head=4, vocab_size=WORDS, n_positions=64))


def bert(seed: int = 0) -> transformers.BertModel:
    torch.manual_seed(seed)
    return transformers.BertModel(transformers.BertConfig(hidden_size=128, num_hidden_layers=4, num_attention_heads=4, intermediate_size=512,
                                                          vocab_size=WORDS, max_position_embeddings=64))


def llama(seed: int = 0) -> transformers.LlamaModel:
    torch.manual_seed(seed)
    return transformers.LlamaModel(transformers.LlamaConfig(hidden_size=128, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2,
                                                            intermediate_size=384, vocab_size=WORDS))


def encoder(seed: int = 0, norm_first: bool = True) -> torch.nn.TransformerEncoder:
    torch.manual_seed(seed)
    layer = torch.nn.TransformerEncoderLayer(128, 4, 512, 0.1, norm_first=norm_first, batch_first=True)
    out = torch.nn.TransformerEncoder(layer, 4, norm=torch.nn.LayerNorm(128) if norm_first else None, enable_nested_tensor=False)
    for one in out.layers:  # which the constructor copied
        one.self_attn._reset_parameters()
        for linear in (one.self_attn.out_proj, one.linear1, one.linear2):
            torch.nn.Linear.reset_parameters(linear)
        torch.nn.init.zeros_(one.self_attn.out_proj.bias)
    return out


def vit(seed: int = 0) -> transformers.ViTModel:
    torch.manual_seed(seed)
    return transformers.ViTModel(transformers.ViTConfig(hidden_size=128, num_hidden_layers=4, num_attention_heads=4, intermediate_size=512, image_size=64,
                                                        patch_size=8))


class Attention(torch.nn.Module):
    """Causal, as nanoGPT writes it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.c_attn = torch.nn.Linear(width, 3 * width, bias=False)
        self.c_proj = torch.nn.Linear(width, width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, width = x.shape
        q, k, v = (one.view(batch, tokens, self.heads, -1).transpose(1, 2) for one in self.c_attn(x).split(width, dim=2))
        y = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).reshape(batch, tokens, width))


class Block(torch.nn.Module):
    def __init__(self, width: int, heads: int, scale: float = 1.0) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.mlp = torch.nn.ModuleDict({"c_fc": torch.nn.Linear(width, 4 * width, bias=False), "c_proj": torch.nn.Linear(4 * width, width, bias=False)})
        self.scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.scale * self.mlp["c_proj"](torch.nn.functional.gelu(self.mlp["c_fc"](self.ln_2(x))))


class NanoGPT(torch.nn.Module):
    """A model of one's own with nanoGPT's names; scale: a factor in its code that no weight shows."""

    def __init__(self, seed: int = 0, scale: float = 1.0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        width, layers = 128, 4
        self.config = types.SimpleNamespace(n_head=4, dropout=0.0)
        self.transformer = torch.nn.ModuleDict({
            "wte": torch.nn.Embedding(WORDS, width), "wpe": torch.nn.Embedding(64, width),
            "h": torch.nn.ModuleList(Block(width, 4, scale) for _ in range(layers)), "ln_f": torch.nn.LayerNorm(width)})
        self.lm_head = torch.nn.Linear(width, WORDS, bias=False)
        for name, one in self.named_parameters():
            if one.ndim == 2:
                torch.nn.init.normal_(one, std=0.02 / (math.sqrt(2 * layers) if name.endswith("c_proj.weight") else 1))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.transformer["wte"](ids) + self.transformer["wpe"](torch.arange(ids.shape[1]))
        for block in self.transformer["h"]:
            x = block(x)
        return self.lm_head(self.transformer["ln_f"](x))


class Judged(unittest.TestCase):
    def test_a_model_of_ones_own_is_judged_by_its_layout(self) -> None:
        layout = sigprop.torch.Layout.nanogpt()
        spec = sigprop.torch.spec_of(NanoGPT(), 64, 4, layout)
        self.assertEqual((spec["stack"]["layers"], spec["stack"]["width"], spec["stack"]["ffn"]["width"]), (4, 128, 512))
        result = sigprop.torch.judge(NanoGPT(), tokens(), layout)["summary"]
        self.assertEqual(result["verdict"], "agrees", result["sentence"])
        result = sigprop.torch.judge(NanoGPT(scale=2.0), tokens(), layout)["summary"]  # its weights are as they should be
        self.assertEqual(result["verdict"], "disagrees")
        self.assertIn("layer 1/ffn", result["sentence"])

    def test_a_layout_that_does_not_fit_is_refused_with_what_it_found(self) -> None:
        for change, words in (({"blocks": r"transformer\.g\.(\d+)$"}, "finds the numbers"), ({"output": "ln"}, "finds 9"),
                              ({"weights": {r"c_attn\.weight": ("query", "key", "value")}}, "has no weight for ffn_in, ffn_out, output")):
            layout = dataclasses.replace(sigprop.torch.Layout.nanogpt(), **change)
            model = NanoGPT()
            with self.assertRaisesRegex(sigprop.SpecError, words):
                sigprop.torch.judge(model, tokens(), layout)
            self.assertFalse(any(module._forward_hooks for module in model.modules()))

    def test_an_image_model_is_measured_and_not_judged(self) -> None:
        torch.manual_seed(3)
        pixels = torch.randn(4, 3, 64, 64)
        spec = sigprop.torch.spec_of(vit(), batch=4)
        spec["input"]["patches"]["token_correlation"] = 0.0  # of noise
        measured, predicted = sigprop.torch.measure(vit(), pixels, spec), sigprop.predict(spec)
        self.assertEqual((spec["sequence_length"], spec["input"]["patches"]["pixels"]), (65, 192))
        for layer in range(4):
            for name in ("query", "key"):
                ratio = measured["layers"][layer]["weights"][name]["gradient_norm"] / predicted.weights[name].gradient_norm[layer]
                self.assertAlmostEqual(ratio, 1, delta=0.2)
        with self.assertRaisesRegex(sigprop.SpecError, "ViTModel reads an image"):
            sigprop.torch.judge(vit(), pixels)

    def test_attention_is_measured_where_no_dropout_hides_it(self) -> None:
        model = llama()
        before = model.config._attn_implementation
        measured = sigprop.torch.measure(model, tokens())["layers"]
        predicted = sigprop.predict({**sigprop.torch.spec_of(model, 64, 4)}).layers.attention
        for layer, (entropy, variance) in enumerate(zip(predicted.entropy, predicted.score_variance, strict=True)):
            self.assertAlmostEqual(measured[layer]["attention"]["entropy"] / entropy, 1, delta=0.05)
            self.assertAlmostEqual(measured[layer]["attention"]["score_variance"] / variance, 1, delta=0.25)
        self.assertEqual(model.config._attn_implementation, before)
        self.assertNotIn("attention", sigprop.torch.measure(gpt2(), tokens())["layers"][0])

    def test_models_as_they_are_made_agree(self) -> None:
        for make in (gpt2, bert, llama):
            result = sigprop.torch.judge(make(), tokens())["summary"]
            self.assertEqual(result["verdict"], "agrees", f"{make.__name__}: {result['sentence']}")

    def test_a_lost_scaling_is_named(self) -> None:
        model = gpt2()
        for block in model.transformer.h:
            torch.nn.init.normal_(block.mlp.c_proj.weight, std=0.02)
        result = sigprop.torch.judge(model, tokens())["summary"]
        self.assertEqual(result["verdict"], "disagrees")
        self.assertIn("layer 1/ffn", result["sentence"])

    def test_a_pass_leaves_the_model_as_it_was(self) -> None:
        model = gpt2()
        model.eval()
        model.transformer.h[1].mlp.c_fc.weight.grad = torch.ones_like(model.transformer.h[1].mlp.c_fc.weight)
        model.transformer.wte.weight.requires_grad_(False)
        before = {name: one.clone() for name, one in model.state_dict().items()}
        state = torch.random.get_rng_state()
        measured = sigprop.torch.measure(model, tokens())
        self.assertTrue(all(torch.equal(one, before[name]) for name, one in model.state_dict().items()))
        self.assertTrue(torch.equal(state, torch.random.get_rng_state()))
        self.assertFalse(any(module.training for module in model.modules()))
        self.assertFalse(model.transformer.wte.weight.requires_grad)
        self.assertTrue((model.transformer.h[1].mlp.c_fc.weight.grad == 1).all())
        self.assertIsNone(model.transformer.h[0].mlp.c_fc.weight.grad)
        self.assertFalse(any(module._forward_hooks for module in model.modules()))
        self.assertEqual([point["path"] for point in measured["points"]], [f"layer {i}/ffn" for i in range(1, 5)])
        self.assertEqual(set(measured["layers"][0]["weights"]), {"query", "key", "value", "output", "ffn_in", "ffn_out"})

    def test_gradients_of_a_fused_matrix_are_those_of_its_parts(self) -> None:
        model = gpt2()
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        torch.manual_seed(5)
        measured = sigprop.torch.measure(model, tokens())
        torch.manual_seed(5)
        model.train()
        output = model.transformer(tokens()).last_hidden_state
        output.backward(torch.randn_like(output))
        query = model.transformer.h[2].attn.c_attn.weight.grad[:, :128]
        self.assertTrue(math.isclose(measured["layers"][2]["weights"]["query"]["gradient_norm"], query.norm().item(), rel_tol=1e-4))

    def test_encoders_of_torch_are_predicted_from_their_modules(self) -> None:
        for norm_first in (True, False):
            model = encoder(norm_first=norm_first)
            spec = sigprop.torch.spec_of(model, 32, 4)
            self.assertEqual(spec["stack"]["norm"]["placement"], "pre" if norm_first else "post")
            profile = sigprop.predict(spec)
            self.assertEqual(len(profile), 9)
            result = sigprop.torch.judge(model, torch.randn(8, 32, 128))["summary"]
            self.assertEqual(result["verdict"], "agrees", result["sentence"])

    def test_what_is_no_known_model_is_refused(self) -> None:
        with self.assertRaisesRegex(sigprop.SpecError, "Linear is neither a model of transformers nor"):
            sigprop.torch.spec_of(torch.nn.Linear(3, 3), 8)


class Weights(unittest.TestCase):
    def test_weights_as_they_are_drawn_pass(self) -> None:
        for make in (gpt2, bert, llama, encoder):
            assert_initialized(make())
        assert_initialized(gpt2().bfloat16())

    def test_layers_that_torch_copied_are_named(self) -> None:
        layer = torch.nn.TransformerEncoderLayer(64, 4, 128, batch_first=True)
        with self.assertRaisesRegex(AssertionError, r"layer 2 ffn_in \(layers.1.linear1.weight\) equals layer 1 ffn_in"):
            assert_initialized(torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False))

    def test_each_fault_is_named(self) -> None:
        faults = {
            "layer 2 ffn_out": lambda m: m.transformer.h[1].mlp.c_proj.weight.mul_(3),
            "embedding.token": lambda m: torch.nn.init.normal_(m.transformer.wte.weight, std=1),
            "equals layer 1": lambda m: m.transformer.h[1].load_state_dict(m.transformer.h[0].state_dict()),
            "every element is 0": lambda m: m.transformer.h[3].attn.c_proj.weight.zero_(),
            "layer 1 gain": lambda m: m.transformer.h[0].ln_1.weight.zero_(),
            "layer 3 bias": lambda m: torch.nn.init.normal_(m.transformer.h[2].mlp.c_fc.bias),
        }
        for words, change in faults.items():
            model = gpt2()
            with torch.no_grad():
                change(model)
            with self.assertRaisesRegex(AssertionError, words):
                assert_initialized(model)

    def test_a_meta_model_has_no_weights_to_inspect(self) -> None:
        with torch.device("meta"):
            model = gpt2()
        with self.assertRaisesRegex(sigprop.SpecError, "lies on the device meta"):
            sigprop.torch.inspect(model)
        self.assertEqual(sigprop.torch.spec_of(model, 64)["stack"]["layers"], 4)

    def test_a_scheme_is_drawn_into_a_model(self) -> None:
        model = gpt2()
        left = sigprop.torch.initialize_(model, "deepnorm", 64)
        self.assertEqual(left, [])
        spec = sigprop.init(sigprop.torch.spec_of(model, 64), "deepnorm")
        assert_initialized(model, spec)
        with self.assertRaises(AssertionError):
            assert_initialized(model)

    def test_a_profile_that_leaves_its_bounds_fails(self) -> None:
        spec = sigprop.torch.spec_of(gpt2(), 64)
        with self.assertRaisesRegex(AssertionError, "but must be from"):
            assert_profile({**spec, "checks": [{"quantity": "forward.variance", "at": "last", "max": 1e-9}]}, preset=None)


if __name__ == "__main__":
    unittest.main()
