# SPDX-License-Identifier: Apache-2.0
"""What must hold of every run of the program. docs/results.md states the exit statuses and the rules for the two streams."""

from __future__ import annotations

import dataclasses
import re
import signal
from collections.abc import Iterator

from black_box.reading import NO_NUMBER, problems_of
from black_box.running import LARGEST_KEPT, Limits, Outcome
from black_box.runs import Step, following

FINE, FAILED, WRONG_USAGE, MACHINE = 0, 1, 2, 3
ENDED = {130: signal.SIGINT, 143: signal.SIGTERM}
NOBODY_READS = 141
# What a status of 3 may be for.
OF_THE_MACHINE = ("writing failed", "of memory", "out of memory", "CUDA", "No space left", "cannot be written", "File name too long", "matplotlib", "thread", "--max-memory",
                  "stopped after", "stopped beyond")
ANNOUNCED = "will take about"  # what a long prediction says before it begins
CRASHES = ("terminate called", "Traceback (most recent call last)", "AddressSanitizer", "runtime error:", "Assertion", "unexpected: ", "ThreadSanitizer",
           "Segmentation fault", "corrupted", "double free")
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
# What a message can name: an option, a place, a quoted word, a file, an argument.
NAMED = re.compile(r"--\w|/\w|\"|standard input|\b[A-Z]{4,}\b|subcommand|argument|\w\.json|spec|network|scheme|formula")


@dataclasses.dataclass(frozen=True)
class Finding:
    kind: str
    detail: str


def name_of(status: int) -> str:
    """A status in the table: the number, or the signal's name."""
    return signal.Signals(-status).name if status < 0 else str(status)


class Judge:
    """Judges the outcome of one step."""

    def __init__(self, outcome: Outcome, limits: Limits) -> None:
        self.outcome, self.step, self.limits = outcome, outcome.step, limits
        self.status = outcome.status
        self.errors = outcome.stderr.decode("utf-8", "replace")
        words = " ".join(self.step.arguments)
        inputs = b" ".join([self.step.stdin, *outcome.before.values()]).decode("utf-8", "replace")
        self.given_no_number = bool(NO_NUMBER.search(words) or NO_NUMBER.search(inputs))
        self.asks_help = bool({"--help", "-h", "--version"} & set(self.step.arguments))

    def findings(self) -> list[Finding]:
        return [Finding(kind, detail) for rule in (self.ending, self.errors_printed, self.outputs, self.files, self.cost) for kind, detail in rule()]

    # Ending

    def allowed(self) -> set[int]:
        """The statuses that are documented for a run like this one."""
        words = self.step.arguments
        found = {FINE, WRONG_USAGE, MACHINE}
        if self.step.command in ("verify", "check") or any(word.startswith("--target") for word in words):
            found.add(FAILED)
        for status, number in ENDED.items():
            if self.outcome.sent == number:
                found |= {status, -number}
        if self.step.stdout == "closed":
            found.add(NOBODY_READS)
        if self.outcome.too_long or self.outcome.too_large:
            found.add(-signal.SIGKILL)
        return found

    def ending(self) -> Iterator[tuple[str, str]]:
        if self.status not in self.allowed():
            kind = "ended by a signal" if self.status < 0 else "undocumented exit status"
            yield kind, f"{name_of(self.status)}; {self.errors[:300]!r}"
        if self.step.is_spec_reader and self.status == WRONG_USAGE:
            yield "wrote a spec that it refuses", self.errors[:300]
        if self.status == MACHINE and not any(reason in self.errors for reason in OF_THE_MACHINE):
            yield "status 3 without a reason of the machine", self.errors[:300]

    # Standard error

    def errors_printed(self) -> Iterator[tuple[str, str]]:
        crash = next((text for text in CRASHES if text in self.errors), None)
        if crash:
            yield "uncaught", f"{crash}: {self.errors[:500]!r}"
        if self.step.command != "plot":
            yield from self.form_of_messages()
        if self.status == WRONG_USAGE:
            yield from self.message_of_refusal()
        if self.status == FINE and "--quiet" in self.step.arguments and self.errors and not {"--github", "--verbose", "--resume"} & set(self.step.arguments):
            yield "not quiet", self.errors[:300]

    def form_of_messages(self) -> Iterator[tuple[str, str]]:
        for line in self.errors.splitlines():
            if not line.startswith(("sigprop: ", "::")) and "terminate called" not in self.errors:
                yield "message without the program's name", repr(line[:300])
                return
        if CONTROL.search(self.errors):
            yield "control characters on standard error", repr(self.errors[:300])
        if "\ufffd" in self.errors:
            yield "standard error is not UTF-8", repr(self.outcome.stderr[:300])

    def message_of_refusal(self) -> Iterator[tuple[str, str]]:
        message = self.errors.partition(": ")[2]
        if not message.strip():
            yield "refused without a message", repr(self.errors)
        elif message.startswith(":") or not (NAMED.search(message) or any(len(word) > 1 and word in message for word in self.step.arguments[1:])):
            yield "a message that names nothing", repr(self.errors[:300])

    # Outputs

    def form(self) -> str:
        """The format of the result."""
        words = self.step.arguments
        if self.asks_help or self.step.command == "" or any(word.endswith("=") for word in words):
            return "text"
        fixed = {"sweep": "lines", "report": "page", "expand": "json", "import": "text" if "--list" in words else "json", "schema": "text" if "--results" in words else "json"}
        if self.step.command == "init":
            return "python" if "--pytorch" in words else "text" if "--recipe" in words else "json"
        if self.step.command in fixed:
            return fixed[self.step.command]
        asked = following(words, "--format")
        if self.step.command == "predict" and asked == ["json"]:
            return "prediction"
        return "latex" if "--latex" in words else "text" if "--text" in words else asked[-1] if asked and asked[-1] in ("json", "csv") else "text"

    def targets(self) -> list[tuple[str, str]]:
        """Files that options name, with the format that each must have."""
        forms = {"--output": self.form(), "-o": self.form(), "--junit": "xml", "--sarif": "json"}
        return [(name, form) for option, form in forms.items() for name in following(self.step.arguments, option)]

    def outputs(self) -> Iterator[tuple[str, str]]:
        if self.step.command == "plot":
            return
        written = self.status in (FINE, FAILED, *ENDED) or self.step.command == "check"
        if self.status in (WRONG_USAGE, MACHINE) and self.outcome.stdout and self.step.command not in ("check", "sweep"):
            yield "standard output beside a refusal", repr(self.outcome.stdout[:200])
        if written and self.outcome.stdout:
            yield from self.read(self.outcome.stdout, self.form(), "standard output")
        for name, form in self.targets() if written else []:
            if self.outcome.after.get(name, b"") != self.outcome.before.get(name, b""):
                yield from self.read(self.outcome.after.get(name, b""), form, name)

    def read(self, content: bytes, form: str, where: str) -> Iterator[tuple[str, str]]:
        if len(content) == LARGEST_KEPT:
            return  # a beginning, which no format's reader takes
        if self.status in ENDED and form == "lines":
            content = content[: content.rfind(b"\n") + 1]
        numbers = not self.given_no_number and not self.asks_help and self.step.command != "formulas"
        for problem in problems_of(content, form, numbers)[:2]:
            kind = "a number that is none" if NO_NUMBER.search(problem) else "out of range" if "which is not in" in problem else "unreadable output"
            yield kind, f"{where}: {problem[:300]}"

    # Files

    def files(self) -> Iterator[tuple[str, str]]:
        before, after = self.outcome.before, self.outcome.after
        if self.outcome.status == -signal.SIGKILL:
            return
        named = self.named_files()
        for name in sorted(after.keys() - before.keys()):
            if name not in named:
                yield "left a file", repr(name)
        for name in sorted(before.keys() & after.keys()):
            if before[name] != after[name] and name not in named:
                yield "changed a file that it should not write", repr(name)
        for name in sorted(before.keys() - after.keys()):
            if not (name.endswith(".partial") and self.status == FINE):
                yield "removed a file", repr(name)
        if self.status in (WRONG_USAGE, MACHINE) and self.step.command != "check":
            for name, _ in self.targets():
                if before.get(name) != after.get(name):
                    yield "wrote a file beside a refusal", repr(name)

    def named_files(self) -> set[str]:
        """Files that the command line lets the program write."""
        words = self.step.arguments
        values = {word.partition("=")[2] for word in words if word.startswith("-")} | set(words)
        found = values | {word[2:] for word in words if word.startswith("-o")}
        found |= {name.removeprefix("./") for name in found}
        if "link" in values:
            found.add("old")
        if self.step.command == "sweep" and self.status not in (FINE, WRONG_USAGE):
            found |= {f"{value}.partial" for value in found}
        if self.step.command == "formulas":
            found |= {f"{folder}/formulas.{ending}".removeprefix("./") for folder in values for ending in ("md", "tex")}
        return found - self.read_files()

    def read_files(self) -> set[str]:
        """Inputs that the command line names as such; a command that reads them must not write them."""
        words = self.step.arguments
        outputs = [word for option in ("--output", "-o", "--junit", "--sarif", "--checkpoint", "--resume") for word in following(words, option)]
        return {name for name in ("spec.json", "second.json") if words.count(name) > outputs.count(name)}

    # Cost

    def cost(self) -> Iterator[tuple[str, str]]:
        if ANNOUNCED in self.errors:
            return
        if self.outcome.too_long:
            after = f" after signal {self.outcome.sent}" if self.step.may_take_long else ""
            yield "too long", f"{self.outcome.seconds:.1f} s{after}"
        if self.outcome.too_large:
            yield "too much memory", f"{self.outcome.megabytes:.0f} MB"


SECONDS = re.compile(rb'"seconds": ?[-+.\w]+')


def differs(first: Outcome, second: Outcome) -> Iterator[Finding]:
    """Two starts of one command, whose results must be the same bytes, the seconds that they took aside."""
    ended_early = first.sent or second.sent
    if not ended_early and (first.status, SECONDS.sub(b"", first.stdout)) != (second.status, SECONDS.sub(b"", second.stdout)):
        yield Finding("not the same again", f"status {first.status} and {second.status}, {len(first.stdout)} and {len(second.stdout)} bytes: {second.step.arguments}")


def judged(outcome: Outcome, limits: Limits) -> list[Finding]:
    return Judge(outcome, limits).findings()


def is_repeatable(step: Step) -> bool:
    return step.stdout == "file" and not step.signal
