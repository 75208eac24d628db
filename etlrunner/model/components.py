"""A source, sink or check: how a flow names it, and what its module offers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

from etlrunner.model.delivery import Archive, Reached, Receipt
from etlrunner.model.problems import Place
from etlrunner.model.surroundings import Clock, Progress

Options = Mapping[str, Any]
"""A component's options after validation: defaults filled in, secrets still references."""

Resolve = Callable[[str], ModuleType]
"""A transform's module by its verb."""


@dataclass(frozen=True, slots=True)
class Component:
    """A source, sink or check as a flow names it: its type and its validated options."""

    type: str
    options: Options
    place: Place | None = None


class SourceConnection(Protocol):
    """An open source. `read` gives a petl table of the roster model, complete or it raises Incomplete."""

    def read(self, table: str) -> Any: ...

    def probe(self) -> Mapping[str, int]:
        """Counts of schools and terms, to prove the account works; reads no person."""
        ...


class SinkConnection(Protocol):
    """An open sink. `deliver` sends one archive and returns its receipt."""

    def deliver(self, archive: Archive, remote_name: str, reached: Reached) -> Receipt:
        """Send it; say `reached` before the first byte leaves, and before a whole file is renamed."""
        ...

    def explore(self, announce: Callable[[str], None]) -> Mapping[str, str]:
        """What the sink allows, found out with a tiny file that is removed again, and what a delivery does.

        `announce` is told, before it is written, what to remove if the program is killed.
        """
        ...

    def forget(self, name: str) -> None:
        """Take away what an earlier delivery of ours may have left under this name, if it can be done."""
        ...

    def probe(self) -> Mapping[str, str]:
        """What the sink says about itself; writes nothing there."""
        ...


class SourceModule(Protocol):
    """A module on the shelf `sources/`. Options have their secrets filled in (`Secret`)."""

    def connect(
        self, options: Options, *, clock: Clock, progress: Progress
    ) -> AbstractContextManager[SourceConnection]: ...


class SinkModule(Protocol):
    """A module on the shelf `sinks/`."""

    def connect(
        self, options: Options, *, clock: Clock, progress: Progress
    ) -> AbstractContextManager[SinkConnection]: ...


class CheckModule(Protocol):
    """A module on the shelf `checks/`: yields findings, and rules over a table's rows
    (`checks.listing.TableRules`), which are looked up for it."""

    def check(self, tables: Mapping[str, Any], options: Options) -> Iterable[Any]: ...
