"""A zip that somebody else made is opened with care, and every fault in it has a name."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etlrunner import check
from etlrunner.checks import apple_csv, archive_file
from etlrunner.errors import UsageError
from etlrunner.package import package
from etlrunner.target import APPLE_SCHOOL_MANAGER as TARGET
from tests.support import finished


@pytest.fixture
def good(tmp_path: Path) -> dict[str, bytes]:
    """The six files of a clean archive."""
    paths = finished.write(tmp_path / "finished", finished.district())
    with zipfile.ZipFile(package(TARGET, paths, tmp_path / "good.zip").path) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


def zipped(folder: Path, files: Mapping[str, bytes]) -> Path:
    path = folder / "foreign.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return path


def found(path: Path) -> list[str]:
    return [str(finding) for finding in check.check_zip(path)]


def test_a_clean_zip_has_no_findings_and_gives_the_rows_back(
    good: dict[str, bytes], tmp_path: Path
) -> None:
    path = zipped(tmp_path, good)
    assert found(path) == []
    tables = archive_file.read_archive(path).tables
    for name, rows in finished.district().items():
        assert tables[name].equals(finished.frame(name, rows))


def test_a_zip_in_a_folder_is_read_all_the_same(good: dict[str, bytes], tmp_path: Path) -> None:
    path = zipped(tmp_path, {f"roster/{name}": content for name, content in good.items()})
    assert found(path) == [
        f"zip - 'roster/{name}' is a folder or in one [zip-folder]" for name in good
    ]


def test_names_in_capitals_and_files_that_do_not_belong(
    good: dict[str, bytes], tmp_path: Path
) -> None:
    good["Students.csv"] = good.pop("students.csv")
    good["notes.txt"] = b"hello"
    assert found(zipped(tmp_path, good)) == [
        "zip - 'Students.csv' must be written students.csv [zip-file-name]",
        "zip - 'notes.txt' is none of the six files [zip-file-name]",
    ]


def test_a_missing_file_is_named_and_the_others_are_checked(
    good: dict[str, bytes], tmp_path: Path
) -> None:
    del good["locations.csv"]
    good["staff.csv"] = good["staff.csv"].replace(b"Invented1", b"")
    assert found(zipped(tmp_path, good)) == [
        "locations.csv - the file is not in the zip [zip-file-missing]",
        "staff.csv:1 - first_name is empty [asm-required]",
    ]


def test_what_is_no_zip_is_one_finding(tmp_path: Path) -> None:
    path = tmp_path / "foreign.zip"
    path.write_bytes(b"PK\x03\x04 this is no zip")
    assert found(path) == ["zip - this is not a zip, or a damaged one [zip-unreadable]"]


def test_a_missing_zip_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        check.check_zip(tmp_path / "none.zip")


def test_a_damaged_file_is_named(good: dict[str, bytes], tmp_path: Path) -> None:
    path = zipped(tmp_path, good)
    with zipfile.ZipFile(path) as made:
        info = made.getinfo("students.csv")
    content = bytearray(path.read_bytes())
    content[info.header_offset + 60] ^= 0xFF
    path.write_bytes(content)
    assert "students.csv - it is damaged or cannot be read [zip-unreadable]" in found(path)


def test_an_encrypted_file_is_not_opened(good: dict[str, bytes], tmp_path: Path) -> None:
    path = zipped(tmp_path, good)
    content = bytearray(path.read_bytes())
    place = content.index(b"PK\x01\x02")
    content[place + 8] |= 1
    path.write_bytes(content)
    assert found(path)[0] == (
        "students.csv - it is encrypted, a link, or packed in an unusual way [zip-unreadable]"
    )


def test_a_bomb_is_not_unpacked(good: dict[str, bytes], tmp_path: Path) -> None:
    good["students.csv"] = b"0" * (8 << 20)
    assert found(zipped(tmp_path, good))[0] == (
        "students.csv - it unpacks to 8,388,608 bytes [zip-too-large]"
    )


def test_more_bytes_than_stated_are_not_read(good: dict[str, bytes], tmp_path: Path) -> None:
    path = zipped(tmp_path, good)
    with pytest.raises(ValueError, match="more than"):
        archive_file.archive.read(path, "students.csv", 10)


def test_too_many_files_are_not_looked_at(tmp_path: Path) -> None:
    path = zipped(tmp_path, {f"{n}.csv": b"" for n in range(101)})
    assert found(path) == ["zip - there are 101 files in it [zip-too-large]"]


STUDENTS = b"location_id,location_name\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xef\xbb\xbf" + STUDENTS + b"1,A\n", [("asm-bom", None)]),
        (STUDENTS.replace(b"\n", b"\r\n") + b"1,A\r\n", [("csv-line-ends", None)]),
        (STUDENTS + b"1,A\n2,\xe9\n", [("csv-encoding", 2)]),
        (STUDENTS + b"1,A B\n", [("csv-unquoted", 1)]),
        (STUDENTS + b'1,"A ""B"" C"\n', [("csv-doubled-quote", 1)]),
        (STUDENTS + b'1,"A B\n', [("csv-quoting", 1), ("csv-unquoted", 1)]),
        (STUDENTS + b'1,"A B"x\n', [("csv-quoting", 1)]),
        (STUDENTS + b'1,A"B\n', [("csv-quoting", 1)]),
        (STUDENTS + b"1,A\n2,B,C\n", [("csv-cells", 2)]),
        (STUDENTS + b"1\n", [("csv-cells", 1)]),
        (b"location_id,location_name,location_id\n1,A,2\n", [("asm-header", None)]),
        (b"", [("asm-header", None)]),
        (STUDENTS + b'1,"A \\"B\\" C"\n"2","B"\n', []),
        (b'"location_id","location_name"\n"1","A B"\n"2",""\n', []),
        (b"location_id;location_name\n1;A\n2;\n", []),
        (STUDENTS + b'1,"A\\\nB"\n2,C\n', []),
    ],
)
def test_each_way_to_stray_from_apples_dialect_has_a_name(
    content: bytes, expected: list[tuple[str, int | None]]
) -> None:
    _, findings = apple_csv.parse("locations", content)
    assert [(finding.rule, finding.row) for finding in findings] == expected


def test_what_can_be_understood_is_understood() -> None:
    content = b'\xef\xbb\xbfa;b\r\n1;"x ""y"" \\"z\\""\r\n2\r\n3;"p\\\nq"\r\n'
    frame, _ = apple_csv.parse("locations", content)
    assert frame is not None
    assert frame.rows() == [("1", 'x "y" "z"'), ("2", ""), ("3", "p\nq")]


def test_many_faults_of_one_kind_are_counted_not_listed() -> None:
    frame, findings = apple_csv.parse("locations", STUDENTS + b"1,A B\n" * 1000)
    assert frame is not None
    assert frame.height == 1000
    assert sum(finding.count for finding in findings) == 1000
    assert len(findings) == 101


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_stumble(content: bytes) -> None:
    frame, findings = apple_csv.parse("students", content)
    assert frame is not None or findings


@settings(deadline=None)
@given(st.text(alphabet='a ,;"\\\n“', max_size=60))
def test_no_quoting_makes_the_reader_stumble_or_lose_a_row(text: str) -> None:
    frame, _ = apple_csv.parse("students", b"x,y\n" + text.encode() + b"\n")
    assert frame is not None
    assert frame.width == 2
