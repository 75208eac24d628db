from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from etlrunner.errors import LocalTrouble
from etlrunner.history import delivered


@pytest.fixture
def finished(tmp_path):
    def make(word: str) -> dict[str, Path]:
        folder = tmp_path / f"finished-{word}"
        folder.mkdir()
        for name in ("students", "classes"):
            (folder / f"{name}.parquet").write_text(f"{word} {name}")
        return {name: folder / f"{name}.parquet" for name in ("students", "classes")}

    return make


def words(folder: Path) -> str | None:
    found = delivered.read(folder)
    return found and found.tables["students"].read_text()


def test_before_the_first_delivery_there_is_none(tmp_path):
    assert delivered.read(tmp_path / "delivered") is None


def test_what_was_promoted_is_read_again(tmp_path, finished):
    folder = tmp_path / "delivered"
    delivered.promote(folder, "f-1", finished("old"), "abc", {"schools": []}, {"students": 3})
    found = delivered.read(folder)
    assert (found.run_id, found.content_hash, found.scope) == ("f-1", "abc", {"schools": []})
    assert found.rows == {"students": 3}
    assert {name: path.read_text() for name, path in found.tables.items()} == {
        "students": "old students",
        "classes": "old classes",
    }


def test_a_promotion_replaces_the_one_before(tmp_path, finished):
    folder = tmp_path / "delivered"
    delivered.promote(folder, "f-1", finished("old"), "a", {})
    delivered.promote(folder, "f-2", finished("new"), "b", {})
    assert words(folder) == "new students"
    assert len(list(folder.iterdir())) == 2


def test_the_same_run_may_be_promoted_again(tmp_path, finished):
    folder, tables = tmp_path / "delivered", finished("old")
    delivered.promote(folder, "f-1", tables, "a", {})
    delivered.promote(folder, "f-1", tables, "a", {})
    assert words(folder) == "old students"


def test_it_is_a_copy_that_a_change_in_the_run_does_not_reach(tmp_path, finished):
    folder, tables = tmp_path / "delivered", finished("old")
    delivered.promote(folder, "f-1", tables, "a", {})
    tables["students"].write_text("changed")
    assert words(folder) == "old students"


def test_everything_is_private(tmp_path, finished):
    folder = tmp_path / "delivered"
    delivered.promote(folder, "f-1", finished("old"), "a", {})
    for path in [folder, *folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


@pytest.mark.parametrize("call", ["open", "fsync", "replace", "mkdir"])
def test_trouble_of_the_disk_at_any_call_leaves_the_old_or_the_new(
    tmp_path, finished, monkeypatch, call
):
    folder = tmp_path / "delivered"
    delivered.promote(folder, "f-1", finished("old"), "a", {})
    tables = finished("new")
    for number in range(1, 200):
        with monkeypatch.context() as patch:
            calls = _fail(patch, call, number)
            with contextlib.suppress(LocalTrouble):
                delivered.promote(folder, f"f-{number}", tables, "b", {})
        assert words(folder) in ("old students", "new students")
        if len(calls) < number:
            break
    assert words(folder) == "new students"


def test_a_kill_at_any_call_leaves_the_old_or_the_new(tmp_path, finished):
    folder, tables = tmp_path / "delivered", finished("new")
    delivered.promote(folder, "f-1", finished("old"), "a", {})
    found = subprocess.run(
        [sys.executable, "-c", KILLS, str(folder), str(tables["students"])],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    seen = found.stdout.split()
    assert seen[0] == "old"
    assert seen[-1] == "new"
    assert len(seen) > 15
    assert set(seen) == {"old", "new"}


KILLS = """
import os, sys
from pathlib import Path
from etlrunner.history import delivered

folder, table = Path(sys.argv[1]), Path(sys.argv[2])

def dying(name, number, seen=[0]):
    real = getattr(os, name)
    def call(*arguments, **named):
        seen[0] += 1
        if seen[0] == number:
            os._exit(9)
        return real(*arguments, **named)
    return call

for number in range(1, 500):
    child = os.fork()
    if child == 0:
        for name in ("open", "close", "fsync", "replace", "mkdir", "chmod", "rmdir", "unlink"):
            setattr(os, name, dying(name, number))
        delivered.promote(folder, f"f-{number}", {"students": table}, "b", {})
        os._exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(delivered.read(folder).tables["students"].read_text().split()[0], flush=True)
    if ended == 0:
        break
"""


@pytest.mark.parametrize("damage", ["cut", "changed", "gone", "manifest", "pointer", "outside"])
def test_a_damaged_delivery_is_never_compared_with(tmp_path, finished, damage):
    folder = tmp_path / "delivered"
    version = delivered.promote(folder, "f-1", finished("old"), "a", {}).tables["students"].parent
    {
        "cut": lambda: (version / "students.parquet").write_text("old"),
        "changed": lambda: (version / "students.parquet").write_text("olD students"),
        "gone": lambda: (version / "classes.parquet").unlink(),
        "manifest": lambda: (version / "manifest.json").write_text("{"),
        "pointer": lambda: (folder / "current").write_text(""),
        "outside": lambda: (folder / "current").write_text("../elsewhere"),
    }[damage]()
    with pytest.raises(LocalTrouble, match="damaged"):
        delivered.read(folder)


def _fail(patch: pytest.MonkeyPatch, call: str, number: int) -> list[str]:
    real, calls = getattr(os, call), []

    def failing(*arguments, **named):
        calls.append(call)
        if len(calls) == number:
            raise OSError(5, "the disk does not work")
        return real(*arguments, **named)

    patch.setattr(os, call, failing)
    return calls
