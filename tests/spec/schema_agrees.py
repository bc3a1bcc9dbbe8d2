#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The JSON Schema and the reader, two judges of one grammar: they must agree on every spec, every bad spec and on random changes.

Usage: schema_agrees.py SIGPROP SOURCE. Exit status 77 where the validator (Debian's python3-jsonschema) is absent.
"""

import copy
import json
import pathlib
import random
import subprocess
import sys

try:
    import jsonschema
except ImportError:
    print("skipped: python3-jsonschema is not installed")
    sys.exit(77)

SIGPROP, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
MUTANTS = 400
ODD_VALUES = [None, True, False, 0, -1, 1, 2, 0.5, 1e9, "relu", "x", "", [], [1], {}, {"a": 1}]
failures = []


def expect(condition, message):
    if not condition:
        failures.append(message)


def reader_accepts(text):
    run = subprocess.run([SIGPROP, "expand", "-"], input=text, capture_output=True, text=True, check=False)
    expect(run.returncode in (0, 2), f"exit status {run.returncode} for {text[:200]}")
    only_across = "no single component list" in run.stderr  # read, but expand does not cover it
    return run.returncode == 0 or only_across


def places(value, path=()):
    """Paths to everything inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield path + (key,)
        yield from places(item, path + (key,))


def mutant(specs, rng):
    """A spec with one place removed, replaced by an odd value, or renamed."""
    spec = copy.deepcopy(rng.choice(specs))
    path = rng.choice(list(places(spec)))
    parent = spec
    for key in path[:-1]:
        parent = parent[key]
    change = rng.choice(("remove", "replace", "rename"))
    if change == "replace" or isinstance(parent, list):
        parent[path[-1]] = rng.choice(ODD_VALUES)
    elif change == "remove":
        del parent[path[-1]]
    else:
        parent[path[-1] + "x"] = parent.pop(path[-1])
    return spec


def main():
    printed = subprocess.run([SIGPROP, "schema"], capture_output=True, text=True, check=True).stdout
    stored = (SOURCE / "specs/sigprop.schema.json").read_text(encoding="utf-8")
    expect(printed == stored, "specs/sigprop.schema.json is not what `sigprop schema` prints: write it again")
    schema = json.loads(stored)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)

    specs = []
    for path in sorted((SOURCE / "specs").glob("*.json")):
        if path.name == "sigprop.schema.json":
            continue
        text = path.read_text(encoding="utf-8")
        expect(validator.is_valid(json.loads(text)), f"{path.name}: the schema refuses a spec of the project")
        expect(reader_accepts(text), f"{path.name}: the reader refuses a spec of the project")
        specs.append(json.loads(text))

    bad = SOURCE / "tests/spec/bad"
    for path in sorted((bad / "grammar").glob("*.json")):
        expect(not validator.is_valid(json.loads(path.read_text(encoding="utf-8"))), f"{path.name}: the schema accepts it")
    for path in sorted((bad / "across_fields").glob("*.json")):
        expect(validator.is_valid(json.loads(path.read_text(encoding="utf-8"))), f"{path.name}: the schema refuses it, so it belongs to grammar")

    rng = random.Random(1)
    specs = [spec for spec in specs if len(json.dumps(spec)) < 10000]
    accepted = 0
    for _ in range(MUTANTS):
        spec = mutant(specs, rng)
        if reader_accepts(json.dumps(spec)):
            accepted += 1
            expect(validator.is_valid(spec), f"the reader accepts and the schema refuses {json.dumps(spec)}")
    expect(0 < accepted < MUTANTS, f"{accepted} of {MUTANTS} random changes were accepted: they test one side only")

    for failure in failures:
        print(failure)
    print(f"{len(specs)} specs, {MUTANTS} random changes of which {accepted} were accepted, {len(failures)} disagreements")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
