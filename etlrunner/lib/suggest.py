"""Did you mean …?"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def close_to(word: str, among: Iterable[str]) -> str:
    """`did you mean 'x'?`, or the empty text when nothing is near."""
    found = difflib.get_close_matches(word, list(among), n=1)
    return f"did you mean '{found[0]}'?" if found else ""
