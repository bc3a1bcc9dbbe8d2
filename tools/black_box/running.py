# SPDX-License-Identifier: Apache-2.0
"""Starts the program in a folder of its own, measures it, and ends it where it takes too long or too much."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import random
import select
import signal
import subprocess
import tempfile
import time

from black_box import documents
from black_box.runs import Run, Step

MEBIBYTE = 1 << 20
LARGEST_KEPT = 64 * MEBIBYTE  # of a file that is compared or judged


@dataclasses.dataclass(frozen=True)
class Limits:
    seconds: float = 20  # of work or sleep; what a busy machine keeps a process waiting does not count
    megabytes: float = 2048
    patience: float = 3  # the same, after which work that may take long is interrupted


@dataclasses.dataclass
class Outcome:
    """What a start of the program did. A negative status is the signal that ended it."""

    step: Step
    before: dict[str, bytes]
    after: dict[str, bytes] = dataclasses.field(default_factory=dict)
    status: int = 0
    stdout: bytes = b""
    stderr: bytes = b""
    seconds: float = 0
    megabytes: float = 0
    sent: int = 0  # the last signal that it was sent by us
    too_long: bool = False
    too_large: bool = False


def prepare(folder: pathlib.Path, files: dict[str, bytes]) -> None:
    """Files, an empty folder and a link, as every run finds them."""
    (folder / "folder").mkdir()
    (folder / "link").symlink_to("old")
    for name, content in files.items():
        (folder / name).write_bytes(content)


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    """Every file below a folder, links left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with open(path, "rb") as file:
                found[str(path.relative_to(folder))] = file.read(LARGEST_KEPT)
    return found


def state(pid: int) -> tuple[float, bool]:
    """Seconds of the processor, and whether the process sleeps."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        fields = file.read().rsplit(b")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), fields[0] in (b"S", b"D")


def resident_megabytes(pid: int) -> float:
    with open(f"/proc/{pid}/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MEBIBYTE


class Watch:
    """A process that runs, and the signals that it gets."""

    PAUSE = 0.05  # seconds between two looks

    def __init__(self, process: subprocess.Popen[bytes], outcome: Outcome, limits: Limits) -> None:
        self.process, self.outcome, self.limits = process, outcome, limits
        self.start = self.last_look = time.monotonic()
        self.asleep = 0.0
        self.interrupted_at: float | None = None  # in seconds spent
        self.due = outcome.step.signal

    def elapsed(self) -> float:
        return time.monotonic() - self.start

    def spent(self) -> float:
        """Seconds of work or sleep; of work in several threads, those of the clock."""
        worked, sleeps = state(self.process.pid)
        now = time.monotonic()
        # A look that a busy machine delayed has not seen the process sleep all the while.
        self.asleep += min(now - self.last_look, 2 * self.PAUSE) if sleeps else 0
        self.last_look = now
        return min(self.elapsed(), worked + self.asleep)

    def send(self, number: int) -> None:
        self.outcome.sent = number
        os.kill(self.process.pid, number)

    def look(self) -> None:
        """Sends what is due, and ends a process beyond its limits."""
        spent = self.spent()
        if self.due and self.elapsed() >= self.due[1]:
            self.interrupted_at = spent
            self.send(self.due[0])
            self.due = None
        elif self.outcome.step.may_take_long and self.interrupted_at is None and spent >= self.limits.patience:
            self.interrupted_at = spent
            self.send(signal.SIGINT)
        self.outcome.too_long = spent - (self.interrupted_at or 0) > self.limits.seconds
        self.outcome.too_large = resident_megabytes(self.process.pid) > self.limits.megabytes
        if self.outcome.too_long or self.outcome.too_large:
            self.send(signal.SIGKILL)

    def wait(self) -> None:
        pidfd = os.pidfd_open(self.process.pid)
        try:
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            while not poll.poll(self.pause() * 1000):
                if not (self.outcome.too_long or self.outcome.too_large):
                    self.look()
        finally:
            os.close(pidfd)

    def pause(self) -> float:
        return max(0.001, min(self.PAUSE, self.due[1] - self.elapsed())) if self.due else self.PAUSE


def destination(step: Step) -> int:
    """What standard output is: a file, a full disk, or a pipe that nobody reads."""
    if step.stdout == "full":
        return os.open("/dev/full", os.O_WRONLY)
    if step.stdout == "closed":
        reader, writer = os.pipe()
        os.close(reader)
        return writer
    return os.memfd_create("stdout")


def read_back(descriptor: int) -> bytes:
    os.lseek(descriptor, 0, os.SEEK_SET)
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read(LARGEST_KEPT)


def execute(program: list[str], step: Step, folder: pathlib.Path, limits: Limits) -> Outcome:
    """Starts the program once and waits for its end."""
    if step.damage and (folder / step.damage[0]).is_file():
        path = folder / step.damage[0]
        path.write_bytes(documents.damaged(random.Random(step.damage[1]), path.read_bytes()))
    outcome = Outcome(step, contents(folder))
    environment = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
                   "MPLCONFIGDIR": str(pathlib.Path(tempfile.gettempdir()) / "matplotlib")}
    if step.columns is not None:
        environment["COLUMNS"] = step.columns
    stdin, stdout, stderr = os.memfd_create("stdin"), destination(step), os.memfd_create("stderr")
    try:
        os.write(stdin, step.stdin)
        os.lseek(stdin, 0, os.SEEK_SET)
        process = subprocess.Popen([*program, *step.arguments], stdin=stdin, stdout=stdout, stderr=stderr, cwd=folder, env=environment)
        watch = Watch(process, outcome, limits)
        watch.wait()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = outcome.status = os.waitstatus_to_exitcode(status)
        outcome.seconds, outcome.megabytes = min(watch.elapsed(), usage.ru_utime + usage.ru_stime + watch.asleep), usage.ru_maxrss / 1024
        outcome.stdout = read_back(stdout) if step.stdout == "file" else b""
        outcome.stderr = read_back(stderr)
    finally:
        for descriptor in (stdin, stdout, stderr):
            os.close(descriptor)
    outcome.too_large = outcome.too_large or outcome.megabytes > limits.megabytes
    outcome.after = contents(folder)
    return outcome


class Runner:
    """Does the steps of runs."""

    def __init__(self, program: str, plot: list[str], limits: Limits) -> None:
        self.program, self.plot, self.limits = program, plot, limits

    def start(self, step: Step, folder: pathlib.Path) -> Outcome:
        return execute(self.plot if step.command == "plot" else [self.program], step, folder, self.limits)

    def outcomes(self, run: Run) -> list[Outcome]:
        with tempfile.TemporaryDirectory(prefix="blackbox-") as name:
            folder = pathlib.Path(name)
            prepare(folder, run.files)
            done: list[Outcome] = []
            for step in run.steps:
                if step.is_spec_reader:
                    if not done or done[-1].status != 0:
                        break
                    step.stdin = done[-1].stdout
                done.append(self.start(step, folder))
            return done

    def again(self, run: Run, changed: Step) -> Outcome:
        """The first step of a run once more, in a folder of its own."""
        with tempfile.TemporaryDirectory(prefix="blackbox-") as name:
            folder = pathlib.Path(name)
            prepare(folder, run.files)
            return self.start(changed, folder)
