"""OneRoster CSV files: the same cells as over REST, and a named error for whatever is wrong."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etlrunner.errors import ChecksFailed, EtlError, Incomplete, Unreachable
from etlrunner.extract import extract
from etlrunner.lib.clock import SystemClock
from etlrunner.model.surroundings import SilentProgress
from etlrunner.sources import oneroster_csv
from tests.support import rosters

TABLES = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")
CLOCK = SystemClock()


def pull(path: Path, folder: Path) -> dict[str, pl.DataFrame]:
    with oneroster_csv.connect({"path": path}, clock=CLOCK, progress=SilentProgress()) as source:
        raw = extract(source, TABLES, folder, clock=CLOCK, progress=SilentProgress())
    return {name: pl.read_parquet(table.path) for name, table in raw.items()}


def refusal(path: Path) -> EtlError:
    with (
        pytest.raises(EtlError) as caught,
        oneroster_csv.connect({"path": path}, clock=CLOCK, progress=SilentProgress()),
    ):
        pass
    assert "Ada" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize("write", [rosters.write_folder, rosters.write_zip])
def test_files_give_the_same_cells_as_rest(
    pull_rest: Callable[[], dict[str, pl.DataFrame]], tmp_path: Path, version: str, write: Any
) -> None:
    path = write(tmp_path / "roster.zip", rosters.csv_files(version))
    files = pull(path, tmp_path / "csv")
    for name, frame in pull_rest().items():
        here, there = (
            each.drop("primaryOrgSourcedId", strict=False) for each in (frame, files[name])
        )
        assert here.equals(there), name


@pytest.fixture
def pull_rest(pull: Any, tmp_path: Path) -> Callable[[], dict[str, pl.DataFrame]]:
    return lambda: {name: pl.read_parquet(table.path) for name, table in pull(*TABLES).items()}


def test_a_bulk_file_without_status_is_active(tmp_path: Path) -> None:
    files = rosters.csv_files("1.1")
    files["users.csv"] = files["users.csv"].replace("active", "").replace(rosters.WHEN, "")
    users = pull(rosters.write_folder(tmp_path / "in", files), tmp_path)["users"]
    assert set(users["status"]) == {"active"}


def test_columns_are_found_by_name_and_strangers_are_left_alone(tmp_path: Path) -> None:
    files = rosters.csv_files("1.1")
    files["orgs.csv"] = (
        "type,sourcedId,status,dateLastModified,name,identifier,parentSourcedId,metadata.x\n"
        'school, s1 ,,,"North, ""new""",100,,secret\n\n'
    )
    orgs = pull(rosters.write_folder(tmp_path / "in", files), tmp_path)["orgs"]
    assert orgs.row(0, named=True) == {
        "_row": 0, "sourcedId": "s1", "status": "active", "dateLastModified": "",
        "name": 'North, "new"', "type": "school", "identifier": "100", "parentSourcedId": "",
    }  # fmt: skip


def test_identifiers_stay_text(tmp_path: Path) -> None:
    files = rosters.csv_files("1.1")
    files["orgs.csv"] = files["orgs.csv"].replace("100", "007").replace("s2", "1e5")
    orgs = pull(rosters.write_folder(tmp_path / "in", files), tmp_path)["orgs"]
    assert orgs["identifier"].to_list() == ["1", "007", ""]
    assert orgs["sourcedId"].to_list() == ["d1", "s1", "1e5"]


def test_roles_that_are_to_be_deleted_do_not_count(tmp_path: Path) -> None:
    files = rosters.csv_files("1.2")
    files["roles.csv"] += "r9,tobedeleted,,u1,primary,teacher,,,s9,\r\n"
    users = pull(rosters.write_folder(tmp_path / "in", files), tmp_path)["users"]
    assert users.row(0, named=True)["roles"] == ["student"]


def first_line(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: change(text.split("\r\n", 1)[0]) + "\r\n" + text.split("\r\n", 1)[1]


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("bom", lambda text: "\ufeff" + text),
        ("header_case", first_line(lambda line: line.replace("sourcedId,", "SourcedID,", 1))),
        ("header_case", first_line(lambda line: line.replace("givenName", " givenName"))),
        ("hidden_characters", first_line(lambda line: line.replace("givenName", "given\u200bName"))),
        ("hidden_characters", first_line(lambda line: line.replace("givenName", "givenName\u00a0"))),
        ("header", first_line(lambda line: line.replace("orgSourcedIds", "orgSourcedId"))),
        ("header", first_line(lambda line: line.replace("middleName", "email"))),
        ("header_only", lambda text: text.split("\r\n", 1)[0] + "\r\n"),
        ("header_only", lambda text: text.split("\r\n", 1)[0]),
        ("empty", lambda text: ""),
        ("empty", lambda text: "\r\n" + text),
        ("width", lambda text: text[: text.rindex(",") - 8]),
        ("width", lambda text: text + "only,three,cells\r\n"),
        ("width", lambda text: text.replace("u2,", "u2,,", 1)),
        ("quotes", lambda text: text.replace("Bob", '"Bob', 1)),
        ("quotes", lambda text: text.replace("Bob", '"Bo\nb"', 1)),
        ("quotes", lambda text: text.replace("Bob", 'Bo"b', 1)),
        ("quotes", lambda text: text.replace("Bob", 'B"o"b', 1)),
        ("quotes", lambda text: text.replace("Bob", '"Bo"b', 1)),
        ("encoding", lambda text: text.replace("Bob", "B\0b")),
        ("separator", lambda text: text.replace(",", ";")),
        ("separator", lambda text: text.replace(",", "\t")),
        ("separator", lambda text: '"' + text.replace(",", '";"').replace("\r\n", '"\r\n"')),
        ("no_id", lambda text: text.replace("u2,", " ,", 1)),
        ("cut_off", lambda text: text[:-2]),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_named(
    tmp_path: Path, rule: str, change: Callable[[str], str]
) -> None:
    files = rosters.csv_files("1.1")
    files["users.csv"] = change(files["users.csv"])
    folder = tmp_path / "in"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_bytes(text.encode())
    error = refusal(folder)
    assert isinstance(error, ChecksFailed)
    assert {each.rule for each in error.findings} == {f"oneroster_csv.{rule}"}
    assert {each.table for each in error.findings} == {"users"}


def test_files_that_all_end_without_a_line_break_are_whole(tmp_path: Path) -> None:
    files = {name: text.removesuffix("\r\n") for name, text in rosters.csv_files("1.1").items()}
    raw = pull(rosters.write_folder(tmp_path / "in", files), tmp_path)
    assert len(raw["users"]) == files["users.csv"].count("\n")


@pytest.mark.parametrize("change", ["grown", "gone", "torn"])
def test_files_that_change_while_they_are_read_are_incomplete(tmp_path: Path, change: str) -> None:
    folder = rosters.write_folder(tmp_path / "in", rosters.csv_files("1.1"))
    with pytest.raises(Incomplete, match=r"users\.csv changed while the files were read"):
        _change_while_open(folder, change)


def _change_while_open(folder: Path, change: str) -> None:
    users = folder / "users.csv"
    text = users.read_bytes()
    with oneroster_csv.connect({"path": folder}, clock=CLOCK, progress=SilentProgress()):
        if change == "gone":
            users.unlink()
        else:
            users.write_bytes(text + text.splitlines(keepends=True)[-1])
        if change == "torn":
            raise ChecksFailed(
                [], "a line has too few cells"
            )  # what a half-written file looks like


def test_the_line_with_a_wrong_number_of_cells_is_named(tmp_path: Path) -> None:
    files = rosters.csv_files("1.1")
    files["users.csv"] = files["users.csv"].replace("u2,", "u2,,", 1).replace("\nu3,", "\nu3,,", 1)
    error = refusal(rosters.write_folder(tmp_path / "in", files))
    assert isinstance(error, ChecksFailed)
    [finding] = error.findings
    assert (finding.line, "has 19 cells and the header 18" in finding.message) == (3, True)
    assert "1 more" in finding.message


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
def test_other_encodings_are_refused(tmp_path: Path, encoding: str) -> None:
    folder = rosters.write_folder(tmp_path / "in", rosters.csv_files("1.1"))
    text = (folder / "users.csv").read_text().replace("Ada", "Zoë")
    (folder / "users.csv").write_bytes(text.encode(encoding))
    assert "UTF-8" in str(refusal(folder))


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    files = rosters.csv_files("1.1")
    del files["courses.csv"], files["classes.csv"]
    files["orgs.csv"] = ""
    error = refusal(rosters.write_folder(tmp_path / "in", files))
    assert isinstance(error, ChecksFailed)
    assert {each.table for each in error.findings} == {"courses", "classes", "orgs"}


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ("file.users,delta", "delta"),
        ("file.users,absent", "absent"),
        ("file.users,bulky", "none of absent, bulk, delta"),
        ("oneroster.version,1.0", "neither 1.1 nor 1.2"),
        ("oneroster.version,1.15", "neither 1.1 nor 1.2"),
        ("oneroster.version,", "neither 1.1 nor 1.2"),
        ("manifest.version,2", "manifest.version"),
        ("manifest.version,1.0\nmanifest.version,1.1", "twice"),
    ],
)
def test_the_manifest_is_believed(tmp_path: Path, manifest: str, words: str) -> None:
    files = rosters.csv_files("1.1")
    name = manifest.split(",")[0]
    lines = [line for line in files["manifest.csv"].splitlines() if not line.startswith(f"{name},")]
    files["manifest.csv"] = "\n".join([*lines, manifest]) + "\n"
    assert words in str(refusal(rosters.write_folder(tmp_path / "in", files)))


def test_a_file_that_is_there_and_declared_absent_is_a_contradiction(tmp_path: Path) -> None:
    files = rosters.csv_files("1.1")
    manifest = files["manifest.csv"]
    files["manifest.csv"] = manifest.replace("file.users,bulk", "file.users,absent")
    assert "which is right" in str(refusal(rosters.write_folder(tmp_path / "in", files)))
    del files["users.csv"]
    assert "a roster needs it" in str(refusal(rosters.write_folder(tmp_path / "without", files)))


def test_a_file_that_is_declared_and_not_there_says_so(tmp_path: Path) -> None:
    files = rosters.csv_files("1.2")
    del files["roles.csv"]
    error = refusal(rosters.write_folder(tmp_path / "in", files))
    assert "roles.csv: the file is missing, though the manifest says that it is bulk" in str(error)


def test_demographics_may_be_absent_or_not_even_declared(tmp_path: Path) -> None:
    files = rosters.csv_files("1.1")
    assert len(pull(rosters.write_folder(tmp_path / "in", files), tmp_path / "a")["users"]) == 3
    files["manifest.csv"] += "file.demographics,absent\n"
    assert len(pull(rosters.write_folder(tmp_path / "no", files), tmp_path / "b")["users"]) == 3


def test_a_delta_is_refused_with_the_reason(tmp_path: Path) -> None:
    files = rosters.csv_files("1.1")
    files["manifest.csv"] = files["manifest.csv"].replace("bulk", "delta")
    error = refusal(rosters.write_folder(tmp_path / "in", files))
    assert "look as if they had left" in str(error)
    assert isinstance(error, ChecksFailed)
    assert len(error.findings) == 6


@pytest.mark.parametrize("write", [rosters.write_folder, rosters.write_zip])
def test_a_file_name_in_the_wrong_case_is_named(tmp_path: Path, write: Any) -> None:
    files = rosters.csv_files("1.1")
    files["Users.csv"] = files.pop("users.csv")
    error = refusal(write(tmp_path / "roster.zip", files))
    assert "Users.csv" in str(error)
    assert "upper and lower case matter" in str(error)


def test_a_folder_with_a_zip_in_it_says_what_to_write(tmp_path: Path) -> None:
    rosters.write_zip(tmp_path / "roster.zip", rosters.csv_files("1.1"))
    assert "watch: true" in str(refusal(tmp_path))


@pytest.mark.parametrize("missing", ["manifest.csv", "users.csv"])
def test_a_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    files = rosters.csv_files("1.1")
    del files[missing]
    error = refusal(rosters.write_zip(tmp_path / "roster.zip", files))
    assert missing in str(error)


def test_a_path_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    assert isinstance(refusal(tmp_path / "absent.zip"), Unreachable)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_half_written_zip_is_incomplete(tmp_path: Path, share: float) -> None:
    path = rosters.write_zip(tmp_path / "roster.zip", rosters.csv_files("1.1"))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert isinstance(refusal(path), Incomplete)


def test_a_changed_byte_in_a_zip_is_noticed(tmp_path: Path) -> None:
    path = rosters.write_zip(tmp_path / "roster.zip", rosters.csv_files("1.1"))
    content = path.read_bytes()
    place = content.index(b"Invented District")
    path.write_bytes(content[:place] + b"X" + content[place + 1 :])
    assert isinstance(refusal(path), Incomplete)


def bomb(path: Path) -> Path:
    files = rosters.csv_files("1.1") | {"users.csv": "a" * (8 << 20)}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def in_a_folder(path: Path) -> Path:
    files = {f"export/{name}": text for name, text in rosters.csv_files("1.1").items()}
    return rosters.write_zip(path, files)


def twice(path: Path) -> Path:
    rosters.write_zip(path, rosters.csv_files("1.1"))
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("users.csv", "x")
    return path


def encrypted(path: Path) -> Path:
    """The flag alone: what matters is that it is not tried."""
    content = bytearray(rosters.write_zip(path, rosters.csv_files("1.1")).read_bytes())
    for sign, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := content.find(sign, start + 1)) >= 0:
            content[start + place] |= 1
    path.write_bytes(content)
    return path


def oddly_packed(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        for name, text in rosters.csv_files("1.1").items():
            archive.writestr(name, text)
    return path


def only(*names: str) -> Callable[[Path], Path]:
    return lambda path: rosters.write_zip(path, dict.fromkeys(names, "x"))


def with_a_link(path: Path) -> Path:
    files = rosters.csv_files("1.1")
    del files["users.csv"]
    link = zipfile.ZipInfo("users.csv")
    link.external_attr = 0o120777 << 16
    rosters.write_zip(path, files)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (bomb, "unreasonable size"),
        (in_a_folder, "in a folder"),
        (twice, "users.csv twice"),
        (encrypted, "encrypted"),
        (oddly_packed, "packed in an unusual way"),
        (with_a_link, "a link"),
        (only("/etc/users.csv", "/etc/orgs.csv"), "in a folder"),
        (only("export\\users.csv"), "in a folder"),
        (only("__MACOSX/._users.csv", "__MACOSX/users.csv"), "none of the files"),
        (only("students.csv", "staff.csv"), "asm-zip"),
        (only("export.zip"), "another zip"),
        (only("readme.txt"), "none of the files"),
        (only(*(f"{number}.csv" for number in range(1001))), "more than 1000"),
    ],
)
def test_zips_are_read_defensively(
    tmp_path: Path, make: Callable[[Path], Path], words: str
) -> None:
    error = refusal(make(tmp_path / "roster.zip"))
    assert words in str(error)
    assert isinstance(error, ChecksFailed)


def test_what_the_finder_adds_to_a_zip_is_left_alone(tmp_path: Path) -> None:
    files = rosters.csv_files("1.1") | {"__MACOSX/._users.csv": "x", ".DS_Store": "x"}
    path = rosters.write_zip(tmp_path / "roster.zip", files)
    assert len(pull(path, tmp_path / "out")["users"]) == 3


def test_entries_that_point_elsewhere_are_not_unpacked(tmp_path: Path) -> None:
    files = rosters.csv_files("1.1") | {"../users.csv": "x", "/etc/users.csv": "x"}
    (tmp_path / "in").mkdir()
    path = rosters.write_zip(tmp_path / "in" / "roster.zip", files)
    assert len(pull(path, tmp_path / "out")["users"]) == 3
    assert not list(tmp_path.glob("*.csv"))


def test_probe_counts_schools_and_terms(tmp_path: Path) -> None:
    folder = rosters.write_folder(tmp_path / "in", rosters.csv_files("1.2"))
    with oneroster_csv.connect({"path": folder}, clock=CLOCK, progress=SilentProgress()) as source:
        assert source.probe() == {"schools": 2, "terms": 1}
