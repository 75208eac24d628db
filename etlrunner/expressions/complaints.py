"""Problems with nodes: where a node begins and ends, and in plain words why it is not allowed."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from jinja2 import nodes

from etlrunner.expressions.parse import Parsed
from etlrunner.expressions.spreadsheet import FUNCTIONS
from etlrunner.expressions.typed import Type

UNRELIABLE = (
    nodes.And,
    nodes.Or,
    nodes.Compare,
    nodes.CondExpr,
    nodes.Tuple,
    nodes.Slice,
    nodes.Output,
)
"""Nodes whose own position Jinja2 takes from a later token; their parts know better."""

CONVERTING = {
    (Type.TEXT, Type.NUMBER): "`| int` makes a number of text",
    (
        Type.TEXT,
        Type.DATE,
    ): "`| date` makes a date of text, `| date('%m/%d/%Y')` of other spellings",
    (Type.TEXT, Type.LIST): "`| split(',')` makes a list of text",
    (Type.NUMBER, Type.TEXT): "`| text` makes text of a number",
    (Type.DATE, Type.TEXT): "`| format_date('%m/%d/%Y')` makes text of a date",
    (Type.LIST, Type.TEXT): "`| first` takes one of a list, `| join(', ')` all of it",
    (
        Type.DATE,
        Type.NUMBER,
    ): "`| add_days(14)` moves a date, `| format_date('%Y') | int` is its year",
    (Type.TRUTH, Type.TEXT): "write it as: 'yes' if … else 'no'",
}
"""How to get from a type to another."""

NOT_ALLOWED = {
    "Call": "functions cannot be called",
    "Getattr": "a column has no parts: `.{attr}` cannot be read",
    "Dict": "maps are not values here",
    "Mul": "only + and - of numbers are computed, not *",
    "Div": "only + and - of numbers are computed, not /",
    "FloorDiv": "only + and - of numbers are computed, not //",
    "Mod": "only + and - of numbers are computed, not %",
    "Pow": "only + and - of numbers are computed, not **",
}
HINTS = {
    "Dict": "a lookup turns codes into other values: `lookups` in the mapping",
}


def span(parsed: Parsed, node: nodes.Node) -> tuple[int, int]:
    """Where a node's first token begins and its last one ends, closing brackets left aside."""
    offsets: list[int] = []
    waiting: list[nodes.Node] = [node]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, (*UNRELIABLE, nodes.Operand)) and one.lineno in parsed.tokens:
            offsets.append(one.lineno)
            if isinstance(one, nodes.Getattr):  # its position is the dot's
                offsets.append(next(at for at in parsed.tokens if at > one.lineno))
        waiting += one.iter_child_nodes()
    if not offsets:
        return (node.lineno or 0), (node.lineno or 0) + 1
    return min(offsets), parsed.tokens[max(offsets)].end


def token_span(parsed: Parsed, node: nodes.Node) -> tuple[int, int]:
    """The one token that names a node: a filter's or test's name."""
    token = parsed.tokens[node.lineno]
    if not isinstance(node, nodes.Test):
        return token.offset, token.end
    following = [t for t in parsed.tokens.values() if t.offset > token.offset and t.text != "not"]
    return following[0].offset, following[0].end


def forbidden(parsed: Parsed, node: nodes.Node, filters: Iterable[str]) -> tuple[str, str]:
    """Why a node is not allowed, and what to write instead."""
    kind = type(node).__name__
    message = NOT_ALLOWED.get(kind, f"{kind} is not allowed here")
    if isinstance(node, nodes.Call):
        return message, _instead_of_call(parsed, node, filters)
    if isinstance(node, nodes.Getattr):
        hint = FUNCTIONS.get(node.attr.lower(), "")
        name = usual(node.attr, filters)
        if name and not hint:
            hint = f"write: {source(parsed, node.node)} | {name}"
        return message.format(attr=node.attr), hint or "filters do such things, after `|`"
    return message, HINTS.get(kind, "")


def _instead_of_call(parsed: Parsed, node: nodes.Call, filters: Iterable[str]) -> str:
    """`f(x)` and `x.f()` are written `x | f`, if there is such a filter."""
    of, name = "", ""
    if isinstance(node.node, nodes.Getattr):
        of, name = source(parsed, node.node.node), node.node.attr
    elif isinstance(node.node, nodes.Name):
        of, name = source(parsed, node.args[0]) if node.args else "", node.node.name
    known = usual(name, filters)
    if name.lower() in FUNCTIONS or not known:
        return FUNCTIONS.get(name.lower(), "filters do such things, after `|`")
    return f"write: {of} | {known}" if of else f"filters do such things: write `| {known}`"


def source(parsed: Parsed, node: nodes.Node) -> str:
    """A node as it was written, if that is short."""
    start, end = span(parsed, node)
    text = parsed.spots.text[start:end]
    return text if len(text) <= 40 and "\n" not in text else "…"


def as_written(value: object) -> str:
    """A literal as it is written in an expression."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def nearest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The known name that was probably meant, or nothing."""
    lowered = {one.lower(): one for one in known}
    close = get_close_matches(name.lower(), lowered, n=1, cutoff=cutoff)
    return lowered[close[0]] if close else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    close = nearest(name, known)
    return f"did you mean {close!r}?" if close else ""


def usual(name: str, filters: Iterable[str]) -> str:
    """The filter that does what a function of this name does in Python, or nothing."""
    of_python = {
        "strip": "trim",
        "len": "length",
        "str": "text",
        "zfill": "pad_left",
        "rjust": "pad_left",
    }
    known = set(filters)
    name = of_python.get(name.lower(), name.lower())
    return name if name in known else nearest(name, known, 0.75)
