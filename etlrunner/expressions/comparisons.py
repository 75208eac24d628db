"""Comparisons and `in`: which types go together, and what to write where they do not."""

from __future__ import annotations

from jinja2 import nodes

from etlrunner.expressions import operations
from etlrunner.expressions.complaints import CONVERTING, as_written, span
from etlrunner.expressions.typed import A, Type, Value
from etlrunner.expressions.walker import Broken, Walker

TEXT, LIST, TRUTH, NUMBER = Type.TEXT, Type.LIST, Type.TRUTH, Type.NUMBER


class Comparing(Walker):
    """The part of the compiler that compares."""

    def compare(self, node: nodes.Compare) -> Value:
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
            found = self._in(sign, one, other)
            return found if sign == "in" else operations.not_(found)
        left, right = self.visits([one, other])
        if left.type is LIST or right.type is LIST:
            hint = 'ask whether it holds something: "x" in …, or: … is empty'
            raise self.broken(
                "E355", one if left.type is LIST else other, "lists are not compared", hint
            )
        if left.type is not right.type:
            raise self._unequal(sign, one, left, other, right)
        if left.type is TRUTH and sign not in ("eq", "ne"):
            raise self.broken("E355", one, "truths have no order")
        return operations.compared(sign, left, right)

    def _unequal(
        self, sign: str, one: nodes.Node, left: Value, other: nodes.Node, right: Value
    ) -> Broken:
        shown = operations.SIGNS[sign]
        start, end = span(self.parsed, one)[0], span(self.parsed, other)[1]
        message = f"`{shown}` compares {A[left.type]} with {A[right.type]}"
        number = left if left.type is NUMBER else right
        text = right if right.type is TEXT else left
        if text.type is TEXT and number.type is NUMBER and isinstance(text.constant, str):
            hint = f"write {text.constant} without quotes" if text.constant.isdecimal() else ""
        elif number.type is NUMBER and isinstance(number.constant, int) and sign in ("eq", "ne"):
            hint = f'write "{number.constant}" in quotes, or make a number of the text with `| int`'
        elif (
            text.type is TEXT
            and text.constant in ("true", "false")
            and TRUTH in (left.type, right.type)
        ):
            hint = "a truth is compared with true or false, without quotes"
        elif TRUTH in (left.type, right.type):
            truth = right if right.type is TRUTH else left
            shown_truth = as_written(truth.constant) if truth.constant is not None else "true"
            hint = f'text is compared with text in quotes: "{shown_truth}"'
        else:
            kinds = sorted((left.type, right.type), key=lambda kind: kind is not TEXT)
            hint = CONVERTING.get((kinds[0], kinds[1]), "")
        return self.note("E355", (start, end), message, hint)

    def _in(self, sign: str, one: nodes.Node, other: nodes.Node) -> Value:
        if isinstance(other, nodes.List | nodes.Tuple):
            left, *items = self.visits([one, *other.items])
            for part, item in zip(other.items, items, strict=True):
                self.must_be(left.type, part, item, f"{A[left.type]} is looked for")
            if left.type in (TEXT, NUMBER):
                return operations.among(left, items)
            raise self.broken(
                "E355", one, f"`in` looks for text or a number, and this is {A[left.type]}"
            )
        left, right = self.visits([one, other])
        self.must_be(TEXT, one, left, "`in` looks for text")
        if isinstance(right.constant, str) and left.names:
            raise self._in_one_text(sign, other, right.constant)
        if right.type not in (TEXT, LIST):
            message = f"`in` looks into a list or a text, and this is {A[right.type]}"
            raise self.broken("E355", other, message)
        return operations.contained(left, right)

    def _in_one_text(self, sign: str, other: nodes.Node, text: str) -> Broken:
        """`role in ('teacher')` is no list: it would hold for "teach" and for the empty text."""
        shown = operations.SIGNS[sign]
        message = (
            f"`{shown}` with one text asks for a part of it, and the empty text is a part of any"
        )
        equal = "==" if sign == "in" else "!="
        return self.broken(
            "E355", other, message, f"write {equal} {text!r}, or a list in [ ]: {shown} [{text!r}]"
        )
