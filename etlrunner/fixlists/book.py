"""The workbooks: a first page to read, the list itself, and what comes right by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from etlrunner.checks import rules
from etlrunner.fixlists.words import HEADER, Entry, Told, sentences
from etlrunner.lib.excel import Sheet

WIDTHS = (7, 11, 27, 14, 32, 22, 32, 36, 17)
PRIVATE = "Confidential: names of children and staff"


@dataclass(frozen=True)
class Listed:
    """One list: whose it is, its file, and its entries in order."""

    school: str
    """The location id; empty for the district's."""
    title: str
    file: str
    entries: tuple[Entry, ...]
    following: tuple[Entry, ...] = ()
    """What comes right by itself when the records that it hangs on are mended."""

    @property
    def rules(self) -> dict[str, int]:
        """Rule -> entries, those that follow included."""
        counted: dict[str, int] = {}
        for one in (*self.entries, *self.following):
            counted[one.rule] = counted.get(one.rule, 0) + 1
        return dict(sorted(counted.items()))


@dataclass(frozen=True)
class About:
    """What all lists of one run have in common."""

    flow: str
    run: str
    day: date
    """The local date of the roster."""
    told: Told


def sheets(listed: Listed, about: About) -> list[Sheet]:
    """The sheets of one school's workbook, or of the district's."""
    front = list(_front(listed, about))
    bold = frozenset(number for number, (_, is_bold) in enumerate(front) if is_bold)
    made = [
        Sheet("Read me first", [row for row, _ in front], (74, 10), bold=bold, footer=PRIVATE),
        Sheet("To mend", _rows(listed.entries), WIDTHS, HEADER, footer=PRIVATE),
    ]
    if listed.following:
        made.append(
            Sheet("Follows by itself", _rows(listed.following), WIDTHS, HEADER, footer=PRIVATE)
        )
    return made


def summary(
    lists: Sequence[Listed], about: About, not_for_clerks: Mapping[str, int]
) -> list[Sheet]:
    """The district's view in counts: schools, rules, and what no clerk can mend; no names of people."""
    schools = [
        (one.title, one.school, one.file, len(one.entries), len(one.following)) for one in lists
    ]
    counts = [
        (one.title, one.school, rule, _title(rule), count)
        for one in lists
        for rule, count in one.rules.items()
    ]
    others = [(rule, _title(rule), count) for rule, count in not_for_clerks.items()]
    footer = f"{about.flow}, roster of {about.day.isoformat()}, {about.run}"
    return [
        Sheet(
            "Schools",
            schools,
            (40, 16, 44, 12, 18),
            ("School", "Location id", "File", "To mend", "Follows by itself"),
            footer=footer,
        ),
        Sheet(
            "Rules",
            counts,
            (40, 16, 36, 56, 10),
            ("School", "Location id", "Code", "Rule", "Records"),
            footer=footer,
        ),
        Sheet(
            "Not for clerks",
            others,
            (36, 64, 10),
            ("Code", "Rule", "Findings"),
            footer=footer,
        ),
    ]


def _title(rule: str) -> str:
    found = rules.find(rule)
    return found.title if found else "Apple's activity log"


def _rows(entries: Sequence[Entry]) -> Iterator[tuple[str, ...]]:
    return (one.cells() for one in entries)


def _front(listed: Listed, about: About) -> Iterator[tuple[tuple[str | int, ...], bool]]:
    """The first page, row by row, and whether a row stands out."""
    what = "records" if len(listed.entries) != 1 else "record"
    yield (f"{listed.title}: {len(listed.entries):,} {what} to mend in {about.told.sis}",), True
    yield (f"As of {about.day:%A, %B} {about.day.day}, {about.day.year}",), False
    yield ("",), False
    yield (_WHY,), False
    for line in _HOW if listed.school else (*_HOW[:1], _DISTRICT, *_HOW[1:]):
        yield (line,), False
    if about.told.contact:
        yield (f"Questions: {about.told.contact}",), False
    yield ("",), False
    if listed.entries:
        yield ("What is on the list", "Records"), True
    for (kind, wrong), count in sentences(listed.entries).items():
        yield (f"{kind}: {wrong}", count), False
    if listed.following:
        yield ("Follows by itself: nothing to do", len(listed.following)), False
    yield ("",), False
    yield (_CARE,), False
    yield (f"For support: {about.flow}, run {about.run}",), False


_WHY = (
    "Every night the school's records go to Apple School Manager, where students and staff get their "
    "accounts and classes. The records on the next sheet did not go well."
)
_HOW = (
    "1. Open the sheet “To mend”. Each row is one thing to put right; the arrows in the first row sort and filter.",
    "2. Find the record by its name or number, on the screen under “Where to fix it”, and put right what is wrong.",
    "3. Mark it in the column “Done”. Nothing has to be sent anywhere: the next night takes it up.",
)
_DISTRICT = (
    "   These records belong to no school that is sent to Apple School Manager, or it is not known to which: "
    "they are for the district office only."
)
_CARE = (
    "This file holds names of children and staff. Keep it where such lists belong, give it to nobody else, and delete it "
    "when all is done."
)
