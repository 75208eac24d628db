"""Arguments of a filter or test, matched with what it declares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from etlrunner.expressions.catalogue import (
    REQUIRED,
    Arguments,
    BadArgument,
    Operator,
    Parameter,
)
from etlrunner.expressions.complaints import did_you_mean
from etlrunner.expressions.typed import A, Value


def bind(operator: Operator, value: Value, given: Sequence[tuple[str | None, Value]]) -> Arguments:
    """The argument for each parameter, defaults filled in; raises BadArgument."""
    arguments: dict[str, Any] = {}
    for position, (name, argument) in enumerate(given):
        parameter = _parameter(operator, name, position)
        if parameter.name in arguments:
            raise BadArgument(f"`{parameter.name}` is given twice", position=position)
        arguments[parameter.name] = _fitting(parameter, value, argument, position)
    for parameter in operator.parameters:
        if parameter.name in arguments:
            continue
        if parameter.default is REQUIRED:
            raise BadArgument(
                f"`{operator.name}` needs `{parameter.name}`", hint=f"write: {operator.signature}"
            )
        arguments[parameter.name] = parameter.default
    return arguments


def _parameter(operator: Operator, name: str | None, position: int) -> Parameter:
    parameters = operator.parameters
    if name is None:
        if position < len(parameters):
            return parameters[position]
        count = len(parameters)
        takes = "no arguments" if not count else f"at most {count} argument{'s' * (count > 1)}"
        raise BadArgument(f"`{operator.name}` takes {takes}", position=position)
    for parameter in parameters:
        if parameter.name == name:
            return parameter
    hint = did_you_mean(name, [parameter.name for parameter in parameters])
    raise BadArgument(f"`{operator.name}` has no argument {name!r}", position=position, hint=hint)


def _fitting(parameter: Parameter, value: Value, argument: Value, position: int) -> Any:
    wanted = value.type if parameter.column else parameter.type
    if argument.type is not wanted:
        message = f"`{parameter.name}` takes {A[wanted]}, and this is {A[argument.type]}"
        raise BadArgument(message, position=position)
    if parameter.column:
        return argument
    if argument.constant is None:
        message = f"`{parameter.name}` is the same for every row: it cannot depend on a column"
        raise BadArgument(message, position=position, hint="write it out, in quotes")
    return argument.constant
