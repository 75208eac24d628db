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
from etlrunner.expressions.complaints import CONVERTING, as_written, did_you_mean
from etlrunner.expressions.typed import A, Type, Value


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


def given_as(operator: Operator, parameter: str, names: Sequence[str | None]) -> int | None:
    """The place of a parameter's argument among those given; None if it was left out."""
    if parameter in names:
        return names.index(parameter)
    place = [one.name for one in operator.parameters].index(parameter)
    return place if place < names.count(None) else None


def _parameter(operator: Operator, name: str | None, position: int) -> Parameter:
    parameters = operator.parameters
    if name is None:
        if position < len(parameters):
            return parameters[position]
        count = len(parameters)
        takes = "no arguments" if not count else f"at most {count} argument{'s' * (count > 1)}"
        raise BadArgument(
            f"`{operator.name}` takes {takes}",
            position=position,
            hint=f"write: {operator.signature}",
        )
    for parameter in parameters:
        if parameter.name == name:
            return parameter
    hint = did_you_mean(name, [parameter.name for parameter in parameters])
    raise BadArgument(f"`{operator.name}` has no argument {name!r}", position=position, hint=hint)


def _fitting(parameter: Parameter, value: Value, argument: Value, position: int) -> Any:
    wanted = value.type if parameter.column else parameter.type
    if argument.type is not wanted:
        message = f"`{parameter.name}` takes {A[wanted]}, and this is {A[argument.type]}"
        raise BadArgument(message, position=position, hint=_converting(argument, wanted))
    if parameter.column:
        return argument
    if argument.constant is None:
        message = f"`{parameter.name}` is the same for every row: it cannot depend on a column"
        raise BadArgument(message, position=position, hint="write it out, in quotes")
    return argument.constant


def _converting(argument: Value, wanted: Type) -> str:
    """How to write what was given as the type that is wanted."""
    constant = argument.constant
    if wanted is Type.NUMBER and isinstance(constant, str) and constant.lstrip("-").isdecimal():
        return f"write {constant} without quotes"
    if wanted is Type.TEXT and isinstance(constant, int):
        return f'write "{as_written(constant)}" in quotes'
    if wanted is Type.LIST and isinstance(constant, str):
        return f"write a list: ['{constant}']"
    return CONVERTING.get((argument.type, wanted), "")
