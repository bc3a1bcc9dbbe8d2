# SPDX-License-Identifier: Apache-2.0
"""How signals and gradients move through a deep transformer at initialization: predicted, and measured on random networks.

    import sigprop
    profile = sigprop.predict("model.json")          # or a dict, or sigprop.import_config(config)
    profile.forward.variance, profile.weights["query"].gradient_norm

A *spec* is a path, JSON text, a dict, or a Model that was read before. Files that a spec names are looked up beside it; of a text or a dict in the
current folder.
"""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, Union

from sigprop import _core, program
from sigprop._core import Model
from sigprop._core import __version__ as __version__  # type: ignore[attr-defined]  # stubgen leaves it out
from sigprop.errors import Error, MachineError, MomentsError, NotCoveredError, SpecError
from sigprop.profile import Profile

Spec = Union[str, "os.PathLike[str]", Mapping[str, Any], Model]

__all__ = [
    "Error", "MachineError", "Model", "MomentsError", "NotCoveredError", "Profile", "Spec", "SpecError", "check", "compare", "expand", "formulas",
    "edited", "import_config", "init", "inspect", "predict", "read", "schemes", "simulate", "sweep", "verify",
]


def _is_text(spec: object) -> bool:
    return isinstance(spec, str) and spec.lstrip().startswith("{")


def _as_json(value: Mapping[str, Any]) -> str:
    def plain(x: Any) -> Any:  # numbers of NumPy
        if hasattr(x, "tolist"):
            return x.tolist()
        raise TypeError(f"{type(x).__name__} has no JSON")

    return json.dumps(value, default=plain)


def read(spec: Spec, name: str | None = None) -> Model:
    """A spec, read and checked once; every function takes it in place of the spec.

    name: stands in messages in place of the file.

    Raises SpecError with all that is wrong, one error a line.
    """
    if isinstance(spec, Model):
        return spec
    if _is_text(spec):
        return Model(str(spec), name or "spec", "")
    if isinstance(spec, (str, os.PathLike)):
        file = os.fspath(spec)
        try:
            text = pathlib.Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SpecError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
        folder = os.path.dirname(file)
        return Model(text, name or file, folder + "/" if folder else "")
    return Model(_as_json(spec), name or "spec", "")


def edited(spec: Spec, changes: Mapping[str, Any]) -> Model:
    """The spec with other values at some places, {"stack.residual.branch": 0.5}; of a list the number of an element, from 0.

    Raises SpecError.
    """
    return read(spec).edited([(place, json.dumps(value.tolist() if hasattr(value, "tolist") else value)) for place, value in changes.items()])


def _one_of(name: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise SpecError(f"{name} is {value!r}, but must be one of {', '.join(known)}")
    return value


def predict(
    spec: Spec,
    *,
    theory: str = "full",
    prefix: str = "actual",
    sequences: int | None = None,
    tokens: bool = False,
    gram: int = 0,
    spread: bool = False,
    given_ends: bool = False,
) -> Profile:
    """Moments of a model, layer by layer, from theory.

    theory: "full", or "paper" for the formulas as published (arXiv:2403.09635).
    prefix: under a causal mask, "actual" tokens in groups, "single" tokens, or their "means".
    sequences: of words that are followed without a mask; 0: tokens are alike, the fastest; None: two to eight.
    tokens, gram: lists of every token, and the Gram matrix of so many, in to_dict().
    spread: how far one random network lies from the mean too; given_ends: input and loss gradient are one batch and do not vary.

    What predictions have in common is tabulated once a thread, so that edited copies in a loop are fast.

    Raises SpecError, NotCoveredError, MomentsError.
    """
    _one_of("theory", theory, ("full", "paper"))
    if spread and theory != "full":
        raise SpecError(f"spread is True, but the theory {theory!r} has no spread between networks: use theory='full'")
    if given_ends and not spread:
        raise SpecError("given_ends tells what does not vary: it belongs to spread=True")
    for name, value, least, most in (("sequences", sequences, 0, 1000), ("gram", gram or None, 2, 512)):
        if value is not None and not least <= value <= most:
            raise SpecError(f"{name} is {value}, but must be from {least} to {most}")
    return Profile(_core.predict(
        read(spec), theory=theory, prefix=_one_of("prefix", prefix, ("actual", "single", "means")),
        sequences=sequences, tokens=tokens, gram=gram, spread=spread, given_ends=given_ends))


def _run(command: str, spec: Any, words: Sequence[str], quiet: bool = True, option: str | None = None) -> str:
    """Standard output of a command on a spec (or, of an option, with it), which goes to standard input where it is no file of its own."""
    if isinstance(spec, (str, os.PathLike)) and not _is_text(spec):
        file, text, folder = os.fspath(spec), None, None
    elif isinstance(spec, Model):
        file, text, folder = "-", spec.text, spec.folder or None
    else:
        file, text, folder = "-", str(spec) if isinstance(spec, str) else _as_json(spec), None
    return program.run([command, *([option] if option else []), file, *words], text, quiet, folder)[1]


def simulate(spec: Spec, *, replicates: int = 32, seed: int = 0, engine: str = "cpu", progress: bool = False, **options: Any) -> Profile:
    """The same quantities measured on random networks: means with `standard_error` and `standard_deviation`.

    options: those of `sigprop simulate`, such as precision="float64", threads=4, checkpoint="file", resume="file".
    progress: a line on standard error.

    Raises SpecError, MachineError.
    """
    words = program.words_of({"replicates": replicates, "seed": seed, "engine": engine, **options})
    return Profile(_run("simulate", spec, [*words, "--format", "json"], not progress))


def verify(spec: Spec, *, replicates: int = 32, measured: str | os.PathLike[str] | None = None, progress: bool = False, **options: Any) -> dict[str, Any]:
    """Prediction beside simulation, or beside a `measured` profile of one network, with a verdict (docs/verify.md, docs/one-network.md).

    The result has `summary` with `verdict` and `sentence`, and every comparison. options: those of `sigprop verify`.

    Raises SpecError, MachineError; a verdict that disagrees is a result, not an error.
    """
    own = {"measured": os.fspath(measured)} if measured is not None else {"replicates": replicates}
    return json.loads(_run("verify", spec, [*program.words_of({**own, **options}), "--format", "json"], not progress))


def check(spec: Spec, preset: str | None = None, **options: Any) -> dict[str, Any]:
    """What must hold of a model: the `checks` of its spec, and a preset such as "stable" (docs/ci.md).

    The result has `checks`, worst first, each with `passed`.

    Raises SpecError.
    """
    return json.loads(_run("check", spec, [*program.words_of({"preset": preset, **options}), "--format", "json"]))


def compare(spec: Spec, schemes: Sequence[str], **options: Any) -> dict[str, Any]:
    """Initialization schemes side by side on one model, flattest first.

    Raises SpecError.
    """
    return json.loads(_run("compare", spec, ["--schemes", ",".join(schemes), *program.words_of(options), "--format", "json"]))


def sweep(spec: Spec, values: Mapping[str, Any], *, progress: bool = False, **options: Any) -> list[dict[str, Any]]:
    """Predictions over a grid: {"stack.layers": [6, 12, 24], "init.std.query": "log:0.01:1:20"}, one dict a point (docs/sweep.md).

    Raises SpecError.
    """
    words = [word for place, value in values.items()
             for word in ("--set", f"{place}={value if isinstance(value, str) else ','.join(json.dumps(one) for one in value)}")]
    lines = _run("sweep", spec, [*words, *program.words_of(options)], not progress).splitlines()
    return [json.loads(line) for line in lines[1:]]  # the first tells the work


def init(spec: Spec, scheme: str, **options: Any) -> dict[str, Any]:
    """The spec with every standard deviation and residual scale that a scheme gives; "deepscalelm:k=2" sets a parameter.

    Raises SpecError.
    """
    return json.loads(_run("init", spec, ["--scheme", scheme, *program.words_of(options)]))


def import_config(config: Any, sequence_length: int | None = None, **options: Any) -> dict[str, Any]:
    """The spec of a Hugging Face configuration: a path to config.json, a dict, or a PretrainedConfig, with the initialization that its class draws.

    sequence_length: in tokens, where the model does not fix it. options: those of `sigprop import`, such as batch=8.

    Raises SpecError.
    """
    if hasattr(config, "to_dict"):
        config = config.to_dict()
    return json.loads(_run("import", config, program.words_of({"sequence_length": sequence_length, **options})))


def expand(spec: Spec) -> dict[str, Any]:
    """The list of components behind a stack. Raises SpecError."""
    return json.loads(_run("expand", spec, []))


def inspect(model: str | os.PathLike[str], *, config: Any = None, spec: Spec | None = None, **options: Any) -> dict[str, Any]:
    """The weights of a file or folder against what a configuration, or a spec, draws (docs/inspect.md): `tensors` and `findings`.

    Raises SpecError.
    """
    if config is not None and hasattr(config, "to_dict"):
        config = config.to_dict()
    words = [*program.words_of(options), "--format", "json"]
    path = os.path.abspath(model)
    if config is None and spec is None:
        return json.loads(program.run(["inspect", path, *words])[1])
    given, option = (config, "--config") if config is not None else (spec, "--spec")
    return json.loads(_run("inspect", given, [path, *words], option=option))


def schemes() -> list[dict[str, Any]]:
    """The initialization schemes: name, source, parameters."""
    return json.loads(program.run(["schemes", "--format", "json"])[1])["schemes"]


def formulas() -> list[dict[str, Any]]:
    """The formulas of the theory: name, equation, status, source."""
    return json.loads(program.run(["formulas", "--format", "json"])[1])["formulas"]
