"""Give each person a text that is nobody else's, and the same one in every run: jsmith, jsmith2, jsmith3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import petl
import polars as pl

from etlrunner.errors import ChecksFailed, ConfigurationError
from etlrunner.expressions import Type
from etlrunner.lib.numbering import Form, Ledger, NoRoom
from etlrunner.mapping import assigned as memory
from etlrunner.mapping import conditions
from etlrunner.mapping.conditions import Columns
from etlrunner.model.components import Options
from etlrunner.model.problems import Finding, Problem
from etlrunner.table import ColumnTable, collect, frame_of

_LINE = ("key", "base", "value")
KEY = "_number_key"
BASE = "_number_base"


def apply(table: petl.Table, options: Options, tables: Mapping[str, petl.Table]) -> petl.Table:
    """Ours, and the text; rows without a key or a base have none.

    Raises ChecksFailed when `max_length` leaves no room for a number.
    """
    frame = _with_key_and_base(frame_of(table), options)
    wanted = _in_turn(frame, options)
    form, known = _form(options), memory.of(tables, _series(options))
    lines = [*_kept(known, wanted, form, options), *known.select(_LINE).iter_rows()]
    try:
        texts = Ledger(form, lines).assign(wanted.rows())
    except NoRoom as error:
        raise _no_room(options) from error
    numbered = wanted.with_columns(pl.Series(options["as"], texts, dtype=pl.String))
    joined = frame.join(numbered.lazy(), on=[KEY, BASE], how="left", maintain_order="left")
    return ColumnTable(joined.drop(KEY, BASE).with_columns(pl.col(options["as"]).fill_null("")))


def columns(before: Columns, options: Options, tables: Mapping[str, Columns]) -> Columns:
    """Ours, and the text. Raises ConfigurationError for names, an expression or a format that is wrong."""
    name, key, form = options["as"], _key(options), _form(options).format
    conditions.require([(one, before) for one in (key, *_by(options))])
    conditions.require_text([key, *_by(options)], before)
    conditions.require_new([name], before)
    conditions.value(options, "base", before, Type.TEXT)
    if form.count("{base}") != 1 or form.count("{n}") != 1:
        message = f"the format '{form}' needs {{base}} and {{n}}, each once"
        raise ConfigurationError([Problem("E306", message, hint='write "{base}{n}"')])
    return {**before, name: "text"}


def assigned(made: petl.Table, options: Options, tables: Mapping[str, petl.Table]) -> petl.Table:
    """The memory after this step: who is there now, and whoever was there within `remember`."""
    series, today = _series(options), options.get(conditions.TODAY, date(2000, 1, 1))
    frame = _with_key_and_base(frame_of(made), options).filter(pl.col(options["as"]) != "")
    now = frame.select(
        pl.lit(series).alias("series"),
        pl.col(KEY).alias("key"),
        pl.col(BASE).alias("base"),
        pl.col(options["as"]).alias("value"),
        pl.lit(today.isoformat()).alias("seen"),
    ).unique(["key", "base"], keep="first", maintain_order=True)
    before = frame_of(tables.get(memory.ASSIGNED, memory.empty())).select(memory.COLUMNS)
    gone = before.join(now, on=["series", "key", "base"], how="anti", maintain_order="left")
    since = (today - options.get("remember", timedelta(days=730))).isoformat()
    kept = gone.filter((pl.col("series") != series) | (pl.col("seen") >= since))
    return ColumnTable(collect(pl.concat([kept, now])).lazy())


def _kept(
    known: pl.DataFrame, wanted: pl.DataFrame, form: Form, options: Options
) -> Iterator[tuple[str, str, str]]:
    """The last text of whoever has another base today, where `keep` says so; or a text of before `number`.

    A text without a base was delivered before the memory began: it stays, if it could have been given.
    """
    newest = known.sort("seen", "base").unique("key", keep="last", maintain_order=True)
    last = {key: (base, text) for key, base, text in newest.select(_LINE).iter_rows()}
    own = {(key, form.same(base)) for key, base, _ in known.select(_LINE).iter_rows()}
    for key, base in wanted.iter_rows():
        before, text = last.get(key, ("", ""))
        is_own = (key, form.same(base)) in own
        stays = options.get("keep") == "person" or (
            not before and not is_own and form.fits(text, base)
        )
        if text and stays:
            yield key, base, text


def _with_key_and_base(frame: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    base = conditions.value(options, "base", conditions.kinds_of(frame), Type.TEXT)
    return frame.with_columns(pl.col(_key(options)).alias(KEY), base.expr.alias(BASE))


def _in_turn(frame: pl.LazyFrame, options: Options) -> pl.DataFrame:
    """Key and base of everybody once, in the order in which they get what is free.

    The last words in that order are key and base themselves, so the rows' own order says nothing.
    """
    order = [*conditions.order(options, "by"), (KEY, False), (BASE, False)]
    there = frame.filter((pl.col(KEY) != "") & (pl.col(BASE) != ""))
    turns = there.sort([name for name, _ in order], descending=[down for _, down in order])
    return collect(turns.select(KEY, BASE).unique(keep="first", maintain_order=True))


def _form(options: Options) -> Form:
    given = {
        name: options[name]
        for name in ("format", "start", "width", "max_length", "ignore_accents")
        if name in options
    }
    return Form(**given, plain_first=options.get("first", "plain") == "plain")


def _no_room(options: Options) -> ChecksFailed:
    message = (
        f"more people share a base than `max_length: {options['max_length']}` leaves numbers for"
    )
    rule = f"number.{options['as']}"
    return ChecksFailed(
        [Finding(rule, "error", message, "", column=options["as"])],
        f"numbering {options['as']}: {message}",
        hint="allow more characters, or make the base from more of the name",
    )


def _key(options: Options) -> str:
    return str(options.get("key", "sourcedId"))


def _series(options: Options) -> str:
    return str(options.get("series", options["as"]))


def _by(options: Options) -> list[str]:
    return [name for name, _ in conditions.order(options, "by")]
