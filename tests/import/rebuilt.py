#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds the recorded small models anew with the transformers library that is installed, whichever version that is, and compares
every parameter with the spec. Skipped, with exit status 77, where there is no such library.

Usage: rebuilt.py SIGPROP SOURCE.
"""
import importlib.util
import json
import pathlib
import shutil
import sys
import tempfile

for needed in ("torch", "transformers", "numpy"):
    if importlib.util.find_spec(needed) is None:
        print(f"skipped: Python has no {needed} here")
        sys.exit(77)

sys.path.insert(0, str(pathlib.Path(sys.argv[2]) / "tools/hugging_face"))
import record  # noqa: E402
import transformers  # noqa: E402
from parameters import comparisons, wrong_moments  # noqa: E402
from recorded import finish, small  # noqa: E402


def rebuild(path, place):
    """A copy of a recorded configuration with the parameters of a model that is built now."""
    place.mkdir(parents=True)
    shutil.copy(path, place)
    config = transformers.AutoConfig.from_pretrained(place)
    drawn = record.parameter_records(record.new_model(config))
    (place / "parameters.json").write_text(json.dumps(drawn), encoding="utf-8")


def main():
    sigprop, source = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as folder:
        for path in small(source):
            version, model_type, variant = path.parts[-4:-1]
            place = pathlib.Path(folder, "tests/data/hugging_face", transformers.__version__, model_type, f"{variant} of {version}")
            rebuild(path, place)
        found, faults = comparisons(sigprop, folder)
    finish(faults + wrong_moments(found), f"{len(found)} parameters of transformers {transformers.__version__} as the specs tell")


if __name__ == "__main__":
    main()
