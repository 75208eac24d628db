"""Which values of a roster may stand on a terminal, and what the others look like there.

Identifiers and codes may: somebody has to find the record. Names, addresses, numbers of people and
whatever else a column may hold are shown as their shape, unless the person at the terminal asks
(design, section 10).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

OPEN_ENDINGS = ("_id", "Id", "Ids", "Code", "Codes", "Date")
OPEN_NAMES = frozenset({
    "role", "roles", "status", "type", "primary", "grades", "grade_level", "enabledUser", "dateLastModified",
    "schoolYear", "periods", "classType", "password_policy", "course_number",
})  # fmt: skip
PERSONAL = frozenset({"birthDate", "userIds"})
PEOPLE = ("users", "demographics")
"""Raw tables whose `identifier` is a person's number; elsewhere it is a school's."""
_NUMBERED = re.compile(r"_[0-9]+$")


def is_open(column: str, table: str = "") -> bool:
    """Whether a column holds identifiers or codes; `location_id_2` is as open as `location_id`."""
    name = _NUMBERED.sub("", column)
    if name == "identifier":
        return table != "" and table not in PEOPLE
    return name not in PERSONAL and (name in OPEN_NAMES or name.endswith(OPEN_ENDINGS))


def opened(row: Mapping[str, Any], table: str = "", known: Collection[str] = ()) -> dict[str, Any]:
    """The open columns of a row alone."""
    return {name: value for name, value in row.items() if name in known or is_open(name, table)}


def masked(row: Mapping[str, Any], table: str = "", known: Collection[str] = ()) -> dict[str, Any]:
    """A row with shapes in place of values, but for open columns and those `known` to be."""
    return {
        name: value if name in known or is_open(name, table) else shape(value)
        for name, value in row.items()
    }


def shape(value: Any) -> Any:
    """Letters as x and X, digits as 9: the form of a value without the value."""
    if isinstance(value, list | tuple):
        return [shape(item) for item in value]
    return "".join(_stand_in(character) for character in str(value))


def _stand_in(character: str) -> str:
    if character.isdigit():
        return "9"
    if character.isalpha():
        return "X" if character.isupper() else "x"
    return character
