# SPDX-License-Identifier: Apache-2.0
"""Layouts: where a PyTorch model of one's own keeps its layers and weights, so that sigprop.torch can write its spec and measure it."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Union

import torch

from sigprop.errors import SpecError

Model = torch.nn.Module
Facts = Union[Mapping[str, Any], Callable[[Model], Mapping[str, Any]]]


def _size(values: torch.Tensor) -> float:
    """The root of the mean square."""
    return values.detach().float().square().mean().sqrt().item()


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where a model keeps its layers and weights. Patterns are regular expressions, searched in names of modules and parameters.

    blocks: the modules that are layers; group 1 is the number of the block, from 0: r"transformer\\.h\\.(\\d+)$".
    weights: pattern of a parameter inside a block -> its role in a spec (docs/spec.md#initialization), or the roles of a fused matrix in the order of its
        rows: {r"attn\\.c_attn\\.weight": ("query", "key", "value")}. Matrices have the shape (outputs, inputs), as torch.nn.Linear keeps them.
    stack: what a spec says of the stack beside layers and width, or a function of the model that returns it: {"attention": {"heads": 12, "mask":
        "causal"}, "ffn": {"width": 3072, "activation": "gelu"}, "norm": {"kind": "layer_norm", "placement": "pre", "final": True}}.
    output: pattern of the module whose output is the last hidden state, (sequences, tokens, width).
    tables: tables of the embedding -> pattern of the parameter, {"token": r"wte\\.weight"}, or pattern and a function of the width by which the model
        multiplies its rows. Without tables the model reads vectors (sequences, tokens, width).
    per_layer: how many blocks make one layer: 2 where attention and FFN are blocks of their own.
    """

    blocks: str
    weights: Mapping[str, str | tuple[str, ...]]
    stack: Facts
    output: str
    tables: Mapping[str, str | tuple[str, Callable[[int], float]]] = dataclasses.field(default_factory=dict)
    per_layer: int = 1

    # ---- ready ones --------------------------------------------------------------------------------------------------

    @classmethod
    def nanogpt(cls) -> Layout:
        """Models with the names of nanoGPT: transformer.h.0.attn.c_attn, a `config` with n_head and dropout, positions that are learned."""

        def stack(model: Model) -> dict[str, Any]:
            config: Any = model.config
            dropout = float(getattr(config, "dropout", 0.0))
            return {"attention": {"heads": int(config.n_head), "mask": "causal", "dropout": dropout},
                    "ffn": {"activation": "gelu"}, "residual": {"dropout": dropout},
                    "norm": {"kind": "layer_norm", "placement": "pre", "final": True, "epsilon": 1e-5}, "embedding_dropout": dropout}

        return cls(blocks=r"transformer\.h\.(\d+)$", output=r"transformer\.ln_f$", stack=stack,
                   weights={r"attn\.c_attn\.weight": ("query", "key", "value"), r"attn\.c_proj\.weight": "output",
                            r"mlp\.c_fc\.weight": "ffn_in", r"mlp\.c_proj\.weight": "ffn_out"},
                   tables={"token": r"transformer\.wte\.weight", "position": r"transformer\.wpe\.weight"})

    @classmethod
    def timm_blocks(cls) -> Layout:
        """The blocks of a vision transformer with the names of timm, blocks.0.attn.qkv. The model reads what patch_embed made: embedded tokens."""

        def stack(model: Model) -> dict[str, Any]:
            block: Any = next(module for name, module in model.named_modules() if re.search(r"(?:^|\.)blocks\.0$", name))
            return {"attention": {"heads": int(block.attn.num_heads)}, "ffn": {"activation": "gelu"},
                    "norm": {"kind": "layer_norm", "placement": "pre", "final": True, "epsilon": float(block.norm1.eps)}}

        return cls(blocks=r"(?:^|\.)blocks\.(\d+)$", output=r"^(?:\w+\.)?norm$", stack=stack,
                   weights={r"attn\.qkv\.weight": ("query", "key", "value"), r"attn\.proj\.weight": "output",
                            r"mlp\.fc1\.weight": "ffn_in", r"mlp\.fc2\.weight": "ffn_out"})

    @classmethod
    def x_transformers(cls, heads: int, mask: str = "causal") -> Layout:
        """Models with the names of x-transformers: attn_layers.layers.0.1.to_q, where attention and FFN alternate as blocks of their own."""
        return cls(blocks=r"attn_layers\.layers\.(\d+)$", output=r"attn_layers$", per_layer=2,
                   stack={"attention": {"heads": heads, "mask": mask}, "ffn": {"activation": "gelu"},
                          "norm": {"kind": "layer_norm", "placement": "pre", "final": True, "epsilon": 1e-5}},
                   weights={r"to_q\.weight": "query", r"to_k\.weight": "key", r"to_v\.weight": "value", r"to_out(?:\.0)?\.weight": "output",
                            r"ff\.0\.0\.weight": "ffn_in", r"ff\.[23]\.weight": "ffn_out"},
                   tables={"token": r"token_emb\.emb\.weight", "position": (r"pos_emb\.emb\.weight", lambda width: width**-0.5)})

    @classmethod
    def torch_encoder(cls) -> Layout:
        """torch.nn.TransformerEncoder."""

        def stack(model: Model) -> dict[str, Any]:
            encoder: Any = model
            layer = encoder.layers[0]
            activation = getattr(layer.activation, "__name__", type(layer.activation).__name__).lower()
            return {"attention": {"heads": layer.self_attn.num_heads, "dropout": layer.self_attn.dropout},
                    "ffn": {"activation": activation, "dropout": layer.dropout.p}, "residual": {"dropout": layer.dropout1.p},
                    "norm": {"kind": "layer_norm", "placement": "pre" if layer.norm_first else "post", "epsilon": layer.norm1.eps,
                             "final": encoder.norm is not None}}

        return cls(blocks=r"^layers\.(\d+)$", output=r"^$", stack=stack,
                   weights={r"in_proj_weight": ("query", "key", "value"), r"out_proj\.weight": "output",
                            r"linear1\.weight": "ffn_in", r"linear2\.weight": "ffn_out"})

    # ---- reading a model ---------------------------------------------------------------------------------------------

    def layers_of(self, model: Model) -> list[list[tuple[str, Model]]]:
        """The blocks of every layer with their names, in order. Raises SpecError where there are none, or one is absent."""
        found: dict[int, tuple[str, Model]] = {}
        for name, module in model.named_modules():
            if match := re.search(self.blocks, name):
                found[int(match[1])] = (name, module)
        numbers = sorted(found)
        if not numbers or numbers != list(range(len(numbers))) or len(numbers) % self.per_layer != 0:
            raise SpecError(f"the pattern of blocks {self.blocks!r} finds the numbers {numbers[:8]} in {type(model).__name__}, but they must count from 0"
                            + (f", {self.per_layer} a layer" if self.per_layer > 1 else ""))
        return [[found[n] for n in range(first, first + self.per_layer)] for first in range(0, len(numbers), self.per_layer)]

    def parts(self, layer: list[tuple[str, Model]], read: Callable[[torch.nn.Parameter], torch.Tensor | None]) -> Iterator[tuple[str, torch.Tensor]]:
        """Role and matrix of every weight of a layer, of what `read` makes of the parameter."""
        for _, block in layer:
            for name, parameter in block.named_parameters():
                for pattern, roles in self.weights.items():
                    if not re.search(pattern, name) or (matrix := read(parameter)) is None:
                        continue
                    names = (roles,) if isinstance(roles, str) else roles
                    yield from zip(names, matrix.chunk(len(names)), strict=True)

    def output_of(self, model: Model) -> Model:
        """The module whose output is the last hidden state."""
        return self._one(self.output, dict(model.named_modules()), "module of the output")

    def spec_of(self, model: Model, sequence_length: int, batch: int) -> dict[str, Any]:
        """The spec, with the standard deviations that the weights have. Raises SpecError."""
        std: dict[str, list[float]] = {}
        width = inner = 0
        layers = self.layers_of(model)
        for number, layer in enumerate(layers, 1):
            found = dict(self.parts(layer, lambda parameter: parameter.detach().float()))
            missing = {"query", "key", "value", "output", "ffn_in", "ffn_out"} - set(found)
            if missing:
                raise SpecError(f"layer {number} of {type(model).__name__} has no weight for {', '.join(sorted(missing))}: mend the patterns of `weights`")
            width, inner = found["query"].shape[1], found["ffn_in"].shape[0]
            for role, matrix in found.items():
                std.setdefault(role, []).append(_size(matrix))
            for name, value in self._biases(layer).items():
                std.setdefault(name, []).append(value)
        stack = copy.deepcopy(dict(self.stack(model) if callable(self.stack) else self.stack))
        embedding_dropout = stack.pop("embedding_dropout", 0.0)
        stack["ffn"] = {"width": inner, "gated": "ffn_gate" in std, **stack.get("ffn", {})}
        spec: dict[str, Any] = {"name": type(model).__name__, "sequence_length": sequence_length, "batch": batch, "input": {"variance": 1.0},
                                "stack": {"layers": len(layers), "width": width, **stack}, "init": {"std": std}}
        if self.tables:
            parameters = dict(model.named_parameters())
            vocabulary, sizes = 0, {}
            for table, found_by in self.tables.items():
                pattern, factor = (found_by, lambda _width: 1.0) if isinstance(found_by, str) else found_by
                if table != "token" and not any(re.search(pattern, name) for name in parameters):
                    continue  # positions may be rotary
                rows = self._one(pattern, parameters, f"table {table}")
                vocabulary = rows.shape[0] if table == "token" else vocabulary
                sizes[table] = factor(width) * _size(rows)
            dropout = {"dropout": embedding_dropout} if embedding_dropout else {}
            spec["input"] = {"embedding": {"vocabulary": vocabulary, "tables": list(sizes), "std": sizes, **dropout}}
        return spec

    def _biases(self, layer: list[tuple[str, Model]]) -> dict[str, float]:
        """The std of attention's biases and of the FFN's last; a spec has none of ffn_in alone."""
        found: dict[str, list[torch.Tensor]] = {"bias": [], "ffn_out_bias": []}
        for _, block in layer:
            for name, parameter in block.named_parameters():
                roles = next((roles for pattern, roles in self.weights.items() if re.search(pattern.replace("weight", "bias"), name) and name.endswith("bias")), ())
                first = roles if isinstance(roles, str) else next(iter(roles), "")
                if first in ("query", "key", "value", "output", "ffn_out"):
                    found["ffn_out_bias" if first == "ffn_out" else "bias"].append(parameter.detach().float())
        return {name: _size(torch.cat(values)) if values else 0.0 for name, values in found.items()}

    @staticmethod
    def _one(pattern: str, names: Mapping[str, Any], what: str) -> Any:
        found = [name for name in names if re.search(pattern, name)]
        if len(found) != 1:
            raise SpecError(f"the pattern {pattern!r} of the {what} finds {len(found)} ({', '.join(found[:4])}), but must find one")
        return names[found[0]]
