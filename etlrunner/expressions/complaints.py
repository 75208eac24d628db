"""Problems with nodes: where a node begins and ends, and in plain words why it is not allowed."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from jinja2 import nodes

from etlrunner.expressions.parse import Parsed
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


def forbidden(node: nodes.Node, filters: Iterable[str]) -> tuple[str, str]:
    """Why a node is not allowed, and what to write instead."""
    kind = type(node).__name__
    message = NOT_ALLOWED.get(kind, f"{kind} is not allowed here")
    target = node.node if isinstance(node, nodes.Call) else node
    if isinstance(target, nodes.Getattr):
        message = message.format(attr=target.attr)
        return message, _filter_for(target.attr, filters)
    if isinstance(target, nodes.Name):
        return message, _filter_for(target.name, filters)
    return message, HINTS.get(kind, "")


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that was probably meant, or nothing."""
    lowered = {one.lower(): one for one in known}
    close = get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    return lowered[close[0]] if close else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    close = nearest(name, known)
    return f"did you mean {close!r}?" if close else ""


def _filter_for(name: str, filters: Iterable[str]) -> str:
    """What is called in Python has a filter of the same or a similar name here."""
    usual = {
        "strip": "trim",
        "len": "length",
        "str": "text",
        "zfill": "pad_left",
        "rjust": "pad_left",
    }
    known = set(filters)
    name = usual.get(name, name)
    if name not in known:
        name = nearest(name, known)
    return (
        f"filters do such things: write `| {name}`" if name else "filters do such things, after `|`"
    )
