# SPDX-License-Identifier: Apache-2.0
"""Figures from results: one kind of figure a module, and what they share. As a program: python -m sigprop.plot.

    import sigprop, sigprop.plot
    sigprop.plot.figure(sigprop.predict("bert.json"), sigprop.simulate("bert.json")).savefig("bert.pdf")
"""
from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Mapping
from typing import Any


def figure(*results: Any, kind: str = "profile", **options: Any) -> Any:
    """A matplotlib Figure of one or more results.

    results: profiles, results as dicts, or paths of result JSON. kind: "profile", "verify", "schemes", "experiment", "tokens", "phase" or "across"
    (docs/plots.md). options: those of the program, such as quantity=["forward.variance"], log=True, width="neurips".

    Raises sigprop.plot.problems.Problem for options or results that cannot be drawn. Needs matplotlib.
    """
    import matplotlib

    from .__main__ import figures_of, parse, prepare
    from .problems import Problem, one_of
    from .results import Given

    def given(result: Any, number: int) -> str:
        if isinstance(result, (str, os.PathLike)):
            return os.fspath(result)
        data = result if isinstance(result, Mapping) else result.to_dict()
        return Given(f"result {number}", json.dumps(data))

    words: list[str] = []
    for name, value in options.items():
        option = "--" + name.replace("_", "-")
        if value is True:
            words.append(option)
        elif value not in (None, False):
            words += [word for one in (value if isinstance(value, (list, tuple)) else [value]) for word in (option, str(one))]
    figures = figures_of()
    if kind not in figures:
        raise Problem(f'kind is "{kind}", but must be {one_of(figures)}')
    refused = io.StringIO()
    try:
        with contextlib.redirect_stderr(refused):
            arguments = parse([kind, *(given(result, number) for number, result in enumerate(results, 1)), *words], figures)
    except SystemExit:  # as argparse ends a program
        raise Problem(refused.getvalue().strip().splitlines()[-1].partition(" error: ")[2]) from None
    with matplotlib.rc_context():
        prepare(arguments)
        return figures[kind].draw(arguments)[0]
