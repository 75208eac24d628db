"""What operators do to columns: joining, comparing, `in`, slices, and turning a value into text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import polars as pl

from etlrunner.expressions.typed import COLUMN, Constant, Type, Value, derived, literal

COMPARING: dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "eq": pl.Expr.eq,
    "ne": pl.Expr.ne,
    "lt": pl.Expr.lt,
    "lteq": pl.Expr.le,
    "gt": pl.Expr.gt,
    "gteq": pl.Expr.ge,
}

MIRRORED = {"lt": "gt", "lteq": "gteq", "gt": "lt", "gteq": "lteq"}
"""The sign of a comparison whose sides change places."""

SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "lteq": "<=", "gt": ">", "gteq": ">=", "in": "in", "notin": "not in"}  # fmt: skip

EMPTY: dict[Type, Constant | None] = {
    Type.TEXT: "",
    Type.LIST: (),
    Type.TRUTH: False,
    Type.DATE: None,
}
"""What an `if` without `else` gives."""

FARTHEST = 2**31
"""Slices beyond this are the same as slices up to it."""


def to_text(value: Value) -> Value:
    """A number or a date as text: digits, and YYYY-MM-DD (the empty text for no date)."""
    if value.type is Type.NUMBER:
        return derived(Type.TEXT, value.expr.cast(pl.String), value)
    if value.type is Type.DATE:
        return derived(Type.TEXT, value.expr.dt.to_string("%Y-%m-%d").fill_null(""), value)
    return value


def joined(values: Sequence[Value]) -> Value:
    """Texts one after the other."""
    texts = [to_text(value) for value in values]
    if len(texts) == 1:
        return texts[0]
    return derived(Type.TEXT, pl.concat_str([text.expr for text in texts]), *texts)


def compared(sign: str, left: Value, right: Value) -> Value:
    """A comparison; without a date on one side it is false, but for `!=`.

    What is the same for every row stands on the right: with it on the left, Polars 1.44 gives one row
    for the whole table when the other side is an `if` that went the same way in every row.
    """
    if not left.names and right.names:
        return compared(MIRRORED.get(sign, sign), right, left)
    expr = COMPARING[sign](left.expr, right.expr)
    if left.type is Type.DATE:
        if sign == "eq":
            expr = left.expr.eq_missing(right.expr)
        elif sign == "ne":
            expr = left.expr.ne_missing(right.expr)
        else:
            expr = expr.fill_null(value=False)
    return derived(Type.TRUTH, expr, left, right)


def among(left: Value, items: Sequence[Value]) -> Value:
    """Whether a value is one of those written out."""
    if all(item.constant is not None for item in items):
        if not items:
            return literal(False, Type.TRUTH)
        members = pl.Series([item.constant for item in items], dtype=COLUMN[left.type])
        return derived(Type.TRUTH, left.expr.is_in(members.implode()), left)
    return any_of([compared("eq", left, item) for item in items])


def contained(left: Value, right: Value) -> Value:
    """Whether a text stands in a list, or inside another text."""
    if right.type is Type.LIST:
        return derived(Type.TRUTH, right.expr.list.contains(left.expr), left, right)
    return derived(Type.TRUTH, right.expr.str.contains(left.expr, literal=True), left, right)


def listed(items: Sequence[Value]) -> Value:
    """A list written out."""
    constants = [item.constant for item in items]
    if all(isinstance(constant, str) for constant in constants):
        return literal(tuple(str(constant) for constant in constants), Type.LIST)
    return derived(Type.LIST, pl.concat_list([item.expr for item in items]), *items)


def not_(value: Value) -> Value:
    if value.constant is not None:
        return literal(not value.constant, Type.TRUTH)
    return derived(Type.TRUTH, value.expr.not_(), value)


def all_of(values: Sequence[Value]) -> Value:
    """`and` of truths."""
    return _combined(values, pl.all_horizontal, settling=False)


def any_of(values: Sequence[Value]) -> Value:
    """`or` of truths."""
    return _combined(values, pl.any_horizontal, settling=True)


def first_filled(values: Sequence[Value]) -> Value:
    """`or` of texts or lists: the first that is not empty, else the last."""
    result = values[-1]
    for value in reversed(values[:-1]):
        result = chosen(is_empty(value), result, value)
    return result


def is_empty(value: Value) -> Value:
    """Whether a text or list is empty, or a date is none."""
    if value.constant is not None:
        return literal(value.constant in ("", ()), Type.TRUTH)
    if value.type is Type.LIST:
        return derived(Type.TRUTH, value.expr.list.len() == 0, value)
    if value.type is Type.DATE:
        return derived(Type.TRUTH, value.expr.is_null(), value)
    return derived(Type.TRUTH, value.expr == "", value)


def chosen(condition: Value, yes: Value, no: Value | None) -> Value:
    """`yes if condition else no`; without `else`, the empty text (or list, or no date).

    A condition that is the same for every row is settled here: Polars would make one row of it.
    """
    if no is None:
        yes = to_text(yes) if yes.type is Type.NUMBER else yes
        no = literal(EMPTY[yes.type], yes.type)
    if condition.constant is not None:
        return yes if condition.constant else no
    expr = pl.when(condition.expr).then(yes.expr).otherwise(no.expr)
    value = derived(yes.type, expr, condition, yes, no, bound=max(yes.bound, no.bound))
    return replace(value, growth=max(yes.growth, no.growth))


def added(sign: str, left: Value, right: Value) -> Value:
    """`+` and `-` of numbers."""
    expr = left.expr + right.expr if sign == "+" else left.expr - right.expr
    return derived(Type.NUMBER, expr, left, right, bound=left.bound + right.bound)


def chained(left: Value, right: Value) -> Value:
    """`+` of lists: the members of the one, then those of the other."""
    if isinstance(left.constant, tuple) and isinstance(right.constant, tuple):
        return literal(left.constant + right.constant, Type.LIST)
    return derived(Type.LIST, pl.concat_list(left.expr, right.expr), left, right)


def negative(value: Value) -> Value:
    return derived(Type.NUMBER, -value.expr, value, bound=value.bound)


def item(value: Value, index: int) -> Value:
    """One character or one member; the empty text where there is none."""
    if value.type is Type.LIST:
        member = value.expr.list.get(_near(index), null_on_oob=True).fill_null("")
        return derived(Type.TEXT, member, value)
    if index >= 0:
        return derived(Type.TEXT, value.expr.str.slice(_near(index), 1), value)
    character = value.expr.str.slice(_near(index), 1)
    enough = value.expr.str.len_chars() >= -_near(index)
    expr = pl.when(enough).then(character).otherwise(pl.lit(""))
    return derived(Type.TEXT, expr, value, references=2)


def cut(value: Value, start: int | None, stop: int | None) -> Value:
    """`[start:stop]` as Python cuts, by characters or members."""
    first = 0 if start is None else _near(start)
    last = None if stop is None else _near(stop)
    if value.type is Type.LIST:
        return _cut_list(value, first, last)
    text = value.expr.str
    if last is None:
        return derived(Type.TEXT, text.slice(first), value)
    if first >= 0 and last >= 0:
        return derived(Type.TEXT, text.slice(first, max(last - first, 0)), value)
    if last < 0:
        tail = value.expr if first >= 0 else text.tail(-first)
        head = tail.str.head(last)
        return derived(Type.TEXT, head.str.slice(first) if first > 0 else head, value)
    skipped = (text.len_chars().cast(pl.Int64) + first).clip(lower_bound=0)
    return derived(Type.TEXT, text.head(last).str.slice(skipped), value, references=2)


def _combined(
    values: Sequence[Value], join: Callable[[list[pl.Expr]], pl.Expr], *, settling: bool
) -> Value:
    """Truths together; a constant one settles it or has no say."""
    if any(value.constant is settling for value in values):
        return literal(settling, Type.TRUTH)
    open_ones = [value for value in values if value.constant is None]
    if not open_ones:
        return literal(not settling, Type.TRUTH)
    if len(open_ones) == 1:
        return open_ones[0]
    return derived(Type.TRUTH, join([value.expr for value in open_ones]), *open_ones)


def _cut_list(value: Value, first: int, last: int | None) -> Value:
    length = value.expr.list.len().cast(pl.Int64)
    start = (length + first).clip(lower_bound=0) if first < 0 else pl.lit(first, dtype=pl.Int64)
    stop = length
    if last is not None:
        stop = length + last if last < 0 else pl.lit(last, dtype=pl.Int64)
    taken = (stop - start).clip(lower_bound=0)
    return derived(Type.LIST, value.expr.list.slice(start, taken), value, references=4)


def _near(index: int) -> int:
    return max(-FARTHEST, min(index, FARTHEST))
