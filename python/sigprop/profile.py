# SPDX-License-Identifier: Apache-2.0
"""Profiles: what a model does to signals and gradients, layer by layer."""

from __future__ import annotations

import functools
import html
import json
import os
import pathlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def _number(value: Any, part: str) -> float:
    """A number of a result: predicted (a number, or value and log10 beyond a double's range) or measured (mean and errors)."""
    if value is None:
        return float("nan")
    if not isinstance(value, Mapping):
        return float(value) if part == "value" else float("nan")
    if part == "value":
        return float("nan" if (found := value.get("mean", value.get("value"))) is None else found)
    found = value.get(part)
    return float("nan") if found is None else float(found)


class Column(np.ndarray):
    """A quantity along depth, an array of float64. NaN where the profile has none.

    `standard_error`, `standard_deviation`: of a measured one, between networks; `spread`: of a predicted one, where it was asked for; NaN elsewhere.
    """

    standard_error: Array
    standard_deviation: Array
    spread: Array

    def __array_finalize__(self, other: Any) -> None:
        for name in ("standard_error", "standard_deviation", "spread"):
            setattr(self, name, getattr(other, name, None))


def _column(values: Iterable[Any], spreads: Iterable[Any]) -> Column:
    kept = list(values)
    out = np.array([_number(one, "value") for one in kept], dtype=np.float64).view(Column)
    out.standard_error = np.array([_number(one, "standard_error") for one in kept], dtype=np.float64)
    out.standard_deviation = np.array([_number(one, "standard_deviation") for one in kept], dtype=np.float64)
    out.spread = np.array([_number(one, "value") for one in spreads], dtype=np.float64)
    return out


class Group:
    """Quantities under one name, as attributes: `profile.forward.variance`. `dir()` lists them; an unknown one is an AttributeError."""

    def __init__(self, name: str, entries: list[Mapping[str, Any]]) -> None:
        self._name = name
        self._entries = entries

    def __dir__(self) -> list[str]:
        return sorted({key for entry in self._entries for key, value in entry.items() if key != "spread" and not isinstance(value, list)})

    def __getattr__(self, name: str) -> Column:
        if name.startswith("_") or name not in dir(self):
            raise AttributeError(f"the profile has no {self._name}.{name}; it has {', '.join(dir(self)) or 'nothing there'}")
        return _column((entry.get(name) for entry in self._entries), (self._spread_of(entry, name) for entry in self._entries))

    def __getitem__(self, name: str) -> Column:
        return getattr(self, name)

    @staticmethod
    def _spread_of(entry: Mapping[str, Any], name: str) -> Any:
        return entry.get("spread", {}).get(name)

    def __repr__(self) -> str:
        return f"<{self._name}: {', '.join(dir(self))}>"


class Weight(Group):
    """A weight along the layers that have it: `profile.weights["query"].gradient_norm`."""

    @staticmethod
    def _spread_of(entry: Mapping[str, Any], name: str) -> Any:
        return entry.get("spread") if name == "gradient_norm" else None


class Weights(Mapping[str, Weight]):
    """The weights of all layers by name: "query", "key", "value", "output", "ffn_in", "ffn_gate", "ffn_out", of cross-attention "cross_query", ..."""

    def __init__(self, layers: list[Mapping[str, Any]]) -> None:
        self._layers = layers
        self._names = list(dict.fromkeys(name for layer in layers for name in layer.get("weights", {})))

    def __getitem__(self, name: str) -> Weight:
        if name not in self._names:
            raise KeyError(f"the model has no weight {name!r}; it has {', '.join(self._names)}")
        return Weight(f"weights[{name!r}]", [layer.get("weights", {}).get(name, {}) for layer in self._layers])

    def __iter__(self) -> Any:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Layers:
    """What belongs to layers: `attention.entropy`, `attention.score_variance`, `cross_attention`, one number a layer."""

    def __init__(self, layers: list[Mapping[str, Any]]) -> None:
        self.index = np.array([layer["layer"] for layer in layers], dtype=np.int64)
        self.attention = Group("layers.attention", [layer.get("attention", {}) for layer in layers])
        self.cross_attention = Group("layers.cross_attention", [layer.get("cross_attention", {}) for layer in layers])


class Profile:
    """Moments of every point of a model, forward and backward, with those of its layers and weights.

    Points are the residual stream: the input, then after every residual branch. Columns are NumPy arrays: `forward.variance`,
    `forward.token_correlation`, `backward.variance` have one number a point, `layers.attention.entropy` and
    `weights["query"].gradient_norm` one a layer. Names and units: docs/results.md.
    """

    def __init__(self, text: str) -> None:
        """text: a result of `sigprop predict` or `sigprop simulate` as JSON."""
        self._text = text

    @functools.cached_property
    def _json(self) -> dict[str, Any]:
        return json.loads(self._text)

    @classmethod
    def load(cls, file: str | os.PathLike[str]) -> Profile:
        """A result that save(), or the program with --format json, wrote."""
        return cls(pathlib.Path(file).read_text(encoding="utf-8"))

    def save(self, file: str | os.PathLike[str]) -> None:
        """Writes the result as JSON, whole or not at all."""
        to = pathlib.Path(file)
        beside = to.with_name(to.name + ".partial")
        beside.write_text(self._text, encoding="utf-8")
        beside.replace(to)

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON has it (docs/results.md)."""
        return json.loads(self._text)

    def to_pandas(self) -> Any:
        """A pandas.DataFrame with one row a point, and the layer's numbers in the row of its last point. Needs pandas."""
        import pandas

        columns: dict[str, Any] = {"path": self.paths, "layer": self.point_layers}
        for side in ("forward", "backward"):
            group = getattr(self, side)
            columns |= {f"{side}.{name}": np.asarray(group[name]) for name in dir(group)}
        last = {int(layer): row for row, layer in enumerate(self.point_layers)}
        rows = [last.get(int(layer)) for layer in self.layers.index]

        def by_point(values: Array) -> Array:
            out = np.full(len(self), np.nan)
            for row, value in zip(rows, values, strict=True):
                if row is not None:
                    out[row] = value
            return out

        for kind in ("attention", "cross_attention"):
            group = getattr(self.layers, kind)
            columns |= {f"{kind}.{name}": by_point(np.asarray(group[name])) for name in dir(group)}
        columns |= {f"weights.{name}.gradient_norm": by_point(np.asarray(weight.gradient_norm)) for name, weight in self.weights.items()}
        return pandas.DataFrame(columns)

    def __len__(self) -> int:
        """How many points there are."""
        return len(self._json["points"])

    @property
    def name(self) -> str:
        """The model's name."""
        return self._json["name"]

    @property
    def settings(self) -> dict[str, Any]:
        """How the result was made: theory, or seed, replicates, engine and device."""
        return self._json["settings"]

    @property
    def warnings(self) -> list[str]:
        """What a reader of the numbers should know."""
        return self._json["warnings"]

    @property
    def summary(self) -> dict[str, Any]:
        """Depth laws and verdicts."""
        return self._json["summary"]

    @property
    def verdicts(self) -> list[Any]:
        """What is conspicuous: exploding variance, vanishing gradients, rank collapse, ..."""
        return self.summary.get("verdicts", [])

    @property
    def paths(self) -> list[str]:
        """Names of the points: "input", "layer 1/attention", "layer 1/ffn", ..."""
        return [point["path"] for point in self._json["points"]]

    @functools.cached_property
    def point_layers(self) -> NDArray[np.int64]:
        """The layer of every point; 0 for the input."""
        return np.array([point["layer"] for point in self._json["points"]], dtype=np.int64)

    @functools.cached_property
    def forward(self) -> Group:
        """Moments of the signal, one number a point: mean, variance, second_moment, token_correlation, effective_rank, ..."""
        return Group("forward", [point["forward"] for point in self._json["points"]])

    @functools.cached_property
    def backward(self) -> Group:
        """Moments of the gradient, one number a point: variance, token_correlation, norm, ..."""
        return Group("backward", [point["backward"] for point in self._json["points"]])

    @functools.cached_property
    def layers(self) -> Layers:
        """What belongs to layers, one number a layer."""
        return Layers(self._json["layers"])

    @functools.cached_property
    def weights(self) -> Weights:
        """Gradient norms of the weights, one number a layer."""
        return Weights(self._json["layers"])

    def plot(self, *others: Any, **options: Any) -> Any:
        """The profile against depth as a matplotlib Figure, with other results in the same panels (sigprop.plot.figure). Needs matplotlib."""
        from sigprop.plot import figure

        return figure(self, *others, **options)

    def __repr__(self) -> str:
        return f"<sigprop.Profile of {self.name}: {len(self)} points, {len(self._json['layers'])} layers>"

    def _repr_html_(self) -> str:
        """First, middle and last points as a table, for notebooks."""
        shown = range(len(self)) if len(self) <= 12 else [*range(5), *range(len(self) - 6, len(self))]
        heads: list[tuple[str, Callable[[int], str]]] = [("point", lambda i: html.escape(self.paths[i]))]
        for title, column in (("variance", self.forward.variance), ("token correlation", self.forward.token_correlation),
                              ("gradient variance", self.backward.variance)):
            heads.append((title, lambda i, column=column: f"{column[i]:.4g}"))  # type: ignore[misc]
        rows = ["<tr>" + "".join(f"<td>{cell(i)}</td>" for _, cell in heads) + "</tr>" for i in shown]
        verdicts = html.escape("; ".join(map(str, self.verdicts)) or "no verdict")
        return (f"<table><caption>{html.escape(self.name)}: {verdicts}</caption><tr>" + "".join(f"<th>{title}</th>" for title, _ in heads) + "</tr>"
                + "".join(rows) + "</table>")
