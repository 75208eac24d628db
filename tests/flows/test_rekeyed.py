"""A district whose SIS gave everybody a new id: held, a crosswalk proposed, and with it nothing changes.

The way through, from the hold to an archive that equals yesterday's, is docs/a-week.md.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest

from etlrunner.cli import held as screen_of_held
from etlrunner.cli import screen
from etlrunner.errors import ChecksFailed, ConfigurationError
from etlrunner.run import Result
from etlrunner.sandbox.district import District
from tests.support.prepared import Prepared
from tests.support.project import DAY, TestProject


@pytest.fixture
def delivered(project: TestProject, district: District, prepared: Prepared) -> TestProject:
    """A first delivery was approved; then the roster is replaced by what each test makes of it."""

    def make(folder: Path) -> None:
        first = TestProject(folder)
        first.csv("lakeside", district.write_csv(folder / "roster.zip"))
        first.approve(first.run("lakeside").record.id)
        first.close()

    project.replaced(partial(prepared.copy, "delivered once", make))
    return project


def replaced(project: TestProject, district: District) -> None:
    roster = project.root / "roster.zip"
    roster.unlink()
    district.write_csv(roster)


def committed(project: TestProject, crosswalks: dict[str, Path]) -> None:
    """What the report says to do."""
    folder = project.root / "mappings" / "crosswalks"
    folder.mkdir(parents=True)
    for path in crosswalks.values():
        shutil.copy(path, folder)
    lines = [f"  {name}: crosswalks/{path.name}\n" for name, path in crosswalks.items()]
    project.append("lakeside", "crosswalks:\n" + "".join(lines))


def test_a_proposal_holds_ids_and_column_names_only(delivered: TestProject, district: District):
    replaced(delivered, district.rekeyed())
    held = delivered.run("lakeside")
    kinds = {hold.safeguard for hold in held.holds}
    assert {"safeguards.students.max_rekeyed", "safeguards.staff.max_rekeyed"} <= kinds
    assert set(held.crosswalks) == {"users", "classes", "courses", "orgs"}
    users = held.crosswalks["users"].read_text(encoding="utf-8").splitlines()
    assert users[0] == "sourcedId,known_as,matched_by"
    names = set(district.tables["users"]["familyName"]) | set(district.tables["users"]["email"])
    for path in held.crosswalks.values():
        cells = {cell for line in path.read_text().splitlines() for cell in line.split(",")}
        assert not cells & (names - {""})
    for line in users[1:]:
        new, old, _ = line.split(",")
        assert new == f"q{old}"


@pytest.mark.parametrize("column", ["sourcedId", "known_as"])
def test_a_crosswalk_that_a_spreadsheet_took_zeros_from_sends_nothing(
    delivered: TestProject, district: District, column: str
):
    """Its lines fit nobody any more, or give ids that Apple never had: the district is held as re-keyed."""
    replaced(delivered, district.rekeyed("00"))
    proposed = dict(delivered.run("lakeside").crosswalks)
    for path in proposed.values():
        header, *lines = path.read_text().splitlines()
        place = header.split(",").index(column)
        rows = [line.split(",") for line in lines]
        cut = [
            [one.lstrip("0s") if n == place else one for n, one in enumerate(row)] for row in rows
        ]
        path.write_text("\n".join([header, *(",".join(row) for row in cut)]) + "\n")
    committed(delivered, proposed)
    again = delivered.run("lakeside")
    assert again.exit_code in (5, 6)
    assert len(list((delivered.root / "out").glob("*.zip"))) == 1


def lines_of(project: TestProject) -> tuple[Path, list[list[str]]]:
    """The crosswalk for people in use, and its rows without the header."""
    path = project.root / "mappings" / "crosswalks" / "lakeside-users.csv"
    return path, [line.split(",")[:2] for line in path.read_text().splitlines()[1:]]


def rewritten(project: TestProject, rows: list[list[str]]) -> None:
    path, _ = lines_of(project)
    path.write_text("sourcedId,known_as\n" + "".join(f"{new},{old}\n" for new, old in rows))


def said(result: Result) -> list[str]:
    return [one.message for one in result.findings if one.rule == "unmatched-crosswalk"]


def test_a_crosswalk_that_fits_no_more_is_said_and_held_even_without_limits(
    delivered: TestProject, district: District
):
    replaced(delivered, district.rekeyed())
    committed(delivered, dict(delivered.run("lakeside").crosswalks))
    one_name = district.rekeyed().tables["users"]["sourcedId"][0]
    replaced(delivered, district.rekeyed().changed("users", {one_name: {"givenName": "Other"}}))
    good = delivered.run("lakeside")
    assert (good.record.outcome, said(good)) == ("delivered", [])
    _, rows = lines_of(delivered)
    assert good.record.scope["crosswalks"]["users"] == len(rows)

    keys = (
        "max_removed max_removed_per_school max_added max_added_per_school max_rekeyed max_retaught"
    )
    keys += " max_emptied max_changed"
    off = ", ".join(f"{key}: none" for key in keys.split())
    people = off.replace(", max_retaught: none", "")
    classes = off.replace(", max_retaught: none", ", max_retaught: none, max_replaced: none")
    rosters = "max_removed: none, max_added: none, max_removed_per_school: none, max_added_per_school: none"
    delivered.append("lakeside", f"safeguards:\n  students: {{{people}}}\n  staff: {{{people}}}\n"
                                 f"  classes: {{{classes}}}\n  rosters: {{{rosters}}}\n")  # fmt: skip
    rewritten(delivered, [[f"0{new}", old] for new, old in rows])
    held = delivered.run("lakeside")
    assert held.record.held_by == ("crosswalk_unmatched",)
    assert held.record.holds[0].startswith(
        f"0 lines of crosswalks.users fit the roster, and {len(rows):,} lines fitted at the last delivery"
    )
    assert said(held) == [
        f"0 of the {len(rows):,} lines of crosswalks.users have an id of the roster"
    ]

    rewritten(delivered, [[old, new] for new, old in rows])
    planned = delivered.run("lakeside", deliver=False)
    assert planned.record.held_by[0] == "crosswalk_unmatched"
    (exchanged,) = said(planned)
    with screen.kept() as text:
        screen_of_held.show(planned, planned.holds)
    assert "are the two columns exchanged? [unmatched-crosswalk]" in " ".join(
        text.getvalue().split()
    )
    assert exchanged.endswith(
        f"and {len(rows):,} have such a known_as: are the two columns exchanged?"
    )

    rewritten(delivered, rows[: len(rows) // 2])
    fewer = delivered.run("lakeside", deliver=False)
    assert "crosswalk_unmatched" not in fewer.record.held_by, "people leave, one line each"

    flow = delivered.root / "flows" / "lakeside.yaml"
    flow.write_text(flow.read_text().replace("  users: crosswalks/lakeside-users.csv\n", ""))
    gone = delivered.run("lakeside", deliver=False)
    assert gone.record.holds[0].startswith("the flow has no crosswalks.users any more, and ")


def test_a_second_change_extends_the_crosswalk_in_use(delivered: TestProject, district: District):
    replaced(delivered, district.rekeyed())
    committed(delivered, dict(delivered.run("lakeside").crosswalks))
    assert delivered.run("lakeside").exit_code == 0
    twice = district.rekeyed().rekeyed("z")
    replaced(delivered, twice)
    held = delivered.run("lakeside")
    assert held.exit_code == 6
    for path in held.crosswalks.values():
        shutil.copy(path, delivered.root / "mappings" / "crosswalks")
    assert delivered.run("lakeside").record.outcome == "unchanged"


def test_an_id_that_the_sis_uses_again_is_an_error_and_nothing_is_sent(
    delivered: TestProject, district: District
):
    pupils = district.tables["users"].filter(role="student")["sourcedId"].to_list()
    folder = delivered.root / "mappings" / "crosswalks"
    folder.mkdir(parents=True)
    (folder / "users.csv").write_text(f"sourcedId,known_as\n{pupils[0]},{pupils[1]}\n")
    delivered.append("lakeside", "crosswalks: {users: crosswalks/users.csv}\n")
    result = delivered.run("lakeside")
    assert result.exit_code == 5
    assert isinstance(result.error, ChecksFailed)
    assert result.error.findings[0].rule == "crosswalk.users"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "E320"),
        ("sourcedId,wrong\na,b\n", "E321"),
        ("sourcedId,known_as\na,b\na,c\n", "E322"),
        ("sourcedId,known_as\na,x\nb,x\n", "E323"),
        ("sourcedId,known_as\na,\n", "E323"),
        ("sourcedId,known_as\na,1.23E+11\n", "E324"),
        ("sourcedId,known_as\n4e+5,a\n", "E324"),
    ],
    ids=["no file", "no column", "twice", "two people as one", "blank", "a number", "and its like"],
)
def test_a_crosswalk_that_is_wrong_is_found_offline(
    project: TestProject, text: str | None, code: str
):
    from etlrunner import plan

    project.csv("lakeside", Path("nowhere.zip"), "crosswalks: {users: crosswalks/users.csv}\n")
    folder = project.root / "mappings" / "crosswalks"
    folder.mkdir(parents=True)
    if text is not None:
        (folder / "users.csv").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        plan.make(project.project, "lakeside")
    assert [problem.code for problem in caught.value.problems] == [code]
    assert caught.value.problems[0].place is not None


def test_references_to_a_table_that_is_not_pulled_are_translated_too(tmp_path: Path):
    """A district's classes may be mapped without its courses; their course ids are new all the same."""
    import polars as pl

    from etlrunner.mapping import crosswalk
    from etlrunner.model.mapping import LookupTable

    path = tmp_path / "courses.csv"
    path.write_text("sourcedId,known_as\nnew-7,7\n")
    one = LookupTable("courses", csv=path, on=crosswalk.ON, take=crosswalk.TAKE)
    classes = pl.LazyFrame({"sourcedId": ["k"], "courseSourcedId": ["new-7"]})
    made = crosswalk.applied({"classes": classes}, {"courses": one})["classes"].collect()
    assert made["courseSourcedId"].to_list() == ["7"]


ODD = [
    "0007",
    "7",
    "a,b",
    'say "hi"',
    "Zo\u00eb",
    "1e5",
    "=1+1",
    "a b",
    "\u0442",
    "007.0",
    "NULL",
    "-",
]
UNSEEN = "a\u200bb"


@pytest.mark.parametrize("odd_were", ["before", "after"])
def test_odd_ids_survive_the_way_through_a_crosswalk(project: TestProject, odd_were: str):
    """Leading zeros, commas, quotes, formulas: as they are; what nobody can see is not proposed."""
    plain = District(students=40, seed=4, as_of=DAY, clean=True)
    pupils = plain.tables["users"].filter(role="student", status="active")["sourcedId"].to_list()
    rows = plain.tables["enrollments"]
    ids = dict(zip(pupils, [*ODD, UNSEEN], strict=False))
    odd = plain.changed("users", {old: {"sourcedId": new} for old, new in ids.items()}).changed(
        "enrollments",
        {
            id: {"userSourcedId": ids[user]}
            for id, user in rows.select("sourcedId", "userSourcedId").iter_rows()
            if user in ids
        },
    )
    before, after = (odd, plain) if odd_were == "before" else (plain, odd)
    project.csv("lakeside", before.write_csv(project.root / "roster.zip"))
    project.approve(project.run("lakeside").record.id)
    replaced(project, after)
    held = project.run("lakeside")
    assert len(held.crosswalks["users"].read_text().splitlines()) == 1 + len(ODD)
    committed(project, dict(held.crosswalks))
    result = project.run("lakeside")
    assert result.changes is not None
    change = result.changes.tables["students"]
    assert (change.added, change.changed, change.removed) == (1, 0, 1)  # the one with UNSEEN
