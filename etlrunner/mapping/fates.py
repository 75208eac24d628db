"""One small integer per source row and target table: 0 is written, else the first rule that took the row out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from etlrunner.model.mapping import Step
from etlrunner.model.tables import Counts, StepCounts
from etlrunner.table import ROW

FATE = "_fate"
KEY = "_key"
KEY_OF_SOURCE = pl.col("sourcedId").alias(KEY)
DUPLICATE = "duplicate"


@dataclass
class Fates:
    """The books of one target table while it is made: rows of `_row`, `_key`, `_fate`, and their counts."""

    table: str
    reasons: list[str] = field(default_factory=list)
    """A fate of n is the rule at n - 1."""
    filtered: int = 0
    """How many of the reasons, from the first, filter; the others reject."""
    rows: list[pl.DataFrame] = field(default_factory=list)
    read: int = 0
    added: int = 0
    written: int = 0
    steps: list[StepCounts] = field(default_factory=list)

    def step(
        self, step: Step, before: pl.DataFrame, after: pl.DataFrame
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Rows whose number is gone were filtered by this step; rows beyond that were added.

        A row that a step made of nothing (a union's) gets a number of its own, which it keeps. Returns
        the rows with their numbers, and those that are gone.
        """
        lost = before.join(after.select(ROW).unique(), on=ROW, how="anti", maintain_order="left")
        if len(lost):
            self.reasons.append(step_name(step))
            self.note(lost, KEY_OF_SOURCE, len(self.reasons))
        fresh = pl.col(ROW).is_null()
        number = (self.read + self.added + fresh.cum_sum() - 1).cast(pl.UInt32)
        gone = len(lost) if not self.added else len(lost) + _thinned(before, after)
        made = len(after) - (len(before) - gone)
        self.steps.append(StepCounts(step_name(step), len(before), len(after), gone, made))
        self.added += len(after) - (len(before) - len(lost))
        numbers = pl.when(fresh).then(number).otherwise(pl.col(ROW)).alias(ROW)
        return after.with_columns(numbers), lost

    def may_now_reject(self) -> None:
        """Whatever filters is among the reasons now; the next ones reject. Equal rows are filtered last."""
        self.filtered = len(self.reasons) + 1
        self.reasons.append(DUPLICATE)

    def note(self, rows: pl.DataFrame, key: pl.Expr, fate: int) -> None:
        """These rows have this fate."""
        code = pl.lit(fate, dtype=pl.UInt8).alias(FATE)
        self.rows.append(rows.select(ROW, key.alias(KEY), code))

    def duplicates(self, rows: pl.DataFrame, key: str) -> None:
        """These rows equal others."""
        self.note(rows, pl.col(key), self.reasons.index(DUPLICATE) + 1)

    def write(self, rows: pl.DataFrame, key: str) -> None:
        """These rows are written, in this order."""
        self.note(rows, pl.col(key), 0)
        self.written = len(rows)

    def frame(self) -> pl.DataFrame:
        """Everything, as it is kept: `_row`, `key`, `fate`."""
        return pl.concat(self.rows).rename({KEY: "key", FATE: "fate"})

    def counts(self, all_rows: pl.DataFrame) -> Counts:
        """The law, from the fates themselves. Raises RuntimeError where it does not hold."""
        tally = dict(all_rows.group_by("fate").len().iter_rows())
        counts = Counts(
            read=self.read,
            added=self.added,
            filtered=self._counted(tally, 0, self.filtered),
            rejected=self._counted(tally, self.filtered, len(self.reasons)),
            written=self.written,
            steps=tuple(self.steps),
        )
        if not counts.holds():
            raise RuntimeError(f"{self.table}: rows read and rows accounted for differ")
        return counts

    def rejects(self, all_rows: pl.DataFrame) -> pl.DataFrame:
        """Table, key, rule and column of every rejected row."""
        names = pl.Series(self.reasons, dtype=pl.String)
        rejected = all_rows.filter(pl.col("fate") > self.filtered)
        rule = pl.Series("rule", names.gather(rejected["fate"].cast(pl.UInt32) - 1))
        return rejected.select(
            pl.lit(self.table).alias("table"),
            "key",
            rule,
            rule.str.split(".").list.last().alias("column"),
        )

    def _counted(self, tally: Mapping[int, int], first: int, end: int) -> dict[str, int]:
        counted: Counter[str] = Counter()
        for place in range(first, end):
            counted[self.reasons[place]] += tally.get(place + 1, 0)
        return {reason: count for reason, count in counted.items() if count}


def step_name(step: Step) -> str:
    """The verb and what tells it from others, as a reason: `filter: role == 'student'`."""
    detail = step.options.get("where") or step.options.get("from") or ""
    return f"{step.type}: {detail}" if detail else step.type


def _thinned(before: pl.DataFrame, after: pl.DataFrame) -> int:
    """How many rows went though another row of the same number stayed."""
    left = after.group_by(ROW).len("_left")
    pairs = before.group_by(ROW).len("_had").join(left, on=ROW)
    fewer = pairs.filter(pl.col("_had") > pl.col("_left"))
    return sum(had - left for had, left in fewer.select("_had", "_left").iter_rows())
