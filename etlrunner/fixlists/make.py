"""From a kept run, or an activity log, to a folder of lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from etlrunner import seasons
from etlrunner.evidence import Evidence
from etlrunner.fixlists import book, folder, lines
from etlrunner.fixlists.book import About, Listed
from etlrunner.fixlists.lines import Line, Rows
from etlrunner.fixlists.names import Names
from etlrunner.fixlists.schools import Schools
from etlrunner.fixlists.words import APPLE, Told
from etlrunner.lib import excel, files
from etlrunner.lib.activity_codes import CODES
from etlrunner.model.run import RunRecord
from etlrunner.outcome import Outcome

DISTRICT, SUMMARY = "district.xlsx", "summary.xlsx"


@dataclass(frozen=True)
class Made:
    """What was written, in counts."""

    folder: Path
    lists: tuple[Listed, ...]
    """One for each school with something to mend, by name; the district's own last."""
    records: int
    """Findings to mend, each once, however many schools have it."""
    not_for_clerks: Mapping[str, int]
    """Rule -> findings that no clerk can mend: they are the configuration's."""


def of_run(kept: Evidence, told: Told, to: Path) -> Made:
    """The lists of a kept run, in place of what the folder held."""
    flow = kept.flow()
    rows = Rows.of(kept, flow)
    assert kept.as_of is not None
    season = seasons.of(flow, kept.as_of)
    is_kept = season is not None and season.mode == "additive"  # everything is, for weeks: no news
    found, schools = lines.of_run(rows, kept.folder, () if is_kept else flow.grace)
    about = About(kept.run.flow, kept.run.id, kept.as_of, told)
    return write(rows, found, schools, about, to)


def of_outcome(
    found: Outcome, tables: Mapping[str, Path], told: Told, run: RunRecord, to: Path
) -> Made:
    """The lists of what Apple did not take of a delivery; rows that are not ours are on none."""
    rows = Rows(tables)
    wanted = [
        Line(one.table, one.key, APPLE + one.code, _column(one.code), "")
        for one in found.errors
        if one.table
    ]
    placed, schools = lines.of_keys(rows, wanted)
    day = run.started.astimezone(ZoneInfo(run.timezone)).date()
    return write(rows, placed, schools, About(run.flow, run.id, day, told), to)


def _column(code: str) -> str:
    return CODES[code].column if code in CODES else ""


def write(rows: Rows, found: Sequence[Line], schools: Schools, about: About, to: Path) -> Made:
    """Sort the lines into lists and write them."""
    to = folder.check(to)
    told = about.told
    mendable = [line for line in found if told.has_words_for(line.rule)]
    others = Counter(line.rule for line in found if not told.has_words_for(line.rule))
    lists = _lists(mendable, Names(rows, mendable, schools), schools, told)
    folder.sweep(to)
    with folder.replacing(to) as beside:
        for one in lists:
            with files.trouble(to):
                excel.write(beside / one.file, book.sheets(one, about))
        with files.trouble(to):
            excel.write(beside / SUMMARY, book.summary(lists, about, dict(sorted(others.items()))))
    records = sum(not line.follows for line in mendable)
    return Made(to, tuple(lists), records, dict(sorted(others.items())))


def _lists(mendable: Sequence[Line], names: Names, schools: Schools, told: Told) -> list[Listed]:
    """A line goes to each of its schools and to nobody else; without one, to the district."""
    sorted_in: dict[str, list[Line]] = {}
    for line in mendable:
        for school in line.schools or ("",):
            sorted_in.setdefault(school, []).append(line)
    taken = {DISTRICT, SUMMARY}
    lists = []
    for school in sorted(sorted_in, key=lambda one: (not one, schools.names.get(one, ""), one)):
        entries = sorted(
            ((line.follows, told.entry(line, names)) for line in sorted_in[school]),
            key=lambda pair: pair[1].order(),
        )
        name = schools.names.get(school) or school or "District office"
        file = folder.file_name(name, school, taken) if school else DISTRICT
        to_mend = tuple(one for follows, one in entries if not follows)
        following = tuple(one for follows, one in entries if follows)
        lists.append(Listed(school, name, file, to_mend, following))
    return lists
