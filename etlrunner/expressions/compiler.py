"""From a syntax tree to columns: every node that is allowed, what it needs and what it makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl
from jinja2 import nodes

from etlrunner.expressions import operations
from etlrunner.expressions.binding import bind, given_as
from etlrunner.expressions.catalogue import BadArgument, Operator
from etlrunner.expressions.comparisons import Comparing
from etlrunner.expressions.complaints import (
    CONVERTING,
    did_you_mean,
    span,
    token_span,
)
from etlrunner.expressions.filters import ELSEWHERE, FILTERS, TESTS
from etlrunner.expressions.parse import conjuncts
from etlrunner.expressions.typed import MOST, A, Compiled, Rule, Type, Value, literal
from etlrunner.expressions.walker import Broken, flat

UNSTORABLE = "this is no text that can be stored"

TEXT, LIST, TRUTH, NUMBER, DATE = Type.TEXT, Type.LIST, Type.TRUTH, Type.NUMBER, Type.DATE

NOTHING = 'a missing cell is the empty text: write "", or ask: … is empty'


class Compiler(Comparing):
    """Compiles one parsed text against the columns of one table."""

    def build(self, node: nodes.Node) -> Value:
        """The value of a node, if its kind is among those allowed."""
        handler = ALLOWED.get(type(node))
        if handler is None:
            raise self.not_allowed(node)
        return handler(self, node)

    # ------------------------------------------------------------ what a text stands for

    def cell(self, wanted: Type | None) -> Compiled | None:
        """The text as a cell (or list), or None with problems noted."""
        try:
            value = self._whole()
            if value.type is not TRUTH:
                value = operations.to_text(value)
            self._fits_cell(value, wanted)
        except Broken:
            return None
        return Compiled(value.expr, value.type, value.names)

    def rules(self) -> tuple[Rule, ...]:
        """One rule for each part of the top-level `and`; a part that is written twice counts once."""
        rules: dict[str, Rule] = {}
        for node, text in conjuncts(self.parsed):
            try:
                value = self.truth(node)
            except Broken:
                continue
            rules.setdefault(text, Rule(text, value.expr, value.names))
        return tuple(rules.values())

    def _fits_cell(self, value: Value, wanted: Type | None) -> None:
        root = self.parsed.parts[0]
        if value.type is TRUTH:
            hint = CONVERTING[TRUTH, TEXT]
            raise self.broken("E358", root, "a truth (yes or no) cannot be a cell", hint)
        if wanted is not None and value.type is not wanted:
            hint = CONVERTING.get((value.type, wanted), "")
            raise self.broken(
                "E358", root, f"{A[wanted]} is needed here, and this is {A[value.type]}", hint
            )

    def _whole(self) -> Value:
        if not self.parsed.template:
            return self.visit(self.parsed.parts[0])
        parts: list[nodes.Node] = []
        for part in self.parsed.parts:
            parts += part.nodes if isinstance(part, nodes.Output) else [part]
        values = self.visits(parts)
        self.all_written(parts, values)
        return operations.joined(values) if values else literal("", TEXT)

    # ------------------------------------------------------------ nodes: values

    def _templatedata(self, node: nodes.TemplateData) -> Value:
        if not _encodable(node.data):
            raise self.broken("E354", node, UNSTORABLE)
        return literal(node.data, TEXT)

    def _name(self, node: nodes.Name) -> Value:
        kind = self.columns.get(node.name)
        if kind is not None:
            return Value(kind, pl.col(node.name), frozenset({node.name}))
        if node.name == "today":
            return literal(self.today, DATE)
        if node.name.lower() in ("null", "nil", "undefined"):
            raise self.broken("E352", node, f"there is no {node.name}", NOTHING)
        hint = did_you_mean(node.name, self.columns)
        if not hint:
            hint = f"text is written in quotes: {chr(34)}{node.name}{chr(34)}"
        raise self.broken("E352", node, f"there is no column {node.name!r}", hint)

    def _const(self, node: nodes.Const) -> Value:
        value = node.value
        if isinstance(value, bool):
            return literal(value, TRUTH)
        if isinstance(value, int) and value <= MOST:
            return literal(value, NUMBER)
        if isinstance(value, str) and _encodable(value):
            return literal(value, TEXT)
        if value is None:
            raise self.broken("E354", node, "nothing is ever none", NOTHING)
        message = {int: "a number has at most 15 digits", float: "numbers are whole numbers"}
        raise self.broken("E354", node, message.get(type(value), UNSTORABLE))

    def _list(self, node: nodes.List | nodes.Tuple) -> Value:
        items = self.visits(node.items)
        for part, item in zip(node.items, items, strict=True):
            self.must_be(TEXT, part, item, "a list holds text")
        return operations.listed(items)

    # ------------------------------------------------------------ nodes: truths

    def _not(self, node: nodes.Not) -> Value:
        return operations.not_(self.truth(node.node))

    def _and(self, node: nodes.And) -> Value:
        return self.truth(node)

    def _or(self, node: nodes.Or) -> Value:
        """`or` of texts or lists is the first that is not empty; of truths, their `or`."""
        parts = flat(node)
        values = self.visits(parts)
        kinds = {value.type for value in values}
        if kinds in ({TEXT}, {LIST}):
            return operations.first_filled(values)
        return self.truth(node)

    # ------------------------------------------------------------ nodes: text, numbers, choice

    def _concat(self, node: nodes.Concat) -> Value:
        values = self.visits(node.nodes)
        self.all_written(node.nodes, values)
        return operations.joined(values)

    def _condexpr(self, node: nodes.CondExpr) -> Value:
        branches: list[nodes.Node] = [node.expr1, *([node.expr2] if node.expr2 is not None else [])]
        values = self.all_of(
            lambda part: self.truth(part) if part is node.test else self.visit(part),
            [node.test, *branches],
        )
        condition, yes = values[0], values[1]
        if len(values) == 3:
            reason = f"both branches of an `if` are of one type, here {A[yes.type]}"
            self.must_be(yes.type, branches[1], values[2], reason)
        return operations.chosen(condition, yes, values[2] if len(values) == 3 else None)

    def _add(self, node: nodes.Add) -> Value:
        return self._sum("+", node)

    def _sub(self, node: nodes.Sub) -> Value:
        return self._sum("-", node)

    def _sum(self, sign: str, node: nodes.Add | nodes.Sub) -> Value:
        left, right = self.visits([node.left, node.right])
        if sign == "+" and LIST in (left.type, right.type):
            for part, value in ((node.left, left), (node.right, right)):
                self.must_be(LIST, part, value, "`+` of a list takes another list")
            return operations.chained(left, right)
        for part, value in ((node.left, left), (node.right, right)):
            if value.type is TEXT and sign == "+":
                other = right if value is left else left
                hint = "`~` joins text"
                if other.type is NUMBER:
                    hint = f"{CONVERTING[TEXT, NUMBER]}; {hint}"
                raise self.broken("E355", part, "`+` adds numbers or lists, and this is text", hint)
            self.must_be(NUMBER, part, value, f"`{sign}` takes numbers")
        return operations.added(sign, left, right)

    def _neg(self, node: nodes.Neg) -> Value:
        value = self.visit(node.node)
        self.must_be(NUMBER, node.node, value, "`-` takes a number")
        return operations.negative(value)

    def _getitem(self, node: nodes.Getitem) -> Value:
        value = self.visit(node.node)
        if value.type not in (TEXT, LIST):
            message = f"[ ] takes parts of text or of a list, and this is {A[value.type]}"
            raise self.broken("E355", node.node, message)
        if not isinstance(node.arg, nodes.Slice):
            return operations.item(value, self._index(node, node.arg))
        if node.arg.step is not None:
            raise self.broken("E354", node.arg.step, "a slice has no step", "write [start:stop]")
        start, stop = (
            None if part is None else self._index(node, part)
            for part in (node.arg.start, node.arg.stop)
        )
        return operations.cut(value, start, stop)

    def _index(self, node: nodes.Getitem, part: nodes.Expr) -> int:
        if isinstance(part, nodes.Tuple):
            raise self.broken("E354", part, "[ ] holds one number or one slice")
        value = self.visit(part)
        if type(value.constant) is not int:
            hint = "like [:8], [-3:] or [0]"
            raise self.broken("E355", part, "between [ ] stand whole numbers written out", hint)
        return value.constant

    # ------------------------------------------------------------ nodes: filters and tests

    def _filter(self, node: nodes.Filter) -> Value:
        return self._apply(node, FILTERS, "filter")

    def _test(self, node: nodes.Test) -> Value:
        return self._apply(node, TESTS, "test")

    def _apply(
        self, node: nodes.Filter | nodes.Test, shelf: Mapping[str, Operator], kind: str
    ) -> Value:
        operator = shelf.get(node.name)
        if operator is None:
            self.note("E353", token_span(self.parsed, node), *_unknown(node.name, shelf, kind))
        if node.node is None:
            raise self.not_allowed(node)
        value = self.visit(node.node)
        if operator is None:
            raise Broken
        if value.type not in operator.takes:
            raise self._refused(node, operator, value)
        return self._built(node, operator, value)

    def _refused(self, node: nodes.Filter | nodes.Test, operator: Operator, value: Value) -> Broken:
        needs = " or ".join(A[kind] for kind in operator.takes)
        lead = "is " if isinstance(node, nodes.Test) else "| "
        message = f"`{lead}{node.name}` takes {needs}, and this is {A[value.type]}"
        assert node.node is not None
        return self.broken(
            "E355", node.node, message, CONVERTING.get((value.type, operator.takes[0]), "")
        )

    def _built(self, node: nodes.Filter | nodes.Test, operator: Operator, value: Value) -> Value:
        given = [*node.args, *(pair.value for pair in node.kwargs)]
        names: list[str | None] = [None] * len(node.args)
        names += [str(pair.key) for pair in node.kwargs]
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            raise self.broken("E354", node, "`*` and `**` cannot be used in arguments")
        values = self.visits(given)
        try:
            arguments = bind(operator, value, list(zip(names, values, strict=True)))
            assert operator.build is not None
            return operator.build(value, arguments)
        except BadArgument as bad:
            where = token_span(self.parsed, node)
            place = bad.position
            if bad.parameter:
                place = given_as(operator, bad.parameter, names)
            if place is not None:
                where = span(self.parsed, given[place])
            raise self.note(bad.code, where, bad.message, bad.hint) from bad


def _unknown(name: str, shelf: Mapping[str, Operator], kind: str) -> tuple[str, str]:
    hint = did_you_mean(name, [name.lower()] if name.lower() in shelf else ())
    hint = hint or ELSEWHERE.get(name.lower(), "") or did_you_mean(name, shelf)
    if not hint:
        lead = "to compare, write ==; " if kind == "test" else ""
        hint = f"{lead}there are: {', '.join(sorted(shelf))}"
    return f"there is no {kind} {name!r}", hint


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


ALLOWED: dict[type[nodes.Node], Callable[[Compiler, Any], Value]] = {
    nodes.Add: Compiler._add,
    nodes.And: Compiler._and,
    nodes.Compare: Compiler.compare,
    nodes.Concat: Compiler._concat,
    nodes.CondExpr: Compiler._condexpr,
    nodes.Const: Compiler._const,
    nodes.Filter: Compiler._filter,
    nodes.Getitem: Compiler._getitem,
    nodes.List: Compiler._list,
    nodes.Name: Compiler._name,
    nodes.Neg: Compiler._neg,
    nodes.Not: Compiler._not,
    nodes.Or: Compiler._or,
    nodes.Sub: Compiler._sub,
    nodes.TemplateData: Compiler._templatedata,
    nodes.Test: Compiler._test,
    nodes.Tuple: Compiler._list,
}
"""Every kind of node that an expression may hold; all others are refused."""
