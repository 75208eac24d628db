"""Names for secrets that nobody has named yet: `init` and messages make them up by one rule.

The flow, what speaks to it, and the word: LAKESIDE_ISD_SKYWARD_SECRET, LAKESIDE_ISD_ASM_PASSWORD.
"""

from __future__ import annotations

import re

SPOKEN = {"apple-school-manager": "ASM", "integration_token": "TOKEN"}
"""What people say in place of a component's or a key's whole name."""


def of_flow(flow: str, *words: str) -> str:
    """lakeside-isd, skyward, secret -> LAKESIDE_ISD_SKYWARD_SECRET; a word that is empty is left out."""
    said = (SPOKEN.get(word, word) for word in (flow, *words))
    return "_".join(name for word in said if (name := _plain(word)))


def at(file: str, way: tuple[str | int, ...], kind: str) -> str:
    """For the place of a file: flows/lakeside-isd.yaml, sink.password of an Apple School Manager.

    `kind` is the `type` of the part that the place lies in, if it has one.
    """
    flow = file.rsplit("/", 1)[-1].removesuffix(".yaml") if file.endswith(".yaml") else ""
    words = [str(step) for step in way if isinstance(step, str)]
    if words[:1] == ["notify"]:
        return of_flow(flow, "alerts")
    return of_flow(flow, *([kind, words[-1]] if kind else words))


def _plain(word: str) -> str:
    return re.sub(r"[^A-Z0-9]+", "_", word.upper()).strip("_")
