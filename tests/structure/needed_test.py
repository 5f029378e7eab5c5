"""That needed.py finds a library that a program loads at its start."""
import sys
import unittest

import needed


class Needed(unittest.TestCase):
    def test_the_names_of_libraries_are_read_from_ldd(self):
        text = "\tlinux-vdso.so.1 (0x1)\n\tlibm.so.6 => /lib/libm.so.6 (0x2)\n\tlibodd.so.1 => not found\n"
        self.assertEqual(needed.needed(text), {"libm.so.6", "libodd.so.1"})

    def test_a_library_that_is_loaded_at_the_start_is_found_by_its_whole_name(self):
        self.assertEqual(needed.main(sys.executable, ["c"]), 1)
        self.assertEqual(needed.main(sys.executable, ["no_such_library"]), 0)


if __name__ == "__main__":
    unittest.main()
