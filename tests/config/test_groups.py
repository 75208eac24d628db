"""Districts that share a base: what each file brings, removes and replaces, and who made a column."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from etlrunner.config import layers, mapping_shown, validate
from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError, UsageError
from etlrunner.lib import render

STATE = """\
version: 1
source: {type: oneroster-csv, path: roster}
mapping: apple-school-manager
sink: {type: local-folder, path: out}
schedule:
  hour: 3
  timezone: US/Central
overrides:
  students:
    columns:
      middle_name: {text: ""}
      grade_level: {missing: blank}
"""
REGION = """\
extends: base/state.yaml
schedule: {hour: 4}
overrides:
  students:
    columns:
      middle_name: null
      sis_username: username | lower
"""
NORTH = """\
extends: base/region.yaml
description: North
overrides:
  students:
    columns:
      sis_username: null
      email_address: {text: ""}
"""
SOUTH = "extends: base/region.yaml\ndescription: South\nschedule: {timezone: US/Mountain}\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    files = {"base/state": STATE, "base/region": REGION, "north": NORTH, "south": SOUTH}
    (tmp_path / "flows" / "base").mkdir(parents=True)
    for name, text in files.items():
        (tmp_path / "flows" / f"{name}.yaml").write_text(text)
    return Project(tmp_path.resolve())


def test_two_districts_of_a_group_have_what_they_share_and_what_is_theirs(project: Project):
    north, south = (validate.read_flow(project, name) for name in ("north", "south"))
    assert north.schedule is not None
    assert south.schedule is not None
    assert (north.schedule.hour, north.schedule.timezone) == (4, "US/Central")
    assert (south.schedule.hour, south.schedule.timezone) == (4, "US/Mountain")
    mine, theirs = (one.mapping.tables["students"].columns for one in (north, south))
    assert "middle_name" not in mine.keys() | theirs.keys(), "the region removed it"
    assert "sis_username" not in mine
    assert str(theirs["sis_username"].expr) == "username | lower"
    assert mine["email_address"].text == ""
    assert str(theirs["email_address"].expr) == "email | lower"
    assert mine["grade_level"].missing == theirs["grade_level"].missing == "blank"


def test_origins_name_the_file_of_each_layer(project: Project):
    shown = layers.show(project, "north", origins=True)
    origins = dict(re.findall(r"^ *(\w+):.* # (.*)$", shown, re.M))
    assert origins["hour"] == "flows/base/region.yaml:2, over flows/base/state.yaml:6"
    assert origins["timezone"] == "flows/base/state.yaml:7"
    assert origins["description"] == "flows/north.yaml:2"
    assert origins["missing"] == "flows/base/state.yaml:12"


def test_the_mapping_of_a_flow_shows_which_file_made_each_column(project: Project):
    shown = mapping_shown.show(project, "north", "students", origins=True)
    lines = [re.sub(r" +", " ", line.strip()) for line in shown.splitlines()]
    assert lines[0] == "# made from etlrunner/mappings/apple-school-manager/students.yaml" or (
        lines[0] == "# made from mappings/apple-school-manager/students.yaml"
    )
    mapping = lines[0].removeprefix("# made from ")
    at = lines.index("email_address:")
    assert lines[at + 1 : at + 4] != []
    assert "text: '' # flows/north.yaml:7" in lines[at : at + 4]
    assert "missing: blank # flows/base/state.yaml:12, over " + mapping in [
        line.rpartition(":")[0] for line in lines
    ]
    assert any(line.startswith(f"first_name: givenName # {mapping}:") for line in lines)
    assert any(line.startswith(f"expr: grades | first # {mapping}:") for line in lines)
    assert lines[-2:] == [
        "# columns.middle_name: removed by flows/base/region.yaml:6",
        "# columns.sis_username: removed by flows/north.yaml:6",
    ]


def test_every_origin_points_at_a_line_with_that_key(project: Project):
    """The law that makes origins worth reading, over all values of a flow and its mappings."""
    texts = [layers.show(project, "north", origins=True)]
    texts += [
        mapping_shown.show(project, "north", table, origins=True) for table in ("students", "staff")
    ]
    root = Path(__file__).resolve().parents[2]
    seen = 0
    for line in "\n".join(texts).splitlines():
        found = re.match(r"^ *(?:- )?([\w.-]+):.* # ([^ ,]+):(\d+)(?:, over ([^ ]+):(\d+))?$", line)
        for file, number in (
            zip(found.groups()[1::2], found.groups()[2::2], strict=True) if found else ()
        ):
            if file is None:
                continue
            path = project.root / file
            path = path if path.is_file() else root / file.removeprefix("etlrunner/")
            key, written = found[1], path.read_text().splitlines()[int(number) - 1]
            # a column that is one expression becomes a map with `expr` when a layer adds to it
            assert (
                key in written
                or key == "expr"
                or key in path.read_text().splitlines()[int(number) - 2]
            )
            seen += 1
    assert seen > 40


def test_a_table_that_is_not_there_is_told(project: Project):
    with pytest.raises(UsageError) as caught:
        mapping_shown.show(project, "north", "student")
    assert "did you mean 'students'" in caught.value.hint


def test_a_wrong_value_in_a_base_names_that_base_for_every_district(project: Project):
    state = project.root / "flows" / "base" / "state.yaml"
    state.write_text(STATE.replace("hour: 3", "hour: 3\n  minut: 5"))
    said = set()
    for name in ("north", "south"):
        with pytest.raises(ConfigurationError) as caught:
            validate.read_flow(project, name)
        said |= {render.problem(one) for one in caught.value.problems}
    [message] = said
    assert message.startswith("flows/base/state.yaml:7:3: error[E104]")


def test_a_base_that_nothing_extends_is_a_warning(project: Project):
    assert layers.unused_bases(project) == []
    (project.root / "flows" / "south.yaml").write_text(STATE)
    (project.root / "flows" / "north.yaml").write_text(STATE)
    [one] = layers.unused_bases(project)
    assert (one.code, str(one.place)) == ("E219", "flows/base/region.yaml:1:1")
