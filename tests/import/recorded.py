# SPDX-License-Identifier: Apache-2.0
"""What the tests of the import share: the recorded configurations, and how they are imported."""
import json
import pathlib
import statistics
import subprocess

FALSE_ALARM = 1e-6  # of a whole test, however many comparisons it makes


def quantile(comparisons):
    """How many standard errors a comparison may be off so that all of them together keep to FALSE_ALARM (Šidák)."""
    each = -((1 - FALSE_ALARM) ** (1 / comparisons) - 1)
    return statistics.NormalDist().inv_cdf(1 - each / 2)


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def configurations(source):
    """Every recorded config.json: the classes' defaults, and the small ones, beside which measurements lie."""
    return sorted((pathlib.Path(source) / "tests/data/hugging_face").rglob("config.json"))


def small(source):
    return [path for path in configurations(source) if (path.parent / "parameters.json").exists()]


def version_of(path):
    """The version of the library that the records beside a configuration come from: the folder below hugging_face."""
    return path.parts[path.parts.index("hugging_face") + 1]


def is_image(path):
    return "patch_size" in read(path)


def import_spec(sigprop, path, tokens=64, options=()):
    """The spec of a configuration, and the warnings that came with it."""
    version = version_of(path)
    length = ["--token-correlation", "0"] if is_image(path) else ["--sequence-length", str(tokens)]
    result = subprocess.run([sigprop, "import", str(path), "--library", version, *length, *options], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise SystemExit(f"{path}: import failed with {result.returncode}\n{result.stderr}")
    return json.loads(result.stdout), [line for line in result.stderr.splitlines() if line.startswith("sigprop: warning: ")]


def finish(faults, done):
    print("\n".join(faults) or done)
    raise SystemExit(1 if faults else 0)
