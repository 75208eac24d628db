"""atheris over pages and headers: `python -m tests.support.atheris_page -runs=100000`."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["etlrunner.lib", "tests.support.fuzzed_page"]):
    from tests.support import fuzzed_page

if __name__ == "__main__":
    fuzzed_page.reader()
    atheris.Setup(sys.argv, fuzzed_page.target)
    atheris.Fuzz()
