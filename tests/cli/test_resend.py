"""An archive is sent once more, an approval ends, and what was overtaken is not sent."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from etlrunner.lib.clock import SystemClock
from tests.cli.conftest import Etlrunner, Pinewood

WHY = ("--because", "Apple lost it", "--yes")


def last_run(etlrunner: Etlrunner, outcome: str) -> str:
    runs = etlrunner("history", "pinewood", "--json").document["runs"]
    return next(str(run["id"]) for run in runs if run["outcome"] == outcome)


def grown(pinewood: Pinewood, etlrunner: Etlrunner) -> str:
    """Another district by some days is delivered; returns the delivery before that."""
    first = last_run(etlrunner, "delivered")
    pinewood.has(pinewood.district.grown(3))
    ended = etlrunner("run")
    if ended.code == 6:
        ended = etlrunner("approve", "pinewood", "--yes")
    assert ended.code == 0
    return first


def test_what_apple_has_is_sent_again_byte_for_byte(delivered: Pinewood, etlrunner: Etlrunner):
    [archive] = delivered.sent
    before = archive.read_bytes()
    archive.unlink()
    sent = etlrunner("resend", "pinewood", *WHY, "--json")
    assert (sent.code, sent.err) == (0, "")
    run = sent.document["run"]
    assert (run["trigger"], run["outcome"]) == ("resend", "delivered")
    assert run["approved_because"] == "Apple lost it"
    assert [path.read_bytes() for path in delivered.sent] == [before]
    assert "sent again:" in etlrunner("history", run["id"]).out
    unchanged = etlrunner("run", "--json").document["run"]
    assert (unchanged["outcome"], unchanged["baseline"]) == ("unchanged", run["id"])


def test_an_older_archive_is_held_with_numbers_and_goes_by_approval(
    delivered: Pinewood, etlrunner: Etlrunner
):
    older = grown(delivered, etlrunner)
    first = next(path for path in delivered.sent if older_name(delivered, older) in path.name)
    content = first.read_bytes()
    first.unlink()
    held = etlrunner("resend", older, *WHY)
    assert held.code == 6
    told = " ".join(held.out.split())
    assert f"({older}), and something else was delivered since" in told
    assert "that Apple has by now would go [older]" in told
    assert not first.exists()
    run = last_run(etlrunner, "held")
    assert f"etlrunner approve {run}" in held.out
    assert etlrunner("approve", run, "--yes").code == 0
    assert first.read_bytes() == content
    assert etlrunner("history", run, "--json").document["outcome"] == "approved"
    sent = last_run(etlrunner, "delivered")
    compared = etlrunner("plan", "--json").document["run"]
    assert compared["baseline"] == sent
    assert compared["changes"]["students"] != [0, 0, 0]


def test_an_older_archive_with_somebody_whom_the_flow_leaves_out_by_now_says_so(
    delivered: Pinewood, etlrunner: Etlrunner
):
    """A child whose parents opted out is one added row among others: nobody would notice."""
    first = last_run(etlrunner, "delivered")
    users = delivered.district.tables["users"]
    someone = users.filter(role="student", status="active")["sourcedId"][0]
    delivered.configured(f"leave_out: {{students: {{'{someone}': {{reason: opted out}}}}}}\n")
    etlrunner("run")
    assert etlrunner("approve", "pinewood", "--yes").code == 0
    held = etlrunner("resend", first, *WHY)
    told = " ".join(held.out.split())
    assert "selects less by now (leave_out.students): this archive has whoever" in told
    assert someone not in told


def older_name(pinewood: Pinewood, run: str) -> str:
    hashed = json.loads((pinewood.runs / run / "run.json").read_text())["content_hash"]
    return str(hashed)[:12]


def test_what_was_never_delivered_is_not_resent(pinewood: Pinewood, etlrunner: Etlrunner):
    etlrunner("run")
    held = last_run(etlrunner, "held")
    refused = etlrunner("resend", held, *WHY)
    assert (refused.code, refused.out) == (2, "")
    assert f"etlrunner approve {held}" in refused.err
    etlrunner("plan")
    assert etlrunner("resend", "last", *WHY).code == 2
    etlrunner("approve", held, "--yes")
    approved = etlrunner("resend", held, *WHY)
    assert approved.code == 2
    assert f"etlrunner resend {last_run(etlrunner, 'delivered')}" in approved.err
    unchanged = etlrunner("run", "--json").document["run"]["id"]
    assert "is unchanged" in etlrunner("resend", unchanged, *WHY).err


def test_nothing_is_sent_in_a_pause(delivered: Pinewood, etlrunner: Etlrunner):
    [archive] = delivered.sent
    archive.unlink()
    delivered.has(delivered.district.without_school(delivered.district.schools[0]))
    assert etlrunner("run").code == 6
    delivered.configured("seasons:\n  summer: {from: 2020-01-01, to: 2099-12-31, mode: paused}\n")
    for command in (["resend", "pinewood", *WHY], ["approve", "pinewood", "--yes"]):
        refused = etlrunner(*command)
        assert (refused.code, refused.out) == (2, "")
        assert "season 'summer' pauses deliveries until 2099-12-31: not sent" in refused.err
    assert delivered.sent == []


def test_an_archive_that_is_not_what_was_sent_stays(delivered: Pinewood, etlrunner: Etlrunner):
    [archive] = delivered.runs.glob("*/roster.zip")
    whole = archive.read_bytes()
    archive.write_bytes(whole[:-1] + b"x")
    assert "not what was sent" in etlrunner("resend", "pinewood", *WHY).err
    archive.unlink()
    gone = etlrunner("resend", "pinewood", *WHY)
    assert (gone.code, "history.keep_rows" in gone.err) == (2, True)


def test_a_reason_and_a_yes_are_asked_for(delivered: Pinewood, etlrunner: Etlrunner):
    assert "--because" in etlrunner("resend", "pinewood", "--yes").err
    assert "--because" in etlrunner("resend", "pinewood", "--yes", "--because", " ").err
    unasked = etlrunner("resend", "pinewood", "--because", "lost", "--json")
    assert (unasked.code, unasked.document["hint"]) == (2, "add --yes")
    assert etlrunner("resend", "nowhere", *WHY).code == 2


def test_an_approval_ends_after_some_days(
    pinewood: Pinewood, etlrunner: Etlrunner, monkeypatch: pytest.MonkeyPatch
):
    pinewood.configured("safeguards: {approve_within: 36h}\n")
    etlrunner("run")
    now = SystemClock.now

    def later(clock: SystemClock) -> datetime:
        return now(clock) + timedelta(hours=37)

    monkeypatch.setattr(SystemClock, "now", later)
    late = etlrunner("approve", "pinewood", "--yes")
    assert (late.code, late.out) == (2, "")
    assert "may be approved within 36h (safeguards.approve_within)" in late.err
    assert "etlrunner run pinewood" in late.err
    assert pinewood.sent == []


def test_a_run_that_is_held_in_the_future_is_not_approved(
    pinewood: Pinewood, etlrunner: Etlrunner, monkeypatch: pytest.MonkeyPatch
):
    """A clock that was years ahead would make the approval good for years."""
    etlrunner("run")
    now = SystemClock.now
    monkeypatch.setattr(SystemClock, "now", lambda clock: now(clock) - timedelta(hours=26))
    refused = etlrunner("approve", "pinewood", "--yes")
    assert (refused.code, "which is yet to come" in refused.err) == (2, True)
    assert pinewood.sent == []


def test_who_approves_an_older_run_is_told_of_the_younger(
    delivered: Pinewood, etlrunner: Etlrunner
):
    """It is what was shown, and still what the source had before; the younger one is obsolete then."""
    delivered.has(delivered.district.without_school(delivered.district.schools[0]))
    etlrunner("run")
    older = last_run(etlrunner, "held")
    etlrunner("run")
    younger = last_run(etlrunner, "held")
    sent = etlrunner("approve", older, "--yes")
    assert sent.code == 0
    assert f"{younger} looked at a younger roster, and is held too" in " ".join(sent.err.split())
    assert "is obsolete" in etlrunner("approve", younger, "--yes").err


def test_a_held_run_that_a_good_one_overtook_is_obsolete(delivered: Pinewood, etlrunner: Etlrunner):
    """A school disappears from the pull; the SIS is mended; what was held must never go out."""
    delivered.has(delivered.district.without_school(delivered.district.schools[0]))
    assert etlrunner("run").code == 6
    held = last_run(etlrunner, "held")
    delivered.has(delivered.district)
    assert etlrunner("run", "--json").document["run"]["outcome"] == "unchanged"
    shown = etlrunner("history", "pinewood")
    line = next(line for line in shown.out.splitlines() if held in line.split())
    assert " obsolete " in line
    assert "obsolete:" in etlrunner("history", held).out
    listed = etlrunner("history", "--json").document["runs"]
    assert [bool(run["overtaken_by"]) for run in listed] == [False, True, False, False]
    refused = etlrunner("approve", held, "--yes")
    assert (refused.code, "is obsolete" in refused.err) == (2, True)
    assert len(delivered.sent) == 1
