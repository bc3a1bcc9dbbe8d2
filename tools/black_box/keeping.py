# SPDX-License-Identifier: Apache-2.0
"""Keeps what a failed run began with and what it did, and counts all runs."""

from __future__ import annotations

import collections
import pathlib
import shlex

from black_box.judging import Finding, name_of
from black_box.running import Outcome


def command_line(outcome: Outcome) -> str:
    """The arguments as a shell reads them, with the streams that were not files."""
    step = outcome.step
    columns = f"COLUMNS={shlex.quote(step.columns)} " if step.columns is not None else ""
    stdout = {"full": " > /dev/full", "closed": " | true"}.get(step.stdout, "")
    seconds = f" # signal {step.signal[0]} after {step.signal[1]:.3f} s" if step.signal else ""
    return f'{columns}"$program" {shlex.join(step.arguments)} < "$here/stdin"{stdout}{seconds}'


def script(outcome: Outcome, findings: list[Finding], origin: str) -> str:
    comments = "".join(f"# {finding.kind}: {' '.join(finding.detail.split())}\n" for finding in findings)
    return f"""#!/bin/sh
# {origin}
{comments}# Usage: sh reproduce PROGRAM; the files of the run are copied into a new folder.
program=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
cd "$(mktemp -d)" && cp -a "$here/files/." . && mkdir -p folder && ln -sf old link
{command_line(outcome)}
"""


def keep(folder: pathlib.Path, outcome: Outcome, findings: list[Finding], origin: str) -> None:
    """Writes a failed step into a folder of its own."""
    (folder / "files").mkdir(parents=True, exist_ok=True)
    for name, content in outcome.before.items():
        (folder / "files" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "files" / name).write_bytes(content)
    (folder / "stdin").write_bytes(outcome.step.stdin)
    (folder / "stdout").write_bytes(outcome.stdout)
    (folder / "stderr").write_bytes(outcome.stderr)
    (folder / "reproduce").write_text(script(outcome, findings, origin), encoding="utf-8", errors="backslashreplace")


class Tally:
    """Counts by command and status, and the findings by kind."""

    def __init__(self) -> None:
        self.statuses: collections.Counter[tuple[str, str]] = collections.Counter()
        self.failed: collections.Counter[str] = collections.Counter()
        self.kinds: collections.Counter[tuple[str, str]] = collections.Counter()

    def count(self, outcome: Outcome, findings: list[Finding]) -> None:
        command = outcome.step.command or "(none)"
        self.statuses[command, name_of(outcome.status)] += 1
        self.failed[command] += bool(findings)
        for kind in {finding.kind for finding in findings}:
            self.kinds[kind, command] += 1

    def table(self) -> str:
        """The statuses of every command, and below them what was found."""
        columns = sorted({status for _, status in self.statuses}, key=lambda status: (not status.isdigit(), int(status) if status.isdigit() else 0, status))
        commands = sorted({command for command, _ in self.statuses})
        rows = [["command", "starts", *columns, "failed"]]
        for command in commands:
            counts = [self.statuses[command, status] for status in columns]
            rows.append([command, *map(str, [sum(counts), *counts, self.failed[command]])])
        totals = [sum(self.statuses[command, status] for command in commands) for status in columns]
        rows.append(["all", *map(str, [sum(totals), *totals, sum(self.failed.values())])])
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = ["  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]) for row in rows]
        return "\n".join(lines + ["", *self.summary()]) if self.kinds else "\n".join(lines)

    def summary(self) -> list[str]:
        return [f"{count:6}  {kind} ({command})" for (kind, command), count in self.kinds.most_common()]
