#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns text files into C++ string constants: NAME=FILE becomes `constexpr const char* NAME = ...;`."""

import argparse
import pathlib
import sys

PIECE = 8000  # characters: no compiler has to take longer literals
MARK = "~~~"


def literal(text):
    if f"){MARK}" in text:
        sys.exit(f'a text contains ")" before {MARK}, which ends a literal')
    pieces = [text[at:at + PIECE] for at in range(0, len(text), PIECE)] or [""]
    return "\n".join(f'R"{MARK}({piece}){MARK}"' for piece in pieces)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", required=True, type=pathlib.Path)
    parser.add_argument("texts", nargs="+", metavar="NAME=FILE")
    arguments = parser.parse_args()
    lines = []
    for pair in arguments.texts:
        name, file = pair.split("=", 1)
        lines.append(f"constexpr const char* {name} =\n{literal(pathlib.Path(file).read_text(encoding='utf-8'))};\n")
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
