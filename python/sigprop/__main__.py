# SPDX-License-Identifier: Apache-2.0
"""`python -m sigprop` is the program `sigprop`."""

from __future__ import annotations

import os
import sys

from sigprop import program


def main() -> None:
    """Becomes the program, with this process's arguments."""
    sys.stdout.flush()
    os.execv(program.path(), [str(program.path()), *sys.argv[1:]])


if __name__ == "__main__":
    main()
