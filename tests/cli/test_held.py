"""A held run is one screen that a person can decide by."""

from __future__ import annotations

from pathlib import Path

from etlrunner.sandbox.district import District
from tests.cli.conftest import Etlrunner, Pinewood
from tests.cli.test_resend import last_run


def test_a_school_that_is_gone_is_one_screen(delivered: Pinewood, etlrunner: Etlrunner):
    school = delivered.district.schools[0]
    delivered.has(delivered.district.without_school(school))
    first = etlrunner("run")
    run = last_run(etlrunner, "held")
    lines = first.out.splitlines()
    assert len(lines) <= 40
    assert [line for line in lines[:-1] if len(line.rstrip()) > 80] == []
    assert lines[0] == f"HELD  {run}: nothing was sent. This is the first time."
    assert lines[2].startswith(
        f"  * locations: 1 of 4 would be removed, and the limit is 0 ({school})"
    )
    assert any(line.startswith(f"{school} (") and ": locations -1 of 1" in line for line in lines)
    assert f"etlrunner approve {run}" in first.out
    users = delivered.district.tables["users"]
    names = {*users["familyName"], *users["email"]} - {""}
    assert not names & set(first.out.split())

    again = etlrunner("run")
    assert f"({run})." in "".join(again.out.splitlines()[:2])
    assert etlrunner("run", "--json").document["held_since"] == run
    whole = etlrunner("history", run, "--all")
    assert (whole.code, "Changes per school" in whole.out) == (0, True)
    assert "[safeguards.locations.max_removed]" in whole.out

    delivered.has(delivered.district)
    assert etlrunner("run").code == 0
    delivered.has(delivered.district.without_school(school))
    assert "This is the first time." in etlrunner("run").out
    good = last_run(etlrunner, "unchanged")
    assert "Sanity counters" in etlrunner("history", good, "--all").out


def test_many_schools_are_one_screen_each_time(pinewood: Pinewood, etlrunner: Etlrunner):
    """A first delivery names each school; a loss the four worst; other ids only the proposal."""
    many = District(students=120, seed=4, schools=7)
    pinewood.has(many)
    first = one_screen(etlrunner)
    assert first[0] == f"HELD  {last_run(etlrunner, 'held')}: nothing was sent."
    assert {line.split()[0] for line in first if line.split()} >= {*many.schools}
    assert etlrunner("approve", "pinewood", "--yes").code == 0

    fewer = many
    for school in many.schools[:6]:
        fewer = fewer.without_school(school)
    pinewood.has(fewer)
    lost = one_screen(etlrunner)
    assert len([line for line in lost if line.partition(" (")[0] in many.schools]) == 4
    assert "… and 2 more schools" in lost

    pinewood.has(many.rekeyed())
    rekeyed = one_screen(etlrunner)
    proposed = etlrunner("run", "--json").document["crosswalks"]
    assert proposed, "other ids for the same people"
    for table, path in proposed.items():
        assert f"    {table}: crosswalks/{Path(path).name}" in rekeyed


def test_a_plan_that_would_be_held_waits_for_nobody(pinewood: Pinewood, etlrunner: Etlrunner):
    planned = etlrunner("plan", "pinewood")
    run = last_run(etlrunner, "held")
    assert planned.out.startswith(f"PLAN  {run}: nothing was sent, and nothing waits.")
    shown = etlrunner("history").out
    assert "would be held (6)" in shown
    assert "a plan, nothing waits: this is the first" in " ".join(shown.split())
    one = etlrunner("history", run).out
    assert "outcome:        would be held (exit code 6); a plan: nothing was sent" in one
    assert etlrunner("history", run, "--json").document["outcome"] == "held"


def one_screen(etlrunner: Etlrunner) -> list[str]:
    held = etlrunner("run")
    lines = held.out.splitlines()
    assert held.code == 6
    assert len(lines) <= 45, held.out
    return lines
