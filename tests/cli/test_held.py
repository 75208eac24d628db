"""A held run is one screen that a person can decide by."""

from __future__ import annotations

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
    assert lines[2].startswith(f"  * locations: 1 of 4 would be removed ({school})")
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
