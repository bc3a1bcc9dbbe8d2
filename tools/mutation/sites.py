# SPDX-License-Identifier: Apache-2.0
"""Finds the mutants of a C++ source: places where one small change makes another program.

The sources are formatted by clang-format: a binary operator has a space on both sides, a template bracket has none, and a statement starts a line.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterator

# Each operator with what takes its place: first the one that differs at equality alone.
RELATIONAL = {"<": ("<=", ">"), "<=": ("<", ">="), ">": (">=", "<"), ">=": (">", "<="), "==": ("!=",), "!=": ("==",)}
ARITHMETIC = {"+": "-", "-": "+", "*": "/", "/": "*", "+=": "-=", "-=": "+=", "*=": "/=", "/=": "*="}
LOGICAL = {"&&": "||", "||": "&&"}
EXTREMES = {"min": "max", "max": "min", "min_element": "max_element", "max_element": "min_element", "fmin": "fmax", "fmax": "fmin"}
DELETED = ";"

UNREAD = re.compile(
    r"""R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"        # raw string
      | "(?:\\.|[^"\\\n])*"                         # string
      | (?<![\w'])'(?:\\.|[^'\\\n])+'               # character; not the ' between digits
      | //[^\n]* | /\*.*?\*/                        # comment
      | ^[ \t]*\#(?:\\\n|[^\n])*                    # preprocessor
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
NUMBER = re.compile(r"(?<![\w.])(?P<digits>\d[\d']*(?:\.\d*)?(?:[eE][+-]?\d+)?)[uUlLfFzZ]*(?![\w.])")
SIGN = re.compile(r"(?:(?<=[(\[{])|(?<=[=,?:<>*/+-] )|(?<=return ))-(?=[\w(])")
STATEMENT = re.compile(
    r"""(?:break|continue|return);                  # a jump
      | (?:\+\+|--)[\w.\[\]>-]+;                    # a step
      | [\w:.\[\]>*()-]+[ ][-+*/]?=[ ]              # an assignment; a declaration has two words before the sign
      | [\w:.>-]+(?:<[^;(]*>)?\(                    # a call
      | if[ ]\(                                     # a guarded statement
    """,
    re.VERBOSE,
)


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One change of one source. `name` is the same as long as the text of its line is, wherever the line moves to."""

    path: str
    start: int
    end: int
    line: int
    column: int
    kind: str
    before: str
    after: str
    source: str
    name: str = ""

    def of(self, text: str) -> str:
        """The mutated text of the source."""
        return text[: self.start] + self.after + text[self.end :]

    def shown(self) -> tuple[str, str]:
        """What stands in the source and what stands in its place, for people."""
        return " ".join(self.before.split()), "(deleted)" if self.after == DELETED else self.after or "(nothing)"


def closing(text: str, start: int) -> int:
    """The index after the bracket that closes the one at `start`, or -1."""
    pairs, depth = {"(": ")", "[": "]", "{": "}"}, []
    for i in range(start, len(text)):
        if text[i] in pairs:
            depth.append(pairs[text[i]])
        elif depth and text[i] == depth[-1]:
            depth.pop()
            if not depth:
                return i + 1
    return -1


def angle(text: str, start: int) -> int:
    """The index after the > that closes the template bracket at `start`, or -1 where it is none."""
    depth = 0
    for i in range(start, len(text)):
        if text[i] == "<":
            depth += 1
        elif text[i] == ">" and text[i - 1] != "-":
            depth -= 1
            if depth == 0:
                return i + 1
        elif text[i] in ";{}":
            return -1
    return -1


def without(text: str, start: int, end: int, filler: str = " ") -> str:
    return text[:start] + re.sub(r"[^\n]", filler, text[start:end]) + text[end:]


def readable(text: str) -> str:
    """The source with spaces in place of comments, directives, static assertions and template brackets, and " in place of literals."""
    def filled(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", '"' if match[0][0] in "R\"'" else " ", match[0])

    text = UNREAD.sub(filled, text)
    for match in re.finditer(r"\bstatic_assert\s*(?=\()", text):
        text = without(text, match.start(), max(closing(text, match.end()), match.end()))
    for match in re.finditer(r"(?:(?<=[\w\]])(?<!operator)|(?<=template ))<(?![<=\s])", text):
        if text[match.start()] == "<":
            text = without(text, match.start(), max(angle(text, match.start()), match.start()), "_")
    return text


def numbers_beside(digits: str) -> tuple[str, ...]:
    """What takes the place of a number: the next integers, or twice a real number and none of it."""
    if re.fullmatch(r"[\d']+", digits):
        value = int(digits.replace("'", ""))
        return (str(value + 1), str(value - 1)) if value > 0 else (str(value + 1),)
    return (f"(2 * {digits})", "0.0") if float(digits.replace("'", "")) != 0 else ("1.0",)


def operators(text: str) -> Iterator[tuple[int, int, str, str]]:
    """(start, end, kind, what takes the place) of operators, signs, names and numbers."""
    for match in re.finditer(r"(?<=\s)(<=|>=|==|!=|<|>|[-+*/]=|[-+*/]|&&|\|\|)(?=\s)", text):
        token = match[1]
        if token in RELATIONAL:
            for other in RELATIONAL[token]:
                yield match.start(), match.end(), "relation", other
        elif token in LOGICAL:
            yield match.start(), match.end(), "logic", LOGICAL[token]
        elif '"' not in text[match.start() - 2 : match.end() + 2]:  # no arithmetic of strings
            yield match.start(), match.end(), "arithmetic", ARITHMETIC[token]
    for match in SIGN.finditer(text):
        yield match.start(), match.end(), "sign", ""
    for match in re.finditer(r"(?:(?<=std::)|(?<![\w:.]))(\w+)(?=\()", text):
        if match[1] in EXTREMES:
            yield match.start(), match.end(), "extreme", EXTREMES[match[1]]
    for match in re.finditer(r"(?<![\w.])(true|false)(?!\w)", text):
        yield match.start(), match.end(), "constant", "false" if match[1] == "true" else "true"
    for match in NUMBER.finditer(text):
        for other in numbers_beside(match["digits"]):
            yield match.start("digits"), match.end("digits"), "constant", other


def conditions(text: str) -> Iterator[tuple[int, int, str, str]]:
    """The same of conditions, which are negated."""
    for match in re.finditer(r"\b(?:if|while)(?: constexpr)? (?=\()", text):
        end = closing(text, match.end())
        if end > 0 and ";" not in text[match.end() : end]:
            yield match.end(), end, "negation", ""
    for match in re.finditer(r"(?<=[\s(\[{])!(?=[\w(*])", text):
        yield match.start(), match.end(), "negation", ""


def statements(text: str) -> Iterator[tuple[int, int, str, str]]:
    """The same of statements that can be left out."""
    for line in re.finditer(r"^[ ]*(?=\S)", text, re.MULTILINE):
        start = line.end()
        if text[: line.start()].rstrip()[-1:] not in tuple(";{})") or not STATEMENT.match(text, start):
            continue
        end = start
        while end < len(text) and text[end] not in ";{}":
            end = closing(text, end) if text[end] in "([" else end + 1
            if end < 0:
                break
        if 0 < end < len(text) and text[end] == ";" and not text[end + 1 :].lstrip().startswith("else"):
            yield start, end + 1, "deletion", DELETED


def mutants(path: str, text: str) -> list[Mutant]:
    """All mutants of a source, in the order of their places."""
    blank = readable(text)
    found = sorted({*operators(blank), *conditions(blank), *statements(blank)})
    lines, out, seen = text.splitlines(), [], {}
    for start, end, kind, after in found:
        before = text[start:end]
        if kind == "negation" and not after and before != "!":
            after = f"(!{before})"
        line = text.count("\n", 0, start) + 1
        column = start - (text.rfind("\n", 0, start) + 1) + 1
        source = lines[line - 1].strip()
        key = (path, source, column, kind, before, after)
        seen[key] = seen.get(key, 0) + 1
        name = hashlib.sha256(repr((*key, seen[key])).encode()).hexdigest()[:16]
        out.append(Mutant(path, start, end, line, column, kind, before, after, source, name))
    return out


def drawn(found: list[Mutant], seed: int) -> list[Mutant]:
    """The mutants in the order of a seed. A change of one source leaves the order of the others as it is."""
    return sorted(found, key=lambda mutant: hashlib.sha256(f"{seed} {mutant.name}".encode()).digest())
