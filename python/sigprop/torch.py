# SPDX-License-Identifier: Apache-2.0
"""Live PyTorch models: their specs, their weights, one measured pass, a verdict, and an initialization.

    import sigprop.torch
    result = sigprop.torch.judge(model, input_ids)      # a model of transformers as it was made
    result["summary"]["verdict"], result["summary"]["sentence"]

Models are those of transformers that `sigprop import` knows (docs/import.md) with one stack, torch.nn.TransformerEncoder, and with a Layout any other.
"""

from __future__ import annotations

import contextlib
import json
import math
import pathlib
import re
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

import sigprop
from sigprop.errors import SpecError
from sigprop.layout import Layout, Model

__all__ = ["Layout", "initialize_", "inspect", "judge", "measure", "spec_of"]

_BLOCK = re.compile(r"(?:^|\.)(?:layers?|h|blocks?)\.(\d+)$")


def _layout_of(model: Model, layout: Layout | None) -> Layout | None:
    """The layout that is given, or the one of a class of PyTorch; None of a model of transformers."""
    return Layout.torch_encoder() if layout is None and isinstance(model, torch.nn.TransformerEncoder) else layout


def _base(model: Model) -> Model:
    """The model without its head."""
    return getattr(model, "base_model", model)


def spec_of(model: Model, sequence_length: int | None = None, batch: int = 1, layout: Layout | None = None) -> dict[str, Any]:
    """The spec of a model: of one of transformers from its config, with the initialization that its class draws; of a
    torch.nn.TransformerEncoder, and of any other with a layout, from its modules, with the standard deviations that its weights have.

    sequence_length: in tokens; an image model fixes its own.

    Raises SpecError for a model of another kind, or one that `import` does not know.
    """
    layout = _layout_of(model, layout)
    if layout is not None:
        if sequence_length is None:
            raise SpecError("sequence_length is absent: give the number of tokens")
        spec = layout.spec_of(model, sequence_length, batch)
    elif hasattr(model, "config") and hasattr(model.config, "to_dict"):
        spec = sigprop.import_config(model.config, sequence_length, batch=batch)
    else:
        raise SpecError(f"{type(model).__name__} is neither a model of transformers nor a torch.nn.TransformerEncoder: give a layout (sigprop.torch.Layout), or write its spec (docs/spec.md)")
    sigprop.read(spec)
    return spec


@contextlib.contextmanager
def _archive(tensors: Mapping[str, torch.Tensor]) -> Iterator[str]:
    """The tensors as a .npz, in float32 where NumPy does not know their type."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "model.npz"
        arrays = {}
        for name, tensor in tensors.items():
            if tensor.is_floating_point():
                if tensor.is_meta:
                    raise SpecError(f"{name} lies on the device meta and has no elements: initialize the model first")
                arrays[name] = (tensor if tensor.dtype in (torch.float16, torch.float32, torch.float64) else tensor.float()).detach().cpu().numpy()
        np.savez(file, **arrays)
        yield str(file)


def inspect(model: Model, spec: sigprop.Spec | None = None, **options: Any) -> dict[str, Any]:
    """The model's weights against what its config, or a spec, draws, as `sigprop inspect` does: `tensors` and `findings`.

    options: those of `sigprop inspect`, such as level=1e-4.

    Without a spec, of a torch.nn.TransformerEncoder only what no model should have is found, such as layers that are copies of each other: its
    constructor copies one layer, so draw the others anew.
    """
    config = getattr(model, "config", None)
    with _archive(model.state_dict()) as file:
        return sigprop.inspect(file, config=config if spec is None else None, spec=spec, **options)


def _blocks(model: Model) -> list[Model]:
    """The layers of a model's only stack, in order."""
    found: dict[str, list[tuple[int, Model]]] = {}
    for name, module in model.named_modules():
        if match := _BLOCK.search(name):
            found.setdefault(name[: match.start(1)], []).append((int(match[1]), module))
    stacks = [stack for prefix, stack in found.items() if not any(other != prefix and prefix.startswith(other) for other in found)]
    if len(stacks) != 1:
        raise SpecError(f"{type(model).__name__} has {len(stacks)} stacks of layers, but must have one")
    return [module for _, module in sorted(stacks[0], key=lambda one: one[0])]


def _tensor_of(output: Any) -> torch.Tensor:
    return output[0] if isinstance(output, (tuple, list)) else output


def _moments(x: torch.Tensor) -> dict[str, float]:
    """Second moment, variance and token correlation of (batch, tokens, features)."""
    x = x.detach().double()
    tokens = x.shape[-2]
    mean, second = x.mean().item(), x.square().mean().item()
    variance = second - mean * mean
    products = (x.sum(-2).square().mean().item() - second * tokens) / (tokens * (tokens - 1))
    return {"second_moment": second, "variance": variance, "token_correlation": (products - mean * mean) / variance if variance > 0 else 0.0}


@contextlib.contextmanager
def _untouched(model: Model) -> Iterator[None]:
    """Mode, gradients, requires_grad and the implementation of attention as they were, afterwards."""
    parameters = list(model.parameters())
    grads, needed = [one.grad for one in parameters], [one.requires_grad for one in parameters]
    modes = {module: module.training for module in model.modules()}
    attention = getattr(getattr(model, "config", None), "_attn_implementation", None)
    try:
        for one in parameters:
            one.grad = None
            one.requires_grad_(True)
        yield
    finally:
        for one, grad, need in zip(parameters, grads, needed, strict=True):
            one.grad = grad
            one.requires_grad_(need)
        for module, mode in modes.items():
            module.training = mode
        if attention is not None and model.config._attn_implementation != attention:
            model.set_attn_implementation(attention)


def _attention(weights: torch.Tensor) -> dict[str, float]:
    """Entropy of the rows of softmax matrices (sequences, heads, tokens, tokens), and the variance of their scores about the mean of a row.

    Rows of one key have neither. Where a row's weights hold a 0 beside its mask, dropout has removed scores: no number.
    """
    rows = weights.detach().double()
    seen = rows > 0
    logs = torch.where(seen, rows, torch.ones_like(rows)).log()
    keys = seen.sum(-1, keepdim=True).clamp(min=1)
    centred = torch.where(seen, logs - logs.sum(-1, keepdim=True) / keys, torch.zeros_like(logs))
    variance = centred.square().sum(-1) / (keys.squeeze(-1) - 1).clamp(min=1)
    several = seen.sum(-1) > 1
    return {"entropy": -(rows * logs).sum(-1).mean().item(), "score_variance": variance[several].mean().item()}


def _has_dropout(node: Any) -> bool:
    """Has any part of a spec dropout?"""
    if isinstance(node, Mapping):
        return any((key.endswith("dropout") and value) or _has_dropout(value) for key, value in node.items())
    return isinstance(node, list) and any(map(_has_dropout, node))


def measure(model: Model, batch: torch.Tensor, spec: sigprop.Spec | None = None, layout: Layout | None = None) -> dict[str, Any]:
    """One forward and backward pass, as a measured profile (docs/one-network.md): the residual stream after every layer, the gradient there of a
    loss gradient of independent normal numbers at the output, the gradient norms of all weights, and of a model of transformers without dropout the
    entropy and score variance of attention.

    batch: token ids (sequences, tokens); pixels of an image model; of a TransformerEncoder, or with a layout without tables, the input (sequences,
    tokens, features).

    The pass is made in training mode, with the dropout that the spec has. Mode, gradients, hooks and the state of the random numbers are as they were
    afterwards.

    Raises SpecError.
    """
    layout = _layout_of(model, layout)
    base = model if layout is not None else _base(model)
    if spec is None:
        spec = _spec_for(model, batch, layout)
    read = sigprop.read(spec)
    predicted = sigprop.predict(read, sequences=0)
    ends = {int(layer): path for path, layer in zip(predicted.paths, predicted.point_layers, strict=True)}
    streams: dict[int, torch.Tensor] = {}
    outputs: list[torch.Tensor] = []
    blocks = [layer[-1][1] for layer in layout.layers_of(base)] if layout is not None else _blocks(base)
    last = layout.output_of(base) if layout is not None else None

    def keep(number: int) -> Any:
        return lambda _module, _args, output: streams.__setitem__(number, _tensor_of(output))

    hooks = [block.register_forward_hook(keep(number)) for number, block in enumerate(blocks, 1)]
    if last is not None:
        hooks.append(last.register_forward_hook(lambda _module, _args, output: outputs.append(_tensor_of(output))))
    attends = last is None and hasattr(base, "set_attn_implementation") and not _has_dropout(json.loads(read.text))
    matrices: Any = None
    with _untouched(base):
        try:
            base.train()
            if attends:
                base.set_attn_implementation("eager")
            with torch.random.fork_rng(devices=[batch.device] if batch.is_cuda else []), torch.enable_grad():
                result = base(batch, output_attentions=True) if attends else base(batch)
                output = outputs[-1] if last is not None else result.last_hidden_state
                matrices = result.attentions if attends else None
                for stream in streams.values():
                    stream.retain_grad()
                output.backward(torch.randn_like(output))
        finally:
            for hook in hooks:
                hook.remove()
        weights = _gradient_norms(base, layout, set(predicted.weights))
    points = []
    for number, stream in sorted(streams.items()):
        gradient = _moments(stream.grad)
        points.append({"path": ends[number], "forward": _moments(stream),
                       "backward": {"variance": gradient["second_moment"], "token_correlation": gradient["token_correlation"]}})
    layers = {number: {"path": f"layer {number}", "weights": found} for number, found in weights.items()}
    for number, matrix in enumerate(matrices or (), 1):
        layers.setdefault(number, {"path": f"layer {number}"})["attention"] = _attention(matrix)
    return {"networks": 1, "points": points, "layers": [layers[number] for number in sorted(layers)]}


def _gradient_norms(model: Model, layout: Layout | None, roles: set[str]) -> dict[int, dict[str, dict[str, float]]]:
    """The norms of the gradients that the parameters have, by layer and role."""
    norms: dict[int, dict[str, dict[str, float]]] = {}
    if layout is not None:
        for number, layer in enumerate(layout.layers_of(model), 1):
            norms[number] = {role: {"gradient_norm": matrix.double().norm().item()} for role, matrix in layout.parts(layer, lambda one: one.grad)}
        return norms
    with _archive({name: one.grad for name, one in model.named_parameters() if one.grad is not None}) as file:
        for part in sigprop.inspect(file)["tensors"]:  # parts of fused matrices, each with its role
            if part["layer"] > 0 and part["role"] in roles:
                norm = math.sqrt(part["count"] * (part["std"] ** 2 + part["mean"] ** 2))
                norms.setdefault(part["layer"], {})[part["role"]] = {"gradient_norm": norm}
    return norms


def _is_image(batch: torch.Tensor) -> bool:
    return batch.ndim == 4


def _spec_for(model: Model, batch: torch.Tensor, layout: Layout | None) -> dict[str, Any]:
    return spec_of(model, None if _is_image(batch) else batch.shape[1], batch.shape[0], layout)


def _with_input(spec: dict[str, Any], model: Model, batch: torch.Tensor, folder: pathlib.Path) -> None:
    """Gives the spec the input that the batch is."""
    def correlation(of: Mapping[str, float]) -> float:
        return min(1.0, max(0.0, of["token_correlation"]))

    if "patches" in spec["input"]:
        raise SpecError(f"{type(model).__name__} reads an image, whose patches share one embedding: how they spread between networks is not predicted yet, "
                        "so that a verdict would be wrong in one of twenty; use measure() and inspect()")
    if "embedding" in spec["input"]:
        (folder / "ids.json").write_text(json.dumps(batch.tolist()), encoding="utf-8")
        spec["input"]["embedding"]["words"] = {"file": "ids.json"}
        if "segment" in spec["input"]["embedding"]["tables"]:
            spec["input"]["embedding"]["segments"] = 1  # where the model is given none
    else:
        of_input = _moments(batch)
        spec["input"] = {"variance": of_input["second_moment"], "token_correlation": correlation(of_input)}


def judge(model: Model, batch: torch.Tensor, layout: Layout | None = None, **options: Any) -> dict[str, Any]:
    """Is this model what its config, or its layout, says? One pass, held against the prediction for this batch with the spread between networks. Of
    `summary`, `verdict` is "agrees" or "disagrees", `sentence` names the first place that is off (docs/one-network.md).

    batch: as of measure(). options: those of `sigprop verify --measured`, such as level=1e-4.

    Raises SpecError.
    """
    spec = _spec_for(model, batch, layout)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        file, measured = folder / "spec.json", folder / "measured.json"
        _with_input(spec, model, batch, folder)
        file.write_text(json.dumps(spec), encoding="utf-8")
        measured.write_text(json.dumps(measure(model, batch, file, layout)), encoding="utf-8")
        return sigprop.verify(file, measured=measured, **options)


def initialize_(model: Model, scheme: str = "deepscalelm_full", sequence_length: int = 512) -> list[str]:
    """Draws every parameter that a scheme knows, in place, as the function of `sigprop init --pytorch` does; returns the names of the others.

    What a scheme sets beside weights, such as residual scales, belongs into the model's code: sigprop.init() tells it.

    Raises SpecError, and ValueError where a layer's weight is not found.
    """
    code = sigprop._run("init", spec_of(model, sequence_length), ["--scheme", scheme, "--pytorch"])
    names: dict[str, Any] = {}
    exec(compile(code, f"sigprop init --scheme {scheme} --pytorch", "exec"), names)  # our own text
    return names["initialize"](model)
