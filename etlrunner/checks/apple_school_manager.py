"""What Apple School Manager asks of six files beyond their references, and what people would notice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import polars as pl

from etlrunner import table
from etlrunner.checks import across, identifiers, values
from etlrunner.checks.listing import Items, RowRule, TableRules, Tables, always, whole_file
from etlrunner.model.components import Options
from etlrunner.model.problems import Finding
from etlrunner.target import Target, TargetColumn, TargetTable

PEOPLE = ("students", "staff")
MOST_LOCATIONS = 15
"""More locations than older editions of Apple's guide allowed are worth a look."""

LONGEST_ACCOUNT_NAME = 128
"""An old page of Apple's says both 128 and 256."""


@dataclass(frozen=True, slots=True)
class District:
    """What the flow says about its accounts."""

    account_name_uses: frozenset[str]
    federated_domains: tuple[str, ...]

    def account_name(self) -> frozenset[str]:
        """The columns that an account's name is made from; with federation it is the address."""
        return frozenset({"email_address"}) if self.federated_domains else self.account_name_uses


def check(tables: Tables, options: Options) -> Items:
    """Yield findings about whole files, and rules; options: target, account_name_uses, federated_domains."""
    district = District(
        frozenset(options.get("account_name_uses") or ()),
        tuple(domain.lower() for domain in options.get("federated_domains") or ()),
    )
    return _all(tables, options["target"], district)


def _all(tables: Tables, target: Target, district: District) -> Items:
    for spec in target.tables.values():
        if spec.name in tables:
            frame = tables[spec.name]
            names = frame.collect_schema().names()
            yield from _header(spec, names)
            if not table.collect(frame.select(pl.len())).item():
                yield whole_file("empty-file", spec.name, "there are no rows in it")
            own = _table_rules(spec, tuple(names), district)
            rules = [*own, *across.rules(spec, names, tables)]
            yield TableRules(spec, frame, rules)
    yield from across.shared_addresses(target, tables, district.federated_domains)


# ---------------------------------------------------------------- the header


def _header(spec: TargetTable, names: Sequence[str]) -> Iterator[Finding]:
    """An unknown column is told by its place: in a file without header its name would be a child's."""
    widths = {c.name: _width(c, names) for c in spec.columns if c.numbered}
    expected = spec.header(widths)
    for name in expected:
        if name not in names:
            yield whole_file("asm-header", spec.name, f"the column {name} is missing", column=name)
    for place, name in enumerate(names, 1):
        if name not in expected:
            message = f"column {place} of the header is none of Apple's columns"
            yield whole_file("asm-header", spec.name, message)
    if set(names) == set(expected) and tuple(names) != expected:
        yield whole_file("asm-header-order", spec.name, "the columns stand in another order")


def _width(column: TargetColumn, names: Sequence[str]) -> int:
    numbers = [number for number, _ in _numbered(column, names)]
    return max((number for number in numbers if number <= column.numbered), default=1)


def _numbered(column: TargetColumn, names: Sequence[str]) -> list[tuple[int, str]]:
    """The columns of a numbered one, by number, also those beyond what Apple allows."""
    found = []
    for name in names:
        stem, _, number = name.rpartition("_")
        if name == column.name:
            found.append((1, name))
        elif stem == column.name and number.isdecimal() and len(number) < 6:
            found.append((int(number), name))
    return sorted(found)


# ---------------------------------------------------------------- rules of one table


@lru_cache(maxsize=64)
def _table_rules(
    spec: TargetTable, names: tuple[str, ...], district: District
) -> tuple[RowRule, ...]:
    """The rules over rows that know no other table: hundreds of expressions, the same for every flow."""
    return tuple(_made_rules(spec, names, district))


def _made_rules(spec: TargetTable, names: Sequence[str], district: District) -> Iterator[RowRule]:
    columns = [(name, column) for name in names if (column := spec.column(name)) is not None]
    for name, column in columns:
        if name == column.name:
            yield from _required(spec, column, district)
        if column.values is not None:
            yield _allowed(name, column.values)
        if column.references is None:
            yield from values.characters(name, identifier=column.identifier)
            strict = column.identifier or name in ("person_number", "sis_username")
            yield from values.placeholders(name, strict=strict)
    if spec.key in names:
        yield from identifiers.rules(spec.key, made_here=spec.name == "rosters")
    for column in spec.columns:
        if column.numbered:
            yield from _numbered_rules(column, _numbered(column, names))
    if "email_address" in names:
        yield from values.addresses("email_address", district.federated_domains)
    if spec.name in PEOPLE and (parts := district.account_name() & set(names)):
        length = pl.sum_horizontal(pl.col(part).str.len_chars() for part in sorted(parts))
        message = f"the account name would be longer than {LONGEST_ACCOUNT_NAME} characters"
        too_long = length > LONGEST_ACCOUNT_NAME
        yield RowRule("asm-account-name-long", too_long, always(message), min(parts))
    if "course_name" in names:
        message = "the course has no name"
        yield RowRule(
            "asm-course-no-name", pl.col("course_name") == "", always(message), "course_name"
        )


def _required(spec: TargetTable, column: TargetColumn, district: District) -> Iterator[RowRule]:
    name = column.name
    if column.required:
        yield _filled("asm-required", name, f"{name} is empty")
    elif spec.name in PEOPLE and name in district.account_name_uses:
        message = f"{name} is empty, and the account name is made from it"
        yield _filled("asm-required-account-name", name, message)
    if name == "email_address" and district.federated_domains:
        message = f"{name} is empty, and with federated domains it is the account"
        yield _filled("asm-required-email", name, message)


def _filled(rule: str, name: str, message: str) -> RowRule:
    """Blanks and backslashes alone count as empty: the package leaves backslashes out."""
    cell = pl.col(name)
    empty = cell.str.strip_chars(" \\") == ""
    hint = (cell == "") | cell.str.starts_with(" ") | cell.str.starts_with("\\")
    return RowRule(rule, empty, always(message), name, gate=hint.any())


def _allowed(name: str, allowed: tuple[str, ...]) -> RowRule:
    words = ", ".join(value or "empty" for value in allowed)
    broken = ~pl.col(name).is_in(list(allowed))
    return RowRule("asm-password-policy", broken, always(f"{name} is none of: {words}"), name)


def _numbered_rules(column: TargetColumn, numbered: Sequence[tuple[int, str]]) -> Iterator[RowRule]:
    filled = {number: pl.col(name) != "" for number, name in numbered}
    order = sorted(filled)
    gaps = [~filled[a] & filled[b] for a, b in pairwise(order)]
    if gaps:
        message = f"a numbered {column.name} is filled while one before it is empty"
        yield _any("asm-numbered-gap", gaps, message, column)
    beyond = [expr for number, expr in filled.items() if number > column.numbered]
    if beyond:
        rule = f"asm-{column.name.removesuffix('_id')}s-over-{column.numbered}"
        yield _any(rule, beyond, f"there are more than {column.numbered} of {column.name}", column)
    if column.numbered > MOST_LOCATIONS:
        many = [e for n, e in filled.items() if MOST_LOCATIONS < n <= column.numbered]
        if many:
            message = f"there are more than {MOST_LOCATIONS} of {column.name}"
            yield _any("asm-locations-over-15", many, message, column)
    if column.name == "instructor_id":
        nobody = ~pl.any_horizontal(filled.values())
        yield RowRule("asm-class-no-instructor", nobody, always("the class has no instructor"))


def _any(rule: str, exprs: Sequence[pl.Expr], message: str, column: TargetColumn) -> RowRule:
    return RowRule(rule, pl.any_horizontal(exprs), always(message), column.name)
