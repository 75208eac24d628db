"""Merges people whom the SIS holds twice: one row stays, with the schools of all, and references move.

Only what is beyond doubt is merged: the chosen columns are equal and filled, and so are the names, but for
case, accents and punctuation. A family's shared address merges nobody. What is in doubt is left as it is,
and becomes a finding.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from etlrunner import findings_file, table
from etlrunner.checks.books import NTH, NUMBER, Books
from etlrunner.checks.listing import LISTED, shown
from etlrunner.checks.rules import RULES
from etlrunner.model.flow import Flow, Merge
from etlrunner.model.problems import Finding, Problem
from etlrunner.model.tables import Repair

TELLS_WHO = ("person_number", "email_address", "sis_username")
"""Columns that may say who somebody is; names alone do not."""
AMBIGUOUS = "merge-ambiguous"
Row = Mapping[str, str]


@dataclass(frozen=True)
class Sources:
    """Where a merge looks things up: the last delivery, and the raw tables of this run."""

    delivered: Mapping[str, Path]
    raw: Mapping[str, Path]


def problems(flow: Flow) -> list[Problem]:
    """Merges that would take strangers for one person."""
    return [
        Problem(
            "E243",
            f"names alone do not say which {name} are one person",
            one.place,
            f"merge_duplicates.{name}.match",
            f"add one of: {', '.join(TELLS_WHO)}",
        )
        for name, one in flow.merge_duplicates.items()
        if not set(one.match) & set(TELLS_WHO)
    ]


def merge(books: Books, flow: Flow, sources: Sources) -> tuple[Finding, ...]:
    """Merge what the flow lets be merged; returns a finding for each group that is in doubt."""
    doubts: list[Finding] = []
    books.in_doubt = []
    ruling = flow.rules.get(AMBIGUOUS)
    verdict = ruling.verdict if ruling else "warn"
    for name, chosen in flow.merge_duplicates.items():
        pairs: dict[str, str] = {}
        groups = list(_groups(books, name, chosen.match))
        chooser = _Chooser(chosen, name, flow, books, sources)
        for rows in groups:
            kept, why = chooser.kept(rows)
            if kept is None:
                doubts.append(_doubt(name, rows, why))
                keys = pl.Series([row["person_id"] for row in rows])
                line = findings_file.rows(name, keys, AMBIGUOUS, None, verdict)
                books.in_doubt.append(line)
            else:
                pairs |= {row["person_id"]: kept for row in rows if row["person_id"] != kept}
        if pairs:
            _people(books, name, pairs)
            _references(books, name, pairs)
    return (*doubts[:LISTED], *_rest(doubts))


def _groups(books: Books, name: str, match: Sequence[str]) -> Iterator[list[Row]]:
    """Rows whose match columns are equal and filled, in the order of their ids."""
    columns = [column for column in match if column in books.tables[name].columns]
    filled = pl.all_horizontal(pl.col(column) != "" for column in columns)
    same = pl.concat_str([pl.col(one).str.to_lowercase() for one in columns], separator="\x1f")
    wanted = [
        c for c in books.tables[name].columns if c in ("person_id", "first_name", "last_name")
    ]
    locations = [c for c in books.tables[name].columns if c.startswith("location_id")]
    found = table.collect(
        books.frame(name)
        .filter(filled)
        .with_columns(same.alias("_same"))
        .filter(pl.col("_same").is_duplicated())
        .select("_same", *wanted, *locations)
        .sort("_same", "person_id")
    )
    for _, rows in found.group_by("_same", maintain_order=True):
        yield list(rows.drop("_same").iter_rows(named=True))


@dataclass
class _Chooser:
    """Whose id stays, or why that cannot be said."""

    chosen: Merge
    name: str
    flow: Flow
    books: Books
    sources: Sources
    _known: frozenset[str] | None = None

    def kept(self, rows: Sequence[Row]) -> tuple[str | None, str]:
        keys = [row["person_id"] for row in rows]
        if len(set(keys)) < len(keys):
            return None, "an id is there twice"
        names = {(_plain(row["first_name"]), _plain(row["last_name"])) for row in rows}
        if len(names) > 1:
            return None, "their names differ"
        if self.chosen.keep == "newest":
            return self._newest(keys)
        if self.chosen.keep == "delivered":
            before = [key for key in keys if key in self._delivered()]
            if len(before) > 1:
                return None, "more than one of them has been delivered before"
            return (before or keys)[0], ""
        return keys[0], ""

    def _delivered(self) -> frozenset[str]:
        if self._known is None:
            path = self.sources.delivered.get(self.name)
            ids = table.collect(pl.scan_parquet(path).select("person_id")) if path else None
            self._known = frozenset(ids.to_series()) if ids is not None else frozenset()
        return self._known

    def _newest(self, keys: Sequence[str]) -> tuple[str | None, str]:
        """By the source record's own date of change; a tie or a missing date leaves it open."""
        unknown = "it is not known which record is the newest"
        source = self.flow.mapping.tables.get(self.name)
        path = self.sources.raw.get(source.source) if source else None
        fates = self.books.tables[self.name].fate_path
        if path is None or fates is None:
            return None, unknown
        mine = pl.scan_parquet(fates).filter(
            (pl.col("fate") == 0) & pl.col("key").is_in(list(keys))
        )
        raw = pl.scan_parquet(path).select(table.ROW, "dateLastModified")
        dated = table.collect(mine.join(raw, on=table.ROW).select("key", "dateLastModified"))
        changed = {key: moment for key, text in dated.iter_rows() if (moment := _moment(text))}
        if set(changed) != set(keys):
            return None, unknown
        last = max(changed.values())
        newest = [key for key in keys if changed[key] == last]
        return (newest[0], "") if len(newest) == 1 else (None, unknown)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _plain(name: str) -> str:
    """A name without case, accents and punctuation."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    return "".join(one for one in letters if one.isalnum())


def _doubt(name: str, rows: Sequence[Row], why: str) -> Finding:
    keys = ", ".join(f"'{shown(row['person_id'])}'" for row in rows[:5])
    more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
    return Finding(
        AMBIGUOUS,
        RULES[AMBIGUOUS].severity,
        f"person_id = {keys}{more} match and are not merged: {why}",
        name,
        key=rows[0]["person_id"],
        school=rows[0]["location_id"] or None,
        count=len(rows),
    )


def _rest(doubts: Sequence[Finding]) -> Iterator[Finding]:
    more = doubts[LISTED:]
    if more:
        count = sum(finding.count for finding in more)
        message = f"{count:,} more rows match and are not merged"
        yield Finding(AMBIGUOUS, more[0].severity, message, more[0].table, count=count)


# ---------------------------------------------------------------- what moves


def _people(books: Books, name: str, pairs: Mapping[str, str]) -> None:
    """The rows that go, and the schools of those that stay."""
    rule, key = f"merge.{name}", pl.col("person_id")
    concerned = books.rows(name, key.is_in([*pairs, *pairs.values()]), *books.tables[name].columns)
    locations = [c for c in books.tables[name].columns if c.startswith("location_id")]
    schools: dict[str, list[str]] = {}
    for own in (True, False):  # the own ones of who stays come first
        for row in concerned.iter_rows(named=True):
            person = row["person_id"]
            if (person not in pairs) is own:
                held = [row[column] for column in locations if row[column]]
                schools.setdefault(pairs.get(person, person), []).extend(held)
    united = {person: list(dict.fromkeys(held)) for person, held in schools.items()}
    gone = concerned.filter(key.is_in(list(pairs)))
    frame = books.frame(name).filter(~key.is_in(list(pairs)))
    width = max(len(locations), *map(len, united.values()))
    for place in range(width):
        column = "location_id" + (f"_{place + 1}" if place else "")
        before = pl.col(column) if place < len(locations) else pl.lit("")
        cells = {
            person: (held[place] if place < len(held) else "") for person, held in united.items()
        }
        moved = key.replace_strict(list(cells), list(cells.values()), default=None)
        frame = frame.with_columns(pl.coalesce(moved, before).alias(column))
    books.write(name, frame)
    books.dropped(name, rule, None, gone.select(NUMBER, "person_id", NTH))
    books.repairs += [
        Repair(rule, name, person, "person_id", person, pairs[person], row_dropped=True)
        for person in gone["person_id"]
    ]


def _references(books: Books, name: str, pairs: Mapping[str, str]) -> None:
    if name == "students" and "rosters" in books.tables:
        _rosters(books, pairs)
    if name == "staff" and "classes" in books.tables:
        _instructors(books, pairs)


def _rosters(books: Books, pairs: Mapping[str, str]) -> None:
    """Enrollments move; where both were in a class, one row stays: who stays keeps the own one."""
    rule, student = "merge.students", pl.col("student_id")
    moved = books.rows("rosters", student.is_in(list(pairs)), "class_id", "student_id")
    if not moved.height:
        return
    kept = books.rows("rosters", student.is_in(list(set(pairs.values()))), "class_id", "student_id")
    taken = set(kept.select("class_id", "student_id").iter_rows())
    again = []
    for class_id, person in moved.select("class_id", "student_id").iter_rows():
        again.append((class_id, pairs[person]) in taken)
        taken.add((class_id, pairs[person]))
    twice = moved.filter(pl.Series(again, dtype=pl.Boolean))
    frame = books.frame("rosters").with_row_index(NUMBER)
    frame = frame.filter(~pl.col(NUMBER).is_in(twice[NUMBER].implode())).drop(NUMBER)
    frame = frame.with_columns(student.replace(list(pairs), list(pairs.values())))
    books.write("rosters", frame)
    books.dropped("rosters", rule, "student_id", twice)
    rows = moved.select("roster_id", "student_id").iter_rows()
    books.repairs += [
        Repair(rule, "rosters", roster, "student_id", person, pairs[person], row_dropped=is_twice)
        for (roster, person), is_twice in zip(rows, again, strict=True)
    ]


def _instructors(books: Books, pairs: Mapping[str, str]) -> None:
    """Classes name who stays, once, and the following ones move up."""
    names = [c for c in books.tables["classes"].columns if c.startswith("instructor_id")]
    has_some = pl.any_horizontal(pl.col(column).is_in(list(pairs)) for column in names)
    hurt = books.rows("classes", has_some, *names)
    if not hurt.height:
        return
    after = {}
    for row in hurt.iter_rows(named=True):
        held = [row[column] for column in names if row[column]]
        new = list(dict.fromkeys(pairs.get(one, one) for one in held))
        after[row[NUMBER]] = new
        books.repairs.append(
            Repair(
                "merge.staff",
                "classes",
                row["class_id"],
                "instructor_id",
                ", ".join(held),
                ", ".join(new),
            )
        )
    frame = books.frame("classes").with_row_index(NUMBER)
    numbers = pl.Series(list(after), dtype=pl.UInt32)
    for place, column in enumerate(names):
        cells = [held[place] if place < len(held) else "" for held in after.values()]
        moved = pl.col(NUMBER).replace_strict(numbers, cells, default=None, return_dtype=pl.String)
        frame = frame.with_columns(pl.coalesce(moved, pl.col(column)).alias(column))
    books.write("classes", frame.drop(NUMBER))
