"""Commands that reach out, against the sandbox: connect, plan, run, approve, history, preview, serve."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from tests.cli.conftest import Etlrunner, Pinewood, Servers


def test_from_connect_to_history(etlrunner: Etlrunner, trusted: Servers):
    plan = etlrunner("plan")
    assert plan.code == 6, plan.err
    assert plan.last == "live: nothing was sent; a run would be held and ask for approval."
    assert not list(Path(trusted.sftp.folder).rglob("*.zip"))

    held = etlrunner("run")
    assert held.code == 6
    run = held.out.split()[1].rstrip(":")
    assert f"etlrunner approve {run}" in held.out

    unasked = etlrunner("approve", "last")
    assert (unasked.code, unasked.out) == (2, "")
    assert "add --yes" in unasked.err
    assert etlrunner("approve", "last", "--json").document["hint"] == "add --yes"
    other = etlrunner("approve", run, "--yes", "--content", "000000")
    assert (other.code, other.out) == (2, "")
    assert not list(Path(trusted.sftp.folder).rglob("*.zip"))

    sent = etlrunner("approve", "live", "--yes", "--because", "looked at it", "--json")
    assert (sent.code, sent.err) == (0, "")
    assert sent.document["run"]["outcome"] == "delivered"
    assert len(list(Path(trusted.sftp.folder).rglob("*.zip"))) == 1

    again = etlrunner("run", "live", "--json")
    assert (again.code, again.err) == (0, "")
    assert again.document["run"]["outcome"] == "unchanged"
    twice = etlrunner("approve", "last", "--yes")
    assert (twice.code, "no run is held" in twice.err) == (2, True)

    _the_history_tells(etlrunner, run)
    _the_roster_can_be_seen(etlrunner, trusted)
    _apple_takes_the_zip(etlrunner, trusted)


def _the_history_tells(etlrunner: Etlrunner, run: str) -> None:
    shown = etlrunner("history")
    assert (shown.code, shown.last) == (0, "4 runs, newest first.")
    assert [run_["outcome"] for run_ in etlrunner("history", "live", "--json").document["runs"]] == [
        "unchanged", "delivered", "approved", "held",
    ]  # fmt: skip
    assert etlrunner("history", "--limit", "1").last == "1 run, newest first."
    one = etlrunner("history", run)
    assert one.code == 0
    assert "content:" in one.out
    assert etlrunner("history", run, "--json").document["id"] == run
    assert etlrunner("history", "nope").code == 2


def _the_roster_can_be_seen(etlrunner: Etlrunner, servers: Servers) -> None:
    asked = len(servers.skyward.requests)
    shapes = etlrunner("preview", "live", "students", "--rows", "1", "--json").document
    values = etlrunner("preview", "live", "students", "--rows", "1", "--json", "--show-values")
    [shape], [value] = shapes, values.document
    assert shape["source"]["givenName"] == "X" + "x" * (len(value["source"]["givenName"]) - 1)
    assert shape["result"]["person_id"] == value["result"]["person_id"]
    assert value["result"]["first_name"] == value["source"]["givenName"]
    shown = etlrunner("preview", "live", "students")
    assert (shown.code, value["source"]["email"] in shown.out) == (0, False)
    assert len(servers.skyward.requests) == asked
    assert etlrunner("preview", "live", "pupils").code == 2


def _apple_takes_the_zip(etlrunner: Etlrunner, servers: Servers) -> None:
    [archive] = Path(servers.sftp.folder).rglob("*.zip")
    checked = etlrunner("validate", str(archive))
    assert (checked.code, checked.last) == (0, f"{archive} is what Apple School Manager takes.")


def test_connect_learns_the_key_once_and_shows_no_secret(
    etlrunner: Etlrunner, folder: Path, live: Servers
):
    untrusted = etlrunner("connect")
    assert untrusted.code == 4
    assert "--trust" in untrusted.last
    assert etlrunner("connect", "--source").code == 0
    learnt = etlrunner("connect", "live", "--trust", "--json")
    assert (learnt.code, learnt.err) == (0, "")
    assert learnt.document["host_key"]["fingerprint"].startswith("SHA256:")
    assert {learnt.document[end]["ok"] for end in ("source", "sink")} == {True}
    known = (folder / "flows" / "live.known_hosts").read_text()
    assert live.sftp.host_key_line.split()[-1] in known
    ended = etlrunner("connect")
    assert ended.code == 0
    printed = "".join(one.out + one.err for one in (untrusted, learnt, ended))
    assert not any(secret in printed for secret in live.secrets)


def test_connect_with_a_wrong_secret_is_4_and_missing_ones_are_2(
    etlrunner: Etlrunner, folder: Path, trusted: Servers
):
    env = (folder / ".env").read_text()
    (folder / ".env").write_text(env.replace(trusted.skyward.secret, "canarybird"))
    refused = etlrunner("connect", "--json")
    assert (refused.code, refused.document["source"]["ok"]) == (4, False)
    assert "canarybird" not in refused.out
    (folder / ".env").write_text("")
    missing = etlrunner("connect")
    assert missing.code == 2
    for name in ("KEY", "SECRET", "USERNAME", "PASSWORD"):
        assert name in missing.out


def test_a_source_that_is_down_is_3(
    etlrunner: Etlrunner, folder: Path, trusted: Servers, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("etlrunner.lib.clock.SystemClock.sleep", lambda _clock, _seconds: None)
    flow = folder / "flows" / "live.yaml"
    flow.write_text(flow.read_text().replace(trusted.skyward.domain, "127.0.0.1:9/API"))
    assert etlrunner("connect", "--source").code == 3


def test_data_that_fails_a_check_is_5_and_says_what(etlrunner: Etlrunner, trusted: Servers):
    ended = etlrunner("plan", "--as-of", "2001-01-01")
    assert ended.code == 5
    assert "select.terms" in ended.out
    assert ended.last == "live: 1 error in the data; nothing was sent."
    as_data = etlrunner("plan", "--as-of", "2001-01-01", "--json").document
    assert [finding["rule"] for finding in as_data["findings"]] == ["select.terms"]
    assert as_data["exit_code"] == 5


def test_run_all_is_as_serious_as_its_worst(etlrunner: Etlrunner, folder: Path, trusted: Servers):
    (folder / "flows" / "broken.yaml").write_text("version: 1\n")
    ended = etlrunner("run", "--all")
    said = "0 of 2 flows ended well; the others: broken (2), live (6)."
    assert (ended.code, ended.last) == (2, said)
    both = etlrunner("run", "broken", "live", "--jobs", "2", "--json")
    assert [one["exit_code"] for one in both.document] == [2, 6]
    assert both.document[0]["problems"]
    assert both.err == ""
    assert etlrunner("run", "--all", "live").code == 2


def test_run_all_leaves_out_what_is_not_enabled(etlrunner: Etlrunner, lakeside: Path):
    lakeside.write_text("enabled: false\n" + lakeside.read_text())
    ended = etlrunner("run", "--all")
    assert (ended.code, ended.last) == (0, "No flow is enabled; nothing was run.")
    assert etlrunner("run", "--all", "--json").document == []


def test_a_message_that_was_not_sent_is_told_on_the_screen_and_in_the_history(
    etlrunner: Etlrunner, pinewood: Pinewood, monkeypatch: pytest.MonkeyPatch
):
    assert etlrunner("connect", "pinewood", "--notify").code == 2
    monkeypatch.setenv("DEAD", "json://127.0.0.1:1/canary")
    pinewood.configured("notify: [{url: {env: DEAD}}]\n")
    held = etlrunner("run", "pinewood")
    said = "env:DEAD was not told (held): the other side did not take it"
    assert (held.code, said in held.err) == (6, True)
    assert f"not told:       {said}" in etlrunner("history", "last").out
    assert "canary" not in held.out + held.err
    tried = etlrunner("connect", "pinewood", "--notify")
    assert (tried.code, tried.last) == (3, "env:DEAD: not sent: the other side did not take it")


def test_run_due_when_nothing_is_due(etlrunner: Etlrunner, lakeside: Path):
    lakeside.write_text("enabled: false\n" + lakeside.read_text())
    assert etlrunner("run", "--due").last == "Nothing is due."
    assert etlrunner("run", "--due", "--json").document == {"codes": {}}
    assert etlrunner("run", "--due", "--set", "a=b").code == 2


def test_serve_ends_cleanly_on_a_signal(
    etlrunner: Etlrunner, lakeside: Path, monkeypatch: pytest.MonkeyPatch
):
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    lakeside.write_text("enabled: false\n" + lakeside.read_text())
    timer = threading.Timer(
        0.5, signal.pthread_kill, [threading.main_thread().ident, signal.SIGTERM]
    )
    timer.start()
    try:
        ended = etlrunner("schedule", "serve")
    finally:
        timer.cancel()
        for number, handler in kept.items():
            signal.signal(number, handler)
    assert ended.code == 0
    assert "serving 0 of 1 flows" in ended.err
    assert ended.err.endswith("stopped\n")


def test_the_sandbox_says_how_to_reach_it(etlrunner: Etlrunner, folder: Path):
    ended = etlrunner("sandbox", "--students", "20", "--seconds", "0.1", "--env-file", ".env")
    assert ended.code == 0
    init = next(line for line in ended.out.splitlines() if line.startswith("etlrunner init"))
    secrets = [
        line.partition("=")[2].strip("'") for line in (folder / ".env").read_text().split("\n")
    ]
    assert not any(secret in ended.out + ended.err for secret in secrets if secret)
    assert etlrunner(*init.split()[1:]).code == 0
    assert etlrunner("validate").code == 0
    assert etlrunner("secrets", "check").code == 0


def test_the_sandbox_says_that_a_port_is_taken(etlrunner: Etlrunner, servers: Servers):
    port = str(servers.sftp.port)
    ended = etlrunner("sandbox", "--students", "20", "--sftp-port", port, "--seconds", "0.1")
    assert ended.code == 9
    assert "cannot listen" in ended.err


def test_the_demo_delivers_both_districts_twice(
    etlrunner: Etlrunner, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    program = folder / "bin" / "etlrunner"
    program.parent.mkdir()
    program.touch()
    monkeypatch.setattr("sys.argv", ["bin/etlrunner", "demo"])  # as make does, where PATH has none
    ended = etlrunner("demo", "--students", "20")
    assert f"{program} history --project etlrunner-demo" in ended.out, (
        "what it says to type can be typed"
    )
    assert (ended.code, ended.last) == (0, "Demo done: both districts were delivered twice."), (
        ended.err
    )
    assert len(list((folder / "etlrunner-demo" / "received").rglob("*.zip"))) == 4
    (folder / "etlrunner-demo" / ".git").mkdir()
    assert etlrunner("demo", "--students", "20").code == 2
    assert etlrunner("demo", "--students", "0").code == 2
