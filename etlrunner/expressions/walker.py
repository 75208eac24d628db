"""Walking a syntax tree: types are asked for, problems are noted with their place, size is bounded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import polars as pl
from jinja2 import nodes

from etlrunner.expressions import operations
from etlrunner.expressions.complaints import CONVERTING, as_written, forbidden, span
from etlrunner.expressions.filters import FILTERS
from etlrunner.expressions.parse import Parsed
from etlrunner.expressions.typed import A, Type, Value, literal

TEXT, LIST, TRUTH, DATE = Type.TEXT, Type.LIST, Type.TRUTH, Type.DATE

DEEPEST = 60
"""Nodes inside each other."""

HEAVIEST = 5_000
"""Nodes of the column expression."""

LONGEST = 1_000_000
"""How many times longer than its cells a text may become."""

LARGEST = 2**62
"""What a number may come to: a sum must not leave 64 bits."""


class Broken(Exception):
    """A part that cannot be built; its problem has been noted."""


class Walker:
    """What the compiler knows of one text, and how it goes from node to node."""

    def __init__(self, parsed: Parsed, columns: Mapping[str, Type], today: date) -> None:
        self.parsed = parsed
        self.columns = columns
        self.today = today
        self.depth = 0

    def build(self, node: nodes.Node) -> Value:
        """The value of a node; raises Broken."""
        raise NotImplementedError

    def visit(self, node: nodes.Node) -> Value:
        """The value of any node; where no column takes part, it is computed here and now."""
        if self.depth >= DEEPEST:
            raise self._too_large(node, f"more than {DEEPEST} steps inside each other")
        self.depth += 1
        try:
            value = self.build(node)
        finally:
            self.depth -= 1
        if value.weight > HEAVIEST or value.bound > LARGEST:
            raise self._too_large(node, "more steps than one cell can need")
        if value.growth > LONGEST:
            raise self._too_large(node, f"text may become {value.growth:,} times longer here")
        return value if value.names or value.constant is not None else _computed(value)

    def visits(self, parts: Sequence[nodes.Node]) -> list[Value]:
        """The values of several nodes; all their problems are noted before giving up."""
        return self.all_of(self.visit, parts)

    def truth(self, node: nodes.Node) -> Value:
        """The value of a condition; a bare column is none."""
        if isinstance(node, nodes.And | nodes.Or):
            operands = self.all_of(self.truth, flat(node))
            join = operations.all_of if isinstance(node, nodes.And) else operations.any_of
            return join(operands)
        value = self.visit(node)
        if value.type is not TRUTH:
            raise self._no_condition(node, value)
        return value

    def all_of(
        self, visit: Callable[[nodes.Node], Value], parts: Sequence[nodes.Node]
    ) -> list[Value]:
        values: list[Value] = []
        for part in parts:
            try:
                values.append(visit(part))
            except Broken:
                continue
        if len(values) < len(parts):
            raise Broken
        return values

    # ------------------------------------------------------------ problems

    def broken(self, code: str, node: nodes.Node, message: str, hint: str = "") -> Broken:
        """Note a problem with a node; to be raised."""
        return self.note(code, span(self.parsed, node), message, hint)

    def not_allowed(self, node: nodes.Node) -> Broken:
        message, hint = forbidden(self.parsed, node, FILTERS)
        return self.broken("E354", node, message, hint)

    def note(self, code: str, where: tuple[int, int], message: str, hint: str = "") -> Broken:
        self.parsed.spots.add(code, message, *where, hint=hint)
        return Broken()

    def _too_large(self, node: nodes.Node, message: str) -> Broken:
        """Told once: of a chain that is too long, every link is too deep."""
        if any(problem.code == "E360" for problem in self.parsed.spots.problems):
            return Broken()
        hint = "split it: columns that a transform adds, or a code table under `lookups`"
        return self.broken("E360", node, message, hint)

    def _no_condition(self, node: nodes.Node, value: Value) -> Broken:
        if value.type is not TEXT:
            hint = {LIST: "write: … is not empty", DATE: "compare it: … <= today"}.get(
                value.type, "compare it: … > 0"
            )
            message = f"a condition is needed here, and this is {A[value.type]}"
            return self.broken("E356", node, message, hint)
        if isinstance(value.constant, str):
            hint = "each side of `and` and `or` compares: role == 'a' or role == 'b', or: role in ['a', 'b']"
            return self.broken("E356", node, f"{value.constant!r} alone is not a condition", hint)
        name = node.name if isinstance(node, nodes.Name) else "…"
        subject = f"{name!r} alone" if isinstance(node, nodes.Name) else "text alone"
        message = (
            f'{subject} is not a condition: any text but the empty one would be true, "false" too'
        )
        return self.broken(
            "E356", node, message, f'write: {name} == "true", or: {name} is not empty'
        )

    def all_written(self, parts: Sequence[nodes.Node], values: Sequence[Value]) -> None:
        """What is joined to text must be text, a number or a date."""
        bad = False
        for part, value in zip(parts, values, strict=True):
            if value.type in (LIST, TRUTH):
                message = f"{A[value.type]} cannot be joined to text"
                self.broken("E355", part, message, CONVERTING[value.type, TEXT])
                bad = True
        if bad:
            raise Broken

    def must_be(self, wanted: Type, node: nodes.Node, value: Value, reason: str) -> None:
        if value.type is not wanted:
            hint = CONVERTING.get((value.type, wanted), "")
            if wanted is TEXT and isinstance(value.constant, int):
                hint = f'write "{as_written(value.constant)}" in quotes'
            raise self.broken("E355", node, f"{reason}, and this is {A[value.type]}", hint)


def flat(node: nodes.And | nodes.Or) -> list[nodes.Node]:
    """The operands of a chain of the same word, which Jinja2 nests to the left."""
    right: list[nodes.Node] = []
    tree: nodes.Node = node
    while type(tree) is type(node):
        assert isinstance(tree, nodes.And | nodes.Or)
        right.append(tree.right)
        tree = tree.left
    return [tree, *reversed(right)]


def _computed(value: Value) -> Value:
    """A value without columns, computed once, while compiling."""
    result = pl.select(value.expr).to_series().to_list()[0]
    return literal(tuple(result) if isinstance(result, list) else result, value.type)
