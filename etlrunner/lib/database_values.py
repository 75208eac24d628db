"""What a value of a database is as text, by a rule: the same for a source and for a code table."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from etlrunner.lib import columns


class NoText(Exception):
    """The value has no exact text; says what kind of value it is, never the value."""


def text(value: Any) -> str:
    """Digits without exponent, dates as `2027-03-01`, truths as `true` and `false`, arrays with commas.

    NULL is the empty text. Raises NoText for binary values, JSON, intervals, and numbers with a decimal
    point that are none or have lost digits.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip(columns.WHITE)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | UUID):
        return str(value)
    if isinstance(value, Decimal | float):
        return _number(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return ",".join(text(each) for each in value)
    raise NoText(type(value).__name__)


def _number(value: Decimal | float) -> str:
    exact = Decimal(repr(value)) if isinstance(value, float) else value
    if not exact.is_finite():
        raise NoText("a number that is none")
    if isinstance(value, float) and abs(value) >= columns.WHOLE:
        raise NoText("a number with more digits than can be kept")
    if exact == exact.to_integral_value():
        return str(int(exact))
    return format(exact, "f").rstrip("0")
