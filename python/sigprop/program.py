# SPDX-License-Identifier: Apache-2.0
"""The program `sigprop` that lies in the package, for what takes seconds and more: it has progress, checkpoints and Ctrl-C."""

from __future__ import annotations

import pathlib
import subprocess
from collections.abc import Sequence
from typing import Any

from sigprop.errors import Error, MachineError, SpecError

FAILED, WRONG_USAGE, MACHINE = 1, 2, 3


def path() -> pathlib.Path:
    """Where the program lies."""
    return pathlib.Path(__file__).parent / "bin" / "sigprop"


def words_of(options: dict[str, Any]) -> list[str]:
    """Options of the command line: `norm_epsilon=1` is `--norm-epsilon 1`; True a flag; None and False nothing; a list several words."""
    out: list[str] = []
    for name, value in options.items():
        if value is None or value is False:
            continue
        out.append("--" + name.replace("_", "-"))
        if value is not True:
            out.extend(str(one) for one in (value if isinstance(value, (list, tuple)) else [value]))
    return out


def run(words: Sequence[str], text: str | None = None, quiet: bool = True, folder: str | None = None) -> tuple[int, str]:
    """Exit status (0, or 1 for what failed a check) and standard output.

    text: standard input. quiet: False shows progress and warnings on standard error. folder: where it runs.

    Raises SpecError, MachineError or Error, with the program's message.
    """
    done = subprocess.run([str(path()), *words], input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE if quiet else None, text=True,
                          cwd=folder, check=False)
    if done.returncode in (0, FAILED):
        return done.returncode, done.stdout
    lines = (done.stderr or f"sigprop ended with status {done.returncode}").strip().splitlines()
    message = "\n".join(line.removeprefix("sigprop: ") for line in lines)
    kind = {WRONG_USAGE: SpecError, MACHINE: MachineError}.get(done.returncode, Error)
    raise kind(message)
