"""What is fetched and kept of a child: what the mapping names, and what the engine itself looks at."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import etlrunner
from etlrunner import roster
from etlrunner.config import validate
from etlrunner.config.project import Project
from etlrunner.errors import UsageError
from etlrunner.mapping import needed
from etlrunner.mapping.needed import NOT_ALWAYS
from etlrunner.sandbox import skyward
from etlrunner.sandbox.district import District
from tests.support.project import TestProject

COLUMNS = {column for columns in roster.TABLES.values() for column in columns}
LOOKING = (
    "extract.py", "propose.py", "mapping/select.py", "mapping/crosswalk.py", "mapping/assigned.py",
    "why/records.py", "why/account.py",
)  # fmt: skip
"""The modules that look at rows as they came, by names of columns."""


def test_the_engine_looks_at_no_column_that_may_be_missing() -> None:
    root = Path(etlrunner.__file__).parent
    for name in LOOKING:
        tree = ast.parse((root / name).read_text(encoding="utf-8"))
        constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
        assert not {each for each in constants if isinstance(each, str)} & NOT_ALWAYS, name


def test_what_may_be_missing_is_in_the_model() -> None:
    assert NOT_ALWAYS <= COLUMNS


def shipped(tmp_path: Path) -> Any:
    return validate.read_mapping_set(Project(tmp_path), "apple-school-manager")


def test_the_shipped_mapping_needs_no_telephone(tmp_path: Path) -> None:
    columns = needed.columns_needed(shipped(tmp_path))
    assert not {"phone", "sms", "pronouns"} & set(columns["users"])
    assert {"sourcedId", "givenName", "email", "grades"} <= set(columns["users"])


@pytest.mark.parametrize(
    ("override", "column"),
    [("{expr: phone}", "phone"), ('"{{ givenName }} {{ pronouns }}"', "pronouns")],
)
def test_a_column_that_a_flow_names_is_fetched(tmp_path: Path, override: str, column: str) -> None:
    project = TestProject(tmp_path / "project")
    extra = f"overrides:\n  students:\n    columns:\n      middle_name: {override}\n"
    with skyward.start(District(students=20, seed=4), variant="sms-2.0") as server:
        project.skyward("lakeside", server, extra=extra)
        result = project.run("lakeside", deliver=False)
    project.close()
    assert result.record.exit_code in (0, 6), result.record.message
    kept = pl.read_parquet_schema(result.folder / "raw" / "users.parquet")
    assert column in kept
    assert "sms" not in kept


def test_rows_that_were_pulled_for_another_mapping_are_not_taken_for_empty(
    tmp_path: Path,
) -> None:
    frame = pl.DataFrame({name: [""] for name in roster.TABLES["users"] if name != "email"})
    frame.write_parquet(tmp_path / "users.parquet")
    with pytest.raises(UsageError, match="have no email, which the mapping uses"):
        needed.require(shipped(tmp_path), {"users": tmp_path / "users.parquet"})
