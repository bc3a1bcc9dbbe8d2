#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the form of sources: tools/lint.py {format,comments,tidy,ruff,mypy} [--build FOLDER] [--all]

format    clang-format on every tracked C++ and CUDA file.
comments  No added comment line is longer than 100 columns.
tidy      clang-tidy on the sources whose code changed most, or on a sample where none did; with --all on all that changed.
ruff      ruff on every tracked Python file, installed by pip into FOLDER/venv.
mypy      mypy, installed there too, on the package that the test `python package` leaves in FOLDER/python, and on a client of it.

What changed is what differs from the merge base with origin/main, or else from the commit before the last.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import venv

ROOT = pathlib.Path(__file__).resolve().parents[1]
COMMENT_WIDTH = 100
CPP = (".cpp", ".hpp", ".cu", ".cuh", ".h")
SAMPLE = ("src/profile/summary.cpp", "src/spec/nearest.cpp")  # for clang-tidy where nothing changed
MOST = 5  # sources that clang-tidy reads without --all: it takes 5 to 15 seconds for one
RUFF = "ruff==0.6.9"
MYPY = "mypy==2.4.1"
CLIENT = "tests/python/typed_client.py"
COMMENT = re.compile(r"^\s*(//|#(?!include|define|if|endif|else|pragma)|\*(\s|/|$))")


class LintError(Exception):
    """A check that fails or cannot be done; its text is the message."""


def output_of(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LintError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def tool(name: str, package: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise LintError(f"{name} is not installed; Debian's package is {package}")
    return path


def tracked(*suffixes: str) -> list[str]:
    """Tracked files of these suffixes, or all files where the sources are no git checkout."""
    try:
        names = output_of("git", "ls-files").splitlines()
    except (LintError, FileNotFoundError):
        print("There is no git checkout here, so that every file counts as tracked.")
        names = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if "build" not in path.relative_to(ROOT).parts]
    found = [name for name in names if name.endswith(suffixes) and (ROOT / name).is_file()]
    if not found:
        raise LintError(f"no files end in {', '.join(suffixes)}")
    return found


def base() -> str | None:
    """The commit that changes are counted from; None without git or without an earlier commit."""
    for command in (("git", "merge-base", "HEAD", "origin/main"), ("git", "rev-parse", "--verify", "HEAD~1")):
        try:
            commit = output_of(*command).strip()
            if commit != output_of("git", "rev-parse", "HEAD").strip():
                return commit
        except (LintError, FileNotFoundError):
            continue
    return None


def by_size(numstat: str) -> list[str]:
    """The files of `git diff --numstat`, those with the most added lines first; none that only lost lines."""
    rows = [line.split("\t") for line in numstat.splitlines()]
    found = [(int(added), name) for added, _, name in rows if added.isdigit() and int(added) > 0]
    return [name for _, name in sorted(found, key=lambda row: (-row[0], row[1]))]


def changed_sources() -> list[str]:
    """Sources of the library and the program whose code changed, comments aside."""
    start = base()
    if start is None:
        return []
    return by_size(output_of("git", "diff", "--numstat", "--no-renames", "--diff-filter=d", r"-I^\s*//", start, "--", "src/*.cpp"))


def long_comments(diff: str) -> list[str]:
    """file:line: message for every added comment line of a diff that is longer than COMMENT_WIDTH."""
    found, name, line = [], "", 0
    for text in diff.splitlines():
        if text.startswith("+++ "):
            name = text[6:]
        elif match := re.match(r"@@ -\S+ \+(\d+)", text):
            line = int(match[1])
        elif text.startswith("+"):
            if len(text) - 1 > COMMENT_WIDTH and COMMENT.match(text[1:]) and not text.endswith("----"):
                found.append(f"{name}:{line}: the comment is {len(text) - 1} columns wide, but may be {COMMENT_WIDTH}")
            line += 1
    return found


def check_format() -> None:
    files = tracked(*CPP)
    program = tool("clang-format", "clang-format")
    done = subprocess.run([program, "--dry-run", "-Werror", *files], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LintError(f"{done.stderr}\nclang-format -i FILE corrects a file")
    print(f"{len(files)} files are formatted")


def check_comments() -> None:
    start = base()
    if start is None:
        raise LintError("there is no earlier commit to compare with; comments are checked in a git checkout with two commits")
    wrong = long_comments(output_of("git", "diff", "-U0", start, "--", *(f"*{suffix}" for suffix in (*CPP, ".py", ".cmake"))))
    if wrong:
        raise LintError("\n".join(wrong))
    print(f"No comment that was added since {start[:10]} is wider than {COMMENT_WIDTH} columns")


def check_tidy(build: pathlib.Path, everything: bool) -> None:
    program = tool("clang-tidy", "clang-tidy")
    files = changed_sources()
    if not everything and len(files) > MOST:
        print(f"Of {len(files)} changed sources the {MOST} that changed most are read; tools/lint.py tidy --all reads all.")
        files = files[:MOST]
    if not files:
        print("No source changed, so that a sample is read.")
        files = [name for name in SAMPLE if (ROOT / name).is_file()]
    if not files:
        raise LintError("none of the sample's files exists; name others in SAMPLE of tools/lint.py")
    folder = build / "tidy"
    output_of("cmake", "--preset", "tidy", "-B", str(folder))
    output_of("cmake", "--build", str(folder), "--target", "sigprop_generated")
    print(f"clang-tidy reads {', '.join(files)}", flush=True)
    done = subprocess.run(["xargs", "-P", str(os.cpu_count() or 1), "-n", "1", program, "--quiet", "--warnings-as-errors=*",
                           "-p", str(folder)], input="\n".join(files), cwd=ROOT, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise LintError(done.stdout + done.stderr)


def from_pip(build: pathlib.Path, requirement: str) -> str:
    """A program of that name and version, which pip installs into a virtual environment where it is absent."""
    folder = build.resolve() / "venv"
    name, _, version = requirement.partition("==")
    mark = folder / f"{name}-{version}"
    if not mark.is_file():
        if not (folder / "bin" / "pip").is_file():
            venv.create(folder, with_pip=True)
        done = subprocess.run([folder / "bin" / "pip", "install", "--quiet", requirement], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise LintError(f"pip could not install {requirement} into {folder} (is the network up?):\n{done.stderr}")
        mark.touch()
    return str(folder / "bin" / name)


def check_ruff(build: pathlib.Path) -> None:
    print(output_of(from_pip(build, RUFF), "check", "--no-cache", *tracked(".py")), end="")


def check_mypy(build: pathlib.Path) -> None:
    python = build.resolve() / "python" / "bin" / "python"
    if not python.is_file():
        raise LintError(f"{python} is not there: the test `python package` installs the package that mypy reads")
    program = from_pip(build, MYPY)
    with tempfile.TemporaryDirectory() as away:  # where no source of the package hides the installed one
        for words in (["-p", "sigprop"], ["--strict", str(ROOT / CLIENT)]):
            done = subprocess.run([program, "--config-file", ROOT / "pyproject.toml", "--python-executable", python, "--cache-dir", build.resolve() / "mypy", *words], cwd=away,
                                  capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise LintError(f"mypy {' '.join(words)}:\n{done.stdout}{done.stderr}")
            print(done.stdout, end="")


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks the form of sources.")
    parser.add_argument("check", choices=("format", "comments", "tidy", "ruff", "mypy"))
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="Folder for what a check needs (default: build).")
    parser.add_argument("--all", action="store_true", help="Let clang-tidy read every source that changed.")
    options = parser.parse_args()
    checks = {"format": check_format, "comments": check_comments, "tidy": lambda: check_tidy(options.build, options.all),
              "ruff": lambda: check_ruff(options.build), "mypy": lambda: check_mypy(options.build)}
    try:
        checks[options.check]()
    except LintError as error:
        print(f"lint.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
