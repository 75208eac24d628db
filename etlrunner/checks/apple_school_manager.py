"""What Apple School Manager asks of six files beyond their references, and what people would notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from etlrunner import table
from etlrunner.checks import values
from etlrunner.checks.listing import Items, RowRule, TableRules, Tables, shown, whole_file
from etlrunner.model import Finding, Options
from etlrunner.target import Target, TargetColumn, TargetTable

PEOPLE = ("students", "staff")
MOST_LOCATIONS = 15
"""More locations than older editions of Apple's guide allowed are worth a look."""


@dataclass(frozen=True, slots=True)
class District:
    """What the flow says about its accounts."""

    target: Target
    account_name_uses: frozenset[str]
    federated_domains: tuple[str, ...]


def check(tables: Tables, options: Options) -> Items:
    """Yield findings about whole files, and rules; options: target, account_name_uses, federated_domains."""
    district = District(
        options["target"],
        frozenset(options.get("account_name_uses") or ()),
        tuple(domain.lower() for domain in options.get("federated_domains") or ()),
    )
    return _all(tables, district)


def _all(tables: Tables, district: District) -> Items:
    for spec in district.target.tables.values():
        if spec.name in tables:
            frame = tables[spec.name]
            names = frame.collect_schema().names()
            yield from _header(spec, names)
            if not table.collect(frame.select(pl.len())).item():
                yield whole_file("empty-file", spec.name, "there are no rows in it")
            rules = [*_table_rules(spec, names, district), *_other_tables(spec, names, tables)]
            yield TableRules(spec, frame, rules)
    yield from _shared_addresses(tables, district)


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


def _table_rules(spec: TargetTable, names: Sequence[str], district: District) -> Iterator[RowRule]:
    columns = [(name, column) for name in names if (column := spec.column(name)) is not None]
    for name, column in columns:
        if name == column.name:
            yield from _required(spec, column, district)
        if column.values is not None:
            yield _allowed(name, column.values)
        if column.references is None:
            yield from values.characters(name, identifier=column.identifier)
    if spec.key in names:
        yield from _key_rules(spec.key)
    for column in spec.columns:
        if column.numbered:
            yield from _numbered_rules(column, _numbered(column, names))
    if "email_address" in names:
        yield from values.addresses("email_address", district.federated_domains)


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
    return RowRule(rule, empty, _always(message), name, gate=hint.any())


def _allowed(name: str, allowed: tuple[str, ...]) -> RowRule:
    words = ", ".join(value or "empty" for value in allowed)
    broken = ~pl.col(name).is_in(list(allowed))
    return RowRule("asm-password-policy", broken, _always(f"{name} is none of: {words}"), name)


def _key_rules(key: str) -> Iterator[RowRule]:
    cell = pl.col(key)

    def twice(cells: Mapping[str, str]) -> str:
        return f"{key} = '{shown(cells[key])}' is in this file more than once"

    def odd(cells: Mapping[str, str]) -> str:
        return f"{key} = '{shown(cells[key])}' has other characters than letters, digits, hyphens"

    yield RowRule(
        "asm-unique-key",
        ~cell.is_first_distinct() & (cell != ""),
        twice,
        key,
        # far cheaper than the exact answer, and can only err towards looking
        gate=cell.hash().n_unique() < pl.len(),
    )
    yield RowRule("asm-id-charset", cell.str.contains(r"[^A-Za-z0-9-]"), odd, key)


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
        yield RowRule("asm-class-no-instructor", nobody, _always("the class has no instructor"))


def _any(rule: str, exprs: Sequence[pl.Expr], message: str, column: TargetColumn) -> RowRule:
    return RowRule(rule, pl.any_horizontal(exprs), _always(message), column.name)


# ---------------------------------------------------------------- rules that look at another table


def _other_tables(spec: TargetTable, names: Sequence[str], tables: Tables) -> Iterator[RowRule]:
    if spec.name == "classes" and "class_id" in names and "rosters" in tables:
        yield _unused("asm-class-no-students", "class_id", tables["rosters"], "has no students")
    if spec.name == "courses" and "course_id" in names and "classes" in tables:
        yield _unused("asm-course-no-classes", "course_id", tables["classes"], "has no classes")
    if spec.name == "classes" and {"class_number", "course_id"} <= set(names):
        yield from _name_twice(tables.get("courses"))
    if spec.name == "staff" and "person_id" in names and "students" in tables:
        yield from _dual_roles(tables["students"])


def _unused(rule: str, key: str, users: pl.LazyFrame, what: str) -> RowRule:
    def message(cells: Mapping[str, str]) -> str:
        return f"{key} = '{shown(cells[key])}' {what}"

    used = _column(users, key)
    return RowRule(rule, ~pl.col(key).is_in(used.implode()), message)


def _name_twice(courses: pl.LazyFrame | None) -> Iterator[RowRule]:
    wanted = ("course_id", "course_name")
    if courses is None or not set(wanted) <= set(courses.collect_schema().names()):
        return
    named = table.collect(courses.select(wanted)).unique("course_id", keep="first")
    name = pl.col("course_id").replace_strict(named["course_id"], named["course_name"], default="")
    same = (pl.col("class_number") == name) & (name != "")
    message = "class_number and the course's course_name are the same"
    yield RowRule("asm-class-name-twice", same, _always(message), "class_number")


def _dual_roles(students: pl.LazyFrame) -> Iterator[RowRule]:
    def message(cells: Mapping[str, str]) -> str:
        return f"person_id = '{shown(cells['person_id'])}' is also in students.csv"

    pupils = _column(students, "person_id")
    both = pl.col("person_id").is_in(pupils.implode()) & (pl.col("person_id") != "")
    yield RowRule("asm-dual-role", both, message, "person_id")


def _column(frame: pl.LazyFrame, name: str) -> pl.Series:
    """The distinct values of a column, none when there is no such column."""
    if name not in frame.collect_schema().names():
        return pl.Series(name, [], dtype=pl.String)
    return table.collect(frame.select(pl.col(name).unique())).to_series()


def _shared_addresses(tables: Tables, district: District) -> Items:
    """An address in a federated domain belongs to one person, students and staff together."""
    people = {
        name: tables[name]
        for name in PEOPLE
        if name in tables
        and {"person_id", "email_address"} <= set(tables[name].collect_schema().names())
    }
    if not district.federated_domains or not people:
        return
    address = pl.col("email_address").str.to_lowercase()
    everybody = pl.concat([frame.select("person_id", address) for frame in people.values()])
    federated = everybody.filter(values.in_domains("email_address", district.federated_domains))
    taken = table.collect(federated.filter(pl.col("email_address").is_duplicated()))
    if taken.height:
        owners = taken.unique("email_address", keep="first", maintain_order=True)
        for name, frame in people.items():
            yield TableRules(
                district.target.tables[name], frame, [_shared_address(address, owners)]
            )


def _shared_address(address: pl.Expr, owners: pl.DataFrame) -> RowRule:
    """Each of the people but the first is a finding that names the first."""
    owner = dict(owners.select("email_address", "person_id").iter_rows())

    def message(cells: Mapping[str, str]) -> str:
        first = shown(owner[cells["email_address"].lower()])
        return f"email_address is also that of person_id = '{first}'"

    first = address.replace_strict(owners["email_address"], owners["person_id"], default=None)
    return RowRule(
        "asm-unique-email",
        first.is_not_null() & (first != pl.col("person_id")),
        message,
        "email_address",
        shows=("email_address",),
    )


def _always(message: str) -> Callable[[Mapping[str, str]], str]:
    return lambda _: message
