# SPDX-License-Identifier: Apache-2.0
"""Objects for newer processors define nothing that other objects could call by accident. Usage: kernels.py LIBRARY

An inline function that is not inlined becomes a weak symbol, of which the linker keeps one for the whole program. If it kept one that was
compiled for AVX2, the program would stop on other processors. Functions of 256-bit vectors are safe: no other object calls them.
"""

import re
import subprocess
import sys
import unittest

LIBRARY = sys.argv[1]
SHARED = re.compile(r"^[0-9a-f]+ [WVT] (.*)$")
SAFE = re.compile(r"__vector\(8\)|__m256|_avx2\(")


def shared_functions(symbols: str) -> list[str]:
    """Functions of `nm -C` that other objects could be given."""
    names = [match[1] for match in map(SHARED.match, symbols.splitlines()) if match]
    return [name for name in names if not SAFE.search(name)]


class Kernels(unittest.TestCase):
    def test_objects_for_newer_processors_share_nothing(self) -> None:
        listing = subprocess.run(["nm", "-C", LIBRARY], capture_output=True, text=True, check=True).stdout
        objects = dict(re.findall(r"^(\S+\.o):\n((?:.+\n)*)", listing, re.MULTILINE))
        kernels = {name: symbols for name, symbols in objects.items() if "_avx2" in name}
        self.assertTrue(kernels, f"{LIBRARY} holds no objects for newer processors")
        for name, symbols in kernels.items():
            self.assertEqual(shared_functions(symbols), [], name)

    def test_a_shared_function_is_rejected(self) -> None:
        self.assertEqual(shared_functions("0000000000000000 W std::vector<float>::resize(unsigned long)\n"),
                         ["std::vector<float>::resize(unsigned long)"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
