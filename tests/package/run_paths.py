# SPDX-License-Identifier: Apache-2.0
"""No program or library that was built searches the current directory. Usage: run_paths.py BUILD PROGRAM

Every element of a run path must be absolute or begin with $ORIGIN: an empty element means the current directory, so that a file there
with the name of a library would be executed.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

BUILD, PROGRAM = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
RUN_PATH = re.compile(r"\((?:RUNPATH|RPATH)\).*\[(.*)\]")


def dynamic_section(path: pathlib.Path) -> str:
    done = subprocess.run(["readelf", "-d", path], capture_output=True, text=True, check=False)
    return done.stdout


def wrong_elements(section: str) -> list[str]:
    """The elements of the run paths of a dynamic section that depend on the current directory."""
    elements = [element for path in RUN_PATH.findall(section) for element in path.split(":")]
    return [element for element in elements if not element.startswith(("/", "$ORIGIN"))]


def linked_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """Programs and shared libraries below the folder."""
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "CMakeFiles"]
        for name in names:
            path = pathlib.Path(root, name)
            if path.is_file() and (".so" in path.suffixes or os.access(path, os.X_OK)):
                with path.open("rb") as file:
                    if file.read(4) == b"\x7fELF":
                        found.append(path)
    return found


class RunPaths(unittest.TestCase):
    def test_every_element_is_absolute(self) -> None:
        files = linked_files(BUILD)
        self.assertIn(PROGRAM, [file.resolve() for file in files])
        for file in files:
            with self.subTest(file=file):
                self.assertEqual(wrong_elements(dynamic_section(file)), [])

    def test_an_empty_and_a_relative_element_are_rejected(self) -> None:
        for path, wrong in (("/a:", [""]), (":/a", [""]), ("/a:lib:$ORIGIN/b", ["lib"]), ("/a:$ORIGIN", [])):
            with self.subTest(path=path):
                self.assertEqual(wrong_elements(f" 0x1d (RUNPATH)  Library runpath: [{path}]"), wrong)

    def test_the_current_directory_is_not_searched(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for name in ("libgomp.so.1", "libomp.so.5", "libopenblas.so.0", "libsigprop_cuda.so"):
                pathlib.Path(folder, name).write_bytes(b"not a library")
            done = subprocess.run([PROGRAM, "--version"], cwd=folder, capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            done = subprocess.run([PROGRAM, "simulate", "-", "--engine", "cuda"], cwd=folder, capture_output=True, text=True,
                                  check=False, input='{"sequence_length": 4, "input": {"variance": 1}, "components": '
                                  '[{"linear": {"in": 8, "out": 8, "weight_std": 0.3}}]}')
            self.assertNotIn("invalid ELF header", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
