"""Questions at a terminal, whose answers may be spelt as people spell them."""

from __future__ import annotations

import signal
from typing import Any

import click


class OneOf(click.Choice[str]):
    """One of some words; capitals, and a space for a hyphen, make no difference: `SMS 2.0`."""

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> str:
        spelt = str(value).strip().lower().replace(" ", "-")
        return super().convert(spelt if spelt in self.choices else value, param, context)


class Hour(click.IntRange):
    """A whole hour of the day."""

    def __init__(self) -> None:
        super().__init__(0, 23)

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> int:
        text = str(value).strip()
        if not text.isascii() or not text.isdecimal() or int(text) > 23:
            self.fail(
                f"'{value}' is not an hour from 0 to 23 (2 is two in the morning, 14 two in the afternoon;"
                " minutes go into `minute` of the flow)",
                param,
                context,
            )
        return int(text)


class _YesOrNo(click.types.BoolParamType):
    """`y`, `yes`, `true` and their opposites."""

    def convert(
        self, value: Any, param: click.Parameter | None, context: click.Context | None
    ) -> Any:
        try:
            return super().convert(value, param, context)
        except click.BadParameter:
            self.fail(f"'{value}' is neither yes nor no", param, context)


def prompt(question: str, **how: Any) -> Any:
    """`click.prompt` on stderr, at which Ctrl-C ends the program at once.

    Polars has a handler of its own for SIGINT that restarts a read: the signal would wait for the next Enter.
    """
    if hasattr(signal, "siginterrupt"):  # not on Windows
        signal.siginterrupt(signal.SIGINT, True)
    return click.prompt(question, err=True, **how)


def confirm(question: str, *, default: bool) -> bool:
    """A question to be answered with yes or no, on stderr."""
    asked = f"{question} [{'Y/n' if default else 'y/N'}]"
    return bool(prompt(asked, default=default, show_default=False, type=_YesOrNo()))
