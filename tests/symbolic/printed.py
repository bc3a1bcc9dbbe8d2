#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/formulas.md and .tex against what the program prints: python3 tests/symbolic/printed.py SIGPROP ROOT [--update]

Exit status 77 where pdflatex is absent and all else is right."""
import pathlib
import shutil
import subprocess
import sys
import tempfile


def main(sigprop, root, *more):
    docs = pathlib.Path(root) / "docs"
    if more == ("--update",):
        subprocess.run([sigprop, "formulas", "--all", docs], check=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sigprop, "formulas", "--all", folder], check=True)
        for name in ("formulas.md", "formulas.tex"):
            if (pathlib.Path(folder) / name).read_bytes() != (docs / name).read_bytes():
                sys.exit(f"docs/{name} is not what sigprop formulas --all prints; make it anew with sigprop formulas --all docs")
        if not shutil.which("pdflatex"):
            print("skipped: pdflatex is absent, so formulas.tex was not compiled")
            sys.exit(77)
        done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "formulas.tex"], cwd=folder, capture_output=True,
                              text=True, check=False)
        if done.returncode != 0 or not (pathlib.Path(folder) / "formulas.pdf").exists():
            sys.exit("formulas.tex does not compile:\n" + done.stdout[-2000:])


if __name__ == "__main__":
    main(*sys.argv[1:])
