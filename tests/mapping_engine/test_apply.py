"""Rows on their way through a table's mapping: rules, transforms, columns, fates, files."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import petl
import polars as pl
import pytest

from etlrunner.errors import ChecksFailed
from etlrunner.mapping import apply
from etlrunner.model.mapping import Column, LookupTable, Step
from etlrunner.model.problems import Located
from etlrunner.model.surroundings import SilentProgress
from etlrunner.model.tables import StepCounts
from etlrunner.table import ROW
from tests.support import mapped as support
from tests.support.mapped import (
    SCHOOL,
    enrollment,
    flow_of,
    frozen,
    map_rows,
    mapping,
    only,
    section,
    student,
)

LOCATIONS = {"location_id": "sourcedId", "location_name": "name"}


def org(sourced_id: str, name: str = "Elm", **more: str) -> dict[str, str]:
    return {"sourcedId": sourced_id, "type": "school", "name": name, **more}


def locations(*steps: Step, **columns: Any) -> Any:
    where = columns.pop("where", None)
    lookups = columns.pop("lookups", {})
    return only(
        mapping(
            "locations", "orgs", {**LOCATIONS, **columns}, where=where, steps=steps, lookups=lookups
        )
    )


# ---------------------------------------------------------------- rules and fates


def test_each_condition_of_a_where_is_a_reason_of_its_own(tmp_path: Path):
    rows = [org("s1"), org("s2", identifier="0"), org("d", type="district", identifier="0")]
    made = map_rows(
        tmp_path, {"orgs": rows}, locations(where='type == "school" and identifier != "0"')
    )
    assert made.fates("locations") == {
        "s1": "written",
        "s2": 'identifier != "0"',
        "d": 'type == "school"',
    }
    counts = made.tables["locations"].counts
    assert (counts.read, counts.written) == (3, 1)
    assert counts.filtered == {'type == "school"': 1, 'identifier != "0"': 1}


def test_a_row_without_what_apple_requires_is_rejected_with_its_column(tmp_path: Path):
    made = map_rows(tmp_path, {"orgs": [org("s1"), org("s2", name="")]}, locations())
    assert made.keys("locations") == ["s1"]
    assert made.rejects() == [("locations", "s2", "required.location_name", "location_name")]
    assert made.tables["locations"].counts.rejected == {"required.location_name": 1}


def test_a_column_that_the_flow_requires_rejects_too(tmp_path: Path):
    person = {
        "person_id": "sourcedId",
        "first_name": "givenName",
        "last_name": "familyName",
        "sis_username": Column("sis_username", expr=Located("username"), required=True),
        "location_id": Column("location_id", each=Located("orgSourcedIds")),
    }
    users = [student("p1", username="a"), student("p2")]
    given = {"orgs": [SCHOOL], "users": users}
    made = map_rows(tmp_path, given, only(mapping("students", "users", person)))
    assert made.fates("students") == {"p1": "written", "p2": "required.sis_username"}


def test_a_text_that_is_too_long_is_rejected_and_not_cut(tmp_path: Path):
    short = Column("location_name", expr=Located("name"), max_length=4)
    rows = [org("s1", name="Éllm"), org("s2", name="Maple")]
    made = map_rows(tmp_path, {"orgs": rows}, locations(location_name=short))
    assert made.fates("locations") == {"s1": "written", "s2": "max_length.location_name"}


def test_a_row_that_a_rule_left_out_cannot_be_rejected(tmp_path: Path):
    rows = [org("s1"), org("", type="district", name="")]
    made = map_rows(tmp_path, {"orgs": rows}, locations(where='type == "school"'))
    assert made.rejects() == []


# ---------------------------------------------------------------- columns


def test_text_expressions_and_templates(tmp_path: Path):
    made = map_rows(
        tmp_path,
        {"orgs": [org("s1", name=" elm ", identifier="7")]},
        locations(location_name="{{ name | trim | title }} ({{ identifier }})"),
    )
    assert made.rows("locations") == [{"location_id": "s1", "location_name": "Elm (7)"}]


def test_the_files_columns_are_all_there_in_the_header_s_order(tmp_path: Path):
    columns = {"location_id": "orgSourcedId", "course_name": "title", "course_id": "sourcedId"}
    given = {
        "orgs": [SCHOOL],
        "courses": [{"sourcedId": "c1", "title": "Art", "orgSourcedId": "s1"}],
    }
    made = map_rows(tmp_path, given, only(mapping("courses", "courses", columns)))
    (row,) = made.rows("courses")
    assert list(row.items()) == [
        ("course_id", "c1"), ("course_number", ""), ("course_name", "Art"), ("location_id", "s1")
    ]  # fmt: skip


def people(**more: Any) -> Any:
    """A mapping of students whose location is whatever list is given."""
    columns = {
        "person_id": "sourcedId",
        "first_name": "givenName",
        "last_name": "familyName",
        "location_id": Column("location_id", each=Located("userIds"), **more),
    }
    lookups = {"schools": LookupTable("schools", rows={"s1": "L1", "s2": "L2"})}
    return only(mapping("students", "users", columns, lookups=lookups))


def schools_of(tmp_path: Path, *lists: list[str], **more: Any) -> list[list[str]]:
    users = [student(f"p{n}", userIds=one) for n, one in enumerate(lists)]
    made = map_rows(tmp_path, {"orgs": [SCHOOL], "users": users}, people(**more))
    return [
        [cell for name, cell in row.items() if name.startswith("location_id")]
        for row in made.rows("students")
    ]


def test_a_list_becomes_numbered_columns_as_wide_as_the_widest_row(tmp_path: Path):
    assert schools_of(tmp_path, ["s1"], ["s2", "s1", "s3"]) == [["s1", "", ""], ["s2", "s1", "s3"]]


def test_a_row_that_is_left_out_does_not_widen_the_file(tmp_path: Path):
    users = [student("p1", userIds=["s1"]), student("p2", userIds=["s1", "s2"], givenName="")]
    made = map_rows(tmp_path, {"orgs": [SCHOOL], "users": users}, people())
    assert "location_id_2" not in made.rows("students")[0]


def test_an_empty_list_is_an_empty_cell_and_required_sees_it(tmp_path: Path):
    users = [student("p1", userIds=[])]
    made = map_rows(tmp_path, {"orgs": [SCHOOL], "users": users}, people())
    assert made.fates("students") == {"p1": "required.location_id"}


def test_more_than_the_most_are_cut_and_told(tmp_path: Path):
    users = [student("p1", userIds=["s1", "s2", "s3"]), student("p2", userIds=["s1"])]
    made = map_rows(tmp_path, {"orgs": [SCHOOL], "users": users}, people(max=2))
    assert "location_id_3" not in made.rows("students")[0]
    (note,) = made.tables["students"].notes
    assert (note.severity, note.column, note.count) == ("warning", "location_id", 1)


def test_a_class_has_fifteen_instructors_at_most(tmp_path: Path):
    teachers = [support.teacher(f"t{n:02}") for n in range(17)]
    given = {
        "orgs": [SCHOOL],
        "courses": [{"sourcedId": "c1", "title": "Art", "orgSourcedId": "s1"}],
        "classes": [section("k1")],
        "users": teachers,
        "enrollments": [
            enrollment(
                f"e{n}", "k1", one["sourcedId"], "teacher", primary="true" if n == 16 else ""
            )
            for n, one in enumerate(teachers)
        ],
    }
    made = map_rows(tmp_path, given)
    (row,) = made.rows("classes")
    assert row["instructor_id"] == "t16"
    assert row["instructor_id_15"] == "t13"
    assert "instructor_id_16" not in row
    assert made.tables["classes"].notes[0].severity == "warning"


def test_a_list_leaves_no_gaps_and_repeats_nothing(tmp_path: Path):
    assert schools_of(tmp_path, ["", "s1", "s1", "", "s2"]) == [["s1", "s2"]]


def test_a_list_of_blanks_is_empty(tmp_path: Path):
    assert schools_of(tmp_path, [""]) == []


# ---------------------------------------------------------------- lookups


def looked_up(tmp_path: Path, codes: list[str], **more: Any) -> Any:
    column = Column("location_name", expr=Located("identifier"), lookup="names", **more)
    rows = {"1": "One", "2": "Two"}
    names = {"names": LookupTable("names", rows=rows)}
    given = {"orgs": [org(f"s{n}", identifier=code) for n, code in enumerate(codes)]}
    return map_rows(tmp_path, given, locations(location_name=column, lookups=names))


def names(made: Any) -> list[str]:
    return [row["location_name"] for row in made.rows("locations")]


def test_an_unknown_code_is_kept(tmp_path: Path):
    assert names(looked_up(tmp_path, ["1", "x"])) == ["One", "x"]


def test_an_unknown_code_becomes_blank(tmp_path: Path):
    made = looked_up(tmp_path, ["1", "x"], missing="blank", default="None")
    assert names(made) == ["One", "None"]


def test_an_unknown_code_becomes_the_default(tmp_path: Path):
    assert names(looked_up(tmp_path, ["x", "2"], missing="default", default="?")) == ["?", "Two"]


def test_an_unknown_code_rejects_its_row(tmp_path: Path):
    made = looked_up(tmp_path, ["1", "x"], missing="reject")
    assert made.fates("locations") == {"s0": "written", "s1": "lookup.location_name"}


def test_an_unknown_code_ends_the_run(tmp_path: Path):
    with pytest.raises(ChecksFailed) as raised:
        looked_up(tmp_path, ["1", "x", "y"], missing="fail")
    assert (raised.value.findings[0].column, raised.value.findings[0].count) == ("location_name", 2)


def test_a_code_that_is_missing_is_not_an_unknown_one(tmp_path: Path):
    made = looked_up(tmp_path, [""], missing="reject", default="None")
    assert names(made) == ["None"]


def test_a_lookup_translates_the_items_of_a_list(tmp_path: Path):
    assert schools_of(tmp_path, ["s2", "s1"], lookup="schools") == [["L2", "L1"]]


def test_an_item_that_the_table_lacks_is_kept_emptied_or_replaced(tmp_path: Path):
    ways = {"keep": ["L1", "x"], "blank": ["L1"], "default": ["L1", "L9"]}
    for missing, wanted in ways.items():
        default = {"default": "L9"} if missing == "default" else {}
        folder = tmp_path / missing
        made = schools_of(folder, ["s1", "x"], lookup="schools", missing=missing, **default)
        assert made == [wanted], missing


def test_an_item_that_the_table_lacks_rejects_its_row_or_ends_the_run(tmp_path: Path):
    users = [student("p1", userIds=["s1", "x"]), student("p2", userIds=["s2"])]
    given = {"orgs": [SCHOOL], "users": users}
    made = map_rows(tmp_path / "a", given, people(lookup="schools", missing="reject"))
    assert made.fates("students") == {"p1": "lookup.location_id", "p2": "written"}
    with pytest.raises(ChecksFailed):
        map_rows(tmp_path / "b", given, people(lookup="schools", missing="fail"))


def test_a_default_stands_in_for_a_list_without_items(tmp_path: Path):
    assert schools_of(tmp_path, [], [""], ["s1"], default="s9") == [["s9"], ["s9"], ["s1"]]


def test_a_table_may_ignore_capitals_and_spaces(tmp_path: Path):
    column = Column("location_name", expr=Located("identifier"), lookup="names", missing="blank")
    table = LookupTable("names", rows={"Grade K": "K"}, ignore=("case", "spaces"))
    given = {"orgs": [org("s1", identifier="GRADE  k"), org("s2", identifier="Grade-K")]}
    made = map_rows(tmp_path, given, locations(location_name=column, lookups={"names": table}))
    assert made.fates("locations") == {"s1": "written", "s2": "required.location_name"}
    assert names(made) == ["K"]


def test_codes_that_no_row_has_and_those_the_table_lacks_are_told(tmp_path: Path):
    made = looked_up(tmp_path, ["1", "x", "y", "y", ""], missing="keep", default="None")
    (use,) = made.tables["locations"].codes
    assert (use.column, use.lookup, use.codes) == ("location_name", "names", 2)
    assert use.unused == ("2",)
    assert list(use.unknown.items()) == [("y", 2), ("x", 1)]


def test_codes_of_a_column_that_names_people_are_not_told(tmp_path: Path):
    columns = {
        "person_id": "sourcedId",
        "first_name": Column("first_name", expr=Located("givenName"), lookup="names"),
        "last_name": "familyName",
        "location_id": Column("location_id", each=Located("orgSourcedIds"), lookup="schools"),
    }
    lookups = {
        "names": LookupTable("names", rows={"A": "B"}),
        "schools": LookupTable("schools", rows={"s1": "s1"}),
    }
    given = {"orgs": [SCHOOL], "users": [student("p1")]}
    made = map_rows(tmp_path, given, only(mapping("students", "users", columns, lookups=lookups)))
    assert [use.column for use in made.tables["students"].codes] == ["location_id"]


# ---------------------------------------------------------------- text


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Zoe\u0308", "Zo\u00eb"),
        ("Line\nbreak", "Line break"),
        ("a\t\r\nb", "a b"),
        ("a\x00b\x1fc", "a b c"),
        ("a\u2028b", "a b"),
        ("\\\\server", "server"),
        ('5" floppy', '5" floppy'),
        (" \u00a0Elm\u3000", "Elm"),
        ("Ｅlm", "Ｅlm"),
    ],
)
def test_cells_are_cleaned_for_apple(raw: str, clean: str, tmp_path: Path):
    made = map_rows(tmp_path, {"orgs": [org("s1", name=raw)]}, locations())
    assert made.rows("locations")[0]["location_name"] == clean


@pytest.mark.parametrize("nothing", ["\t", "\\", "\u00a0", "\n\n"])
def test_a_name_that_cleaning_empties_is_no_name(nothing: str, tmp_path: Path):
    made = map_rows(tmp_path, {"orgs": [org("s1", name=nothing)]}, locations())
    assert made.fates("locations") == {"s1": "required.location_name"}


# ---------------------------------------------------------------- keys and files


def test_equal_rows_are_one_and_different_ones_are_left_to_the_check(tmp_path: Path):
    rows = [org("s1"), org("s2", name="Oak"), org("s1"), org("s2", name="Pine")]
    made = map_rows(tmp_path, {"orgs": rows}, locations())
    assert made.keys("locations") == ["s1", "s2", "s2"]
    assert made.tables["locations"].counts.filtered == {"duplicate": 1}
    assert made.fates("locations") == {"s1": "duplicate, written", "s2": "written, written"}


def test_rows_are_sorted_by_the_key_s_bytes(tmp_path: Path):
    keys = ["é", "z", "Z", "a-1", "a1", "a", "10", "9", "\uffee", "😀"]
    made = map_rows(tmp_path, {"orgs": [org(key) for key in keys]}, locations())
    assert made.keys("locations") == sorted(keys, key=str.encode)


def test_the_order_of_the_source_makes_no_difference(tmp_path: Path):
    rows = [org(f"s{n}", name=f"School {n % 7}") for n in range(50)]
    one = map_rows(tmp_path / "1", {"orgs": rows}, locations())
    other = map_rows(tmp_path / "2", {"orgs": rows[::-1]}, locations(), row_group=7)
    assert one.rows("locations") == other.rows("locations")


def test_finished_files_hold_text_alone_and_no_row_numbers(tmp_path: Path):
    made = map_rows(tmp_path, {"orgs": [org("s1")]}, locations())
    schema = pl.read_parquet_schema(made.tables["locations"].path)
    assert set(schema.values()) == {pl.String()}
    assert ROW not in schema
    assert tuple(schema) == made.tables["locations"].columns


def test_a_run_s_files_are_private(tmp_path: Path):
    made = map_rows(tmp_path, {"orgs": [org("s1")]}, locations())
    paths = [made.tables["locations"].path, made.tables["locations"].fate_path]
    for path in [*paths, tmp_path / "rejects.parquet"]:
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent == tmp_path or path.parent.stat().st_mode & 0o777 == 0o700


def test_tables_without_rows_make_tables_without_rows(tmp_path: Path):
    made = map_rows(tmp_path, {})
    for name in made.tables:
        assert made.rows(name) == []
        assert made.tables[name].columns == support.APPLE_SCHOOL_MANAGER.tables[name].header()
    assert made.rejects() == []


# ---------------------------------------------------------------- transforms


def test_steps_run_in_their_order_and_count_what_they_lose(tmp_path: Path):
    steps = [
        Step("filter", {"where": 'type == "school"'}),
        Step("sort", {"by": ["name desc"]}),
        Step("dedupe", {"key": ["identifier"]}),
    ]
    rows = [
        org("s1", "A", identifier="1"),
        org("s2", "B", identifier="1"),
        org("d", type="district"),
    ]
    made = map_rows(tmp_path, {"orgs": rows}, locations(*steps))
    assert made.fates("locations") == {
        "s2": "written",
        "s1": "dedupe",
        "d": 'filter: type == "school"',
    }


def test_rows_that_a_join_makes_are_counted_as_added(tmp_path: Path):
    given = {
        "orgs": [SCHOOL, org("s2"), {"sourcedId": "d", "type": "district", "name": "D"}],
        "courses": [
            {"sourcedId": "c1", "title": "Art", "orgSourcedId": "d"},
            {"sourcedId": "c2", "title": "Taught by nobody", "orgSourcedId": "d"},
        ],
        "classes": [
            section("k1", "c1", "s1"),
            section("k2", "c1", "s2"),
            section("k3", "c1", "s2"),
        ],
    }
    made = map_rows(tmp_path, given)
    counts = made.tables["courses"].counts
    assert (counts.read, counts.added, counts.written) == (2, 1, 2)
    assert sum(counts.filtered.values()) == 1
    assert made.keys("courses") == ["c1-s1", "c1-s2"]
    assert "filter" in made.fates("courses")["c2"]


def test_each_step_tells_its_own_rows_and_begins_with_those_of_the_one_before(tmp_path: Path):
    courses = [
        {"sourcedId": "c1", "title": "Art", "orgSourcedId": "s1"},
        {"sourcedId": "c2", "title": "Latin", "orgSourcedId": "s1"},
    ]
    match = {"orgSourcedId": "sourcedId"}
    steps = [
        Step("filter", {"where": 'type == "school"'}),
        Step("sort", {"by": ["name"]}),
        Step(
            "join", {"from": "courses", "match": match, "take": {"t": "title"}, "many": "allowed"}
        ),
        Step("filter", {"where": 't != "Art"'}),
    ]
    rows = [org("s1"), org("s2"), org("d", type="district")]
    made = map_rows(tmp_path, {"orgs": rows, "courses": courses}, locations(*steps))
    counts = made.tables["locations"].counts
    assert counts.steps == (
        StepCounts('filter: type == "school"', before=3, after=2, filtered=1),
        StepCounts("sort", before=2, after=2),
        StepCounts("join: courses", before=2, after=3, added=1),
        StepCounts('filter: t != "Art"', before=3, after=2, filtered=1),
    )
    assert all(step.holds() for step in counts.steps)


def test_two_steps_of_the_same_name_lose_rows_each(tmp_path: Path):
    inner = {"from": "courses", "match": {"orgSourcedId": "sourcedId"}, "kind": "inner"}
    steps = [
        Step("join", {**inner, "take": {"first": "title"}, "where": 'title == "Art"'}),
        Step("join", {**inner, "take": {"second": "title"}, "where": 'title == "Art"'}),
        Step("filter", {"where": 'name != "Oak"'}),
        Step("filter", {"where": 'name != "Oak"'}),
    ]
    rows = [org("s1"), org("s2"), org("s3", "Oak")]
    courses = [{"sourcedId": f"c{n}", "title": "Art", "orgSourcedId": f"s{n}"} for n in (1, 3)]
    made = map_rows(tmp_path, {"orgs": rows, "courses": courses}, locations(*steps))
    assert made.keys("locations") == ["s1"]


def test_two_joins_with_one_table_may_both_lose_rows(tmp_path: Path):
    inner = {"from": "courses", "match": {"orgSourcedId": "sourcedId"}, "kind": "inner"}
    steps = [
        Step("join", {**inner, "take": {"first": "title"}}),
        Step("join", {**inner, "take": {"second": "title"}, "where": 'title == "Latin"'}),
    ]
    steps[1] = Step(
        "join", {**inner, "match": {"sourcedId": "identifier"}, "take": {"second": "title"}}
    )
    rows = [org("s1", identifier="c1"), org("s2"), org("s3")]
    courses = [{"sourcedId": f"c{n}", "title": "Art", "orgSourcedId": f"s{n}"} for n in (1, 2)]
    made = map_rows(tmp_path, {"orgs": rows, "courses": courses}, locations(*steps))
    assert made.keys("locations") == ["s1"]


UNION = Step("union", {"from": "courses", "take": {"sourcedId": "sourcedId", "name": "title"}})


def test_rows_of_another_table_are_added(tmp_path: Path):
    given = {"orgs": [org("s1")], "courses": [{"sourcedId": "c1", "title": "Art"}]}
    made = map_rows(tmp_path, given, locations(UNION))
    counts = made.tables["locations"].counts
    assert (counts.read, counts.added, counts.written) == (1, 1, 2)


def test_added_rows_keep_their_one_fate_through_the_next_step(tmp_path: Path):
    given = {"orgs": [org("s1")], "courses": [{"sourcedId": "c1", "title": "Art"}]}
    made = map_rows(tmp_path, given, locations(UNION, Step("sort", {"by": ["name"]})))
    assert made.fates("locations") == {"s1": "written", "c1": "written"}
    assert made.tables["locations"].counts.added == 1


def resolving(**modules: Any) -> Any:
    return lambda name: modules[name] if name in modules else support.resolve(name)


def test_any_petl_function_can_be_a_transform(tmp_path: Path):
    upper = SimpleNamespace(
        apply=lambda table, options, tables: petl.convert(table, "name", "upper"),
        columns=lambda before, options, tables: before,
    )
    raw = frozen(tmp_path / "raw", {"orgs": [org("s1"), org("s2", name="Oak")]})
    flow = flow_of(locations(Step("upper", {})))
    made = apply.map_tables(
        flow,
        raw,
        tmp_path,
        as_of=support.TODAY,
        resolve=resolving(upper=upper),
        progress=SilentProgress(),
    )
    assert pl.read_parquet(made["locations"].path)["location_name"].to_list() == ["ELM", "OAK"]
