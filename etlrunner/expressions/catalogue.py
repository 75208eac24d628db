"""What a filter, a test or an operator declares about itself: one table for compiling, docs and tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from etlrunner.expressions.typed import Type, Value

TEXT, LIST, TRUTH, NUMBER, DATE = Type.TEXT, Type.LIST, Type.TRUTH, Type.NUMBER, Type.DATE

Kind = Literal["operator", "filter", "test"]
REQUIRED: Any = object()


class BadArgument(Exception):
    """Arguments that do not fit.

    `position` is the argument's place among those given; a filter knows only the `parameter`'s name.
    """

    def __init__(
        self,
        message: str,
        *,
        position: int | None = None,
        parameter: str = "",
        hint: str = "",
        code: str = "E357",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.parameter = parameter
        self.hint = hint
        self.code = code


@dataclass(frozen=True)
class Parameter:
    """One argument: a literal of its type, or, where `column` is true, any expression of the input's type."""

    name: str
    type: Type
    default: Any = REQUIRED
    column: bool = False
    shown: str = ""
    """The default in words, where its value says little."""

    def __str__(self) -> str:
        if self.default is REQUIRED:
            return self.name
        return f"{self.name}={self.shown or _written(self.default)}"


@dataclass(frozen=True)
class Example:
    """An expression, the row it sees, and the cell that comes out; every one of them is a test."""

    expression: str
    row: Mapping[str, str | list[str]]
    result: str | list[str]


Arguments = Mapping[str, Any]
"""Per parameter its literal value, or a `Value` where the parameter takes a column."""


@dataclass(frozen=True)
class Operator:
    """A filter, a test or an operator: its signature, what it is for, and how it is built."""

    name: str
    doc: str
    takes: tuple[Type, ...]
    gives: Type | None
    """None: the type of its input."""
    empty: str
    """What it makes of the empty text (or list)."""
    examples: Sequence[Example]
    build: Callable[[Value, Arguments], Value] | None = None
    parameters: Sequence[Parameter] = ()
    kind: Kind = "filter"
    jinja: bool = True
    """Means what it means in Jinja2; else it is ours, or differs as `difference` says."""
    difference: str = ""
    alias: str = ""
    written: str = ""
    """The signature of an operator; filters and tests have theirs from the parameters."""

    @property
    def signature(self) -> str:
        """How it is written: `| split(separator='')`."""
        if self.written:
            return self.written
        arguments = ", ".join(map(str, self.parameters))
        lead = "| " if self.kind == "filter" else "is "
        return f"{lead}{self.name}" + (f"({arguments})" if arguments else "")


def by_name(*groups: Sequence[Operator]) -> dict[str, Operator]:
    """Operators by name, aliases included."""
    found: dict[str, Operator] = {}
    for operator in (one for group in groups for one in group):
        for name in filter(None, (operator.name, operator.alias)):
            assert name not in found, f"{name} is declared twice"
            found[name] = operator
    return found


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)
