"""Rows that are gone from the source and are sent once more as last known, before Apple lets somebody go.

Apple deactivates whoever is missing from an upload and takes a class's work with the class. A record that
a pull lost for a day, or that the SIS sends broken, is therefore sent as it last was, for as long as the
flow's `grace` says; in an additive season everything is. Who the source marks as withdrawn, or the flow
leaves out, goes at once. What would contradict today's rows is not sent: references are closed up,
and a person whose address or user name somebody else has now is let go.

`grace.json` beside the delivered tables says since when, and in how many runs, a key has been gone.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import polars as pl

from etlrunner import table
from etlrunner.errors import LocalTrouble
from etlrunner.lib import files
from etlrunner.loaded import Loaded
from etlrunner.model.safeguards import Grace
from etlrunner.model.tables import FinishedTable
from etlrunner.target import Target, TargetTable

STATE = "grace.json"
LIST = "held_over.parquet"
LISTED = {"table": pl.String, "key": pl.String, "since": pl.String, "runs": pl.Int64}
PEOPLE = ("students", "staff")
UNIQUE = ("email_address", "sis_username")
MERGED = "merge."
"""How the reason of a record begins that became one with another."""
MOST_PUT = 10_000
"""So many rows are put in their places one by one; with more it is quicker to sort all of them."""
NEVER = Grace(10**9, 10**9)
"""An additive season lets nobody go."""

Gone = Mapping[str, Mapping[str, tuple[date, int]]]
"""Table -> key -> since when it is gone, and in how many runs."""


@dataclass(frozen=True)
class HeldOver:
    """The tables as they are sent, how many rows of each were held over, and who is gone since when."""

    finished: Mapping[str, FinishedTable]
    rows: Mapping[str, int]
    gone: Gone
    keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Which rows they are."""

    def newly_gone(self, day: date) -> dict[str, int]:
        """How many of each table are gone for the first time: what a safeguard has to see today."""
        return {
            name: sum(since == day and runs == 1 for since, runs in keys.values())
            for name, keys in self.gone.items()
        }


def hold_over(
    target: Target,
    finished: Mapping[str, FinishedTable],
    baseline: Mapping[str, Path],
    before: Gone,
    grace: Mapping[str, Grace],
    *,
    day: date,
    additive: bool,
    folder: Path,
    mapped: Mapping[str, Collection[str]] | None = None,
    left_out: Mapping[str, Collection[str]] | None = None,
    unknown: Collection[str] = (),
    loaded: Loaded,
) -> HeldOver:
    """Add the last known rows of who is gone to the finished tables, and list them below `folder`.

    `mapped` are the columns that the mapping fills today: what is sent no more is not sent as last known.
    `left_out` are the source's ids that the flow leaves out: those are never held over. Of people
    with such ids among them nobody is, where the mapping makes keys in a way that hides whose they are.
    `unknown` are tables that lost, since the last delivery, somebody whom the flow leaves out from today:
    which key was theirs, where the mapping makes it, nothing says any more. A table without a single row
    of today is not filled up: it is a mistake, and has to look like one.
    """
    never = left_out or {}
    work = _Work(
        target,
        dict(finished),
        loaded,
        baseline,
        before,
        day,
        additive,
        mapped or {},
        never,
    )
    for name in target.tables:
        limit = NEVER if additive else grace.get(name)
        hides = name in PEOPLE and never.get(name) and finished[name].withdrawn_path is None
        if name in unknown and finished[name].withdrawn_path != finished[name].fate_path:
            hides = True
        if limit is not None and name in baseline and name != "rosters" and not hides:
            work.keep(name, limit)
    if "rosters" in finished and "rosters" in baseline:
        work.keep_rosters()
    gone = {name: keys for name, keys in work.gone.items() if keys}
    table.sink(_listed(work.sent, gone).lazy(), folder / LIST)
    files.write_private(folder / STATE, _text(gone))
    counts = {name: len(keys) for name, keys in work.sent.items()}
    return HeldOver(work.finished, counts, gone, work.sent)


def read(folder: Path) -> Gone:
    """Who was gone after the last delivery. Raises LocalTrouble when the file is damaged."""
    path = folder / STATE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: {
                key: (date.fromisoformat(since), int(runs)) for key, (since, runs) in keys.items()
            }
            for name, keys in data.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        hint = "move the file aside: who is gone then has the whole grace again"
        raise LocalTrouble(f"{path} cannot be read", hint=hint) from error


def settle(run_folder: Path, folder: Path) -> None:
    """After a delivery: what the run found is what the next one counts on from.

    A run that held nobody over, because nothing says so any more, leaves nobody to count on from.
    """
    path, state = run_folder / STATE, folder / STATE
    if path.is_file():
        files.private_folder(folder)
        files.write_private(state, path.read_bytes())
    elif state.is_file():
        with files.trouble(state):
            state.unlink(missing_ok=True)
            files.flush(folder)


# ---------------------------------------------------------------- which rows


class _Work:
    """The tables on their way, in the order of their references."""

    def __init__(
        self,
        target: Target,
        finished: dict[str, FinishedTable],
        loaded: Loaded,
        baseline: Mapping[str, Path],
        before: Gone,
        day: date,
        additive: bool,
        mapped: Mapping[str, Collection[str]],
        left_out: Mapping[str, Collection[str]],
    ) -> None:
        self.left_out = left_out
        self.mapped = mapped
        self.target = target
        self.finished = finished
        self.loaded = loaded
        self.baseline = baseline
        self.before = before
        self.day = day
        self.additive = additive
        self.gone: dict[str, dict[str, tuple[date, int]]] = {}
        self.sent: dict[str, list[str]] = {}
        """Table -> the keys that are held over."""

    def keep(self, name: str, limit: Grace) -> None:
        """The rows of one table that are within their grace, as far as they fit today's."""
        spec = self.target.tables[name]
        last = table.collect(self._last(name))
        missing = last.filter(~pl.col(spec.key).is_in(self._keys(name).implode()))
        missing = missing.filter(~pl.col(spec.key).is_in(self._withdrawn(name).implode()))
        if self.finished[name].withdrawn_path == self.finished[name].fate_path:
            asked = sorted(self.left_out.get(name, ()))  # though they are not in the source at all
            missing = missing.filter(~pl.col(spec.key).is_in(asked))
        counted = {key: self._once_more(name, key) for key in missing[spec.key]}
        self.gone[name] = counted
        stays = [
            key
            for key, (since, runs) in counted.items()
            if runs <= limit.runs or (self.day - since).days < limit.days
        ]
        self._add(spec, self._fitting(spec, missing.filter(pl.col(spec.key).is_in(stays))))

    def keep_rosters(self) -> None:
        """Who is held over keeps the classes, and a class that is held over keeps its students."""
        people, classes = self.sent.get("students", []), self.sent.get("classes", [])
        if not people and not classes and not self.additive:
            return
        spec = self.target.tables["rosters"]
        rows = self._last("rosters")
        if not self.additive:
            rows = rows.filter(
                pl.col("student_id").is_in(people) | pl.col("class_id").is_in(classes)
            )
        last = table.collect(rows)
        for name, column in (("students", "student_id"), ("classes", "class_id")):
            last = last.join(self._keys(name).to_frame(column), on=column, how="semi")
        pair = ["class_id", "student_id"]
        met = pl.all_horizontal(pl.col(name).is_in(last[name].implode()) for name in pair)
        same = pl.col(spec.key).is_in(last[spec.key].implode())
        now = table.collect(self._today("rosters").select(spec.key, *pair).filter(met | same))
        last = last.join(now, on=spec.key, how="anti")
        last = last.join(now, on=pair, how="anti")  # whatever the id is made from
        self._add(spec, last)

    def _once_more(self, name: str, key: str) -> tuple[date, int]:
        since, runs = self.before.get(name, {}).get(key, (self.day, 0))
        return since, runs + 1

    def _withdrawn(self, name: str) -> pl.Series:
        """Keys that are in the source, and that a rule filters: their going is what somebody said.

        A rejected row is broken, not withdrawn; one that was merged into another lives on under that
        one's key. In an additive season only `leave_out` counts.
        """
        made = self.finished[name]
        if made.fate_path is None:
            return pl.Series("key", [], dtype=pl.String)
        merged = {code for code, one in enumerate(made.reasons, 1) if one.startswith(MERGED)}
        gone = {
            code
            for code, one in enumerate(made.reasons, 1)
            if one in made.counts.filtered and (not self.additive or one == "leave_out")
        }
        fates = pl.scan_parquet(made.fate_path)
        if made.withdrawn_path in (None, made.fate_path):
            asked = pl.col("key").is_in(sorted(self.left_out.get(name, ())))
            found = [fates.filter(pl.col("fate").is_in(sorted(merged | gone)) | asked)]
        else:
            own = pl.scan_parquet(made.withdrawn_path)
            found = [
                fates.filter(pl.col("fate").is_in(sorted(merged))),
                own.filter(pl.col("fate").is_in(sorted(gone)) | pl.col("left_out")),
            ]
        keys = pl.concat([one.select("key") for one in found]).unique()
        return table.collect(keys)["key"]

    def _fitting(self, spec: TargetTable, rows: pl.DataFrame) -> pl.DataFrame:
        """Without references into nowhere, and without people who collide with today's."""
        for column in spec.columns:
            if column.references is None:
                continue
            other, _ = column.references
            if other == "courses" and not self.additive:
                self._keep_courses(rows)
            numbered = [name for name in rows.columns if spec.column(name) is column]
            rows = _closed_up(rows, numbered, self._keys(other))
            if column.required:
                rows = rows.filter(pl.col(numbered[0]) != "")
        if spec.name in PEOPLE:
            rows = self._without_collisions(rows)
        return rows

    def _keep_courses(self, classes: pl.DataFrame) -> None:
        """A class needs its course: one that is gone with it is held over with it."""
        if "courses" not in self.baseline:
            return
        spec = self.target.tables["courses"]
        last = self._last("courses")
        rows = table.collect(
            last.filter(
                pl.col(spec.key).is_in(classes["course_id"].unique().implode()),
                ~pl.col(spec.key).is_in(self._keys("courses").implode()),
            )
        )
        self._add(spec, self._fitting(spec, rows))

    def _without_collisions(self, rows: pl.DataFrame) -> pl.DataFrame:
        for name in PEOPLE:
            if name not in self.finished:
                continue
            today = table.collect(self._today(name))
            rows = rows.filter(~pl.col("person_id").is_in(today["person_id"].implode()))
            for column in set(UNIQUE) & set(rows.columns) & set(today.columns):
                own, theirs = pl.col(column).str.to_lowercase(), today[column].str.to_lowercase()
                taken = theirs.filter(theirs.is_in(rows[column].str.to_lowercase().implode()))
                rows = rows.filter((own == "") | ~own.is_in(taken.implode()))
        return rows

    # ------------------------------------------------------------ tables

    def _last(self, name: str) -> pl.LazyFrame:
        """What was delivered, without the values of columns that the mapping does not fill any more."""
        frame, spec = pl.scan_parquet(self.baseline[name]), self.target.tables[name]
        if name not in self.mapped:
            return frame
        stems = {one: spec.column(one) for one in frame.collect_schema().names()}
        empty = [one for one, own in stems.items() if own and own.name not in self.mapped[name]]
        return frame.with_columns(pl.lit("").alias(one) for one in empty)

    def _keys(self, name: str) -> pl.Series:
        key = self.target.tables[name].key
        return table.collect(self._today(name).select(key))[key]

    def _today(self, name: str) -> pl.LazyFrame:
        return self.loaded.frame(self.finished[name].path)

    def _add(self, spec: TargetTable, rows: pl.DataFrame) -> None:
        """Put the rows into the finished table, which stays sorted, with a header as wide as needed."""
        made = self.finished[spec.name]
        if not len(rows) or not made.counts.written:  # none of today: that has to be seen
            return
        now = table.collect(self._today(spec.name))
        both = pl.concat([now, rows], how="diagonal").fill_null("")
        header = _header(spec, both)
        table.sink(_in_order(both.select(header), len(rows), spec.key).lazy(), made.path)
        counts = made.counts
        counts = replace(counts, added=counts.added + len(rows), written=counts.written + len(rows))
        self.finished[spec.name] = replace(made, columns=tuple(header), counts=counts)
        self.sent.setdefault(spec.name, []).extend(rows[spec.key].to_list())


def _closed_up(rows: pl.DataFrame, names: Sequence[str], known: pl.Series) -> pl.DataFrame:
    """The numbered cells that refer to something, moved up so that there is no gap."""
    if not len(rows):
        return rows
    cells = [pl.col(name) for name in names]
    fits = [pl.when(cell.is_in(known.implode())).then(cell) for cell in cells]
    packed = pl.concat_list(fits).list.drop_nulls()
    return rows.with_columns(
        packed.list.get(place, null_on_oob=True).fill_null("").alias(name)
        for place, name in enumerate(names)
    )


def _in_order(rows: pl.DataFrame, last: int, key: str) -> pl.DataFrame:
    """The rows by key. Where all but the `last` ones are in order, as ours are, those are put in their places."""
    first, more = rows.head(len(rows) - last), rows.tail(last).sort(key)
    if last > MOST_PUT or not first[key].is_sorted():
        return rows.sort(key)
    places = [0, *first[key].search_sorted(more[key]), len(first)]
    parts = [
        part
        for number, (begin, end) in enumerate(pairwise(places))
        for part in (first.slice(begin, end - begin), more.slice(number, 1))
    ]
    return pl.concat(parts, rechunk=True)


def _header(spec: TargetTable, rows: pl.DataFrame) -> list[str]:
    """The columns in the target's order, numbered ones as far as they go."""
    widths: dict[str, int] = {}
    for name in rows.columns:
        column = spec.column(name)
        if column is not None and column.numbered:
            number = name.removeprefix(column.name).removeprefix("_")
            widths[column.name] = max(widths.get(column.name, 1), int(number or 1))
    return [name for name in spec.header(widths) if name in rows.columns]


# ---------------------------------------------------------------- lists


def _listed(sent: Mapping[str, Sequence[str]], gone: Gone) -> pl.DataFrame:
    return pl.DataFrame(list(_lines(sent, gone)), schema=LISTED, orient="row")


def _lines(
    sent: Mapping[str, Sequence[str]], gone: Gone
) -> Iterator[tuple[str, str, str | None, int | None]]:
    for name, keys in sent.items():
        for key in keys:
            since, runs = gone.get(name, {}).get(key, (None, None))
            yield name, key, since.isoformat() if since else None, runs


def _text(gone: Gone) -> str:
    plain = {
        name: {key: [since.isoformat(), runs] for key, (since, runs) in keys.items()}
        for name, keys in gone.items()
    }
    return json.dumps(plain, indent=1) + "\n"
