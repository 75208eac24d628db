"""Data that is plausible and wrong, through whole runs: what is held, left out, or said (section B)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from etlrunner.notify import event_of
from etlrunner.run import Result
from etlrunner.sandbox.district import District
from tests.support.matrix import proves
from tests.support.project import DAY, TestProject


class Flow:
    """A district that was delivered once; each test plans what another roster would do to it."""

    def __init__(self, folder: Path) -> None:
        self.project = TestProject(folder / "project")
        self.district = District(students=250, seed=4, as_of=DAY, clean=True)
        self.roster = folder / "roster.zip"
        self.project.csv("lakeside", self.district.write_csv(self.roster))
        self.first = self.project.run("lakeside")
        self.project.approve(self.first.record.id)

    def look(self, district: District, **request: object) -> Result:
        self.roster.unlink()
        district.write_csv(self.roster)
        return self.project.run("lakeside", **{"deliver": False, **request})

    def users(self, role: str = "student") -> list[str]:
        users = self.district.tables["users"].filter(role=role, status="active")
        return users["sourcedId"].to_list()

    def changed(self, table: str, rows: dict[str, dict[str, object]]) -> Result:
        return self.look(self.district.changed(table, rows))


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    made = Flow(tmp_path_factory.mktemp("plausible"))
    yield made
    made.project.close()


def held_by(result: Result) -> set[str]:
    return {hold.safeguard.removeprefix("safeguards.") for hold in result.holds}


def without(flow: Flow, pupils: list[str]) -> District:
    rows = flow.district.tables["enrollments"]
    theirs = rows.filter(rows["userSourcedId"].is_in(pupils))["sourcedId"].to_list()
    return flow.district.without("users", pupils).without("enrollments", theirs)


@proves(
    "B1",
    fault="every student is marked as deleted: files without rows",
    behaviour="an error, and held where the checks were told otherwise, whatever the limits are",
    exit=5,
)
def test_a_file_without_rows_is_never_sent(flow: Flow) -> int:
    result = flow.changed("users", {id: {"status": "tobedeleted"} for id in flow.users()})
    assert result.record.findings["empty-file"] == 2  # students.csv and rosters.csv
    return result.exit_code


@proves(
    "B2",
    fault="one school of the district is missing from the pull",
    behaviour="held below every share of the whole; the school is named",
    exit=6,
)
def test_a_school_that_is_missing_is_held_and_named(flow: Flow) -> int:
    school = flow.district.schools[-1]
    result = flow.look(flow.district.without_school(school))
    assert "locations.max_removed" in held_by(result)
    assert any(school in hold.told for hold in result.holds)
    return result.exit_code


@proves(
    "B3",
    fault="another district's pupils are in the pull as well",
    behaviour="held: growth has limits, too",
    exit=6,
)
def test_growth_is_held(flow: Flow) -> int:
    result = flow.look(flow.district._with(doubled(flow.district, lambda users: users)))
    assert "students.max_added" in held_by(result)
    return result.exit_code


def doubled(
    district: District, chosen: Callable[[pl.DataFrame], pl.DataFrame]
) -> dict[str, pl.DataFrame]:
    """The roster with some pupils once more, as other children."""
    users = district.tables["users"]
    more = chosen(users.filter(role="student")).with_columns(
        sourcedId="twin-" + pl.col("sourcedId"),
        givenName="Twin" + pl.col("givenName"),
        email=pl.lit(""),
        username=pl.lit(""),
        identifier=pl.lit(""),
    )
    return {**district.tables, "users": pl.concat([users, more])}


@proves(
    "B4",
    fault="the totals are equal: one school's pupils are gone, another's are there twice",
    behaviour="held: each school is looked at by itself",
    exit=6,
)
def test_a_school_gone_and_another_doubled_is_held(flow: Flow) -> int:
    one, other = flow.district.schools[:2]
    users = flow.district.tables["users"].filter(role="student", status="active")
    gone, there = (users.filter(pl.col("orgSourcedIds").list.contains(s)) for s in (one, other))
    some = there.head(len(gone))
    after = without(flow, gone["sourcedId"].to_list())
    ids = some["sourcedId"].implode()
    result = flow.look(
        after._with(doubled(after, lambda rows: rows.filter(pl.col("sourcedId").is_in(ids))))
    )
    assert result.changes is not None
    change = result.changes.tables["students"]
    assert change.before - change.after == len(gone) - len(some)
    assert "students.max_removed_per_school" in held_by(result)
    return result.exit_code


@proves(
    "B5",
    fault="two pupils have each other's names; an id is another child's; e-mail addresses moved by a row",
    behaviour="held: not one child's account goes to another unseen",
    exit=6,
)
def test_ids_that_mean_somebody_else_are_held(flow: Flow) -> int:
    one, other = flow.users()[:2]
    users = flow.district.tables["users"]
    rows = {id: users.filter(sourcedId=id).to_dicts()[0] for id in (one, other)}
    names = [{key: rows[id][key] for key in ("givenName", "familyName")} for id in (one, other)]
    emails = [{"email": rows[id]["email"]} for id in (one, other)]
    for cells in (names, emails):
        result = flow.changed("users", {one: cells[1], other: cells[0]})
        assert held_by(result) == {"students.max_swapped"}
        assert result.record.findings["identity-swapped"] == 2
    somebody = {
        "givenName": "Some",
        "familyName": "Body",
        "email": "",
        "username": "some.body",
        "identifier": "0815",
    }
    result = flow.changed("users", {one: somebody})
    assert held_by(result) == {"students.max_replaced"}
    return result.exit_code


@proves(
    "B6",
    fault="four in a hundred pupils are lost every day, each day within its limit",
    behaviour="held on the day on which the table is a tenth below what is usual",
    exit=6,
)
def test_a_slow_loss_is_held(tmp_path: Path) -> int:
    flow = Flow(tmp_path)
    ids, day, result = flow.users(), 0, flow.first
    pupils = [ids[place * 37 % len(ids)] for place in range(len(ids))]  # of all schools
    for day in range(1, 9):
        lost = pupils[: 10 * max(0, day - 4)]  # five deliveries make what is usual
        users = {pupils[-day]: {"middleName": f"Day{day}"}}
        district = without(flow, lost).changed("users", users)
        as_of = DAY + timedelta(days=day)
        result = flow.look(district, deliver=True, as_of=as_of)
        if result.exit_code:
            break
    assert held_by(result) >= {"students.max_shrunk"}
    assert day == 7  # 30 of 250 are gone; 20 are within the tenth
    flow.project.close()
    return result.exit_code


@proves(
    "B7",
    fault="the first delivery of a flow: there is nothing to compare it with",
    behaviour="held until somebody approves it, or `expect` states what must be there",
    exit=6,
)
def test_a_first_delivery_is_held(flow: Flow) -> int:
    assert held_by(flow.first) == {"first_delivery"}
    return flow.first.exit_code


@proves(
    "B8",
    fault="a tenth of the enrollments refer to pupils that are not in the pull",
    behaviour="the rows are left out and counted; more than a few hold the run",
    exit=6,
)
def test_references_into_nowhere_are_held(flow: Flow) -> int:
    rows = flow.district.tables["enrollments"].filter(role="student")["sourcedId"]
    ids = rows.gather_every(10).to_list()
    result = flow.changed("enrollments", {id: {"userSourcedId": f"no-{id}"} for id in ids})
    assert held_by(result) & {"rosters.max_rejected", "rosters.max_repaired"}
    return result.exit_code


@proves(
    "B9",
    fault="a required field is blank for one pupil in ten",
    behaviour="these rows are rejected, each with its reason; that many hold the run",
    exit=6,
)
def test_rows_without_a_required_field_are_held(flow: Flow) -> int:
    result = flow.changed("users", {id: {"givenName": ""} for id in flow.users()[::10]})
    assert "students.max_rejected" in held_by(result)
    assert sum(result.record.counts["students"].rejected.values()) == len(flow.users()[::10])
    return result.exit_code


@proves(
    "B10",
    fault="ten pupils are teachers",
    behaviour="held: accounts would change their role",
    exit=6,
)
def test_many_who_change_their_role_are_held(flow: Flow) -> int:
    result = flow.changed("users", {id: {"role": "teacher"} for id in flow.users()[:10]})
    assert "students.max_role_changed" in held_by(result)
    return result.exit_code


@proves(
    "B12",
    fault="names that a spreadsheet would run as a formula",
    behaviour="sent as they are, for a machine reads them; said, and no error",
    exit=0,
)
def test_names_that_begin_like_a_formula_are_sent_as_they_are(flow: Flow) -> int:
    result = flow.changed("users", {flow.users()[0]: {"givenName": "=Eve"}})
    rows = pl.read_parquet(result.folder / "finished" / "students.parquet")
    assert "=Eve" in rows["first_name"].to_list()
    return result.exit_code


@proves(
    "B13",
    fault="a name of 70,000 characters",
    behaviour="said; sent, unless the flow says `rules: {asm-oversized: cut}` or `reject`",
    exit=0,
)
def test_a_huge_field_is_said(flow: Flow) -> int:
    result = flow.changed("users", {flow.users()[0]: {"givenName": "x" * 70_000}})
    assert result.record.findings["asm-oversized"] == 1
    return result.exit_code


@proves(
    "B14",
    fault="yesterday's data again, from a replica that stands still",
    behaviour="nothing is sent; from the seventh weekday on (`stale_after`) the run warns, and once a message",
    exit=0,
)
def test_the_same_data_again_sends_nothing_and_is_said_after_a_while(flow: Flow) -> int:
    since = flow.look(flow.district, deliver=True).trail[-1].day
    quiet, said = (
        flow.look(flow.district, deliver=True, as_of=since + timedelta(days)) for days in (8, 9)
    )
    assert {quiet.record.outcome, said.record.outcome} == {"unchanged"}
    assert not quiet.record.findings
    assert said.record.findings == {"figure-nothing-changes": 1}
    assert "nothing has changed on 7 weekdays" in said.record.message
    assert event_of(said.record, quiet.record) == "stale"
    return said.exit_code


@proves(
    "B11",
    fault="a bell and a loose accent in names; a zero-width space; a control that turns the writing round",
    behaviour="the first are mended, the second is said, the third is an error: nothing is sent",
    exit=5,
)
def test_characters_that_nobody_sees_are_mended_or_refused(flow: Flow) -> int:
    ids = flow.users()[:3]
    names = ["Li\x07na", "Zoe\u0308", "An\u200bna"]
    rows = {id: {"givenName": name} for id, name in zip(ids, names, strict=True)}
    result = flow.changed("users", rows)
    finished = pl.read_parquet(result.folder / "finished" / "students.parquet")
    sent = dict(finished.select("person_id", "first_name").iter_rows())
    assert [sent[id] for id in ids] == ["Li na", "Zo\u00eb", "An\u200bna"]
    assert (result.exit_code, result.record.findings) == (0, {"asm-zero-width": 1})
    result = flow.changed("users", {ids[0]: {"givenName": "An\u202ena"}})
    assert result.record.findings["asm-control-character"] == 1
    return result.exit_code
