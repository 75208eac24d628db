"""From a syntax tree to columns: every node is checked, typed and built, and all problems are noted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl
from jinja2 import nodes

from etlrunner.mapping.expressions import operations
from etlrunner.mapping.expressions.binding import bind
from etlrunner.mapping.expressions.catalogue import BadArgument, Operator
from etlrunner.mapping.expressions.complaints import (
    CONVERTING,
    did_you_mean,
    forbidden,
    nearest,
    span,
    token_span,
)
from etlrunner.mapping.expressions.filters import ELSEWHERE, FILTERS, TESTS
from etlrunner.mapping.expressions.parse import Parsed, conjuncts
from etlrunner.mapping.expressions.typed import MOST, A, Compiled, Rule, Type, Value, literal

TEXT, LIST, TRUTH, NUMBER, DATE = Type.TEXT, Type.LIST, Type.TRUTH, Type.NUMBER, Type.DATE

DEEPEST = 60
HEAVIEST = 5_000
LARGEST = 2**62


class Broken(Exception):
    """A part that cannot be built; its problem has been noted."""


class Compiler:
    """Compiles one parsed text against the columns of one table."""

    def __init__(self, parsed: Parsed, columns: Mapping[str, Type], today: date) -> None:
        self.parsed = parsed
        self.columns = columns
        self.today = today
        self.depth = 0

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
            raise self.broken("E308", root, "a truth (yes or no) cannot be a cell", hint)
        if wanted is not None and value.type is not wanted:
            hint = CONVERTING.get((value.type, wanted), "")
            raise self.broken(
                "E308", root, f"{A[wanted]} is needed here, and this is {A[value.type]}", hint
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

    # ------------------------------------------------------------ walking

    def visit(self, node: nodes.Node) -> Value:
        """The value of any node; where no column takes part, it is computed here and now."""
        if self.depth >= DEEPEST:
            raise self.broken("E310", node, "too deep: more than one cell can need")
        handler = getattr(self, f"_{type(node).__name__.lower()}", None)
        if handler is None:
            raise self.not_allowed(node)
        self.depth += 1
        try:
            value: Value = handler(node)
        finally:
            self.depth -= 1
        if value.weight > HEAVIEST or value.bound > LARGEST:
            raise self.broken("E310", node, "too large: more than one cell can need")
        return value if value.names or value.constant is not None else _computed(value)

    def visits(self, parts: Sequence[nodes.Node]) -> list[Value]:
        """The values of several nodes; all their problems are noted before giving up."""
        return self._all(self.visit, parts)

    def truth(self, node: nodes.Node) -> Value:
        """The value of a condition; a bare column is none."""
        if isinstance(node, nodes.And | nodes.Or):
            operands = self._all(self.truth, _flat(node))
            join = operations.all_of if isinstance(node, nodes.And) else operations.any_of
            return join(operands)
        value = self.visit(node)
        if value.type is not TRUTH:
            raise self._no_condition(node, value)
        return value

    def _all(self, visit: object, parts: Sequence[nodes.Node]) -> list[Value]:
        assert callable(visit)
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
        return self._note(code, span(self.parsed, node), message, hint)

    def not_allowed(self, node: nodes.Node) -> Broken:
        message, hint = forbidden(node, FILTERS)
        return self.broken("E304", node, message, hint)

    def _note(self, code: str, where: tuple[int, int], message: str, hint: str = "") -> Broken:
        self.parsed.spots.add(code, message, *where, hint=hint)
        return Broken()

    def _no_condition(self, node: nodes.Node, value: Value) -> Broken:
        if value.type is not TEXT:
            hint = {LIST: "write: … is not empty", DATE: "compare it: … <= today"}.get(
                value.type, "compare it: … > 0"
            )
            message = f"a condition is needed here, and this is {A[value.type]}"
            return self.broken("E306", node, message, hint)
        name = node.name if isinstance(node, nodes.Name) else "…"
        subject = f"{name!r} alone" if isinstance(node, nodes.Name) else "text alone"
        message = (
            f'{subject} is not a condition: any text but the empty one would be true, "false" too'
        )
        return self.broken(
            "E306", node, message, f'write: {name} == "true", or: {name} is not empty'
        )

    def all_written(self, parts: Sequence[nodes.Node], values: Sequence[Value]) -> None:
        """What is joined to text must be text, a number or a date."""
        bad = False
        for part, value in zip(parts, values, strict=True):
            if value.type in (LIST, TRUTH):
                message = f"{A[value.type]} cannot be joined to text"
                self.broken("E305", part, message, CONVERTING[value.type, TEXT])
                bad = True
        if bad:
            raise Broken

    # ------------------------------------------------------------ nodes: values

    def _templatedata(self, node: nodes.TemplateData) -> Value:
        return literal(node.data, TEXT)

    def _name(self, node: nodes.Name) -> Value:
        kind = self.columns.get(node.name)
        if kind is not None:
            return Value(kind, pl.col(node.name), frozenset({node.name}))
        if node.name == "today":
            return literal(self.today, DATE)
        hint = did_you_mean(node.name, self.columns)
        if not hint:
            hint = f"text is written in quotes: {chr(34)}{node.name}{chr(34)}"
        raise self.broken("E302", node, f"there is no column {node.name!r}", hint)

    def _const(self, node: nodes.Const) -> Value:
        value = node.value
        if isinstance(value, bool):
            return literal(value, TRUTH)
        if isinstance(value, int) and value <= MOST:
            return literal(value, NUMBER)
        if isinstance(value, str) and _encodable(value):
            return literal(value, TEXT)
        if value is None:
            raise self.broken(
                "E304", node, "nothing is ever none: a missing cell is the empty text", 'write ""'
            )
        message = {int: "a number has at most 15 digits", float: "numbers are whole numbers"}
        raise self.broken(
            "E304", node, message.get(type(value), "this is no text that can be stored")
        )

    def _list(self, node: nodes.List | nodes.Tuple) -> Value:
        items = self.visits(node.items)
        for part, item in zip(node.items, items, strict=True):
            self._must_be(TEXT, part, item, "a list holds text")
        return operations.listed(items)

    _tuple = _list

    # ------------------------------------------------------------ nodes: truths

    def _compare(self, node: nodes.Compare) -> Value:
        left: nodes.Node = node.expr
        pairs = []
        for operand in node.ops:
            pairs.append((operand.op, left, operand.expr))
            left = operand.expr
        results = []
        failed = False
        for sign, one, other in pairs:
            try:
                results.append(self._pair(sign, one, other))
            except Broken:
                failed = True
        if failed:
            raise Broken
        return operations.all_of(results)

    def _pair(self, sign: str, one: nodes.Node, other: nodes.Node) -> Value:
        if sign in ("in", "notin"):
            found = self._in(one, other)
            return found if sign == "in" else operations.not_(found)
        left, right = self.visits([one, other])
        if left.type is LIST or right.type is LIST:
            hint = 'ask whether it holds something: "x" in …, or: … is empty'
            raise self.broken(
                "E305", one if left.type is LIST else other, "lists are not compared", hint
            )
        if left.type is not right.type:
            raise self._unequal(sign, one, left, other, right)
        if left.type is TRUTH and sign not in ("eq", "ne"):
            raise self.broken("E305", one, "truths have no order")
        return operations.compared(sign, left, right)

    def _unequal(
        self, sign: str, one: nodes.Node, left: Value, other: nodes.Node, right: Value
    ) -> Broken:
        shown = operations.SIGNS[sign]
        start, end = span(self.parsed, one)[0], span(self.parsed, other)[1]
        message = f"`{shown}` compares {A[left.type]} with {A[right.type]}"
        number = left if left.type is NUMBER else right
        text = right if number is left else left
        if text.type is TEXT and isinstance(number.constant, int) and shown in ("==", "!="):
            hint = f'write "{number.constant}" in quotes, or make a number of the text with `| int`'
        elif (
            text.type is TEXT
            and text.constant in ("true", "false")
            and TRUTH in (left.type, right.type)
        ):
            hint = "a truth is compared with true or false, without quotes"
        elif TRUTH in (left.type, right.type):
            hint = 'text is compared with text in quotes: == "true"'
        else:
            kinds = sorted((left.type, right.type), key=lambda kind: kind is not TEXT)
            hint = CONVERTING.get((kinds[0], kinds[1]), "")
        return self._note("E305", (start, end), message, hint)

    def _in(self, one: nodes.Node, other: nodes.Node) -> Value:
        if isinstance(other, nodes.List | nodes.Tuple):
            left, *items = self.visits([one, *other.items])
            for part, item in zip(other.items, items, strict=True):
                self._must_be(left.type, part, item, f"{A[left.type]} is looked for")
            if left.type in (TEXT, NUMBER):
                return operations.among(left, items)
            raise self.broken(
                "E305", one, f"`in` looks for text or a number, and this is {A[left.type]}"
            )
        left, right = self.visits([one, other])
        self._must_be(TEXT, one, left, "`in` looks for text")
        if right.type not in (TEXT, LIST):
            message = f"`in` looks into a list or a text, and this is {A[right.type]}"
            raise self.broken("E305", other, message)
        return operations.contained(left, right)

    def _not(self, node: nodes.Not) -> Value:
        return operations.not_(self.truth(node.node))

    def _and(self, node: nodes.And) -> Value:
        return self.truth(node)

    def _or(self, node: nodes.Or) -> Value:
        """`or` of texts or lists is the first that is not empty; of truths, their `or`."""
        parts = _flat(node)
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
        branches = [node.expr1, *([node.expr2] if node.expr2 is not None else [])]
        values = self._all(
            lambda part: self.truth(part) if part is node.test else self.visit(part),
            [node.test, *branches],
        )
        condition, yes = values[0], values[1]
        if len(values) == 3:
            reason = f"both branches of an `if` are of one type, here {A[yes.type]}"
            self._must_be(yes.type, branches[1], values[2], reason)
        return operations.chosen(condition, yes, values[2] if len(values) == 3 else None)

    def _add(self, node: nodes.Add) -> Value:
        return self._sum("+", node)

    def _sub(self, node: nodes.Sub) -> Value:
        return self._sum("-", node)

    def _sum(self, sign: str, node: nodes.Add | nodes.Sub) -> Value:
        left, right = self.visits([node.left, node.right])
        for part, value in ((node.left, left), (node.right, right)):
            if value.type is TEXT and sign == "+":
                raise self.broken(
                    "E305", part, "`+` adds numbers, and this is text", "`~` joins text"
                )
            self._must_be(NUMBER, part, value, f"`{sign}` takes numbers")
        return operations.added(sign, left, right)

    def _neg(self, node: nodes.Neg) -> Value:
        value = self.visit(node.node)
        self._must_be(NUMBER, node.node, value, "`-` takes a number")
        return operations.negative(value)

    def _getitem(self, node: nodes.Getitem) -> Value:
        value = self.visit(node.node)
        if value.type not in (TEXT, LIST):
            message = f"[ ] takes parts of text or of a list, and this is {A[value.type]}"
            raise self.broken("E305", node.node, message)
        if not isinstance(node.arg, nodes.Slice):
            return operations.item(value, self._index(node, node.arg))
        if node.arg.step is not None:
            raise self.broken("E304", node.arg.step, "a slice has no step", "write [start:stop]")
        start, stop = (
            None if part is None else self._index(node, part)
            for part in (node.arg.start, node.arg.stop)
        )
        return operations.cut(value, start, stop)

    def _index(self, node: nodes.Getitem, part: nodes.Expr) -> int:
        if isinstance(part, nodes.Tuple):
            raise self.broken("E304", part, "[ ] holds one number or one slice")
        value = self.visit(part)
        if type(value.constant) is not int:
            hint = "like [:8], [-3:] or [0]"
            raise self.broken("E305", part, "between [ ] stand whole numbers written out", hint)
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
            self._note("E303", token_span(self.parsed, node), *_unknown(node.name, shelf, kind))
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
            "E305", node.node, message, CONVERTING.get((value.type, operator.takes[0]), "")
        )

    def _built(self, node: nodes.Filter | nodes.Test, operator: Operator, value: Value) -> Value:
        given: list[tuple[str | None, nodes.Node]] = [(None, part) for part in node.args]
        given += [(pair.key, pair.value) for pair in node.kwargs]
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            raise self.broken("E304", node, "`*` and `**` cannot be used in arguments")
        values = self.visits([part for _, part in given])
        names = [name for name, _ in given]
        try:
            arguments = bind(operator, value, list(zip(names, values, strict=True)))
            assert operator.build is not None
            return operator.build(value, arguments)
        except BadArgument as bad:
            where = token_span(self.parsed, node)
            if bad.position is not None:
                where = span(self.parsed, given[bad.position][1])
            raise self._note(bad.code, where, bad.message, bad.hint) from bad

    def _must_be(self, wanted: Type, node: nodes.Node, value: Value, reason: str) -> None:
        if value.type is not wanted:
            hint = CONVERTING.get((value.type, wanted), "")
            if wanted is TEXT and isinstance(value.constant, int):
                hint = f'write "{value.constant}" in quotes'
            raise self.broken("E305", node, f"{reason}, and this is {A[value.type]}", hint)


def _flat(node: nodes.And | nodes.Or) -> list[nodes.Node]:
    """The operands of a chain of the same word, which Jinja2 nests to the left."""
    right: list[nodes.Node] = []
    tree: nodes.Node = node
    while type(tree) is type(node):
        assert isinstance(tree, nodes.And | nodes.Or)
        right.append(tree.right)
        tree = tree.left
    return [tree, *reversed(right)]


def _unknown(name: str, shelf: Mapping[str, Operator], kind: str) -> tuple[str, str]:
    hint = ELSEWHERE.get(name, "") or did_you_mean(name, shelf)
    if not nearest(name, shelf) and not hint:
        hint = f"there are: {', '.join(sorted(shelf))}"
    return f"there is no {kind} {name!r}", hint


def _computed(value: Value) -> Value:
    """A value without columns, computed once, while compiling."""
    result = pl.select(value.expr).to_series().to_list()[0]
    return literal(tuple(result) if isinstance(result, list) else result, value.type)


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
