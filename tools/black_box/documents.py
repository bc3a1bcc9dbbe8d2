# SPDX-License-Identifier: Apache-2.0
"""Random changes of JSON documents: of their values, of their structure and of their text."""

from __future__ import annotations

import copy
import json
import pathlib
import random
import re
from typing import Any, Callable

# Begins a number as it stands in the text: Python would write some of them in another way, and
# others not at all.
RAW = "@raw:"
NUMBERS = ("0", "-0.0", "1", "-1", "2", "0.5", "0.999999999999", "1.0000000001", "64.0", "1e-300", "5e-324", "1e-12", "1e300", "1.7976931348623157e308",
           "1e400", "-1e400", "1e-400", "9007199254740993", "2147483647", "2147483648", "4294967296", "9223372036854775807", "18446744073709551616",
           "1" * 400, "1000000", "10000000", "10000001", "1000000001", "-2147483649", "0.1e1", "3.5")
WORDS = ("", " ", "a", "none", "pre", "post", "causal", "gelu", "relu", "layer_norm", "xavier", "true", "0", "\u00e9", "\U0001f600", "x" * 300,
         "a/b", "~0~1", "\t\n", "\\", "'\"", "-")
OTHERS = (None, True, False, [], {}, [[]], [1, 2], {"a": 1}, [None])

Path = tuple


def raw(number: str) -> str:
    return f"{RAW}{number}@"


def places(node: Any, path: Path = ()) -> list[Path]:
    """Every place of a document, its root first."""
    found = [path]
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        found += places(value, (*path, key))
    return found


def at(document: Any, path: Path) -> Any:
    for key in path:
        document = document[key]
    return document


def any_value(rng: random.Random) -> Any:
    return copy.deepcopy(rng.choice((raw(rng.choice(NUMBERS)), rng.choice(WORDS), rng.choice(OTHERS))))


def changed_number(rng: random.Random, value: float) -> Any:
    """A number near another one, or an extreme one."""
    near = (value + 1, value - 1, -value, value * 2, value / 2, value * 1000, value * 1e-9)
    return rng.choice(near) if rng.random() < 0.6 else raw(rng.choice(NUMBERS))


def replace(rng: random.Random, parent: Any, key: Any, document: Any) -> None:
    value = parent[key]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    parent[key] = changed_number(rng, value) if is_number and rng.random() < 0.7 else any_value(rng)


def remove(rng: random.Random, parent: Any, key: Any, document: Any) -> None:
    del parent[key]


def misspell(rng: random.Random, parent: Any, key: Any, document: Any) -> None:
    if isinstance(parent, dict) and isinstance(key, str) and key:
        spot = rng.randrange(len(key))
        parent[key[:spot] + rng.choice("abcx_") + key[spot + rng.randrange(2):]] = parent.pop(key)


def add(rng: random.Random, parent: Any, key: Any, document: Any) -> None:
    if isinstance(parent, dict):
        parent[rng.choice(WORDS)] = any_value(rng)
    else:
        parent.insert(rng.randrange(len(parent) + 1), any_value(rng))


def repeat(rng: random.Random, parent: Any, key: Any, document: Any) -> None:
    """An element several times, or a key's value within itself."""
    if isinstance(parent, list):
        parent[key:key] = [copy.deepcopy(parent[key]) for _ in range(rng.choice((1, 2, 20)))]
    else:
        parent[key] = {key: parent[key]}


def wrap(rng: random.Random, parent: Any, key: Any, document: Any) -> None:
    for _ in range(rng.choice((1, 1, 2, 70))):
        parent[key] = [parent[key]] if rng.random() < 0.5 else {"of": [parent[key]]}


def graft(rng: random.Random, parent: Any, key: Any, document: Any) -> None:
    """A copy of another place of the document."""
    parent[key] = copy.deepcopy(at(document, rng.choice(places(document))))


CHANGES: tuple[Callable[[random.Random, Any, Any, Any], None], ...] = (replace, replace, replace, replace, remove, remove, misspell, add, repeat, wrap, graft)


def mutated(rng: random.Random, document: Any, times: int) -> Any:
    """A copy with so many random changes."""
    document = {"": copy.deepcopy(document)}
    for _ in range(times):
        path = rng.choice(places(document)[1:])
        rng.choice(CHANGES)(rng, at(document, path[:-1]), path[-1], document)
        if "" not in document:
            return None
    return document[""]


def near(rng: random.Random, value: float) -> float:
    """A number of the same kind that is likely to be allowed in the same place."""
    if isinstance(value, int):
        return rng.choice((value + 1, max(1, value - 1), value * 2, max(1, value // 2)))
    return rng.choice((value * 2, value / 2, value * 10, value / 10, value / 1e6, min(value, 0.9999), 0.0, 1.0))


def with_other_numbers(rng: random.Random, document: Any, times: int) -> Any:
    """A copy with so many numbers changed."""
    document = copy.deepcopy(document)
    spots = [path for path in places(document) if path and type(at(document, path)) in (int, float)]
    for path in rng.sample(spots, min(times, len(spots))):
        at(document, path[:-1])[path[-1]] = near(rng, at(document, path)) if rng.random() < 0.9 else changed_number(rng, at(document, path))
    return document


def varied(rng: random.Random, document: Any) -> Any:
    """The document as it is, with other numbers, or with changes of any kind."""
    kind = rng.random()
    if kind < 0.6:
        return document
    return with_other_numbers(rng, document, rng.choice((1, 1, 2, 3))) if kind < 0.82 else mutated(rng, document, rng.choice((1, 1, 2, 4)))


def text_of(document: Any, rng: random.Random | None = None) -> str:
    indent = None if rng is None else rng.choice((None, 0, 2))
    text = json.dumps(document, indent=indent, ensure_ascii=rng is None or rng.random() < 0.5)
    return re.sub(f'"{RAW}([^"@]*)@"', r"\1", text)


def cut(rng: random.Random, text: str) -> str:
    return text[: rng.randrange(len(text) + 1)]


def twice(rng: random.Random, text: str) -> str:
    """One key two times in an object."""
    pairs = list(re.finditer(r'"[^"]*": ("[^"]*"|[-+.\w]+)', text))
    if not pairs:
        return text + text
    pair = rng.choice(pairs)
    return text[: pair.end()] + ", " + pair[0] + text[pair.end():]


def insert(rng: random.Random, text: str) -> str:
    spot = rng.randrange(len(text) + 1)
    piece = rng.choice(("NaN", "Infinity", "-Infinity", "nan", ",", "}", "]", "{", "[", '"', "//x\n", "/*x*/", "\\", "\x00", "\ufeff", "+1", "01", ".5", "1.", "1e",
                        "0x10", "\n", "\r", "\x7f", "\u2028"))
    return text[:spot] + piece + text[spot:]


def literal(rng: random.Random, text: str) -> str:
    """A number's place taken by what is no number of JSON, or an unusual one."""
    numbers = list(re.finditer(r"(?<=[\[ :])-?\d[\d.e+-]*", text))
    if not numbers:
        return text
    spot = rng.choice(numbers)
    return text[: spot.start()] + rng.choice(("NaN", "Infinity", "-Infinity", "inf", "01", "+1", "1.", ".5", "0x10", "1e999", *NUMBERS)) + text[spot.end():]


def nest(rng: random.Random, text: str) -> str:
    depth = rng.choice((10, 63, 64, 65, 1000, 100000))
    return rng.choice(("[" * depth + text + "]" * depth, "[" * depth, '{"a":' * depth + text + "}" * depth))


TEXT_CHANGES: tuple[Callable[[random.Random, str], str], ...] = (cut, twice, twice, insert, insert, literal, literal, literal, nest)


def encoded(rng: random.Random, document: Any, spoilt: float) -> bytes:
    """The bytes of a document, whose text is spoilt with this probability."""
    text = text_of(document, rng)
    if rng.random() >= spoilt:
        return text.encode("utf-8", "surrogatepass")
    kind = rng.random()
    if kind < 0.8:
        return rng.choice(TEXT_CHANGES)(rng, text).encode("utf-8", "surrogatepass")
    whole = text.encode("utf-8", "surrogatepass")
    return rng.choice((b"", b"\xef\xbb\xbf" + whole, text.encode("utf-16"), whole + b"\xff", b"\x00" * 100, whole.replace(b"e", b"\xe9"), whole + b"\n" + whole,
                       damaged(rng, whole)))


def damaged(rng: random.Random, content: bytes) -> bytes:
    """A file of which a few bytes differ, are lost or are there twice."""
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 3, 30))):
        if not content:
            break
        spot, kind = rng.randrange(len(content)), rng.randrange(4)
        if kind == 0:
            content[spot] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del content[spot: spot + rng.choice((1, 8, 1000))]
        elif kind == 2:
            content[spot:spot] = content[spot: spot + rng.choice((1, 8, 1000))]
        else:
            del content[spot:]
    return bytes(content)


def parsed(text: str) -> Any:
    return json.loads(text)


def read(path: pathlib.Path) -> Any:
    return parsed(path.read_text(encoding="utf-8"))
