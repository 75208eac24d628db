"""What a flow decides about the checks' rules is done, counted and listed; the law holds afterwards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from etlrunner import check
from etlrunner.checks import apple_school_manager, books, references, rules, rulings
from etlrunner.model.flow import Ruling
from etlrunner.model.problems import Verdict
from etlrunner.model.surroundings import SilentProgress
from etlrunner.target import APPLE_SCHOOL_MANAGER as TARGET
from tests.support import finished, mapped
from tests.support.finished import District

DROPS = ("class_instructor_missing", "roster_class_missing", "roster_student_missing")


def checked(
    folder: Path, tables: District, verdicts: dict[str, Verdict], *repairs: str, **sink: object
) -> check.Checked:
    return check.check(
        finished.flow(sink, repair=repairs or DROPS, rules=verdicts),
        TARGET,
        finished.finished(folder, tables),
        folder,
        modules=(apple_school_manager, references),
        progress=SilentProgress(),
    )


def keys(made: check.Checked, name: str) -> list[str]:
    return pl.read_parquet(made.finished[name].path)[TARGET.tables[name].key].to_list()


def cells(made: check.Checked, name: str, column: str) -> list[str]:
    return pl.read_parquet(made.finished[name].path)[column].to_list()


def fates(made: check.Checked, name: str) -> dict[str, str]:
    table = made.finished[name]
    assert table.fate_path is not None
    rows = pl.read_parquet(table.fate_path).select("key", "fate").iter_rows()
    return {key: table.reasons[fate - 1] if fate else "written" for key, fate in rows}


def listed(folder: Path) -> set[tuple[str, ...]]:
    rows = pl.read_parquet(folder / "findings.parquet")
    return set(rows.select("table", "key", "rule", "verdict").rows())


def test_a_class_that_is_left_out_takes_its_roster_rows_with_it(tmp_path: Path) -> None:
    tables = finished.district()
    tables["classes"][1] = finished.school_class(2, "102", (), course_id="C-2")
    verdicts: dict[str, Verdict] = {
        "asm-class-no-instructor": "reject",
        "asm-course-no-classes": "reject",
    }
    made = checked(tmp_path, tables, verdicts)
    assert keys(made, "classes") == ["K-1"]
    assert keys(made, "rosters") == ["K-1-S-1", "K-1-S-2"]
    assert keys(made, "courses") == ["C-1"]
    assert fates(made, "classes")["K-2"] == "asm-class-no-instructor"
    assert fates(made, "rosters")["K-2-S-3"] == "repair.roster_class_missing"
    assert fates(made, "courses")["C-2"] == "asm-course-no-classes"
    assert made.findings == ()
    assert all(table.counts.holds() for table in made.finished.values())


def test_a_repair_may_make_a_row_break_a_rule_that_rejects(tmp_path: Path) -> None:
    tables = finished.district()
    tables["classes"][1] = finished.school_class(2, "102", ("T-9",), course_id="C-2")
    made = checked(tmp_path, tables, {"asm-class-no-instructor": "reject"})
    assert keys(made, "classes") == ["K-1"]
    assert keys(made, "rosters") == ["K-1-S-1", "K-1-S-2"]


def test_a_cell_is_emptied(tmp_path: Path) -> None:
    tables = finished.district()
    tables["students"][0]["email_address"] = "NULL"
    made = checked(tmp_path, tables, {"asm-email-malformed": "blank"})
    assert cells(made, "students", "email_address")[0] == ""
    assert made.findings == ()
    [touched] = made.finished["students"].touched
    assert (touched.rule, touched.column, touched.verdict, touched.count) == (
        "asm-email-malformed", "email_address", "blank", 1,
    )  # fmt: skip
    assert ("students", "S-1", "asm-email-malformed", "blank") in listed(tmp_path)


def test_what_is_invisible_is_cut_out_of_names_and_never_out_of_identifiers(
    tmp_path: Path,
) -> None:
    tables = finished.district()
    tables["students"][0]["last_name"] = "Per\u200bson\u200b"
    tables["students"][1]["first_name"] = "“Bo”"
    tables["locations"].append({"location_id": "1\u200b03", "location_name": "East"})
    made = checked(tmp_path, tables, {"asm-zero-width": "cut", "asm-curly-quotes": "cut"})
    assert cells(made, "students", "last_name")[0] == "Person"
    assert cells(made, "students", "first_name")[1] == "Bo"
    assert "1\u200b03" in keys(made, "locations")
    assert {f.rule for f in made.findings} == {"asm-zero-width", "asm-id-charset"}


def test_a_name_of_which_nothing_is_left_is_found_by_its_own_rule(tmp_path: Path) -> None:
    tables = finished.district()
    tables["students"][0]["last_name"] = "\u200b"
    made = checked(tmp_path, tables, {"asm-zero-width": "cut"})
    assert [f.rule for f in made.findings] == ["asm-required"]
    made = checked(tmp_path / "two", tables, {"asm-zero-width": "cut", "asm-required": "reject"})
    assert fates(made, "students")["S-1"] == "asm-required"
    assert made.findings == ()


def test_fail_makes_a_warning_end_the_run_and_warn_lets_nothing_vanish(tmp_path: Path) -> None:
    tables = finished.district()
    tables["classes"][0]["instructor_id"] = ""
    made = checked(tmp_path, tables, {"asm-class-no-instructor": "fail"})
    assert made.has_errors
    assert ("classes", "K-1", "asm-class-no-instructor", "fail") in listed(tmp_path)


def test_every_key_that_breaks_a_rule_is_listed_however_many(tmp_path: Path) -> None:
    tables = finished.district()
    tables["courses"] += [finished.course(n) for n in range(10, 260)]
    made = checked(tmp_path, tables, {})
    assert sum(f.count for f in made.findings) == 250
    assert len([row for row in listed(tmp_path) if row[2] == "asm-course-no-classes"]) == 250


def test_a_person_in_both_files_may_be_left_out_of_staff(tmp_path: Path) -> None:
    tables = finished.district()
    tables["staff"].append(finished.teacher(5, person_id="S-1"))
    made = checked(tmp_path, tables, {"asm-dual-role": "reject"})
    assert keys(made, "staff") == ["T-1", "T-2"]
    assert "S-1" in keys(made, "students")


def test_of_two_rows_with_one_key_the_right_one_has_the_fate(tmp_path: Path) -> None:
    tables = finished.district()
    tables["rosters"].append(finished.roster("K-9", "S-1", roster_id="K-1-S-1"))
    made = checked(tmp_path, tables, {})
    table = made.finished["rosters"]
    assert table.counts.rejected == {"repair.roster_class_missing": 1}
    books.verify(made.finished)


@pytest.mark.parametrize("what", ["counts", "file", "fates"])
def test_books_that_do_not_add_up_stop_the_run(tmp_path: Path, what: str) -> None:
    """A check that cannot fail proves nothing: each kind of wrong is made on purpose."""
    tables = finished.finished(tmp_path, finished.district())
    made = tables["students"]
    books.verify(tables)
    if what == "counts":
        tables["students"] = replace(made, counts=replace(made.counts, written=2))
    elif what == "file":
        pl.read_parquet(made.path).head(2).write_parquet(made.path)
    else:
        assert made.fate_path is not None
        fates = pl.read_parquet(made.fate_path)
        pl.concat([fates.head(2), fates.head(1)]).write_parquet(made.fate_path)
    with pytest.raises(RuntimeError, match="students"):
        books.verify(tables)


# ---------------------------------------------------------------- what a flow may decide


def problems(verdicts: dict[str, Verdict], **sink: object) -> list[tuple[str, str, str]]:
    flow = replace(
        finished.flow(sink),
        mapping=mapped.shipped(),
        rules={rule: Ruling(verdict) for rule, verdict in verdicts.items()},
    )
    return [(one.code, one.message, one.hint) for one in rulings.problems(flow)]


def test_what_a_rule_allows_passes() -> None:
    allowed: dict[str, Verdict] = {
        rule.id: verdict
        for rule in rules.RULES.values()
        if not rule.id.endswith(".COLUMN")
        for verdict in rule.may
    }
    assert problems(allowed) == []
    assert problems({"required.first_name": "fail", "lookup.grade_level": "blank"}) == []


@pytest.mark.parametrize(
    ("rule", "verdict", "message", "hint"),
    [
        ("asm-required", "warn", "asm-required cannot be 'warn'",
         "allowed: fail, reject; see: etlrunner explain asm-required"),
        ("required.first_name", "warn", "required.first_name cannot be 'warn'",
         "allowed: reject, fail; see: etlrunner explain required.first_name"),
        ("asm-clas-no-students", "reject", "there is no rule 'asm-clas-no-students'",
         "did you mean 'asm-class-no-students'?"),
        ("max_length.first_name", "cut", "the mapping has no rule 'max_length.first_name'",
         "the mapping's first_name has no `max_length`"),
        ("required.frst_name", "fail", "the mapping has no rule 'required.frst_name'",
         "did you mean 'required.first_name'?"),
        ("asm-ref-student", "reject", "asm-ref-student is not for a flow to decide",
         "Apple refuses the whole upload for it; `repair:` says what becomes of such references"),
        ("repair.roster_class_missing", "fail",
         "repair.roster_class_missing is not for a flow to decide",
         "say it under repair: {roster_class_missing: …}"),
        ("csv-cells", "warn", "csv-cells is not for a flow to decide",
         "it is about zips that others made: etlrunner validate ZIP"),
        ("empty-file", "warn", "empty-file is not for a flow to decide",
         "Apple refuses the whole upload for it, or it would do harm"),
    ],
)  # fmt: skip
def test_an_impossible_choice_is_an_error_that_says_what_is_possible(
    rule: str, verdict: Verdict, message: str, hint: str
) -> None:
    assert [(said, how) for _, said, how in problems({rule: verdict})] == [(message, hint)]


def test_an_address_that_is_the_account_is_not_emptied() -> None:
    assert problems({"asm-email-malformed": "blank"}) == []
    [(_, _, hint)] = problems({"asm-email-malformed": "blank"}, federated_domains=("a.example",))
    assert hint.startswith("allowed: warn, reject, fail")


def test_what_apple_would_refuse_is_never_waved_through() -> None:
    for rule in rules.RULES.values():
        if rule.severity == "error":
            assert "warn" not in rule.may, rule.id
