"""The people of an invented district: pupils, staff and guardians as rows of `users`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from etlrunner import roster, table
from etlrunner.sandbox import names
from etlrunner.sandbox.draws import among, below, few, indexed, numbered, salt
from etlrunner.sandbox.places import CENSUS, DISTRICT
from etlrunner.sandbox.plan import Cell, School

Rates = Mapping[str, float]
DOMAIN = "lakeside.example.org"


def students(
    schools: Sequence[School], cells: Sequence[Cell], seed: int, rates: Rates
) -> pl.DataFrame:
    """Pupils in the order of their numbers, with `cell`, `position` and `second` (another school)."""
    rows = _in_cells(schools, cells)
    rows = _named(rows, seed, "student", rates)
    rows = _second_school(rows, schools, seed, rates)
    rows = rows.with_columns(
        census=few(rows.height, rates["census_students"], salt(seed, "census")),
        guarded=few(rows.height, rates["guardians"], salt(seed, "guarded")),
    )
    number = pl.col("index") + 100_001
    rows = rows.with_columns(
        sourcedId=numbered("stu-", pl.col("index") + 1),
        role=pl.lit("student"),
        username=numbered("s", number),
        userIds=pl.concat_list(numbered("{State:TX", number + 7_000_000, "}")),
        identifier=number.cast(pl.String),
        email=numbered("s", number, "@students." + DOMAIN),
        orgSourcedIds=pl.concat_list(
            pl.when("census").then(pl.lit([CENSUS])).otherwise(_none()),
            pl.concat_list("school"),
            pl.when(pl.col("second") != "").then(pl.concat_list("second")).otherwise(_none()),
        ),
        agentSourcedIds=pl.when("guarded")
        .then(pl.concat_list(numbered("grd-", pl.col("index") + 1)))
        .otherwise(_none()),
        grades=pl.concat_list("grade"),
    )
    return _muddied(rows, seed, "student", rates)


def staff(schools: Sequence[School], seed: int, rates: Rates) -> pl.DataFrame:
    """Teachers, aides and administrators of each school, in the order of their numbers, then the office."""
    people = pl.DataFrame(
        {
            "school": [school.id for school in schools],
            "teachers": [school.teachers for school in schools],
            "teaching": [school.teachers + school.aides for school in schools],
            "size": [school.staff for school in schools],
            "other": [schools[(at + 1) % len(schools)].id for at in range(len(schools))],
        }
    )
    people = people.with_columns(position=pl.int_ranges("size")).explode(
        "position", empty_as_null=False
    )
    office = pl.DataFrame({"school": [DISTRICT] * 2, "position": [0, 1]})
    rows = indexed(pl.concat([people, office], how="diagonal"))
    rows = _named(rows, seed, "staff", rates)
    rows = rows.with_columns(shared=few(rows.height, rates["shared_staff"], salt(seed, "shared")))
    number = pl.col("index") + 2_001
    rows = rows.with_columns(
        sourcedId=numbered("stf-", pl.col("index") + 1),
        role=pl.when(pl.col("position") < pl.col("teachers"))
        .then(pl.lit("teacher"))
        .when(pl.col("position") < pl.col("teaching"))
        .then(pl.lit("aide"))
        .otherwise(pl.lit("administrator")),
        username=numbered("t", number),
        userIds=_none(),
        identifier=number.cast(pl.String),
        email=numbered("t", number, "@" + DOMAIN),
        phone=numbered("555-01", pl.col("index") % 90 + 10),
        orgSourcedIds=pl.when(pl.col("shared") & pl.col("other").is_not_null())
        .then(pl.concat_list("school", pl.col("other").fill_null("")))
        .otherwise(pl.concat_list("school")),
        agentSourcedIds=_none(),
        grades=_none(),
    )
    return _muddied(rows, seed, "staff", rates)


def guardians(pupils: pl.DataFrame, seed: int, rates: Rates) -> pl.DataFrame:
    """A guardian for each pupil who names one, numbered like the pupil."""
    rows = pupils.filter("guarded").select("index", "familyName", "school", pupil="sourcedId")
    rows = _named(rows.drop("familyName"), seed, "guardian", rates).with_columns(
        familyName=rows["familyName"]
    )
    return rows.with_columns(
        sourcedId=numbered("grd-", pl.col("index") + 1),
        status=pl.lit("active"),
        enabledUser=pl.lit("true"),
        role=among(("guardian", "parent", "relative"), pl.col("index"), salt(seed, "kin")),
        username=numbered("g", pl.col("index") + 500_001),
        userIds=_none(),
        identifier=pl.lit(""),
        email=numbered("g", pl.col("index") + 500_001, "@home.example.org"),
        orgSourcedIds=pl.concat_list("school"),
        agentSourcedIds=pl.concat_list("pupil"),
        grades=_none(),
    )


def to_users(rows: pl.DataFrame) -> pl.DataFrame:
    """The columns of the roster model; what a person does not have is empty, `roles` is the role."""
    rows = rows.with_columns(roles=pl.concat_list("role"))
    kinds = table.schema_of(roster.TABLES["users"], roster.LISTS["users"])
    empty = {name: _none() if kind == table.LIST else pl.lit("") for name, kind in kinds.items()}
    return rows.select(
        (pl.col(name) if name in rows.columns else empty[name]).alias(name) for name in kinds
    )


def _in_cells(schools: Sequence[School], cells: Sequence[Cell]) -> pl.DataFrame:
    rows = pl.DataFrame(
        {
            "school": [schools[cell.school].id for cell in cells],
            "school_at": [cell.school for cell in cells],
            "cell_grades": [list(cell.grades) for cell in cells],
            "size": [cell.size for cell in cells],
            "sections": [cell.sections for cell in cells],
            "first_class": [cell.first_class for cell in cells],
        }
    )
    rows = rows.with_columns(position=pl.int_ranges("size")).explode(
        "position", empty_as_null=False
    )
    grade = pl.col("cell_grades").list.get(pl.col("position") % pl.col("cell_grades").list.len())
    return indexed(rows.with_columns(grade=grade).drop("cell_grades"))


def _named(rows: pl.DataFrame, seed: int, who: str, rates: Rates) -> pl.DataFrame:
    """Give everybody a name; some have letters, marks or lengths that break careless programs."""
    index = pl.col("index")
    odd_given = few(rows.height, rates["odd_names"] / 2, salt(seed, who, "odd given"))
    odd_family = few(rows.height, rates["odd_names"] / 2, salt(seed, who, "odd family"))
    middle = few(rows.height, rates["middle_names"], salt(seed, who, "middle?"))
    return rows.with_columns(
        givenName=pl.when(odd_given)
        .then(among(names.GIVEN_RARE, index, salt(seed, who, "rare given")))
        .otherwise(among(names.GIVEN, index, salt(seed, who, "given"))),
        familyName=pl.when(odd_family)
        .then(among(names.FAMILY_RARE, index, salt(seed, who, "rare family")))
        .otherwise(among(names.FAMILY, index, salt(seed, who, "family"))),
        middleName=pl.when(middle)
        .then(among(names.GIVEN, index, salt(seed, who, "middle")))
        .otherwise(pl.lit("")),
    )


def _second_school(
    rows: pl.DataFrame, schools: Sequence[School], seed: int, rates: Rates
) -> pl.DataFrame:
    """Some pupils have a second school, where they take their last class of the day."""
    count = len(schools)
    dual = few(rows.height, rates["dual_enrolled"] if count > 1 else 0, salt(seed, "dual"))
    step = 1 + below(pl.col("index"), salt(seed, "second"), max(1, count - 1))
    ids = pl.lit(pl.Series([school.id for school in schools]))
    other = (pl.col("school_at") + step) % count
    return rows.with_columns(
        second_at=pl.when(dual).then(other),
        second=pl.when(dual).then(ids.gather(other)).otherwise(pl.lit("")),
    )


def _muddied(rows: pl.DataFrame, seed: int, who: str, rates: Rates) -> pl.DataFrame:
    """Withdrawn, switched off, without e-mail, with the word NULL for one, without number or name."""

    def some(rate: str) -> pl.Series:
        return few(rows.height, rates[rate], salt(seed, who, rate))

    nameless = some("names_missing")
    return rows.with_columns(
        status=pl.when(some("deleted_users"))
        .then(pl.lit("tobedeleted"))
        .otherwise(pl.lit("active")),
        enabledUser=pl.when(some("disabled_users")).then(pl.lit("false")).otherwise(pl.lit("true")),
        identifier=pl.when(some("identifiers_missing")).then(pl.lit("")).otherwise("identifier"),
        email=pl.when(some("emails_null"))
        .then(pl.lit("NULL"))
        .when(some("emails_missing"))
        .then(pl.lit(""))
        .otherwise("email"),
        givenName=pl.when(nameless).then(pl.lit("")).otherwise("givenName"),
        familyName=pl.when(nameless).then(pl.lit("")).otherwise("familyName"),
    )


def _none() -> pl.Expr:
    return pl.lit([], dtype=table.LIST)
