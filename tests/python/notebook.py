#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the cells of a notebook and compares what they print with what it shows: python notebook.py NOTEBOOK [--update]

Figures are made and not compared. --update writes what the cells print into the notebook.
"""

from __future__ import annotations

import contextlib
import io
import json
import pathlib
import sys


def main() -> None:
    file = pathlib.Path(sys.argv[1])
    notebook = json.loads(file.read_text(encoding="utf-8"))
    names: dict[str, object] = {"__name__": "__main__"}
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    if not cells:
        sys.exit(f"{file}: has no cell of code")
    for number, cell in enumerate(cells, 1):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("".join(cell["source"]), f"{file.name}, cell {number}", "exec"), names)
        lines = printed.getvalue().splitlines(keepends=True)
        shown = [line for output in cell["outputs"] for line in output.get("text", [])]
        if "--update" in sys.argv:
            cell["outputs"] = [{"name": "stdout", "output_type": "stream", "text": lines}] if lines else []
            cell["execution_count"] = number
        elif lines != shown:
            sys.exit(f"{file}, cell {number} prints\n{''.join(lines)}but shows\n{''.join(shown)}If that is wanted: python {sys.argv[0]} {file} --update")
    if "--update" in sys.argv:
        file.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{file.name}: {len(cells)} cells print what they show")


if __name__ == "__main__":
    main()
