"""Finished tables become one zip that Apple can read, the same bytes for the same rows."""

from __future__ import annotations

import hashlib
import stat
import zipfile
import zlib
from pathlib import Path

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from etlrunner.checks import apple_csv
from etlrunner.errors import ChecksFailed, LocalTrouble
from etlrunner.lib import archive
from etlrunner.package import csv_blocks, csv_lines, package
from etlrunner.target import APPLE_SCHOOL_MANAGER as TARGET
from etlrunner.target import FILE_ORDER
from tests.support import apple_reader, finished

CELLS = st.text(
    st.one_of(
        st.sampled_from(" ,;\"“'é漢\U0001f600"),
        st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\\\u2028\u2029"),
    ),
    max_size=8,
)


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    return finished.write(tmp_path / "finished", finished.district())


def test_six_files_stand_at_the_top_in_apples_order(paths: dict[str, Path], tmp_path: Path) -> None:
    made = package(TARGET, paths, tmp_path / "roster.zip")
    with zipfile.ZipFile(made.path) as zipped:
        assert zipped.namelist() == [f"{name}.csv" for name in FILE_ORDER]
        assert zipped.testzip() is None
    assert made.rows == {
        "students": 3, "staff": 2, "courses": 2, "classes": 2, "rosters": 3, "locations": 2
    }  # fmt: skip


def test_a_file_is_written_as_apples_page_says(paths: dict[str, Path]) -> None:
    assert b"".join(csv_blocks("locations", paths["locations"])) == (
        b'location_id,location_name\n101,"North Invented High"\n102,South\n'
    )
    assert b"".join(csv_blocks("classes", paths["classes"])).splitlines()[:2] == [
        b"class_id,class_number,course_id,instructor_id,instructor_id_2,instructor_id_3,location_id",
        b"K-1,1,C-1,T-1,,,101",
    ]


def test_the_same_rows_give_the_same_bytes(paths: dict[str, Path], tmp_path: Path) -> None:
    again = finished.write(tmp_path / "again", finished.district())
    one, two = (
        package(TARGET, paths, tmp_path / "one.zip"),
        package(TARGET, again, tmp_path / "two.zip"),
    )
    assert one.path.read_bytes() == two.path.read_bytes()
    assert (one.sha256, one.content_hash) == (two.sha256, two.content_hash)
    assert one.sha256 == hashlib.sha256(one.path.read_bytes()).hexdigest()
    assert one.size == one.path.stat().st_size


def test_one_changed_cell_changes_the_content_hash(paths: dict[str, Path], tmp_path: Path) -> None:
    before = package(TARGET, paths, tmp_path / "a.zip").content_hash
    changed = finished.district()
    changed["students"][0]["grade_level"] = "10"
    paths = finished.write(tmp_path / "changed", changed)
    assert package(TARGET, paths, tmp_path / "b.zip").content_hash != before


def test_the_content_hash_can_be_made_by_hand(paths: dict[str, Path], tmp_path: Path) -> None:
    made = package(TARGET, paths, tmp_path / "roster.zip")
    with zipfile.ZipFile(made.path) as zipped:
        lines = [
            f"{hashlib.sha256(zipped.read(name)).hexdigest()}  {name}\n"
            for name in zipped.namelist()
        ]
    assert made.content_hash == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_without_isal_the_content_hash_is_the_same(
    paths: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = package(TARGET, paths, tmp_path / "fast.zip")
    monkeypatch.setattr(archive, "_fast", None)
    slow = package(TARGET, paths, tmp_path / "slow.zip")
    assert slow.content_hash == fast.content_hash
    with zipfile.ZipFile(slow.path) as zipped:
        assert zipped.testzip() is None


def test_the_archive_is_private_and_tells_no_time(paths: dict[str, Path], tmp_path: Path) -> None:
    made = package(TARGET, paths, tmp_path / "roster.zip")
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    with zipfile.ZipFile(made.path) as zipped:
        for info in zipped.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert info.extra == b""
            assert info.compress_type == zipfile.ZIP_DEFLATED


def test_a_failure_leaves_the_archive_that_was_there(
    paths: dict[str, Path], tmp_path: Path
) -> None:
    made = package(TARGET, paths, tmp_path / "roster.zip")
    before = made.path.read_bytes()
    broken = finished.district()
    broken["students"][0]["first_name"] = "In\nvented"
    with pytest.raises(ChecksFailed):
        package(TARGET, finished.write(tmp_path / "broken", broken), made.path)
    assert made.path.read_bytes() == before
    assert [path.name for path in tmp_path.glob("*.part")] == []


def test_a_zip_that_does_not_read_back_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "roster.zip"
    written = archive.write(path, [("a.csv", [b"one,two\n" * 500])])
    archive.verify(path, written)
    content = bytearray(path.read_bytes())
    content[45] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(LocalTrouble, match="does not read back"):
        archive.verify(path, written)


def test_the_bytes_do_not_depend_on_how_they_arrive(tmp_path: Path) -> None:
    content = bytes(zlib.crc32(bytes([n % 251])) % 7 + 48 for n in range(300_000)) * 8
    one = archive.write(tmp_path / "a.zip", [("a.csv", [content])])
    pieces = [content[n : n + 77_777] for n in range(0, len(content), 77_777)]
    two = archive.write(tmp_path / "b.zip", [("a.csv", pieces)])
    assert one == two
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@settings(deadline=None)
@given(st.lists(st.binary(max_size=50)), st.integers(1, 20))
def test_blocks_are_the_same_bytes_in_one_size(chunks: list[bytes], size: int) -> None:
    blocks = list(archive.blocks_of(chunks, size))
    assert b"".join(blocks) == b"".join(chunks)
    assert all(len(block) == size for block in blocks[:-1])
    assert all(blocks)


@settings(deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6))
@example([("", "", "")])
@example([('"', ' "" ', "a;b")])
def test_what_is_written_can_be_read_back(rows: list[tuple[str, str, str]]) -> None:
    frame = pl.DataFrame(rows, schema=dict.fromkeys("abc", pl.String), orient="row")
    lines = csv_lines("students", frame)
    assert apple_reader.read(lines) == [list(row) for row in rows]
    ours, findings = apple_csv.parse("students", b"a,b,c\n" + lines)
    assert ours is not None
    assert ours.rows() == rows
    assert findings == []


def test_a_backslash_is_left_out_and_quotes_fall_away_with_it() -> None:
    frame = pl.DataFrame({"a": ["x\\y", "\\", 'a\\"b c']})
    assert csv_lines("students", frame) == b'xy\n\n"a\\"b c"\n'


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\tb"])
def test_no_quoting_can_carry_a_line_break_or_a_tab(value: str) -> None:
    with pytest.raises(ChecksFailed):
        csv_lines("students", pl.DataFrame({"a": [value]}))


def test_many_rows_are_written_in_slices_without_a_seam(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pl.DataFrame({"a": [str(n) for n in range(25)]})
    frame.write_parquet(tmp_path / "a.parquet")
    monkeypatch.setattr("etlrunner.package.ROWS", 10)
    content = b"".join(csv_blocks("a", tmp_path / "a.parquet"))
    assert content.split() == [b"a", *(str(n).encode() for n in range(25))]
