#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# /// script
# requires-python = ">=3.11"
# dependencies = ["matplotlib>=3.6.3"]
# ///
"""`python -m sigprop.plot` from the sources, without an installed package."""
import importlib.util
import pathlib
import sys

PACKAGE = pathlib.Path(__file__).resolve().parents[2] / "python/sigprop/plot"
SPEC = importlib.util.spec_from_file_location("sigprop_figures", PACKAGE / "__init__.py", submodule_search_locations=[str(PACKAGE)])
sys.modules[SPEC.name] = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(sys.modules[SPEC.name])
PROGRAM = importlib.import_module("sigprop_figures.__main__")

if __name__ == "__main__":
    sys.exit(PROGRAM.main(sys.argv[1:]))
