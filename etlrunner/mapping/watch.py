"""What the engine tells while it works, to whoever wants to explain a row; most runs have nobody listening.

The engine hands over the very rules it works with, so that an explanation cannot differ from the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import polars as pl

from etlrunner.model.mapping import Step

if TYPE_CHECKING:
    from etlrunner.mapping.columns import Made

Rules = Sequence[tuple[str, pl.Expr]]
"""Name, and a truth over the frame that comes with it: true where the rule takes a row out."""


class Watch:
    """Hears everything and does nothing with it; frames carry `_row`."""

    def settled(self, name: str, frame: pl.LazyFrame, rules: Rules) -> None:
        """The raw table `name` is judged by `select` and `leave_out`: the first rule counts."""

    def selected(self, frames: Mapping[str, pl.LazyFrame]) -> None:
        """All raw tables are judged; the frames hold the verdicts, and are gone afterwards."""

    def filtered(self, frame: pl.LazyFrame, rules: Rules) -> None:
        """The source rows of a target table meet its `where`; those of `select` are among the rules."""

    def stepped(self, step: Step, before: pl.DataFrame, after: pl.DataFrame) -> None:
        """A transform made `after` of `before`; a row keeps its number, and may be there several times."""

    def compiled(self, frame: pl.LazyFrame, made: Made) -> None:
        """The columns of the target are about to be made of these rows."""

    def judged(self, cells: pl.DataFrame, rules: Rules) -> None:
        """Every cell as it would be sent meets the rules that reject a row."""

    def folded(self, rows: pl.DataFrame, twice: pl.DataFrame) -> None:
        """What is written, and the rows that equal one of them."""


NOBODY = Watch()
