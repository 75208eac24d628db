"""What the program lends to a component: the time, and somewhere to tell how far it is."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Progress(Protocol):
    """Told how far a stage is; shown on a terminal only."""

    def start(self, what: str, total: int | None = None, unit: str = "rows") -> None: ...

    def advance(self, what: str, amount: int) -> None: ...

    def done(self, what: str) -> None: ...


class SilentProgress:
    """Shows nothing."""

    def start(self, what: str, total: int | None = None, unit: str = "rows") -> None: ...

    def advance(self, what: str, amount: int) -> None: ...

    def done(self, what: str) -> None: ...


class Clock(Protocol):
    """Wall time (UTC), a monotonic second counter, and a pause; a test moves it by hand."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...
