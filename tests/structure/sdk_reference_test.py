"""docs/sdk-reference.md is what the headers of the SDK say now."""
import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class SdkReference(unittest.TestCase):
    def test_the_reference_of_the_sdk_is_current(self):
        made = subprocess.run([sys.executable, ROOT / "scripts" / "sdk_reference.py", "--print"], check=True,
                              capture_output=True, text=True).stdout
        self.assertTrue(made == (ROOT / "docs" / "sdk-reference.md").read_text(),
                        "docs/sdk-reference.md is not current: run scripts/sdk_reference.py")
        self.assertIn("layer_cache.hpp", made)


if __name__ == "__main__":
    unittest.main()
