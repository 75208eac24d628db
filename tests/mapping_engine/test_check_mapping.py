"""What can be known of a mapping without any data, all of it at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from etlrunner.mapping import apply, foreseen
from etlrunner.model.mapping import Column, LookupTable, MappingSet, Step
from etlrunner.model.problems import Located, Place, Problem
from etlrunner.target import APPLE_SCHOOL_MANAGER
from tests.support.mapped import mapping, only, resolve, shipped

PLACE = Place("mappings/x/locations.yaml", 7, 3)
LOCATIONS = {"location_id": "sourcedId", "location_name": "name"}


def problems(*tables: Any) -> list[Problem]:
    """Of these tables; that the other five are missing is another test's matter."""
    found = foreseen.problems(only(*tables), resolve=resolve)
    return [problem for problem in found if problem.code != "E314"]


def orgs(*steps: Step, source: str = "orgs", where: str | None = None, **columns: Any) -> Any:
    lookups = columns.pop("lookups", {})
    return mapping(
        "locations", source, {**LOCATIONS, **columns}, steps=steps, where=where, lookups=lookups
    )


def test_the_shipped_mapping_has_no_problem():
    assert foreseen.problems(shipped(), resolve=resolve) == []


def test_a_run_pulls_the_tables_that_the_mapping_reads_and_no_birthdays():
    needed = apply.tables_needed(shipped())
    assert set(needed) == {"orgs", "academicSessions", "courses", "classes", "users", "enrollments"}


def test_a_table_that_only_a_transform_reads_is_pulled():
    step = Step(
        "join", {"from": "demographics", "match": {"sourcedId": "sourcedId"}, "take": {"s": "sex"}}
    )
    assert "demographics" in apply.tables_needed(only(orgs(step)))


def test_each_of_apple_s_tables_must_be_made():
    found = foreseen.problems(MappingSet("apple-school-manager", {}), resolve=resolve)
    assert len(found) == len(APPLE_SCHOOL_MANAGER.tables)


def test_a_table_that_apple_does_not_have():
    one = mapping("locations", "orgs", LOCATIONS)
    (found,) = [
        problem
        for problem in foreseen.problems(MappingSet("x", {"studens": one}), resolve=resolve)
        if problem.code == "E313"
    ]
    assert "students" in found.hint


def test_an_unknown_source_table():
    (found,) = problems(orgs(source="org"))
    assert "orgs" in found.hint


def test_misspelt_columns_of_all_tables_at_once():
    classes = {"class_id": "sourcedID", "course_id": "courseSourcedId", "location_id": "scool"}
    found = problems(orgs(location_name="nam"), mapping("classes", "classes", classes))
    assert len(found) == 3
    assert "'name'" in found[0].hint
    assert "'sourcedId'" in found[1].hint


def test_a_where_and_a_column_are_both_told():
    assert len(problems(orgs(where='typ == "school"', location_name="nam"))) == 2


def test_a_target_column_that_apple_does_not_have_with_a_suggestion():
    (found,) = problems(orgs(location_nane="name"))
    assert "location_name" in found.hint


def test_a_numbered_column_is_made_by_each_and_not_named():
    found = problems(mapping("classes", "classes", {
        "class_id": "sourcedId", "course_id": "courseSourcedId", "location_id": "schoolSourcedId",
        "instructor_id_2": "title",
    }))  # fmt: skip
    assert len(found) == 1


def test_a_required_target_column_that_is_not_made():
    (found,) = problems(mapping("locations", "orgs", {"location_id": "sourcedId"}))
    assert "location_name" in found.message


def test_an_unknown_lookup_with_a_suggestion():
    column = Column("location_name", expr=Located("name"), lookup="name", place=PLACE)
    (found,) = problems(
        orgs(location_name=column, lookups={"names": LookupTable("names", rows={})})
    )
    assert found.place == PLACE
    assert "names" in found.hint


def test_each_needs_a_list_and_expr_a_text():
    columns = {
        "person_id": "orgSourcedIds",
        "first_name": "givenName",
        "last_name": "familyName",
        "location_id": Column("location_id", each=Located("primaryOrgSourcedId")),
    }
    assert len(problems(mapping("students", "users", columns))) == 2


def test_a_transform_adds_columns_that_the_next_step_may_use():
    steps = [
        Step(
            "join",
            {"from": "orgs", "match": {"sourcedId": "parentSourcedId"}, "take": {"parent": "name"}},
        ),
        Step("filter", {"where": 'parent != ""'}),
    ]
    assert problems(orgs(*steps, location_name="parent")) == []


def test_a_problem_in_a_transform_names_its_place():
    step = Step("sort", {"by": ["nam"]}, place=PLACE)
    (found,) = problems(orgs(step))
    assert found.place == PLACE
    assert found.path == "transforms[0].sort"


# ---------------------------------------------------------------- crosswalks


def crosswalk(path: Path, text: str | None, **more: str) -> list[Problem]:
    if text is not None:
        path.write_text(text, encoding="utf-8")
    names = {"names": LookupTable("names", csv=path, place=PLACE, **{"take": "asm", **more})}
    column = Column("location_name", expr=Located("name"), lookup="names")
    return problems(orgs(location_name=column, lookups=names))


def test_a_crosswalk_is_read(tmp_path: Path):
    assert crosswalk(tmp_path / "c.csv", "code,asm\n01,1\n02,2\n") == []


def test_a_crosswalk_may_begin_with_a_mark_of_its_encoding(tmp_path: Path):
    assert crosswalk(tmp_path / "c.csv", "\ufeffcode,asm\r\n01,1\r\n") == []


def test_a_crosswalk_that_is_not_there(tmp_path: Path):
    (found,) = crosswalk(tmp_path / "none.csv", None)
    assert (found.place, "none.csv" in found.message) == (PLACE, True)


@pytest.mark.parametrize("text", ["", "code,value\n01,1\n"])
def test_a_crosswalk_without_its_columns(text: str, tmp_path: Path):
    assert crosswalk(tmp_path / "c.csv", text)


def test_a_code_that_stands_twice_with_two_values_is_an_error_at_its_line(tmp_path: Path):
    (found,) = crosswalk(tmp_path / "c.csv", "code,asm\n01,1\n02,2\n01,9\n")
    assert (found.place.line, found.also.line) == (4, 2)
    assert "a code is there twice" in found.message


def test_a_code_has_one_meaning():
    from etlrunner.config.explain import EXPLANATIONS
    from etlrunner.expressions.codes import CODES

    for code in EXPLANATIONS.keys() & CODES.keys():
        assert EXPLANATIONS[code][0].lower() == CODES[code][0].lower()
