# SPDX-License-Identifier: Apache-2.0
"""The commands of the program and their options, as its help lists them."""

from __future__ import annotations

import dataclasses
import re
import subprocess


@dataclasses.dataclass(frozen=True)
class Option:
    """An option; a flag has no kind."""

    name: str
    kind: str = ""

    @property
    def choices(self) -> list[str]:
        found = re.search(r"\{([^}]*)\}", self.kind)
        return found[1].split(",") if found else []

    @property
    def range(self) -> tuple[float, float] | None:
        found = re.search(r"in \[(\S+) - (\S+)\]", self.kind)
        return (float(found[1]), float(found[2])) if found else None

    @property
    def is_file(self) -> bool:
        return self.kind.startswith(("FILE", "FOLDER"))


@dataclasses.dataclass(frozen=True)
class Command:
    name: str
    positional: str
    options: tuple[Option, ...]


def section(help_text: str, title: str) -> list[str]:
    """The lines of a part of a help text that begin an entry."""
    found = re.search(rf"^{title}:\n((?:  .*\n|\n(?=  ))*)", help_text + "\n", re.MULTILINE)
    return [line[2:] for line in found[1].splitlines() if re.match(r"  \S", line)] if found else []


def option_of(line: str) -> Option:
    words = re.split(r"\s{2,}", line)[0].split(" ", 1)
    kind = words[1] if len(words) > 1 and not words[1].startswith(("Needs:", "Excludes:")) else ""
    return Option(words[0].split(",")[-1], kind)


def command_of(name: str, help_text: str) -> Command:
    positionals = section(help_text, "Positionals")
    options = [option_of(line) for line in section(help_text, "Options")]
    return Command(name, positionals[0].split()[0] if positionals else "", tuple(option for option in options if option.name != "--help"))


def printed(program: str, *arguments: str) -> str:
    """What the program prints; nothing where it fails."""
    try:
        done = subprocess.run([program, *arguments], capture_output=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def commands_of(program: str) -> list[Command]:
    names = [line.split()[0] for line in section(printed(program, "--help"), "Subcommands")]
    return [command_of(name, printed(program, name, "--help")) for name in names]
