"""What a schema complains about, in words: place, what is wrong, what is allowed, what to try.

No value is shown where a secret belongs, nor where a text stands in place of a list or a map: it may
be a secret in the wrong place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from etlrunner.lib import secret_names
from etlrunner.lib.document import Key, Places, Scalar, dotted
from etlrunner.lib.suggest import close_to
from etlrunner.model.problems import Problem

Homes = Mapping[str, tuple[str, ...]]

SHOWN = 12
"""So many allowed values are listed in a message."""

REFERENCES = ("env", "file", "keyring")
_TIGHT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*):\S")
_VARIABLE = re.compile(r"\$\{?[A-Za-z_][A-Za-z0-9_]*\}?|\{\{.*\}\}")


@dataclass(frozen=True)
class Complaint:
    """One thing that does not fit: the keyword, what it wants, its schema, the value and the way to it."""

    keyword: str
    wanted: Any
    schema: Any
    value: Any
    way: Key
    secret: bool
    kind: str = ""
    """The `type` of the part that it lies in."""


def as_problems(found: Iterable[Complaint], places: Places, homes: Homes) -> list[Problem]:
    """Each complaint as a problem, once for each place, in the order of the file."""
    complaints = [one for one in found if not _is_told_already(one.value)]
    of_wrong_kind = {one.way for one in complaints if one.keyword == "type"}
    problems: list[Problem] = []
    for complaint in complaints:
        if complaint.keyword == "type" or complaint.way not in of_wrong_kind:
            problems += _told(complaint, places, homes)
    return sorted(dict.fromkeys(_once(problems)), key=_order)


def _once(problems: list[Problem]) -> Iterator[Problem]:
    """Without the keys that are missing because they are misspelt: that is told where they stand."""
    meant = {(one.path.rpartition(".")[0], one.hint) for one in problems if one.code == "E104"}
    for one in problems:
        above, _, key = one.path.rpartition(".")
        if one.code != "E202" or (above, f"did you mean '{key}'?") not in meant:
            yield one


def _told(complaint: Complaint, places: Places, homes: Homes) -> Iterator[Problem]:
    if complaint.secret:
        yield _bad_reference(complaint, places)
    elif complaint.keyword == "additionalProperties":
        yield from _unknown_keys(complaint, places, homes)
    elif complaint.keyword == "required":
        yield from _missing_keys(complaint, places)
    else:
        yield _wrong_value(complaint, places)


def _is_told_already(value: Any) -> bool:
    """The loader has complained about a key without a value."""
    return isinstance(value, Scalar) and value.plain and not value


# ---------------------------------------------------------------- secrets


def _bad_reference(complaint: Complaint, places: Places) -> Problem:
    """A literal where a reference belongs, or a reference of the wrong form: nothing of it is shown."""
    way = complaint.way
    if way and way[-1] in REFERENCES and complaint.keyword != "additionalProperties":
        way = way[:-1]
        message = f"'{way[-1]}' refers to a secret in the wrong way"
        if isinstance(complaint.value, str) and complaint.keyword == "pattern":
            message += ": this must be the name of the secret, and this is not a name"
    elif isinstance(complaint.value, Mapping):
        message = f"'{way[-1]}' must be exactly one of {{env: NAME}}, {{file: path}}, {{keyring: service/name}}"
    else:
        message = (
            f"'{way[-1]}' is a secret, and a secret is never written into a file that git keeps"
        )
    place = places.at(complaint.way)
    variable = secret_names.at(place.file if place else "", way, complaint.kind)
    hint = f"write a reference: {way[-1]}: {{env: {variable}}}"
    if isinstance(complaint.value, str) and _VARIABLE.fullmatch(complaint.value):
        hint += " (variables of the shell and templates mean nothing here)"
    hint += ", and set it with: etlrunner secrets set"
    return Problem("E210", message, place, dotted(way), hint, also=places.also(way))


# ---------------------------------------------------------------- keys


def _unknown_keys(complaint: Complaint, places: Places, homes: Homes) -> Iterator[Problem]:
    known = list(complaint.schema.get("properties", {}))
    for key in complaint.value:
        if key in known:
            continue
        way = (*complaint.way, str(key))
        place = places.key(way)
        code, message, hint = _unknown(str(key), complaint, known, homes)
        excerpt = places.excerpt(place, len(key), key_only=True)
        yield Problem(
            code, message, place, dotted(way), hint, also=places.also(way), excerpt=excerpt
        )


def _unknown(
    key: str, complaint: Complaint, known: list[str], homes: Homes
) -> tuple[str, str, str]:
    where = (
        f" in '{complaint.way[-1]}'" if complaint.way and isinstance(complaint.way[-1], str) else ""
    )
    if key in complaint.schema.get("later", ()):
        return "E207", f"'{key}' is not possible in this version yet", "remove it for now"
    message = f"there is no key '{key}'{where}"
    folded = {name.replace("_", "").lower(): name for name in known}
    same = folded.get(re.sub(r"[-_ ]", "", key).lower())
    if same:
        return "E104", message, f"did you mean '{same}'?"
    tops = [top for top in homes.get(key, ()) if top not in complaint.way]
    if tops:
        return "E104", message, f"it belongs below '{tops[0]}:'"
    return "E104", message, close_to(key, known) or "known: " + ", ".join(sorted(known))


def _missing_keys(complaint: Complaint, places: Places) -> Iterator[Problem]:
    way = complaint.way
    for key in complaint.wanted:
        if key not in complaint.value:
            schema = complaint.schema.get("properties", {}).get(key, {})
            message = f"'{key}' is missing{_inside(way)}"
            removed = (*way, key) in places  # its spot stayed behind
            spot = (*way, key) if removed else way
            if removed:
                message += ": null removes it here"
            place, name = places.key(spot), str(spot[-1]) if spot else ""
            excerpt = places.excerpt(place, len(name), key_only=True) if name else ""
            if spot and isinstance(spot[-1], int):
                excerpt = places.excerpt(place, 1)
            yield Problem(
                "E202", message, place, dotted((*way, key)), _what(key, schema), excerpt=excerpt
            )


def _inside(way: Key) -> str:
    """` in 'source'`; of a list's items, which one."""
    if not way:
        return ""
    if isinstance(way[-1], int):
        return f" in item {way[-1] + 1} of '{way[-2]}'" if len(way) > 1 else ""
    return f" in '{way[-1]}'"


def only_for(key: str, other: str, allowed: Iterable[str], way: Key, places: Places) -> Problem:
    """A key that goes with other values of its neighbour."""
    place = places.key(way)
    message = f"'{key}' is only for {other}: {', '.join(allowed)}"
    excerpt = places.excerpt(place, len(key), key_only=True)
    return Problem("E206", message, place, dotted(way), "remove it", excerpt=excerpt)


def _what(key: str, schema: Mapping[str, Any]) -> str:
    """What a key is for, and what it may be."""
    if "const" in schema:
        return f"write {key}: {schema['const']}"
    text = str(schema.get("description", ""))
    if "enum" in schema:
        text += f" One of: {', '.join(str(one) for one in schema['enum'][:SHOWN])}."
    return text


# ---------------------------------------------------------------- values


def _wrong_value(complaint: Complaint, places: Places) -> Problem:
    way, value = complaint.way, complaint.value
    place = places.at(way)
    if complaint.keyword == "maxProperties":
        place = places.key((*way, str([*value][complaint.wanted])))
    code, message, hint = _said(complaint)
    if _is_out_of_place(complaint):
        key = places.key(way)
        excerpt = places.excerpt(key, len(str(way[-1])), key_only=True) if way else ""
    else:
        excerpt = places.excerpt(place, len(str(value)) if isinstance(value, str | int) else 1)
    return Problem(code, message, place, dotted(way), hint, also=places.also(way), excerpt=excerpt)


def _is_out_of_place(complaint: Complaint) -> bool:
    """A text where a list or a map belongs."""
    return complaint.keyword == "type" and set(_kinds(complaint)) <= {"object", "array", "null"}


def _kinds(complaint: Complaint) -> list[str]:
    wanted = complaint.wanted
    return [wanted] if isinstance(wanted, str) else list(wanted)


def _said(complaint: Complaint) -> tuple[str, str, str]:
    """Code, sentence and hint for a value that does not fit."""
    schema, wanted, keyword = complaint.schema, complaint.wanted, complaint.keyword
    shown = _shown(complaint.value)
    hint = str(schema.get("hint", ""))
    if keyword == "type":
        return _wrong_kind(complaint, shown, hint)
    if keyword in ("enum", "const"):
        allowed = [str(one) for one in (wanted if keyword == "enum" else [wanted])]
        one_of = "one of: " if len(allowed) > 1 else ""
        near = close_to(str(complaint.value), allowed)
        return "E204", f"{shown} is not {one_of}{', '.join(allowed[:SHOWN])}", near or hint
    if keyword in ("minimum", "maximum", "exclusiveMinimum"):
        return "E205", f"{shown} is out of range: {_range(schema)}", hint
    if keyword in ("minLength", "minItems", "minProperties"):
        return "E205", "this is empty", hint or str(schema.get("description", ""))
    if keyword == "maxProperties":
        only = "only one key is" if wanted == 1 else f"only {wanted} keys are"
        return "E205", f"{only} allowed here", hint or str(schema.get("description", ""))
    if keyword == "pattern":
        return "E205", f"{shown} does not have the right form", hint
    return "E205", f"{shown} is not allowed here", hint


def _wrong_kind(complaint: Complaint, shown: str, hint: str) -> tuple[str, str, str]:
    kinds = _kinds(complaint)
    words = " or ".join(_WORDS[kind] for kind in kinds if kind != "null")
    value = complaint.value
    if _is_out_of_place(complaint) and isinstance(value, str):
        tight = _TIGHT.match(value) if "object" in kinds else None
        if tight:
            hint = f"a space is missing after the colon: `{tight[1]}: …`"
        return "E203", f"this must be {words}, not a text", hint or _hint(kinds, value)
    if isinstance(value, Scalar) and not value.plain and value.isdecimal():
        hint = "write the number without quotes"
    return "E203", f"{shown} is not {words}", hint or _hint(kinds, value)


_WORDS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "a map (key: value)",
    "array": "a list",
    "null": "nothing",
}


def _hint(kinds: list[str], value: Any) -> str:
    if "boolean" in kinds:
        return "write true or false, without quotes"
    if "array" in kinds:
        return "write it as a list: [one, two]"
    if "string" in kinds and isinstance(value, list):
        return "write one value, without [ ]"
    if "string" in kinds and value is None:
        return 'an empty text is ""'
    return ""


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return f"'{text[:60]}…'" if len(text) > 60 else f"'{text}'"


def _range(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum", schema.get("exclusiveMinimum")), schema.get("maximum")
    if high is None:
        return f"more than {low}" if "exclusiveMinimum" in schema else f"{low} or more"
    return f"{low} to {high}"


def _order(problem: Problem) -> tuple[str, int, int, str]:
    place = problem.place
    return (place.file, place.line, place.column, problem.code) if place else ("", 0, 0, "")
