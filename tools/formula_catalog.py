#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turns the head comments of the formula headers into the table behind `sigprop formulas`.

A head comment begins with `/// Name     NAME`, then says what the formula is in one sentence, its equation (lines indented by
five spaces) and labelled lines: Symbols, Status, Assumes, Domain, Source, Why, Throws. A formula without one of them, but for
Throws, is an error.
"""

import argparse
import pathlib
import re
import sys

LABELS = ("Symbols", "Status", "Assumes", "Domain", "Source", "Why", "Throws")
REQUIRED = ("What", "Equation", "Symbols", "Status", "Assumes", "Domain", "Source", "Why")


def comment_blocks(text):
    """Runs of /// lines, without the slashes."""
    block = []
    for line in text.splitlines() + [""]:
        if line.startswith("///"):
            block.append(line[3:])
        elif block:
            yield block
            block = []


def read_formula(block):
    """The fields of one head comment, or None for another comment."""
    head = re.match(r" Name +(\S+)$", block[0])
    if not head:
        return None
    fields = {"Name": head.group(1), "What": "", "Equation": ""}
    current = "What"
    for line in block[1:]:
        label = re.match(r" ({})\s+(.*)$".format("|".join(LABELS)), line)
        if label:
            current = label.group(1)
            fields[current] = label.group(2)
        elif current in ("What", "Equation") and line.startswith("     "):
            current = "Equation"
            fields["Equation"] += ("\n" if fields["Equation"] else "") + line.strip()
        else:
            fields[current] = (fields[current] + " " + line.strip()).strip()
    return fields


def read_header(path):
    for block in comment_blocks(path.read_text(encoding="utf-8")):
        fields = read_formula(block)
        if fields is None:
            continue
        missing = [label for label in REQUIRED if not fields.get(label)]
        if missing:
            sys.exit(f"{path}: the formula {fields['Name']} has no {', '.join(missing)}: add the label to its head comment")
        yield {**fields, "Header": path.name}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", required=True)
    parser.add_argument("headers", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    columns = ("Name", "What", "Equation", "Symbols", "Status", "Assumes", "Domain", "Source", "Why", "Header")
    rows = []
    for header in sorted(arguments.headers):
        for fields in read_header(header):
            rows.append("{" + ", ".join(f'R"~({fields[column]})~"' for column in columns) + "},\n")
    output = pathlib.Path(arguments.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("".join(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
