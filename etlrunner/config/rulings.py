"""The flow's `rules:` as frozen values: which verdict, who decided, until when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from etlrunner.config import mappings
from etlrunner.config.mappings import Reading
from etlrunner.lib.document import Places
from etlrunner.model import Ruling, Verdict


def read(values: Mapping[str, Any], places: Places, reading: Reading) -> dict[str, Ruling]:
    """Rule -> ruling. Whether a rule exists and allows its verdict is for who knows the rules to say."""
    return {rule: _ruling(rule, chosen, places, reading) for rule, chosen in values.items()}


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
