"""What any bytes in an answer may lead to: a frame of the roster model, or an error of ours, soon."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import polars as pl

from etlrunner import roster
from etlrunner.errors import EtlError
from etlrunner.lib import paging, retry
from etlrunner.lib.records import TableReader
from etlrunner.lib.reply import Reply, Unfit, clock_words, json_body
from etlrunner.sources import definition
from etlrunner.table import schema_of
from tests.support.lakeside import NOW

LONGEST = 2.0
"""Seconds of work for one page."""
URL = "https://sis.example.org/API/users"


@cache
def reader() -> TableReader:
    spec = definition.read("oneroster-1.2").tables["users"]
    columns = definition.columns_of("users", spec)
    return TableReader(
        "users", spec.fields, spec.wrappers, schema_of(columns, roster.LISTS["users"])
    )


def read(body: bytes, content_type: str = "application/json") -> pl.DataFrame | EtlError:
    """A page's frame, or the error that a run would end with."""
    reply = Reply(200, {"Content-Type": content_type}, body, URL)
    try:
        return reader().frame(reader().decode(json_body(reply, "reading users")))
    except Unfit as unfit:
        return unfit.ending
    except EtlError as error:
        return error


def read_headers(text: str) -> None:
    """Every header that is looked at."""
    retry.read_retry_after(text, NOW)
    paging.read_total(text)
    clock_words({"Date": text}, NOW)
    Reply(200, {"Content-Type": text}, b"", URL).media_type  # noqa: B018
    try:
        paging.read_next(text, URL, "offset", "users")
    except EtlError:
        return


@contextmanager
def quickly() -> Iterator[None]:
    """No more than `LONGEST` seconds of work. The processor's time counts: others use the machine, too."""
    began = time.process_time()
    yield
    took = time.process_time() - began
    assert took < LONGEST, f"{took:.1f} s of work"


def target(data: bytes) -> None:
    """For atheris: the same bytes as a page and as a header."""
    with quickly():
        read(data)
        read_headers(data.decode("latin-1"))
