"""Only the pull of a flow, without mapping: for sweeps over many faults."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import polars as pl

from etlrunner import extract
from etlrunner.errors import EtlError
from etlrunner.model.secrets import Secret
from etlrunner.model.surroundings import SilentProgress
from etlrunner.sources import rest
from tests.support.clock import SimulatedClock
from tests.support.lakeside import NOW, Lakeside, hint

TABLES = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")


def pull(
    lakeside: Lakeside,
    folder: Path,
    *tables: str,
    clock: Any = None,
    verify: str = "auto",
    **more: Any,
) -> dict[str, pl.DataFrame]:
    """What is frozen of each table."""
    server, clock, progress = lakeside.server, clock or SimulatedClock(NOW), SilentProgress()
    options = {
        "type": "skyward", "variant": "sms-2.0", "domain": server.domain, "allow_http": True,
        "key": Secret(server.key), "secret": Secret(server.secret), "page_size": 4, **more,
    }  # fmt: skip
    with rest.connect(options, clock=clock, progress=progress) as connection:
        raw = extract.extract(
            connection, tables or TABLES, folder, clock=clock, progress=progress, verify=verify
        )
    return {name: pl.read_parquet(table.path) for name, table in raw.items()}


def pulled(lakeside: Lakeside, *tables: str, **more: Any) -> dict[str, int]:
    """How many different records of each table arrived."""
    with tempfile.TemporaryDirectory() as folder:
        frames = pull(lakeside, Path(folder), *tables, **more)
    return {name: frame["sourcedId"].n_unique() for name, frame in frames.items()}


def ended(lakeside: Lakeside, *tables: str, whole: bool = False, **more: Any) -> EtlError:
    """The error that a pull ends with; it shows nothing, and leaves no file.

    With `whole` it is a run that ends with it, and what holds for every run is looked at, too; the pull
    alone, of the tables that matter, costs a tenth.
    """
    if whole:
        result = lakeside.run()
        assert isinstance(result.error, EtlError)
        assert result.error.exit_code == result.exit_code
        return result.error
    with tempfile.TemporaryDirectory() as folder:
        try:
            pull(lakeside, Path(folder), *tables, **more)
        except EtlError as error:
            assert list(Path(folder).rglob("*.parquet")) == []
            lakeside.show_nothing(f"{error!r} {hint(error)}")
            return error
    raise AssertionError("the pull did not end with an error")
