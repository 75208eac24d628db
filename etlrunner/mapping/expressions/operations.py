"""What operators do to columns: joining, comparing, `in`, slices, and turning a value into text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from etlrunner.mapping.expressions.typed import COLUMN, Constant, Type, Value, derived, literal

COMPARING: dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "eq": pl.Expr.eq,
    "ne": pl.Expr.ne,
    "lt": pl.Expr.lt,
    "lteq": pl.Expr.le,
    "gt": pl.Expr.gt,
    "gteq": pl.Expr.ge,
}

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
    """A comparison; without a date on one side it is false, but for `!=`."""
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
        members = pl.Series([item.constant for item in items], dtype=COLUMN[left.type])
        expr = left.expr.is_in(members.implode()) if len(members) else pl.lit(value=False)
        return derived(Type.TRUTH, expr, left)
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
    return derived(Type.TRUTH, value.expr.not_(), value)


def all_of(values: Sequence[Value]) -> Value:
    """`and` of truths."""
    if len(values) == 1:
        return values[0]
    return derived(Type.TRUTH, pl.all_horizontal([value.expr for value in values]), *values)


def any_of(values: Sequence[Value]) -> Value:
    """`or` of truths."""
    if len(values) == 1:
        return values[0]
    return derived(Type.TRUTH, pl.any_horizontal([value.expr for value in values]), *values)


def first_filled(values: Sequence[Value]) -> Value:
    """`or` of texts or lists: the first that is not empty, else the last."""
    result = values[-1].expr
    for value in reversed(values[:-1]):
        result = pl.when(is_empty(value).expr).then(result).otherwise(value.expr)
    return derived(values[0].type, result, *values, references=2)


def is_empty(value: Value) -> Value:
    """Whether a text or list is empty, or a date is none."""
    if value.type is Type.LIST:
        return derived(Type.TRUTH, value.expr.list.len() == 0, value)
    if value.type is Type.DATE:
        return derived(Type.TRUTH, value.expr.is_null(), value)
    return derived(Type.TRUTH, value.expr == "", value)


def chosen(condition: Value, yes: Value, no: Value | None) -> Value:
    """`yes if condition else no`; without `else`, the empty text (or list, or no date)."""
    if no is None:
        yes = to_text(yes) if yes.type is Type.NUMBER else yes
        no = literal(EMPTY[yes.type], yes.type)
    expr = pl.when(condition.expr).then(yes.expr).otherwise(no.expr)
    return derived(yes.type, expr, condition, yes, no, bound=max(yes.bound, no.bound))


def added(sign: str, left: Value, right: Value) -> Value:
    """`+` and `-` of numbers."""
    expr = left.expr + right.expr if sign == "+" else left.expr - right.expr
    return derived(Type.NUMBER, expr, left, right, bound=left.bound + right.bound)


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
