# SPDX-License-Identifier: Apache-2.0
"""Results as sigprop prints them with --format json, read and checked: docs/results.md describes them."""
import json
import math
import os
import re
import shlex
import sys
from dataclasses import dataclass

from .problems import Problem, one_of, unknown

FIGURE_OF = {"predict": "profile", "simulate": "profile", "verify": "verify", "compare": "schemes", "experiment": "experiment"}
# Settings of a result that are options of the command that made it.
OPTIONS = ("theory", "schemes", "seed", "replicates", "engine", "precision", "norm_epsilon", "tolerance")
LARGEST = 300.0  # log10 of what an axis of doubles can hold with its margins
LAYER_PARTS = ("attention", "cross_attention", "weights")


@dataclass(frozen=True)
class Number:
    """A value, its decimal logarithm, which stays finite where the value does not, and its standard error."""
    value: float
    log10: float
    error: float = 0.0

    @property
    def overflows(self):
        return self.log10 > LARGEST


@dataclass
class Result:
    """A result and the file it came from."""
    file: str
    data: dict

    @property
    def command(self):
        return self.data["command"]

    @property
    def name(self):
        """The model's; a dollar in it begins no formula."""
        return str(self.data.get("name") or os.path.splitext(os.path.basename(self.file))[0]).replace("$", r"\$")

    @property
    def theory(self):
        return str(self.data.get("theory") or self.settings.get("theory", ""))

    @property
    def settings(self):
        return self.data.get("settings", {})

    @property
    def made_by(self):
        """The version and command that made it, as far as its settings tell."""
        subject = str(self.settings.get("spec") or self.settings.get("component", ""))
        words = ["sigprop", self.command, subject]
        for key in OPTIONS:
            if key in self.settings:
                words += ["--" + key.replace("_", "-"), str(self.settings[key])]
        if "gram_tokens" in self.data:
            words += ["--gram", str(len(self.data["gram_tokens"]))]
        if "prefix" in self.data:
            words += ["--prefix", str(self.data["prefix"])]
        if self.command == "experiment":
            words += ["--settings", str(self.data["components"][0].get("settings_asked", ""))]
        return f"sigprop {self.data.get('sigprop', '(version unknown)')}: {shlex.join(words)}"


class Given(str):
    """The name of a result that is no file, with its text."""
    text: str

    def __new__(cls, name, text):
        given = super().__new__(cls, name)
        given.text = text
        return given


def text_of(file):
    if isinstance(file, Given):
        return file.text
    try:
        if file == "-":
            return sys.stdin.read()
        with open(file, encoding="utf-8") as stream:
            return stream.read()
    except OSError as error:
        raise Problem(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Problem(f"{file}: is not text in UTF-8, so it is no result of sigprop") from None


def parse(text, where, cure):
    """The JSON in a text; `where` names its place, for messages."""
    def refuse(constant):
        raise ValueError(f"{constant} is no number of JSON")

    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}" if "line " not in where else f"column {error.colno}"
        raise Problem(f"{where}: {place}: not JSON: {error.msg}; {cure}") from None
    except (ValueError, RecursionError) as error:
        raise Problem(f"{where}: {error}; {cure}") from None


def load(file, commands):
    """The result in a file, which must come from one of these commands of sigprop."""
    cure = f"make it with sigprop {commands[0]} ... --format json --output {'FILE' if file == '-' else file}"
    data = parse(text_of(file), file, cure)
    if not isinstance(data, dict) or not isinstance(data.get("command"), str):
        raise Problem(f'{file}: is no result of sigprop: /command is absent, but must be {one_of(commands)}; {cure}')
    command = data["command"]
    if command not in commands:
        other = f"draw it with {FIGURE_OF[command]}, or " if command in FIGURE_OF else ""
        raise Problem(f'{file}: /command is "{command}", but this figure needs {one_of(commands)}; {other}{cure}')
    result = Result(file, data)
    if not isinstance(data.get("settings", {}), dict):
        raise Problem(f"{file}: /settings must be an object; {cure}")
    return result


def need(result, node, key, kind, place):
    """node[key] of this kind, or a problem that names the place."""
    names = {list: "a list", dict: "an object", str: "a string"}
    found = node.get(key) if isinstance(node, dict) else None
    if not isinstance(found, kind):
        what = "is absent" if found is None else f"is {shorten(found)}"
        raise Problem(f"{result.file}: {place}/{key} {what}, but must be {names[kind]}; "
                      f"make the file with sigprop {result.command} again")
    return found


def shorten(value):
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."


def number(node, file, place):
    """A predicted or measured number of a result; None for null."""
    if node is None:
        return None
    if isinstance(node, (int, float)) and not isinstance(node, bool) and math.isfinite(node):
        return Number(float(node), math.log10(abs(node)) if node else -math.inf)
    if isinstance(node, dict) and "log10" in node:
        log10 = number(node["log10"], file, place + "/log10")
        return Number(math.inf, log10.value) if log10 else None
    if isinstance(node, dict) and "standard_error" in node:
        mean = number(node.get("mean"), file, f"{place}/mean")
        error = bounded(node["standard_error"], file, f"{place}/standard_error")
        return mean and Number(mean.value, mean.log10, error.value if error else 0.0)
    raise Problem(f'{file}: {place} is {shorten(node)}, but must be a number, or an object with log10 or with mean and standard_error')


def bounded(node, file, place):
    """A number that has no logarithm beside it, so that an axis must hold it."""
    found = number(node, file, place)
    if found and found.overflows:
        raise Problem(f"{file}: {place} is {shorten(node)}, but must be below 1e{LARGEST:g} for an axis to hold it")
    return found


def is_number(node):
    """Can `number` read it? The comparison of a verification holds two."""
    return isinstance(node, (int, float)) or isinstance(node, dict) and any(k in node for k in ("log10", "standard_error", "predicted"))


def leaves(node, prefix=""):
    """(dotted name, node) of all numbers below."""
    for key, value in node.items():
        if is_number(value):
            yield prefix + key, value
        elif isinstance(value, dict):
            yield from leaves(value, prefix + key + ".")


@dataclass(frozen=True)
class Place:
    """A point or a layer: how deep it lies, counted in layers from the input, in which stack, and what is known of it."""
    depth: float
    stack: str
    path: str
    node: dict


def split_path(path):
    """(stack, layer or None) of a path such as encoder/layer 3/ffn, input, or layer 3."""
    match = re.match(r"(?:(?P<stack>(?!layer \d)[^/]+)/)?(?:layer (?P<layer>\d+)(?:/|$)|[^/]+$)", path)
    if not match:
        return "", None
    return match["stack"] or "", int(match["layer"]) if match["layer"] else None


def points_of(result, owner=None, place=""):
    """The points of a profile. The last point of layer N lies at depth N, those before it at equal steps."""
    known = need(result, owner or result.data, "points", list, place)
    firsts = {}
    for at, node in enumerate(known):
        path = need(result, node, "path", str, f"{place}/points/{at}")
        firsts.setdefault(node["index"] if isinstance(node.get("index"), int) else at, (path.split(", token ")[0], node))
    layers, last_of = {}, {}
    for path, _ in firsts.values():
        stack, layer = split_path(path)
        if layer is not None:
            layers[stack, layer] = layers.get((stack, layer), 0) + 1
            last_of[stack] = max(last_of.get(stack, 0), layer)
    before, offset = {}, 0
    for stack, last in last_of.items():
        before[stack] = offset
        offset += last
    seen, places = {}, []
    for path, node in firsts.values():
        stack, layer = split_path(path)
        depth = float(before.get(stack, 0))
        if layer is not None:
            seen[stack, layer] = seen.get((stack, layer), 0) + 1
            depth += layer - 1 + seen[stack, layer] / layers[stack, layer]
        places.append(Place(depth, stack, path, node))
    return places


def layers_of(result, owner=None, place=""):
    known = need(result, owner or result.data, "layers", list, place)
    places = []
    for at, node in enumerate(known):
        path = str(node.get("path", "")) if isinstance(node, dict) else ""
        places.append(Place(float(at + 1), split_path(path)[0], path, node))
    return places


def places_of(result, quantity, owner=None, place=""):
    """Where a quantity stands: attention and weights in layers, all else in points."""
    find = layers_of if quantity.split(".")[0] in LAYER_PARTS else points_of
    return find(result, owner, place)


def quantities_of(result, owner=None):
    """The names of all quantities in a result, in their order."""
    names = {}
    for one in points_of(result, owner) + layers_of(result, owner):
        parts = {k: v for k, v in one.node.items() if k in ("forward", "backward", *LAYER_PARTS)}
        names.update((name, None) for name, _ in leaves(parts) if ".tokens." not in name)
    return list(names)


def look_up(node, quantity):
    """What stands under a dotted name; None where there is nothing."""
    for key in quantity.split("."):
        if not isinstance(node, dict) or key not in node:
            return None
        node = node[key]
    return node


def unknown_quantity(results, quantity):
    """The problem of a quantity that no result has."""
    names = list(dict.fromkeys(name for result, owner in results for name in quantities_of(result, owner)))
    files = ", ".join(dict.fromkeys(result.file for result, _ in results))
    return Problem(f"{files}: {unknown(quantity, names)}")
