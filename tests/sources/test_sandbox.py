"""The sandbox's Skyward, which somebody else wrote, and its CSV files give one and the same roster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etlrunner.extract import extract
from etlrunner.lib.clock import SystemClock
from etlrunner.model.secrets import Secret
from etlrunner.model.surroundings import SilentProgress
from etlrunner.sandbox import skyward
from etlrunner.sandbox.district import District
from etlrunner.sources import oneroster_csv, rest

TABLES = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")
ONLY_1_2 = ("primaryOrgSourcedId",)
ADMINISTRATORS = ["districtAdministrator", "siteAdministrator", "systemAdministrator", "principal"]
"""Kept as 1.2 has them; 1.1 has one word for all."""
DISTRICT = District(students=120, seed=7)


def pull(source: Any, folder: Path) -> dict[str, pl.DataFrame]:
    clock, progress = SystemClock(), SilentProgress()
    with source as connection:
        raw = extract(connection, TABLES, folder, clock=clock, progress=progress)
    return {name: pl.read_parquet(table.path) for name, table in raw.items()}


def over_rest(folder: Path, variant: str, version: str) -> dict[str, pl.DataFrame]:
    with skyward.start(DISTRICT, variant=variant) as server:
        options = {
            "type": "skyward", "variant": variant, "domain": server.domain, "oneroster": version,
            "key": Secret(server.key), "secret": Secret(server.secret), "allow_http": True,
            "page_size": 50,
        }  # fmt: skip
        connecting = rest.connect(options, clock=SystemClock(), progress=SilentProgress())
        return pull(connecting, folder)


def from_files(path: Path, version: str) -> dict[str, pl.DataFrame]:
    DISTRICT.write_csv(path, version=version)
    options = {"path": path}
    connecting = oneroster_csv.connect(options, clock=SystemClock(), progress=SilentProgress())
    return pull(connecting, path.parent / "raw-files")


@pytest.fixture(scope="module")
def sms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    return over_rest(tmp_path_factory.mktemp("sms"), "sms-2.0", "1.1")


def in_1_1_words(users: pl.DataFrame) -> pl.DataFrame:
    one_word = pl.element().replace(ADMINISTRATORS, "administrator")
    return users.with_columns(
        pl.col("role").replace(ADMINISTRATORS, "administrator"), pl.col("roles").list.eval(one_word)
    )


def alike(one: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame]) -> None:
    one, other = ({**each, "users": in_1_1_words(each["users"])} for each in (one, other))
    for name in TABLES:
        here, there = (each[name].drop(ONLY_1_2, strict=False) for each in (one, other))
        different = [column for column in here.columns if not here[column].equals(there[column])]
        assert different == [], name


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_qmlativ_gives_the_cells_of_sms_2_0(
    sms: dict[str, pl.DataFrame], tmp_path: Path, version: str
) -> None:
    alike(sms, over_rest(tmp_path, "qmlativ", version))


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize("name", ["roster", "roster.zip"])
def test_files_give_the_cells_of_the_server(
    sms: dict[str, pl.DataFrame], tmp_path: Path, version: str, name: str
) -> None:
    alike(sms, from_files(tmp_path / name, version))
