"""The figures of a delivery equal hand counts; a jump above all the last ones is flagged, per school."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from etlrunner import figures
from etlrunner.checks.rules import RULES
from etlrunner.model.changes import NOTHING_CHANGES, Figures
from tests.support import finished
from tests.support.finished import District

DAY = date(2027, 3, 1)


def counted(folder: Path, tables: District) -> Figures:
    return figures.of(finished.write(folder, tables), "invented-1", DAY)


def past(count: int, missing: int = 0, rows: int = 100) -> list[Figures]:
    """Deliveries in which one school had so many students, and so many of them without an e-mail."""
    return [
        Figures(
            f"invented-{n}",
            DAY - timedelta(days=count - n),
            {"students": {"101": rows}},
            {"students_without_email": {"101": missing}},
        )
        for n in range(count)
    ]


def test_a_clean_district_has_no_odd_ones_but_staff_who_do_not_teach(tmp_path: Path):
    found = counted(tmp_path, finished.district())
    assert found.rows["rosters"] == {"101": 2, "102": 1}
    assert found.rows["students"] == {"101": 2, "102": 1}
    assert found.total("students") == 3
    assert found.totals() == dict.fromkeys(figures.COUNTERS, 0)


def test_every_counter_equals_a_count_by_hand(tmp_path: Path):
    tables = finished.district()
    tables["students"] += [finished.student(8, email_address=""), finished.student(9, "102")]
    tables["staff"] += [finished.teacher(8, "102", email_address="")]
    tables["classes"] += [finished.school_class(8, "102", ())]
    found = counted(tmp_path, tables)
    assert found.counters == {
        "students_without_class": {"101": 1, "102": 1},
        "classes_without_students": {"102": 1},
        "classes_without_instructor": {"102": 1},
        "staff_without_class": {"102": 1},
        "students_without_email": {"101": 1},
        "staff_without_email": {"102": 1},
    }


def test_figures_survive_being_written_as_json(tmp_path: Path):
    found = counted(tmp_path, finished.district())
    assert figures.from_data(figures.as_data(found)) == found


def test_a_jump_is_flagged_one_row_above_the_border_and_not_at_it():
    trail = past(6, missing=7, rows=1000)
    border = 7 + 20  # 2 % of 1,000 students, which is more than small_change

    def flagged(value: int) -> list[str]:
        now = Figures(
            "x", DAY, {"students": {"101": 1000}}, {"students_without_email": {"101": value}}
        )
        return [finding.rule for finding in figures.jumps(now, trail, 10)]

    assert flagged(border) == []
    assert flagged(border + 1) == ["figure-students-without-email"]


def test_nothing_is_flagged_before_there_is_anything_usual():
    now = Figures("x", DAY, {"students": {"101": 9}}, {"students_without_email": {"101": 900}})
    assert list(figures.jumps(now, past(figures.FEWEST - 1), 10)) == []
    assert len(list(figures.jumps(now, past(figures.FEWEST), 10))) == 1


def test_the_trail_keeps_the_last_ones_and_begins_anew_with_a_first_delivery():
    newest = Figures("new", DAY)
    trail = tuple(past(figures.TRAIL))
    longer = figures.extended(trail, newest)
    assert (len(longer), longer[0].run_id, longer[-1].run_id) == (
        figures.TRAIL,
        "invented-1",
        "new",
    )
    assert figures.extended(trail, newest, {figures.EVERYTHING: ()}) == (newest,)


def test_an_approval_makes_the_usual_size_of_what_it_was_held_for_and_of_nothing_else():
    sizes = {"students": {"101": 500, "102": 400}, "staff": {"101": 50}}
    trail = tuple(Figures(f"r-{n}", DAY, sizes) for n in range(10))
    now = Figures("new", DAY, {"students": {"101": 300, "102": 390}, "staff": {"101": 40}})

    def usual(approved: dict[str, tuple[str, ...]]) -> tuple[int | None, ...]:
        after = figures.extended(trail, now, approved)
        places = (("students", None), ("students", "101"), ("students", "102"), ("staff", None))
        return tuple(figures.usual(after, *place) for place in places)

    assert usual({}) == (900, 500, 400, 50)
    assert usual({"students": ("101",)}) == (700, 300, 400, 50)  # a school that is approved
    assert usual({"students": ()}) == (690, 300, 390, 50)  # the table as a whole
    assert usual({"staff": ()}) == (900, 500, 400, 40)
    assert usual({"students": ("gone",)}) == (900, 500, 400, 50)


def grown(sizes: list[int], first: date = DAY) -> tuple[Figures, ...]:
    """Marks after deliveries on as many days in a row."""
    trail: tuple[Figures, ...] = ()
    marks: tuple[Figures, ...] = ()
    for n, size in enumerate(sizes):
        now = Figures(f"r-{n}", first + timedelta(days=n), {"students": {"101": size}})
        trail = figures.extended(trail, now)
        marks = figures.marked(marks, trail)
    return marks


def test_marks_are_the_first_delivery_and_the_first_of_each_month_for_a_year() -> None:
    marks = grown([100] * 420, first=date(2026, 9, 10))
    assert [marks[0].day, marks[-1].day] == [date(2026, 12, 1), date(2027, 11, 1)], "of a year"
    assert len(marks) == 12
    early = grown([100] * 60, first=date(2026, 9, 10))
    assert [one.day for one in early] == [
        date(2026, 9, 10), date(2026, 10, 1), date(2026, 11, 1),
    ]  # fmt: skip


def test_one_odd_day_makes_no_mark() -> None:
    marks = grown([100] * 30 + [125] + [100] * 5, first=date(2026, 9, 1))  # 1 October
    assert [one.total("students") for one in marks] == [100, 100]


def test_a_season_with_other_limits_begins_a_tables_marks_anew() -> None:
    sizes = {"students": {"101": 500}, "classes": {"101": 80}}
    trail = tuple(Figures(f"r-{n}", date(2028, 1, 3 + n), sizes) for n in range(6))
    marks = figures.marked((), trail)
    in_season = figures.marked(marks, trail, begin_anew={"classes"})
    assert [set(one.rows) for one in in_season] == [{"students"}]
    half = replace(trail[-1], day=date(2028, 1, 20), rows={**sizes, "classes": {"101": 40}})
    afterwards = figures.marked(in_season, (*trail, half))
    assert figures.most(afterwards, "classes") == (40, half.day), "as it is on its first day"
    assert figures.most(afterwards, "students") == (500, trail[-1].day)


def test_every_counter_has_a_rule_that_explains_it():
    rules = {f"figure-{name.replace('_', '-')}" for name in figures.COUNTERS}
    assert rules | {NOTHING_CHANGES} == {name for name in RULES if name.startswith("figure-")}
