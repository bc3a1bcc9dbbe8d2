#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks who includes whom: python3 tools/check_includes.py [ROOT]

A room is a folder of include/sigprop or of src, and cuda. ROOMS says which other rooms and which libraries a room may
include. Prints every violation as file:line: message and exits with 1 if there is one.
"""
import pathlib
import re
import sys

# What a library's headers begin with.
LIBRARIES = {
    "Boost.Math": ("boost/math/",),
    "Boost.Multiprecision": ("boost/multiprecision/",),
    "CLI11": ("CLI/",),
    "CUDA": ("cuda", "cublas", "curand"),
    "Eigen": ("Eigen/", "unsupported/Eigen/"),
    "nlohmann/json": ("nlohmann/",),
    "OpenBLAS": ("cblas.h",),
    "OpenMP": ("omp.h",),
    "POSIX": ("dlfcn.h", "fcntl.h", "malloc.h", "sys/", "unistd.h"),
    "Random123": ("Random123/",),
}

# Room: (other rooms it may include, libraries it may include besides the standard library).
ROOMS = {
    "scalar": ((), ("Boost.Math", "Boost.Multiprecision", "OpenBLAS")),
    "formula": (("scalar",), ("Boost.Math",)),
    "network": (("profile",), ("Boost.Math", "Eigen")),
    "profile": ((), ()),
    "check": (("profile",), ()),
    "symbolic": (("formula", "scalar"), ()),
    "predict": (("formula", "network", "profile", "scalar"), ("Boost.Math", "Eigen")),
    "files": ((), ("POSIX",)),
    "simulate": (("cuda", "files", "network", "profile", "scalar"), ("Eigen", "OpenMP", "Random123")),
    "experiment": (("cuda", "network", "scalar", "simulate"), ("Eigen", "OpenMP")),
    "cuda": (("experiment", "network", "profile", "simulate"), ("CUDA", "POSIX", "Random123")),
    "scheme": (("network", "predict"), ("Boost.Math",)),
    "spec": (("check", "files", "network", "scheme"), ("nlohmann/json",)),
    "import": (("spec",), ("nlohmann/json",)),
    "verify": (("profile",), ("Boost.Math", "Eigen")),
    "measured": (("files", "network", "profile", "scalar", "spec"), ("Boost.Math", "Eigen", "nlohmann/json")),
    "report": (("check", "measured", "network", "profile", "scheme", "verify"), ("nlohmann/json",)),
    "cli": (
        ("check", "experiment", "files", "formula", "import", "measured", "network", "predict", "profile", "report", "scalar", "scheme", "simulate", "spec", "symbolic", "verify"),
        ("CLI11", "POSIX"),
    ),
}

# Rooms that are divided: folder of src/ROOM: other folders of the room that it may include. Readers
# of a walk are included by nobody, and tables know nothing but formulas.
DIVISIONS = {
    "predict": {
        "tables": (),
        "walk": ("tables",),
        "tokens": ("tables", "walk"),
        "slopes": ("tables", "walk"),
        "explain": ("tables", "walk"),
        "spread": ("tables", "tokens", "walk"),
    },
}

# The headers of other rooms that a folder of a divided room may include, where these are not all
# that its room may.
FOREIGN = {("predict", "tables"): ("sigprop/formula/", "sigprop/scalar/", "sigprop/network/activation_kind.hpp", "sigprop/network/router.hpp")}

# Headers of the standard library that a room must do without: a formula computes, it does not read or write.
NEVER = {room: ("cstdio", "fstream", "iostream", "filesystem") for room in ("scalar", "formula")}

# Installed headers may need no more than find_package(sigprop) finds.
INSTALLED_LIBRARIES = ("Boost.Math", "Boost.Multiprecision")

# An oracle that knows the formula is no oracle: the rooms of either side, and the only files of ours that hold both (tests
# aside).
THEORY = {"formula", "predict"}
RANDOM = {"experiment", "simulate"}
BOTH_SIDES = ("src/cli/common/experiment_predictions.cpp", "src/cli/common/experiment_predictions.hpp", "src/cli/common/verification.cpp")

# Made by the build: header to the room it belongs to.
GENERATED = {"formula_catalog.inc": "report", "model_types.inc": "import", "page_texts.inc": "report"}

SUFFIXES = {".hpp", ".cpp", ".h", ".inc", ".cu", ".cuh"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def room_of_file(path):
    """include/sigprop/formula/relu.hpp, src/formula/x.cpp -> formula; None for a file of no room."""
    parts = path.parts
    if parts[0] == "cuda":
        return "cuda"
    folders = parts[2:-1] if parts[:2] == ("include", "sigprop") else parts[1:-1]
    return folders[0] if folders and folders[0] in ROOMS else None


def room_of_header(header):
    """sigprop/formula/relu.hpp, formula/x.hpp -> formula; None for a header that is not ours."""
    first, *rest = header.removeprefix("sigprop/").split("/")
    return first if rest and first in ROOMS else GENERATED.get(header)


def division_fault(path, header):
    """What is wrong with an include by a file of a divided room, or None."""
    parts = path.parts
    room = parts[1] if parts[0] == "src" else None
    if room not in DIVISIONS:
        return None
    folders = DIVISIONS[room]
    if len(parts) < 4 or parts[2] not in folders:
        return f"the room {room} is divided: the file must lie in one of {', '.join(folders)}"
    folder = parts[2]
    if header.startswith(f"{room}/"):
        other = header.split("/")[1]
        if other != folder and other not in folders[folder]:
            return f"{room}/{folder} may not include {room}/{other}; it may include: {', '.join(folders[folder]) or 'no other folder'}"
    foreign = FOREIGN.get((room, folder))
    if foreign and header.startswith("sigprop/") and not header.startswith(foreign):
        return f"{room}/{folder} may not include {header}; of other rooms it may include: {', '.join(foreign)}"
    return None


def library_of(header):
    """Eigen/Dense -> Eigen; None for a header of the standard library or of nobody we know."""
    return next((name for name, starts in LIBRARIES.items() if header.startswith(starts)), None)


def is_standard(header):
    return re.fullmatch(r"[a-z_0-9]+", header) is not None


def fault(path, room, quote, header):
    """What is wrong with one include, or None."""
    rooms, libraries = ROOMS[room]
    installed = path.parts[0] == "include"
    other = room_of_header(header)
    if other:
        if other != room and other not in rooms:
            return f"{room} may not include the room {other}; it may include: {', '.join(rooms) or 'no other room'}"
        if installed and not header.startswith("sigprop/"):
            return f"an installed header may not include {header}, which is not installed"
        return None
    library = library_of(header)
    if library:
        if library not in libraries:
            return f"{room} may not include {library}; it may include: {', '.join(libraries) or 'no library'}"
        if installed and library not in INSTALLED_LIBRARIES:
            return f"an installed header may not include {library}: users of the library need not have it"
        return None
    if quote == "<" and is_standard(header):
        return f"{room} may not include <{header}>: it neither reads nor writes" if header in NEVER.get(room, ()) else None
    return f"{header} belongs to no room and to no library that tools/check_includes.py knows; write a room's path in full"


def faults(root, path):
    """(line, message) of every violation in one file."""
    room = room_of_file(path)
    if room is None:
        return [(1, "the file lies in no room that tools/check_includes.py knows")]
    found, rooms = [], set()
    for number, line in enumerate((root / path).read_text(encoding="utf-8").splitlines(), start=1):
        match = INCLUDE.match(line)
        if not match:
            continue
        message = fault(path, room, *match.groups()) or division_fault(path, match.group(2))
        if message:
            found.append((number, message))
        rooms.add(room_of_header(match.group(2)))
        if rooms & THEORY and rooms & RANDOM and path.as_posix() not in BOTH_SIDES:
            found.append((number, f"formulas and random numbers may meet only in {', '.join(BOTH_SIDES)}"))
            rooms.clear()
    return found


def files(root):
    for folder in ("include", "src", "cuda"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SUFFIXES:
                yield path.relative_to(root)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[1])
    paths = list(files(root))
    if not paths:
        sys.exit(f"check_includes.py: {root} holds no sources")
    violations = [f"{path}:{line}: {message}" for path in paths for line, message in faults(root, path)]
    print("\n".join(violations) if violations else f"{len(paths)} files keep to their doors")
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main()
