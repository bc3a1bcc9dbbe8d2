# SPDX-License-Identifier: Apache-2.0
"""Curves by depth out of results: theory, what was measured, or one curve a scheme."""
from dataclasses import dataclass

from .results import look_up, number, places_of


@dataclass
class Source:
    """One curve of every panel: a prediction, a measurement, either half of a verification, or a scheme of a comparison."""
    result: object
    label: str
    model: str         # curves of one model may share a colour
    kind: str          # full, paper or measured
    owner: dict | None = None  # the scheme's part of a comparison; None for the whole result
    place: str = ""     # of the owner
    half: str = ""      # predicted or measured, of a verification

    @property
    def measured(self):
        return self.kind == "measured"

    def read(self, node, path):
        """The Number of this source at a node; None where there is none."""
        if self.half == "predicted" and isinstance(node, dict):
            node = node.get("predicted")
        return number(node, self.result.file, path)

    def spreads(self, quantity):
        """The predicted spread at every place of `curve`; None where there is none."""
        side, _, name = quantity.rpartition(".")
        path = f"{side}.spread" if side.startswith("weights.") else f"{side}.spread.{name}"
        out = []
        for one in places_of(self.result, quantity, self.owner, self.place):
            if look_up(one.node, quantity) is not None:
                node = look_up(one.node, path)
                out.append(None if node is None else number(node, self.result.file, f"{one.path}, {path}"))
        return out

    def curve(self, quantity):
        """(depth, stack, Number or None) where the quantity stands."""
        curve = []
        for one in places_of(self.result, quantity, self.owner, self.place):
            node = look_up(one.node, quantity)
            if node is not None:
                curve.append((one.depth, one.stack, self.read(node, f"{one.path}, {quantity}")))
        return curve


def sources_of(result, label=None):
    """The curves of a prediction, a simulation or a verification."""
    engine = result.settings.get("engine", "cpu")
    measured = "simulated" + ("" if engine == "cpu" else f" on {engine}")
    name = label or result.name
    if result.command == "verify":
        return [Source(result, f"{name}, {result.theory}", result.name, result.theory, half="predicted"),
                Source(result, f"{name}, {measured}", result.name, "measured", half="measured")]
    if result.command == "simulate":
        return [Source(result, label or f"{name}, {measured}", result.name, "measured")]
    return [Source(result, label or f"{name}, {result.theory}", result.name, result.theory)]


def groups_of(sources):
    """For each curve the number of its colour: models differ in colour if there are several and no two curves of a model are alike."""
    models = list(dict.fromkeys(source.model for source in sources))
    kinds = {(source.model, source.kind) for source in sources}
    if 1 < len(models) and len(kinds) == len(sources):
        return [models.index(source.model) for source in sources]
    return list(range(len(sources)))
