# SPDX-License-Identifier: Apache-2.0
"""tools/lint.py and tools/slowest.py on small inputs: what is wrong is found, what is right passes."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

import lint
import slowest


class LongComments(unittest.TestCase):
    def test_only_long_added_comments_are_reported(self) -> None:
        long, short = "// " + "x" * 98, "// " + "x" * 97
        diff = "\n".join(["+++ b/src/a.cpp", "@@ -1,0 +5,3 @@", "+" + short, "+" + long, "+" + "int y;" * 30, "-" + long])
        self.assertEqual(lint.long_comments(diff), ["src/a.cpp:6: the comment is 101 columns wide, but may be 100"])


class Changed(unittest.TestCase):
    def test_what_changed_most_comes_first_and_what_only_lost_lines_not_at_all(self) -> None:
        self.assertEqual(lint.by_size("2\t9\tsrc/b.cpp\n10\t0\tsrc/a.cpp\n0\t5\tsrc/c.cpp\n-\t-\tsrc/d.cpp\n"), ["src/a.cpp", "src/b.cpp"])


class Slowest(unittest.TestCase):
    def test_units_are_counted_once(self) -> None:
        log = "# ninja log v5\n0\t9000\t0\ta.o\tx\n0\t2000\t0\tb.o\tx\n0\t1000\t0\ta.o\tx\n0\t5000\t0\tprogram\tx\n"
        self.assertEqual(slowest.slowest_units(log), [(2.0, "b.o"), (1.0, "a.o")])

    def test_names_of_tests_may_hold_spaces(self) -> None:
        self.assertEqual(slowest.slowest_tests("a: b c 1 2.5\nd 3 4.0\n---\nfailed\n"), [(4.0, "d"), (2.5, "a: b c")])


if __name__ == "__main__":
    unittest.main()
