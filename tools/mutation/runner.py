# SPDX-License-Identifier: Apache-2.0
"""Builds and runs unit tests on a copy of the sources, in which one mutant after another takes its place."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator

from sites import Mutant

# The test programs of the library that read a room, the room's own first; each is asked only while
# the mutant survives.
PROGRAMS = {
    "formula": ("predict_tests", "scheme_tests"),
    "profile": ("check_tests", "report_tests", "predict_tests"),
    "check": ("check_tests", "spec_tests", "report_tests", "predict_tests"),
    "verify": ("report_tests",),
    "scalar": ("symbolic_tests", "predict_tests"),
    "symbolic": ("symbolic_tests",),
    "network": ("network_tests", "spec_tests", "predict_tests", "scheme_tests", "simulate_tests"),
    "predict": ("predict_tests", "scheme_tests"),
    "scheme": ("scheme_tests", "spec_tests"),
    "spec": ("spec_tests", "import_tests"),
    "import": ("import_tests",),
    "report": ("report_tests", "check_tests"),
    "files": ("files_tests", "simulate_tests"),
    "simulate": ("simulate_tests", "experiment_tests"),
    "experiment": ("experiment_tests",),
}
# Rooms whose tests build without the rest of the library (CMakeLists.txt), and the rooms whose
# tests of that kind read them.
LIGHT = {"formula": ("formula",), "profile": ("profile", "check", "verify"), "check": ("check",), "verify": ("verify",), "scalar": ("formula",)}
NEEDS_MORE = re.compile(r'^#include "(sigprop/(report|spec)|support/spec)', re.MULTILINE)  # as in CMakeLists.txt
FOLDERS = {"formula": ("include/sigprop/formula",), "scalar": ("include/sigprop/scalar", "src/scalar")}
# Of the processor's time, which a busy machine does not stretch.
SHORTEST_LIMIT = 20  # seconds
LIMIT = 10  # times what a program takes without a mutant
IDLE_LIMIT = 3600.0  # seconds of the clock, for a program that waits for ever
MEMORY_LIMIT = 8 << 30  # bytes


class RunError(Exception):
    """What cannot be built or fails without any mutant; its text is the message."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a mutant: killed, timeout, survived or invalid (it does not compile), and which program told."""

    result: str
    by: str = ""


def sources_of(root: pathlib.Path, room: str) -> list[str]:
    """The sources of a room, as paths relative to the root."""
    found = [path for folder in FOLDERS.get(room, (f"src/{room}",)) for path in (root / folder).rglob("*") if path.suffix in (".hpp", ".cpp")]
    return sorted(path.relative_to(root).as_posix() for path in found)


def distances(root: pathlib.Path, path: pathlib.Path) -> dict[str, int]:
    """The project's headers that a source reads, relative to the root, each with the number of includes that lead to it."""
    found, reached = {path.relative_to(root).as_posix(): 0}, [path]
    for source in reached:
        for header in re.findall(r'^#include "([^"]+)"', source.read_text(encoding="utf-8"), re.MULTILINE):
            target = next((root / folder / header for folder in ("include", "src", "tests") if (root / folder / header).is_file()), None)
            if target is not None and target not in reached:
                found[target.relative_to(root).as_posix()] = found[source.relative_to(root).as_posix()] + 1
                reached.append(target)
    return found


class Copy:
    """A copy of all files that git knows or would add, so that the mutants never touch the sources themselves."""

    def __init__(self, root: pathlib.Path, folder: pathlib.Path) -> None:
        self.root, self.folder = root, folder

    def update(self) -> None:
        listed = subprocess.run(("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), cwd=self.root, capture_output=True, check=False)
        if listed.returncode != 0:
            raise RunError(f"{self.root} is no git checkout:\n{listed.stderr.decode()}")
        names = {name for name in listed.stdout.decode().split("\0") if name and (self.root / name).is_file()}
        for name in names:
            origin, target = self.root / name, self.folder / name
            if not target.is_file() or target.read_bytes() != origin.read_bytes():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(origin, target)
        for path in [path for path in self.folder.rglob("*") if path.is_file()]:
            if path.relative_to(self.folder).as_posix() not in names:
                path.unlink()

    @contextlib.contextmanager
    def mutated(self, mutant: Mutant) -> Iterator[None]:
        path = self.folder / mutant.path
        text = path.read_text(encoding="utf-8")
        if text[mutant.start : mutant.end] != mutant.before:
            raise RunError(f"{mutant.path} changed during the run; start it again")
        path.write_text(mutant.of(text), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(text, encoding="utf-8")


class Build:
    """A build folder with its own copy of the sources, so that a mutant of one build leaves the other alone, and its test programs."""

    def __init__(self, folder: pathlib.Path, copy: Copy, source: str, jobs: int, *settings: str) -> None:
        self.folder, self.copy, self.source, self.jobs, self.settings = folder, copy, copy.folder / source, jobs, settings
        self.limits: dict[str, int] = {}
        self.configured = False
        self.environment = {**os.environ, "CCACHE_DIR": str(folder.parent / "ccache"), "CCACHE_SLOPPINESS": "pch_defines,time_macros"}

    def called(self, *command: str, limits: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True, errors="replace", check=False,
                              timeout=IDLE_LIMIT if limits else None, preexec_fn=limits)

    def configure(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        launcher = ("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache",) if shutil.which("ccache") else ()
        done = self.called("cmake", "-G", "Ninja", "-S", str(self.source), "-B", ".", "-DCMAKE_BUILD_TYPE=None", *launcher, *self.settings)
        if done.returncode != 0:
            raise RunError(f"cmake cannot configure {self.source}:\n{done.stdout}{done.stderr}")

    def program(self, name: str) -> pathlib.Path:
        """Where a test program lies: in the folder of its tests, or beside the build file."""
        return self.folder / "tests" / name.removesuffix("_tests") / name if name.endswith("_tests") else self.folder / name

    def built(self, name: str) -> subprocess.CompletedProcess[str]:
        return self.called("ninja", "-j", str(self.jobs), name)

    def ready(self, name: str) -> None:
        """Builds and runs a program without a mutant, once, which sets the time that a mutant may take."""
        if name in self.limits:
            return
        if not self.configured:
            self.copy.update()
            self.configure()
            self.configured = True
        done = self.built(name)
        if done.returncode != 0:
            raise RunError(f"{name} does not build without a mutant:\n{done.stdout}{done.stderr}")
        start = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        done = self.called(str(self.program(name)))
        if done.returncode != 0:
            raise RunError(f"{name} fails without a mutant:\n{done.stdout}{done.stderr}")
        used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - start
        self.limits[name] = max(SHORTEST_LIMIT, int(LIMIT * used))

    def judge(self, name: str) -> Outcome | None:
        """Builds and runs a program with a mutant. None where the program does not read the mutated source."""
        before = self.program(name).stat().st_mtime_ns
        done = self.built(name)
        if done.returncode != 0:
            # The build lists the tests of a program by running it.
            return Outcome("killed", name) if "Error running test executable" in done.stdout else Outcome("invalid", name)
        if self.program(name).stat().st_mtime_ns == before:
            return None

        def limited() -> None:
            resource.setrlimit(resource.RLIMIT_CPU, (self.limits[name], resource.RLIM_INFINITY))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))

        try:
            done = self.called(str(self.program(name)), "--abort", limits=limited)
        except subprocess.TimeoutExpired:
            return Outcome("timeout", name)
        if done.returncode == -signal.SIGXCPU:
            return Outcome("timeout", name)
        return Outcome("killed" if done.returncode != 0 else "survived", name)


class Runner:
    """Judges mutants by the cheapest tests first."""

    def __init__(self, root: pathlib.Path, folder: pathlib.Path, jobs: int, deep: bool) -> None:
        self.root, self.deep = root, deep
        checks = "-D_GLIBCXX_ASSERTIONS"
        self.light = Build(folder / "light", Copy(root, folder / "light_sources"), "tools/mutation", jobs, f"-DCMAKE_CXX_FLAGS=-O0 {checks}")
        self.library = Build(folder / "library", Copy(root, folder / "library_sources"), ".", jobs, f"-DCMAKE_CXX_FLAGS=-O1 {checks}",
                             "-DSIGPROP_CUDA=OFF", "-DSIGPROP_UNITY=OFF")

    def light_programs(self, room: str, path: str) -> list[str]:
        """The programs of single test files that read a source: the file of its name first, then those that include it most directly."""
        own = f"{pathlib.PurePath(path).stem}_test"
        order = []
        for place, reader in enumerate(LIGHT[room]):
            for test in (self.root / "tests" / reader).glob("*_test.cpp"):
                if NEEDS_MORE.search(test.read_text(encoding="utf-8")):
                    continue
                distance = distances(self.root, test).get(path)
                if distance is not None or path.startswith("src/"):  # every program links the sources of these rooms
                    order.append((place, test.stem != own, distance or 0, test.stat().st_size, f"{reader}_{test.stem}"))
        return [name for *_, name in sorted(order)]

    def steps(self, room: str, path: str) -> list[tuple[Build, str]]:
        """The programs that judge a mutant of a source, in order. Where tests of the light build read it, those of the library are asked if the run is deep."""
        library = [(self.library, name) for name in PROGRAMS[room]]
        if room not in LIGHT:
            return library
        return [(self.light, name) for name in self.light_programs(room, path)] + (library if self.deep else [])

    def judge(self, room: str, mutant: Mutant) -> Outcome:
        last = Outcome("survived")
        for build, name in self.steps(room, mutant.path):
            build.ready(name)
            with build.copy.mutated(mutant):
                outcome = build.judge(name)
            if outcome is not None and outcome.result != "survived":
                return outcome
            last = outcome or last
        return last
