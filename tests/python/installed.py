#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds the wheel, installs it into a virtual environment and runs its tests there, away from the sources:
python3 tests/python/installed.py SOURCE INSTALLATION FOLDER

The wheel's library and program are those of an installed sigprop, so that only the module is compiled. FOLDER keeps the virtual environment.
"""
import pathlib
import subprocess
import sys
import tempfile
import venv

NEEDED = ["nanobind==3.1.0", "scikit-build-core==1.1.2", "numpy==2.2.6", "pytest==8.3.4", "matplotlib==3.10.8"]


def run(*words, **more):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, **more)
    if done.returncode != 0:
        sys.exit(f"installed.py: {' '.join(map(str, words))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def environment(folder):
    """A Python with what the build needs."""
    python = folder / "bin" / "python"
    mark = folder / "needed.txt"
    if not mark.is_file() or mark.read_text(encoding="utf-8").split() != NEEDED:
        venv.create(folder, with_pip=True, clear=True)
        run(python, "-m", "pip", "install", "--quiet", *NEEDED)
        mark.write_text("\n".join(NEEDED), encoding="utf-8")
    return python


def main():
    source, installation, folder = (pathlib.Path(word).resolve() for word in sys.argv[1:4])
    package = next(installation.glob("lib*/**/cmake/sigprop"), None)
    if package is None:
        sys.exit(f"installed.py: {installation} holds no installed sigprop: run the test `package` first")
    python = environment(folder)
    with tempfile.TemporaryDirectory() as away:
        run(python, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps", "--wheel-dir", away, "--config-settings", "cmake.source-dir=python",
            "--config-settings", f"cmake.define.sigprop_DIR={package}", "--config-settings", "build.targets=sigprop_stubs", "--config-settings", f"build-dir={folder}/build", source)
        wheels = list(pathlib.Path(away).glob("*.whl"))
        run(python, "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", *wheels)
        for test in ("test_api.py", "test_pytest_plugin.py"):
            run(python, source / "tests/python" / test, cwd=away)
        run(python, source / "tests/python/notebook.py", source / "docs/tour.ipynb", cwd=away)
        print(f"{wheels[0].name}: all tests pass")


if __name__ == "__main__":
    main()
