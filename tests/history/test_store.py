from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from etlrunner.errors import Busy, LocalTrouble, UsageError
from etlrunner.history import database, pruning
from etlrunner.history.store import History
from etlrunner.lib.clock import SystemClock
from etlrunner.model.delivery import Delivery, Receipt
from etlrunner.model.flow import History as Keeping
from etlrunner.model.run import RunRecord
from etlrunner.model.tables import Counts, StepCounts
from tests.support.matrix import proves

DAY = date(2027, 3, 1)
START = datetime(2027, 3, 1, 8, 30, tzinfo=UTC)
CLOCK = SystemClock()


@pytest.fixture
def history(tmp_path):
    with_state = History.open(tmp_path / "state")
    yield with_state
    with_state.close()


def a_run(history: History, flow: str = "lakeside-isd", **changes) -> RunRecord:
    run_id = history.new_run_id(flow, DAY)
    return replace(RunRecord(id=run_id, flow=flow, trigger="schedule", started=START), **changes)


def test_a_record_comes_back_as_it_was_saved(history):
    record = a_run(
        history,
        scheduled_date=DAY,
        ended=START + timedelta(minutes=3),
        outcome="delivered",
        exit_code=0,
        counts={
            "students": Counts(
                10, 1, {"where": 2}, {"key": 1}, 8, (StepCounts("union: users", 8, 9, 0, 1),)
            )
        },
        changes={"students": (1, 2, 3)},
        holds=("a limit",),
        scope={"schools": ["1"]},
        seconds={"extract": 1.5},
        delivery=Delivery("placed", "sftp", "a.zip", "ab", 5, beside=".a.zip.part"),
        archive_of="lakeside-isd-2027-02-28-1",
        receipt=Receipt("sftp", "a.zip", 5, "ab", START),
    )
    history.begin(replace(record, outcome="running"))
    history.save(record)
    without_identifiers = replace(record, scope={})
    assert history.get(record.id) == without_identifiers
    assert history.runs() == [without_identifiers]


def test_run_ids_name_the_flow_the_date_and_a_number(history):
    assert [history.new_run_id("lakeside-isd", DAY) for _ in range(2)] == [
        "lakeside-isd-2027-03-01-1",
        "lakeside-isd-2027-03-01-2",
    ]


def test_run_ids_are_unique_under_many_starters(tmp_path):
    stores = [History.open(tmp_path / "state") for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda n: stores[n % 4].new_run_id("f", DAY), range(80)))
    assert len(set(ids)) == 80
    for store in stores:
        store.close()


def test_a_run_is_found_by_its_id_by_last_and_by_its_flow(history):
    first, second = a_run(history), a_run(history, "other")
    skipped = a_run(history, outcome="skipped", exit_code=8)
    for record in (first, second, skipped):
        history.save(record)
    assert history.resolve_run(first.id) == first
    assert history.resolve_run("last") == second
    assert history.resolve_run("lakeside-isd") == first
    assert history.last("lakeside-isd") == skipped


def test_an_unknown_run_is_a_usage_error_with_a_suggestion(history):
    history.save(a_run(history))
    with pytest.raises(UsageError) as caught:
        history.resolve_run("lakeside-isd-2027-03-01-7")
    assert "lakeside-isd-2027-03-01-1" in caught.value.hint


def test_only_one_run_of_a_flow_has_the_lease_and_the_other_hears_whose_it_is(history):
    with history.lease("f", owner="f-1", clock=CLOCK):
        assert history.holder("f").run == "f-1"
        with pytest.raises(Busy, match=r"since \d{4}-\d\d-\d\d \d\d:\d\d UTC: f-1"):
            history.lease("f", owner="f-2", clock=CLOCK).__enter__()
        with history.lease("g", owner="g-1", clock=CLOCK):
            pass
    assert history.holder("f") is None
    with history.lease("f", owner="f-3", clock=CLOCK):
        pass


def test_of_several_processes_one_gets_the_lease(tmp_path):
    script = (
        "import sys, pathlib\n"
        "from etlrunner.history.store import History\n"
        "from etlrunner.errors import Busy\n"
        "from etlrunner.lib.clock import SystemClock\n"
        "history = History.open(pathlib.Path(sys.argv[1]))\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "try:\n"
        "    with history.lease('f', owner=sys.argv[2], clock=SystemClock()):\n"
        "        print('mine', flush=True); sys.stdin.readline()\n"
        "except Busy:\n"
        "    print('busy', flush=True)\n"
    )
    people = [_python(script, tmp_path / "state", str(number)) for number in range(4)]
    for person in people:
        assert person.stdout.readline() == "ready\n"
    for person in people:
        _say(person)
    answers = sorted(person.stdout.readline().strip() for person in people)
    for person in people:
        _say(person)
        person.communicate()
    assert answers == ["busy"] * 3 + ["mine"]


HOLD = """
import sys, pathlib, datetime, time
from etlrunner.history.store import History
from etlrunner.lib.clock import SystemClock
from etlrunner.model.delivery import Delivery
from etlrunner.model.run import RunRecord
history = History.open(pathlib.Path(sys.argv[1]) if "://" not in sys.argv[1] else sys.argv[1])
day = datetime.date(2027, 3, 1)
record = RunRecord(id=history.new_run_id("f", day), flow="f", trigger="schedule", scheduled_date=day,
                   started=datetime.datetime.now(datetime.timezone.utc), stage="deliver",
                   delivery=Delivery("uploading", "sftp", "x.zip", "ab", 5))
with history.lease("f", owner=record.id, clock=SystemClock()):
    history.begin(record)
    print(record.id, flush=True)
    sys.stdin.readline()
    time.sleep(600)
"""


def test_a_killed_owner_frees_the_lease_at_once_and_its_run_is_interrupted(history, tmp_path):
    owner = _python(HOLD, tmp_path / "state")
    run_id = owner.stdout.readline().strip()
    assert history.mark_interrupted("f") == []
    assert history.holder("f").run == run_id
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    assert history.holder("f") is None
    with history.lease("f", owner="next", clock=CLOCK):
        pass
    assert history.mark_interrupted("f") == [run_id]
    ended = history.get(run_id)
    assert ended.outcome == "interrupted"
    assert ended.ended == ended.started
    assert "stage deliver" in ended.message
    assert "the server may hold a part of x.zip; the next run sends the same" in ended.message


def test_a_run_of_a_container_that_is_gone_is_interrupted_too(history, monkeypatch):
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("etlrunner.history.owner._host", lambda: "another container")
        record = a_run(history, "f")
        history.begin(record)
    assert history.mark_interrupted("f") == [record.id]


def test_a_run_that_is_under_way_is_left_alone(history):
    plan, run = a_run(history, trigger="plan"), a_run(history)
    with history.lease(run.flow, owner=run.id, clock=CLOCK):
        history.begin(plan)
        history.begin(run)
        assert history.mark_interrupted(run.flow) == []


def test_an_attempt_is_claimed_once(history):
    assert history.claim("f", DAY, 1)
    assert not history.claim("f", DAY, 1)
    assert history.claim("f", DAY, 2)
    history.release_claim("f", DAY, 1)
    assert history.claim("f", DAY, 1)


def test_an_attempt_that_has_a_run_cannot_be_claimed_again(history):
    history.save(a_run(history, scheduled_date=DAY, outcome="delivered"))
    assert not history.claim("lakeside-isd", DAY, 1)


def test_the_claim_of_a_starter_that_died_is_free(history, tmp_path):
    script = (
        "import sys, pathlib, datetime\n"
        "from etlrunner.history.store import History\n"
        "history = History.open(pathlib.Path(sys.argv[1]))\n"
        "print(history.claim('f', datetime.date(2027, 3, 1), 1), flush=True); sys.stdin.readline()\n"
    )
    starter = _python(script, tmp_path / "state")
    assert starter.stdout.readline() == "True\n"
    assert not history.claim("f", DAY, 1)
    starter.kill()
    starter.communicate()
    assert history.claim("f", DAY, 1)


@proves(
    "C11",
    fault="umask 000",
    behaviour="files 0600 and folders 0700 all the same",
    exit=0,
)
def test_everything_on_disk_is_private_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        store = History.open(tmp_path / "state")
        with store.lease("f", owner="f-1", clock=CLOCK):
            store.save(a_run(store))
            paths = [tmp_path / "state", *(tmp_path / "state").rglob("*")]
            modes = {path: stat.S_IMODE(path.stat().st_mode) for path in paths}
        store.close()
    finally:
        os.umask(before)
    assert any(path.name == "history.db-wal" for path in paths)
    assert all(mode == (0o700 if path.is_dir() else 0o600) for path, mode in modes.items())
    return 0


def test_every_commit_is_flushed(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "_set_up", database._set_up.__wrapped__)  # as outside of tests
    history = History.open(tmp_path / "state")
    with history._database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    history.close()


@proves(
    "F2",
    fault="zero bytes, garbage, one byte",
    behaviour="nothing runs: what was delivered last cannot be known",
    exit=9,
)
@pytest.mark.parametrize("content", [b"\x00" * 5000, b"SQLite format 3\x00" + b"\xff" * 5000, b"x"])
def test_a_damaged_history_is_trouble_of_this_machine(tmp_path, content):
    (tmp_path / "history.db").write_bytes(content)
    with pytest.raises(LocalTrouble, match="damaged") as caught:
        History.open(tmp_path)
    return caught.value.exit_code


def test_a_flipped_page_is_noticed_when_the_history_is_opened(tmp_path):
    store = History.open(tmp_path)
    for _ in range(50):
        store.save(a_run(store, message="x" * 500))
    store.close()
    path = tmp_path / "history.db"
    content = bytearray(path.read_bytes())
    middle = len(content) // 4096 // 2 * 4096
    content[middle : middle + 64] = b"\xa5" * 64
    path.write_bytes(content)
    with pytest.raises(LocalTrouble, match="damaged"):
        History.open(tmp_path)


@proves(
    "F3",
    fault="the history has another schema",
    behaviour="refused; says which versions",
    exit=9,
)
def test_a_history_of_another_version_is_refused(tmp_path):
    History.open(tmp_path).close()
    with sqlite3.connect(tmp_path / "history.db") as connection:
        connection.execute("UPDATE facts SET value = '99'")
    connection.close()
    with pytest.raises(LocalTrouble, match="schema 99") as caught:
        History.open(tmp_path)
    return caught.value.exit_code


@proves(
    "F4",
    fault="the history is of an earlier schema",
    behaviour="refused, says which versions; nothing is changed in it",
    exit=9,
)
def test_a_history_of_an_earlier_version_is_refused(tmp_path) -> int:
    History.open(tmp_path).close()
    with sqlite3.connect(tmp_path / "history.db") as connection:
        connection.execute("UPDATE facts SET value = '0'")
    connection.close()
    with pytest.raises(LocalTrouble, match="schema 0") as caught:
        History.open(tmp_path)
    return caught.value.exit_code


@proves(
    "F1",
    fault="another program keeps the history locked",
    behaviour="waits ten seconds, then ends; no run is started blind",
    exit=9,
)
def test_a_locked_history_is_trouble_of_this_machine(tmp_path, monkeypatch) -> int:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 200)
    History.open(tmp_path).close()
    other = sqlite3.connect(tmp_path / "history.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(LocalTrouble, match="another program keeps it locked") as caught:
            History.open(tmp_path)
    finally:
        other.close()
    return caught.value.exit_code


@proves(
    "C10",
    fault="a link in place of the history",
    behaviour="not followed",
    exit=9,
)
def test_a_planted_link_is_refused(tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    (state / "history.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LocalTrouble) as caught:
        History.open(state)
    assert not (tmp_path / "elsewhere").exists()
    return caught.value.exit_code


def test_a_full_disk_is_said_in_plain_words(history):
    with history._database.writing() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    record = a_run(history)
    history.save(record)
    with pytest.raises(LocalTrouble, match="the disk is full"):
        history.save(replace(record, message="x" * 500_000))
    without_identifiers = replace(record, scope={})
    assert history.get(record.id) == without_identifiers


def test_ten_threads_save_without_a_locked_database(history):
    def work(_: int) -> None:
        record = a_run(history)
        history.begin(record)
        history.save(replace(record, outcome="delivered", exit_code=0))

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(work, range(40)))
    assert {record.outcome for record in history.runs(limit=None)} == {"delivered"}


def test_pruning_takes_rows_first_and_counts_later_but_never_the_last_delivery(history, tmp_path):
    now = START + timedelta(days=500)
    ages = {"old": 450, "older": 440, "mid": 100, "new": 1}
    kept = {}
    for word, age in ages.items():
        record = a_run(history, outcome="delivered" if word == "older" else "held")
        history.save(replace(record, started=now - timedelta(days=age)))
        folder = tmp_path / "runs" / record.id
        (folder / "raw").mkdir(parents=True)
        for name in ("roster.zip", "run.json", "raw/users.parquet"):
            (folder / name).write_text("x")
        kept[word] = folder
    pruned = pruning.prune(history, "lakeside-isd", tmp_path / "runs", Keeping(), now=now)
    assert pruned == (2, 1)
    left = {
        word: sorted(path.name for path in folder.iterdir()) if folder.exists() else None
        for word, folder in kept.items()
    }
    assert left == {
        "old": None,
        "older": ["run.json"],
        "mid": ["run.json"],
        "new": ["raw", "roster.zip", "run.json"],
    }
    assert history.new_run_id("lakeside-isd", DAY).endswith("-5")


def test_a_lease_waits_for_one_who_only_looks(history):
    looking = threading.Event()

    def look() -> None:
        while not looking.is_set():
            history.holder("f")

    looker = threading.Thread(target=look)
    looker.start()
    try:
        for number in range(20):
            with history.lease("f", owner=f"f-{number}", clock=CLOCK):
                pass
    finally:
        looking.set()
        looker.join()


def _python(script: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def _say(person: subprocess.Popen[str]) -> None:
    if person.poll() is None:
        person.stdin.write("go\n")
        person.stdin.flush()
