"""Pages that are sessions are true: a school is lost and found, everybody has another id, and nothing is harmed."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from tests.support import a_week, session


@pytest.mark.parametrize("sink", [a_week.sink_name()])
def test_the_week_on_the_page_is_what_happens(tmp_path: Path, sink: str):
    page = a_week.PAGE.read_text(encoding="utf-8")
    with a_week.week(tmp_path) as week:
        stage = week.stage()
        played = session.play(page, stage)
        arrived = sorted(week.arrived.glob("*.zip"), key=lambda path: path.stat().st_mtime_ns)
        users = week.district.tables["users"]
        schools = [_schools(archive) for archive in arrived]
    words = set(played.split())
    codes = [code for line, code in stage.ended if line.startswith("etlrunner")]
    assert codes == [6, 6, 0, 0, 0, 6, 0, 0, 0, 0, 2, 0, 0, 6, 0, 0, 0, 0, 0, 0]
    assert schools == [10] * 4, "Monday to Thursday; nothing of Wednesday night, nothing on Friday"
    people = users.select("givenName", "familyName", "email", "username").rows()
    for given, family, email, username in people:
        assert f"{given} {family}" not in played
        assert not {email, username, f"{family},"} & words - {""}
    assert played == page, "run: python -m tests.support.a_week"


@pytest.mark.parametrize("sink", [a_week.sink_name()])
def test_who_comes_from_claris_connect_doubles_no_account(tmp_path: Path, sink: str):
    page = a_week.CLARIS.read_text(encoding="utf-8")
    with a_week.week(tmp_path, a_week.CLARIS) as week:
        stage = week.stage()
        played = session.play(page, stage)
        [archive] = week.arrived.glob("*.zip")
        with zipfile.ZipFile(archive) as sent, zipfile.ZipFile(tmp_path / "claris.zip") as before:
            for name in sent.namelist():
                theirs = before.read(name).replace(b",Kindergarten,", b",K,")
                assert sent.read(name) == theirs, name
    codes = [code for line, code in stage.ended if line.startswith("etlrunner")]
    assert codes == [6, 0, 0, 6, 0, 0, 0]
    assert played == page, "run: python -m tests.support.a_week"


def test_the_page_about_why_shows_what_is_printed(tmp_path: Path):
    page = a_week.WHY.read_text(encoding="utf-8")
    with a_week.week(tmp_path, a_week.WHY) as week:
        stage = week.stage()
        played = session.play(page, stage)
    assert [code for _, code in stage.ended] == [6, 0, 0, 0]
    assert played == page, "run: python -m tests.support.a_week"


def test_the_page_about_a_column_shows_what_is_printed(tmp_path: Path):
    page = a_week.CHANGING.read_text(encoding="utf-8")
    with a_week.week(tmp_path, a_week.CHANGING) as week:
        stage = week.stage()
        flow = tmp_path / "flows" / "lakeside-isd.yaml"
        written = flow.read_text(encoding="utf-8")
        played = session.play(page, stage)
        recipes = re.findall(r"^\| [\w ,]+ \| `(.+)` \|$", page, re.MULTILINE)
        assert len(recipes) == 6
        for recipe in recipes:
            overrides = "overrides:\n  students:\n    columns:\n      " + recipe.replace("\\|", "|")
            flow.write_text(f"{written}{overrides}\n", encoding="utf-8")
            assert stage.command("etlrunner validate") == "lakeside-isd is valid.\n", recipe
    codes = [code for line, code in stage.ended if line.startswith("etlrunner")]
    assert codes == [6, *[0] * 10]
    assert played == page, "run: python -m tests.support.a_week"


def _schools(archive: Path) -> int:
    with zipfile.ZipFile(archive) as whole:
        return len(whole.read("locations.csv").splitlines()) - 1
