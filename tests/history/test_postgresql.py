from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from etlrunner.errors import Busy, LocalTrouble, UsageError
from etlrunner.history import leases
from etlrunner.history.store import History
from etlrunner.lib.clock import SystemClock
from etlrunner.model.run import RunRecord
from etlrunner.model.secrets import Secret
from tests.support import postgres

pytestmark = pytest.mark.skipif(postgres.programs() is None, reason=postgres.MISSING)
DAY = date(2027, 3, 1)
CLOCK = SystemClock()


@pytest.fixture(scope="module")
def address():
    with postgres.cluster() as found:
        yield found


@pytest.fixture
def history(address):
    store = History.open(Secret(address))
    yield store
    with store._database.writing() as connection:
        for table in ("runs", "leases", "claims", "counters"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    store.close()


@pytest.fixture
def elsewhere(monkeypatch):
    """What is done inside comes from another machine."""

    @contextlib.contextmanager
    def another(name: str = "another machine"):
        with monkeypatch.context() as patch:
            patch.setattr("etlrunner.history.owner._host", lambda: name)
            yield

    return another


def a_run(history: History, **changes) -> RunRecord:
    started = datetime(2027, 3, 1, 8, 30, tzinfo=UTC)
    run_id = history.new_run_id("f", DAY)
    return replace(RunRecord(run_id, "f", "schedule", started, scheduled_date=DAY), **changes)


def test_a_record_comes_back_as_it_was_saved(history):
    record = a_run(history, outcome="delivered", exit_code=0, holds=("a", "b"))
    history.begin(replace(record, outcome="running"))
    history.save(record)
    assert history.runs("f") == [record] == [history.resolve_run("last")]
    assert history.tries("f")[0].outcome == "delivered"
    assert history.prune("f", before=datetime(2028, 1, 1, tzinfo=UTC)) == []


def test_several_may_open_a_new_database_at_once(address):
    with ThreadPoolExecutor(6) as pool:
        stores = list(pool.map(lambda _: History.open(address), range(6)))
        ids = list(pool.map(lambda n: stores[n % 6].new_run_id("many", DAY), range(60)))
    assert len(set(ids)) == 60
    for store in stores:
        store.close()


def test_of_ten_starters_one_gets_the_lease_and_one_the_claim(history):
    together, let_go = threading.Barrier(10), threading.Barrier(10)

    def start(number: int) -> tuple[str, bool]:
        together.wait(30)
        answer = "busy"
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(Busy):
                stack.enter_context(history.lease("f", owner=f"f-{number}", clock=CLOCK))
                answer = "mine"
            claimed = history.claim("f", DAY, 1)
            let_go.wait(30)
        return answer, claimed

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(start, range(10)))
    assert sorted(answer for answer, _ in answers) == ["busy"] * 9 + ["mine"]
    assert sum(claimed for _, claimed in answers) == 1
    assert history.holder("f") is None


def test_busy_says_who_and_since_when(history):
    with (
        history.lease("f", owner="f-1", clock=CLOCK),
        pytest.raises(Busy, match=r"since .* UTC: f-1"),
    ):
        history.lease("f", owner="f-2", clock=CLOCK).__enter__()


def test_a_killed_owner_on_this_machine_frees_its_lease_at_once(history, address):
    shared = Path(__file__).with_name("test_store.py").read_text()
    script = shared.split('HOLD = """')[1].split('"""')[0]
    owner = subprocess.Popen(
        [sys.executable, "-c", script, address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    run_id = owner.stdout.readline().strip()
    assert history.holder("f").run == run_id
    assert history.mark_interrupted("f") == []
    owner.kill()
    owner.communicate()
    assert history.holder("f") is None
    assert history.mark_interrupted("f") == [run_id]
    with history.lease("f", owner="next", clock=CLOCK):
        pass


def test_an_owner_elsewhere_counts_until_its_lease_is_too_old(history, elsewhere):
    record = a_run(history)
    with contextlib.ExitStack() as stack:
        with elsewhere():
            stack.enter_context(history.lease("f", owner=record.id, clock=CLOCK))
            history.begin(record)
        assert history.mark_interrupted("f") == []
        with pytest.raises(Busy):
            history.lease("f", owner="mine", clock=CLOCK).__enter__()
        _age_leases(history)
        assert history.mark_interrupted("f") == [record.id]
        with history.lease("f", owner="mine", clock=CLOCK):
            assert history.holder("f").run == "mine"


def test_a_lease_is_renewed_and_its_loss_is_noticed(history, monkeypatch):
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.02)
    with history.lease("f", owner="f-1", clock=CLOCK) as lease:
        _age_leases(history)
        while history._database and _expires(history) < 100:
            pass
        lease.check()
        with history._database.writing() as connection:
            connection.exec_driver_sql("UPDATE leases SET token = 'of another'")
        assert lease.lost.wait(30)
        with pytest.raises(Busy, match="lost its lease"):
            lease.check()
    assert _expires(history) > 0  # what another has now is not given back by us


def test_a_claim_elsewhere_counts_for_a_while(history, elsewhere):
    with elsewhere():
        assert history.claim("f", DAY, 1)
    assert not history.claim("f", DAY, 1)
    with history._database.writing() as connection:
        connection.exec_driver_sql("UPDATE claims SET expires = 0")
    assert history.claim("f", DAY, 1)


def test_a_database_that_is_down_is_said_without_its_address():
    with pytest.raises(LocalTrouble, match="history database") as caught:
        History.open("postgresql://canary:canary@127.0.0.1:1/canary")
    assert "canary" not in str(caught.value)


def test_only_postgresql_addresses_are_taken():
    with pytest.raises(UsageError, match="postgresql://"):
        History.open("mysql://canary")


def _age_leases(history: History) -> None:
    with history._database.writing() as connection:
        connection.exec_driver_sql("UPDATE leases SET expires = 1")


def _expires(history: History) -> float:
    with history._database.reading() as connection:
        return float(connection.exec_driver_sql("SELECT expires FROM leases").scalar())
