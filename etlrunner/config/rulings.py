"""The flow's `rules:`, `policy:` and `merge_duplicates:` as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from etlrunner.config import mappings
from etlrunner.config.mappings import Reading
from etlrunner.lib.document import Document, Places, Scalar
from etlrunner.model.flow import Assertion, Merge, Ruling
from etlrunner.model.problems import Located, Verdict


def read(values: Mapping[str, Any], places: Places, reading: Reading) -> dict[str, Ruling]:
    """Rule -> ruling. Whether a rule exists and allows its verdict is for who knows the rules to say."""
    return {rule: _ruling(rule, chosen, places, reading) for rule, chosen in values.items()}


def policy(values: Mapping[str, Any], document: Document) -> dict[str, Assertion]:
    """Name -> assertion; whether it can be compiled is for who knows the columns to say."""
    return {name: _assertion(name, one, document) for name, one in values.items()}


def merges(values: Mapping[str, Any], places: Places) -> dict[str, Merge]:
    """Table -> how its duplicates are merged."""
    return {
        table: Merge(one["match"], one["keep"], places.at(("merge_duplicates", table, "match")))
        for table, one in values.items()
    }


def _assertion(name: str, one: Mapping[str, Any], document: Document) -> Assertion:
    text = document.data["policy"][name]["holds"]
    place = text.place if isinstance(text, Scalar) else None
    holds = Located(one["holds"], place or document.places.at(("policy", name, "holds")))
    return Assertion(one["table"], holds, one["message"], one["verdict"])


def _ruling(rule: str, chosen: Any, places: Places, reading: Reading) -> Ruling:
    one = {"verdict": chosen} if isinstance(chosen, str) else chosen
    way = ("rules", rule)
    expires = mappings.expiry(reading, one, places, way, f"the verdict on {rule}")
    return Ruling(
        cast("Verdict", str(one["verdict"])),
        one.get("reason", ""),
        one.get("owner", ""),
        expires,
        places.key(way),
    )
