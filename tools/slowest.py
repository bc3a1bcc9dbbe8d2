#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the ten slowest tests and the ten slowest translation units of a build folder: tools/slowest.py BUILD

Tests come from the last run of ctest, translation units from the last time that ninja compiled each of them.
"""

from __future__ import annotations

import pathlib
import sys

SHOWN = 10


def slowest_units(log: str) -> list[tuple[float, str]]:
    """Seconds and name of the objects in a .ninja_log, slowest first."""
    last: dict[str, float] = {}
    for line in log.splitlines():
        fields = line.split("\t")
        if len(fields) >= 4 and fields[3].endswith((".o", ".gch", ".pch")):
            last[fields[3]] = (int(fields[1]) - int(fields[0])) / 1000
    return sorted(((seconds, name) for name, seconds in last.items()), reverse=True)[:SHOWN]


def slowest_tests(costs: str) -> list[tuple[float, str]]:
    """Seconds and name of the tests in a CTestCostData.txt, slowest first. A line holds name, runs and mean cost."""
    found = []
    for line in costs.split("\n---")[0].splitlines():
        fields = line.rsplit(" ", 2)
        if len(fields) == 3:
            found.append((float(fields[2]), fields[0]))
    return sorted(found, reverse=True)[:SHOWN]


def show(title: str, rows: list[tuple[float, str]]) -> None:
    print(f"\n{title}")
    for seconds, name in rows:
        print(f"{seconds:8.1f} s  {name}")


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: slowest.py BUILD", file=sys.stderr)
        return 3
    build = pathlib.Path(sys.argv[1])
    costs, log = build / "Testing/Temporary/CTestCostData.txt", build / ".ninja_log"
    if costs.is_file():
        show("The slowest tests", slowest_tests(costs.read_text(encoding="utf-8")))
    if log.is_file():
        show("The slowest translation units", slowest_units(log.read_text(encoding="utf-8")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
