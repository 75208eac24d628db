"""Filters that make numbers and identifiers, and tests."""

from __future__ import annotations

import uuid as uuids
from hashlib import sha1, sha256

import polars as pl

from etlrunner.expressions import distinct, operations, text_filters
from etlrunner.expressions.catalogue import (
    DATE,
    LIST,
    NUMBER,
    TEXT,
    TRUTH,
    Arguments,
    BadArgument,
    Example,
    Operator,
    Parameter,
)
from etlrunner.expressions.typed import MOST, Value, derived

NAMESPACE = uuids.uuid5(uuids.NAMESPACE_URL, "https://etlrunner.invalid/uuid")
"""Under which `uuid` makes a namespace of its argument. Changing it would re-key every roster."""

PLAIN_NUMBER = "^-?[0-9]{1,15}$"


def integer(value: Value, arguments: Arguments) -> Value:
    fallback = arguments["default"]
    if value.type is NUMBER:
        return value
    expr = distinct.by_pattern(
        value.expr,
        PLAIN_NUMBER,
        lambda texts: texts.cast(pl.Int64, strict=False),
        lambda text: to_integer(text, fallback),
        NUMBER,
    )
    return derived(NUMBER, expr, value, bound=MOST)


def to_integer(text: str, fallback: int) -> int:
    """A number as Jinja2 reads one, of at most 15 digits; else the fallback."""
    if len(text) > 100:
        return fallback
    try:
        number = int(text)
    except ValueError:
        try:
            number = int(float(text))
        except (ValueError, OverflowError):
            return fallback
    return number if -MOST <= number <= MOST else fallback


def uuid(value: Value, arguments: Arguments) -> Value:
    """RFC 9562 version 5. Python hashes; the hyphens and the version are put in by Polars, which is quicker."""
    namespace = uuids.uuid5(NAMESPACE, arguments["namespace"]).bytes

    def digest(text: str) -> str:
        return sha1(namespace + text.encode()).hexdigest()  # noqa: S324

    def compute(texts: pl.Series) -> pl.Series:
        hashes = distinct.each_once(texts.fill_null(""), digest, pl.String())
        return pl.select(_hyphened(texts, hashes)).to_series()

    return derived(TEXT, value.expr.map_batches(compute, pl.String(), is_elementwise=True), value)


def hashed(value: Value, arguments: Arguments) -> Value:
    length, namespace = arguments["length"], arguments["namespace"]
    if not 8 <= length <= 64:
        raise BadArgument("`length` is from 8 to 64", parameter="length")
    # a zero byte keeps ("ab", "c") and ("a", "bc") apart
    lead = namespace.encode() + b"\0" if namespace else b""

    def compute(text: str) -> str:
        return sha256(lead + text.encode()).hexdigest()[:length] if text else ""

    return derived(TEXT, distinct.by_python(value.expr, compute, TEXT), value)


def starting_with(value: Value, arguments: Arguments) -> Value:
    start = text_filters.something(arguments["start"], "start")
    return derived(TRUTH, value.expr.str.starts_with(start), value)


def ending_with(value: Value, arguments: Arguments) -> Value:
    end = text_filters.something(arguments["end"], "end")
    return derived(TRUTH, value.expr.str.ends_with(end), value)


def empty(value: Value, arguments: Arguments) -> Value:
    return operations.is_empty(value)


def is_integer(value: Value, arguments: Arguments) -> Value:
    return derived(TRUTH, value.expr.str.contains(PLAIN_NUMBER.replace("$", r"\z")), value)


def _hyphened(texts: pl.Series, hashes: pl.Series) -> pl.Expr:
    """xxxxxxxx-xxxx-5xxx-Vxxx-xxxxxxxxxxxx, where V carries the variant; of the empty text, nothing."""
    text, digest = pl.lit(texts), pl.lit(hashes)
    variant = digest.str.slice(16, 1).replace_strict(
        list("0123456789abcdef"), list("89ab" * 4), return_dtype=pl.String
    )
    parts = [
        digest.str.slice(0, 8), pl.lit("-"), digest.str.slice(8, 4), pl.lit("-5"), digest.str.slice(13, 3),
        pl.lit("-"), variant, digest.str.slice(17, 3), pl.lit("-"), digest.str.slice(20, 12),
    ]  # fmt: skip
    return pl.when(text == "").then(pl.lit("")).otherwise(pl.concat_str(parts))


def _e(expression: str, cell: str, result: str, column: str = "day") -> Example:
    return Example(expression, {column: cell}, result)


YES = "'yes' if {} else 'no'"

OTHER_FILTERS = (
    Operator("int", "Reads a whole number of at most 15 digits; text that is none gives `default`.", (TEXT, NUMBER), NUMBER, "0, or `default`",
             [_e("grade | int", "07", "7", "grade"), _e("grade | int", "PK", "0", "grade"), _e("grade | int(-1)", "", "-1", "grade")], integer,
             (Parameter("default", NUMBER, 0),), difference="beyond 15 digits it is `default`."),
    Operator("uuid", "An identifier made from the text: the same text and namespace give the same one, always (UUID version 5).", (TEXT,), TEXT, "stays empty",
             [_e("id | uuid('roster')", "c1|u1", "98f50aeb-70a1-57c4-a81b-74ca2712c2db", "id"), _e("id | uuid", "", "", "id")], uuid, (Parameter("namespace", TEXT, ""),), jinja=False),
    Operator("hash", "SHA-256 in hexadecimal, or its first `length` characters.", (TEXT,), TEXT, "stays empty",
             [_e("id | hash(12)", "4711", "de650d61f5bd", "id")], hashed, (Parameter("length", NUMBER, 64), Parameter("namespace", TEXT, "")), jinja=False),
)  # fmt: skip

OTHER_TESTS = (
    Operator("empty", "Whether there is nothing: the empty text, an empty list, no date.", (TEXT, LIST, DATE), TRUTH, "yes",
             [_e(YES.format("email is empty"), "", "yes", "email"), Example(YES.format("grades is not empty"), {"grades": ["01"]}, "yes")], empty, kind="test", jinja=False),
    Operator("integer", "Whether the text is a whole number of at most 15 digits.", (TEXT,), TRUTH, "no", [_e(YES.format("grade is integer"), "07", "yes", "grade")],
             is_integer, kind="test", jinja=False, difference="Jinja2's asks for the type of a value, and cells are all text."),
    Operator("starting_with", "Whether the text begins with these characters.", (TEXT,), TRUTH, "no", [_e(YES.format("id is starting_with('S-')"), "S-4711", "yes", "id")],
             starting_with, (Parameter("start", TEXT),), kind="test", jinja=False),
    Operator("ending_with", "Whether the text ends with these characters.", (TEXT,), TRUTH, "no",
             [_e(YES.format("email is ending_with('@example.org')"), "ada@example.com", "no", "email")], ending_with, (Parameter("end", TEXT),), kind="test", jinja=False),
    Operator("matching", "Whether the whole text matches a pattern, like the filter `regex_match`.", (TEXT,), TRUTH, "is matched like any text",
             [_e(YES.format("id is matching('[0-9]+')"), "4711", "yes", "id")], text_filters.regex_match, (Parameter("pattern", TEXT),), kind="test", jinja=False),
)  # fmt: skip
