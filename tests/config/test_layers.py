"""Layers merge by law: maps merge, the rest replaces, null removes; both places are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etlrunner.config import layers, load, validate
from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError
from etlrunner.lib import render
from etlrunner.lib.document import Document, Key, Places, Scalar, Spot
from etlrunner.model.problems import Place

FLOW = """version: 1
source: {type: oneroster-csv, path: roster}
mapping: apple-school-manager
sink: {type: local-folder, path: out}
"""

names = st.sampled_from(["a", "b", "c", "d"])
texts = st.sampled_from(["1", "2", "x"]).map(Scalar)
trees = st.recursive(
    texts | st.lists(texts, max_size=2), lambda inner: st.dictionaries(names, inner, max_size=3)
)
maps = st.dictionaries(names, trees, max_size=4)


def document(data: Any, file: str) -> Document:
    spots: dict[Key, Spot] = {}
    _spot(data, (), file, spots)
    return Document(data, Places(spots, {}))


def _spot(value: Any, way: Key, file: str, spots: dict[Key, Spot]) -> None:
    spots[way] = Spot(Place(file, 1, 1), Place(file, 1, 1))
    members = value.items() if isinstance(value, dict) else ()
    items = enumerate(value) if isinstance(value, list) else ()
    for key, inner in (*members, *items):
        _spot(inner, (*way, key), file, spots)


def over(below: Any, above: Any) -> Document:
    return layers.over(document(below, "base"), document(above, "flow"))


@given(maps)
def test_nothing_over_or_under_something_changes_nothing(data: Any) -> None:
    assert over(data, {}).data == data
    assert over({}, data).data == data


@given(maps)
def test_merging_twice_is_merging_once(data: Any) -> None:
    assert over(data, data).data == data


@given(maps, maps)
def test_the_upper_layer_wins_wherever_it_speaks(below: Any, above: Any) -> None:
    once = over(below, above).data
    assert over(once, above).data == once


@given(maps, maps, maps)
def test_how_layers_are_grouped_does_not_matter(low: Any, middle: Any, high: Any) -> None:
    left = layers.over(over(low, middle), document(high, "flow")).data
    right = layers.over(document(low, "base"), over(middle, high)).data
    # the one exception: a text in the middle hides the map below it before the map above comes
    if not _hides(low, middle, high):
        assert left == right


def _hides(low: Any, middle: Any, high: Any) -> bool:
    shared = set(low) & set(middle) & set(high)
    return any(
        (isinstance(low[key], dict) and isinstance(high[key], dict))
        and (not isinstance(middle[key], dict) or _hides(low[key], middle[key], high[key]))
        for key in shared
    )


@given(maps, names)
def test_null_removes_and_leaves_the_rest(data: Any, name: str) -> None:
    merged = over(data, {name: None})
    assert merged.data == {key: value for key, value in data.items() if key != name}
    left = [way for way in merged.places if way[:1] == (name,)]
    assert left == [(name,)], "only where the null stands, for messages about what it removed"


@given(maps, maps)
def test_every_value_has_a_place_and_no_place_is_left_over(below: Any, above: Any) -> None:
    merged = over(below, above)
    expected: dict[Key, Spot] = {}
    _spot(merged.data, (), "any", expected)
    assert set(merged.places) == set(expected)


def test_a_replaced_value_knows_both_places() -> None:
    merged = over({"a": Scalar("1")}, {"a": Scalar("2")})
    assert merged.places[("a",)].file == "flow"
    assert merged.places.also(("a",)) == Place("base", 1, 1)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "flows" / "base").mkdir(parents=True)
    return Project(tmp_path.resolve())


def write(project: Project, name: str, text: str) -> None:
    (project.root / "flows" / f"{name}.yaml").write_text(text)


def problem_of(project: Project, **sets: str) -> str:
    named = {key.replace("__", "."): value for key, value in sets.items()}
    with pytest.raises(ConfigurationError) as caught:
        validate.read_flow(project, "north", named)
    [problem] = caught.value.problems
    return render.problem(problem)


def test_a_flow_lies_over_what_it_extends(project: Project) -> None:
    write(
        project, "base/low", FLOW + "description: low\nschedule: {hour: 3, timezone: US/Central}\n"
    )
    write(project, "base/middle", "extends: base/low.yaml\ndescription: null\nenabled: false\n")
    write(project, "north", "extends: base/middle.yaml\nschedule: {hour: 4}\n")
    flow = validate.read_flow(project, "north")
    assert flow.description == ""
    assert flow.enabled is False
    assert flow.schedule is not None
    assert (flow.schedule.hour, flow.schedule.timezone) == (4, "US/Central")
    assert [path.stem for path in flow.layers] == ["low", "middle", "north"]


def test_a_wrong_value_over_another_names_both_files(project: Project) -> None:
    write(project, "base/low", FLOW + "schedule: {hour: 3, timezone: US/Central}\n")
    write(project, "north", "extends: base/low.yaml\nschedule:\n  hour: 30\n")
    said = problem_of(project)
    assert said.startswith("flows/north.yaml:3:9: error[E205]")
    assert "it replaces what stands at flows/base/low.yaml:5:18" in said


def test_a_circle_is_told_with_its_files(project: Project) -> None:
    write(project, "base/a", "extends: base/b.yaml\n")
    write(project, "base/b", "extends: base/a.yaml\n")
    write(project, "north", "extends: base/a.yaml\n")
    said = problem_of(project)
    assert "E220" in said
    assert "flows/base/a.yaml -> flows/base/b.yaml -> flows/base/a.yaml" in said


def test_null_in_a_flow_that_extends_nothing_is_as_if_it_were_not_there(project: Project) -> None:
    write(project, "north", FLOW + "description: null\nselect: {grades: null}\n")
    assert validate.read_flow(project, "north").select.grades == ()


def test_set_changes_one_value_for_one_run(project: Project) -> None:
    write(project, "north", FLOW)
    flow = validate.read_flow(project, "north", {"source.concurrency": "1", "enabled": "false"})
    assert flow.source.options["concurrency"] == 1
    assert flow.enabled is False
    assert flow.config_hash != validate.read_flow(project, "north").config_hash


def test_set_with_a_wrong_value_is_told_by_its_key(project: Project) -> None:
    write(project, "north", FLOW)
    assert problem_of(project, source__concurrency="many").startswith("--set source.concurrency: ")


def test_set_shows_no_value_that_yaml_cannot_read(project: Project) -> None:
    write(project, "north", FLOW)
    assert "canary" not in problem_of(project, sink__password='"canary" x')


def test_an_override_can_remove_a_column_of_the_mapping(project: Project) -> None:
    write(
        project, "base/low", FLOW + 'overrides: {students: {columns: {middle_name: {text: ""}}}}\n'
    )
    write(
        project, "north",
        "extends: base/low.yaml\noverrides: {students: {columns: {person_number: null}}}\n",
    )  # fmt: skip
    columns = validate.read_flow(project, "north").mapping.tables["students"].columns
    assert "person_number" not in columns
    assert columns["middle_name"].text == ""


def test_what_show_prints_is_a_flow_that_says_the_same(project: Project) -> None:
    write(project, "base/low", FLOW + 'select: {grades: ["01", NO, "null"]}\n')
    write(project, "north", 'extends: base/low.yaml\nretry: {until: "06:00"}\n')
    write(project, "south", layers.show(project, "north"))
    north, south = validate.read_flow(project, "north"), validate.read_flow(project, "south")
    assert north.source.options == south.source.options
    assert (north.select.grades, north.retry) == (south.select.grades, south.retry)
    assert north.safeguards == south.safeguards


def test_show_tells_where_each_value_came_from(project: Project) -> None:
    write(project, "base/low", FLOW + "schedule: {hour: 3, timezone: US/Central}\n")
    write(project, "north", "extends: base/low.yaml\nschedule: {hour: 4}\n")
    shown = layers.show(project, "north", origins=True, sets={"enabled": "false"}).splitlines()
    origins = {line.split(":")[0].strip(): line.partition("#")[2].strip() for line in shown}
    assert origins["hour"] == "flows/north.yaml:2, over flows/base/low.yaml:5"
    assert origins["timezone"] == "flows/base/low.yaml:5"
    assert origins["enabled"] == "--set enabled"
    assert origins["small_change"] == "default"


def test_show_of_a_cron_schedule_can_be_read_back(project: Project) -> None:
    write(project, "north", FLOW + 'schedule: {timezone: US/Central, cron: "30 2 * * 1-5"}\n')
    write(project, "south", layers.show(project, "north"))
    assert (
        validate.read_flow(project, "south").schedule
        == validate.read_flow(project, "north").schedule
    )


def test_show_refuses_a_flow_with_a_secret_in_it(project: Project) -> None:
    write(project, "north", FLOW + "notify: [{url: 'mailto://canary@example.org'}]\n")
    with pytest.raises(ConfigurationError) as caught:
        layers.show(project, "north", origins=True)
    assert "canary" not in "".join(render.problem(one) for one in caught.value.problems)


def test_show_prints_references_only(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTS", "mailto://canary@example.org")
    write(project, "north", FLOW + "notify: [{url: {env: ALERTS}}]\n")
    assert "canary" not in layers.show(project, "north", origins=True)
    assert "env: ALERTS" in layers.show(project, "north")


def test_yaml_that_is_written_is_read_back() -> None:
    data = {"a": ["01", "no", "12:30"], "on": "x: y", "b": {"c": True, "d": 1}}
    again = load.load("x", load.to_yaml(data)).data
    assert again == {"a": ["01", "no", "12:30"], "on": "x: y", "b": {"c": "true", "d": "1"}}
