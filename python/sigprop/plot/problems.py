# SPDX-License-Identifier: Apache-2.0
"""What a user has to mend: said in one line, with the place, what was found and the cure."""
import difflib
import sys

PROGRAM = "sigprop_plot"


class Problem(Exception):
    """Wrong usage or a wrong input: exit status 2."""


class MachineProblem(Exception):
    """The machine cannot: a full disk, a program that is absent. Exit status 3."""


def note(text):
    """Tells what a figure leaves out."""
    print(f"{PROGRAM}: note: {text}", file=sys.stderr)


def one_of(names):
    """a, b or c"""
    names = list(names)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def unknown(found, possible):
    """'is none of ...', and the nearest name."""
    near = difflib.get_close_matches(found, possible, 1)
    return f'"{found}" is none of {", ".join(possible)}' + (f'; did you mean "{near[0]}"?' if near else "")
