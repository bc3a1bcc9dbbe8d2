# SPDX-License-Identifier: Apache-2.0
"""Reads what the program wrote, in each of its formats, and says what is wrong with it."""

from __future__ import annotations

import ast
import csv
import html.parser
import io
import json
import math
import re
import xml.etree.ElementTree
from collections.abc import Iterator
from typing import Any, Callable

# A number that is none, as tables, CSV and texts would show it.
NO_NUMBER = re.compile(r"(?<![\w.])[-+]?(nan|inf|infinity)(?!\w)", re.IGNORECASE)
SHOWN = 60  # characters of a place that is shown
SLACK = 1e-6  # of rounding, in quantities that have a range

# The ranges of quantities, by the end of their path.
RANGES = {"variance": (0, math.inf), "second_moment": (0, math.inf), "norm": (0, math.inf), "gradient_norm": (0, math.inf), "score_variance": (0, math.inf),
          "token_correlation": (-1, 1), "rank_residual": (0, 1), "entropy_fraction": (0, 1), "effective_rank": (0, math.inf)}


class Unreadable(Exception):
    """What was written is not in its format."""


def refuse_constant(text: str) -> None:
    raise Unreadable(f"{text} is no number of JSON")


def finite(text: str) -> float:
    if math.isinf(float(text)):
        raise Unreadable(f"{text} is beyond the range of a double")
    return float(text)


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1 and len(keys) < 1000:
            raise Unreadable(f"the key {key!r} stands twice in an object")
    return dict(pairs)


def json_of(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=refuse_constant, parse_float=finite, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise Unreadable(f"not JSON: {error}") from error
    except RecursionError:
        return None  # deeper than Python reads, which is no fault


def values(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of a document that is no object or list, with its place."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else None
    if items is None:
        yield path, node
        return
    for key, value in items:
        yield from values(value, f"{path}/{key}")


def no_numbers(texts: Iterator[tuple[str, str]]) -> list[str]:
    """Places where a text holds a number that is none."""
    found = [f"{place}: {match[0]} in {text[max(0, match.start() - SHOWN): match.end() + SHOWN]!r}" for place, text in texts if (match := NO_NUMBER.search(text))]
    return found[:3]


def out_of_range(document: Any) -> list[str]:
    """Predicted quantities that lie where they cannot."""
    found = []
    for path, value in values(document):
        low, high = RANGES.get(path.rsplit("/", 1)[-1], (-math.inf, math.inf))
        if re.match(r"/(points|layers)/", path) and isinstance(value, (int, float)) and not low - SLACK <= value <= high + SLACK:
            found.append(f"{path} is {value!r}, which is not in [{low}, {high}]")
    return found[:3]


def read_json(text: str) -> list[str]:
    document = json_of(text)
    return no_numbers((path, value) for path, value in values(document) if isinstance(value, str))


def read_prediction(text: str) -> list[str]:
    return read_json(text) + out_of_range(json_of(text))


def read_lines(text: str) -> list[str]:
    return [problem for line in text.splitlines() for problem in read_json(line)][:3]


def read_csv(text: str) -> list[str]:
    rows = list(csv.reader(io.StringIO(text, newline="")))
    if len({len(row) for row in rows}) > 1:
        raise Unreadable(f"rows of a CSV have {sorted({len(row) for row in rows})} fields")
    return no_numbers((f"line {number}", field) for number, row in enumerate(rows, 1) for field in row)


def read_text(text: str) -> list[str]:
    return no_numbers((f"line {number}", line) for number, line in enumerate(text.splitlines(), 1))


def read_latex(text: str) -> list[str]:
    if "\\begin{document}" in text and text.count("\\end{document}") != 1:
        raise Unreadable("a LaTeX document does not end once")
    return read_text(text)


def read_python(text: str) -> list[str]:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise Unreadable(f"not Python: {error}") from error
    return read_text(text)


class PageData(html.parser.HTMLParser):
    """The data inside a page."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = False
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag == "script" and ("type", "application/json") in attrs

    def handle_data(self, data: str) -> None:
        self.text += data if self.inside else ""


def read_page(text: str) -> list[str]:
    page = PageData()
    page.feed(text)
    if "</html>" not in text:
        raise Unreadable("a page has no end")
    return read_json(page.text)


def read_xml(text: str) -> list[str]:
    try:
        tree = xml.etree.ElementTree.fromstring(text)
    except xml.etree.ElementTree.ParseError as error:
        raise Unreadable(f"not XML: {error}") from error
    return no_numbers((element.tag, value) for element in tree.iter() for value in [*element.attrib.values(), element.text or ""])


READERS: dict[str, Callable[[str], list[str]]] = {"json": read_json, "prediction": read_prediction, "lines": read_lines, "csv": read_csv, "text": read_text,
                                                  "latex": read_latex, "python": read_python, "page": read_page, "xml": read_xml}


def problems_of(content: bytes, form: str, numbers: bool) -> list[str]:
    """What is wrong with an output; without `numbers`, those that are none are let pass where they stand in texts."""
    try:
        found = READERS[form](content.decode("utf-8"))
    except UnicodeDecodeError as error:
        return [f"not UTF-8: {error}"]
    except Unreadable as error:
        return [str(error)]
    return found if numbers else [problem for problem in found if not NO_NUMBER.search(problem)]
