# SPDX-License-Identifier: Apache-2.0
"""Outcomes of mutants, kept as JSON lines so that an interrupted run goes on, and the table of them."""

from __future__ import annotations

import dataclasses
import json
import pathlib

from runner import Outcome
from sites import Mutant

KILLED = ("killed", "timeout")


@dataclasses.dataclass(frozen=True)
class Record:
    """What a line of the results holds."""

    name: str
    path: str
    line: int
    kind: str
    before: str
    after: str
    source: str
    result: str
    by: str
    seconds: float

    @classmethod
    def of(cls, mutant: Mutant, outcome: Outcome, seconds: float) -> Record:
        before, after = mutant.shown()
        return cls(mutant.name, mutant.path, mutant.line, mutant.kind, before, after, mutant.source, outcome.result, outcome.by, round(seconds, 1))


class Results:
    """The latest record of every mutant."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.records: dict[str, Record] = {}
        if path.is_file():
            for line in path.read_text(encoding="utf-8").splitlines():
                record = Record(**json.loads(line))
                self.records[record.name] = record

    def add(self, record: Record) -> None:
        self.records[record.name] = record
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(dataclasses.asdict(record)) + "\n")


def percent_killed(records: list[Record]) -> float:
    """Of the mutants that compile; 100 where there is none."""
    counted = [record for record in records if record.result != "invalid"]
    return 100 * sum(record.result in KILLED for record in counted) / len(counted) if counted else 100.0


def table(records: list[Record]) -> str:
    """Mutants by room and kind, then every survivor with its place and its change."""
    results = ("killed", "timeout", "survived", "invalid")
    lines = [f"{'':28s}" + "".join(f"{result:>10s}" for result in results) + f"{'% killed':>10s}"]

    def row(title: str, some: list[Record]) -> str:
        counts = "".join(f"{sum(record.result == result for record in some):10d}" for result in results)
        return f"{title:28s}{counts}{percent_killed(some):10.1f}"

    for key in (lambda record: str(pathlib.PurePath(record.path).parent), lambda record: record.kind):
        lines += [row(title, [record for record in records if key(record) == title]) for title in sorted({key(record) for record in records})]
    lines.append(row("all", records))
    survivors = [record for record in records if record.result == "survived"]
    for record in sorted(survivors, key=lambda record: (record.path, record.line)):
        lines += ["", f"{record.path}:{record.line}: {record.kind} survives: {record.before}  ->  {record.after}", f"    {record.source}"]
    return "\n".join(lines)
