from __future__ import annotations

import pytest

from etlrunner.errors import LocalTrouble, UsageError
from etlrunner.lib import remote_name
from etlrunner.model.surroundings import SilentProgress
from etlrunner.sinks import local_folder
from tests.support.matrix import proves


@pytest.fixture
def place(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    return place


def test_the_archive_appears_whole_and_private(send, archive, place) -> None:
    receipt = send({"path": place}, archive, local_folder)
    assert (place / "lakeside.zip").read_bytes() == archive.path.read_bytes()
    assert (place / "lakeside.zip").stat().st_mode & 0o777 == 0o600
    assert (receipt.sink, receipt.sha256) == ("local-folder", archive.sha256)
    assert [path.name for path in place.iterdir()] == ["lakeside.zip"]


def test_a_folder_that_is_not_there_is_not_made(send, archive, tmp_path) -> None:
    with pytest.raises(LocalTrouble, match="there is no folder"):
        send({"path": tmp_path / "not-mounted"}, archive, local_folder)
    assert not (tmp_path / "not-mounted").exists()


def test_probing_writes_nothing(place, clock) -> None:
    with local_folder.connect({"path": place}, clock=clock, progress=SilentProgress()) as sink:
        assert "can be written to" in sink.probe()["folder"]
    assert list(place.iterdir()) == []


def test_a_broken_copy_leaves_the_old_file(send, archive, place) -> None:
    class Broken(SilentProgress):
        def advance(self, what: str, amount: int) -> None:
            raise OSError(28, "No space left on device")

    (place / "lakeside.zip").write_bytes(b"old")
    with pytest.raises(LocalTrouble, match="the disk is full"):
        send({"path": place}, archive, local_folder, progress=Broken())
    assert [path.read_bytes() for path in place.iterdir()] == [b"old"]


@pytest.mark.parametrize("name", ["roster.zip", "a", "x" * 100, "Lakeside_ISD-2027.zip", ".a"])
def test_plain_names_are_allowed(name) -> None:
    assert remote_name.checked(name) == name


@proves(
    "C12",
    fault="file names with folders, dots alone, NUL, line ends, letters beyond ASCII, too long",
    behaviour="refused before anything is sent",
    exit=2,
)
@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "a\\b", "ä.zip", "a b", "a\n", "x" * 101, "../x", "a\0", "…", "-é"],
)
def test_other_names_are_refused(name) -> int:
    with pytest.raises(UsageError) as caught:
        remote_name.checked(name)
    return caught.value.exit_code
