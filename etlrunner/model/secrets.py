"""A secret: the reference that a flow holds, and the value that no print or log shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from etlrunner.model.problems import Place


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A reference to a secret: `{env: NAME}`, `{file: path}` or `{keyring: service/name}`."""

    kind: Literal["env", "file", "keyring"]
    name: str
    place: Place | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


class Secret:
    """A secret's value. It prints, formats, pickles and compares as `[secure]`; only `reveal()` tells."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "[secure]"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format("[secure]", spec)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a secret is never written anywhere")
