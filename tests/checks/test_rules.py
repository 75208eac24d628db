"""Every rule finds its fault, says so in one shape, and finds nothing in a clean set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from etlrunner import check
from etlrunner.checks import apple_school_manager, references, rules
from etlrunner.checks.listing import LISTED
from etlrunner.model.problems import Finding
from etlrunner.target import APPLE_SCHOOL_MANAGER as TARGET
from tests.support import finished
from tests.support.finished import District

MODULES = (apple_school_manager, references)


def findings(tables: District, **sink: object) -> tuple[Finding, ...]:
    return check.findings_of(finished.frames(tables), MODULES, check.options_for(TARGET, sink))


def edited(table: str, row: int, **cells: str) -> District:
    tables = finished.district()
    tables[table][row] |= cells
    return tables


def without(table: str, row: int) -> District:
    tables = finished.district()
    del tables[table][row]
    return tables


def with_row(table: str, row: dict[str, str]) -> District:
    tables = finished.district()
    tables[table].append(row)
    return tables


def test_an_address_in_letters_younger_than_this_python_is_shared_like_any_other() -> None:
    """Polars folds letters that Python 3.11 does not know yet."""
    people = finished.district()
    people["students"][0]["email_address"] = "\u0264@example.org"
    people["staff"][0]["email_address"] = "\ua7cb@example.org"
    found = findings(people, federated_domains=["example.org"])
    assert [one.key for one in found if one.rule == "asm-unique-email"] == ["T-1"]


def test_a_clean_set_has_no_findings() -> None:
    assert findings(finished.district()) == ()
    federated = findings(
        finished.district(),
        federated_domains=["Example.org"],
        account_name_uses=["sis_username", "person_number"],
    )
    assert federated == ()


def wide(count: int) -> dict[str, str]:
    return {"location_id": "101"} | {f"location_id_{n}": "101" for n in range(2, count + 1)}


def many_instructors() -> District:
    tables = finished.district()
    tables["staff"] += [finished.teacher(n) for n in range(3, 20)]
    tables["classes"][0] = finished.school_class(1, instructors=[f"T-{n}" for n in range(1, 17)])
    return tables


def lost_zeros() -> District:
    tables = finished.district()
    tables["students"] += [finished.student(4, person_id=one) for one in ("0041", "0043", "42")]
    return tables


ACCOUNTS: dict[str, dict[str, object]] = {
    "asm-unique-email": {"federated_domains": ["example.org"]},
    "asm-email-domain": {"federated_domains": ["example.org"]},
    "asm-required-email": {"federated_domains": ["example.org"]},
    "asm-required-account-name": {"account_name_uses": ["sis_username"]},
    "asm-account-name-long": {"account_name_uses": ["sis_username", "email_address"]},
}
"""What the flow has to say about accounts for a rule to hold."""

PLANTED: list[tuple[str, str, str, Callable[[], District]]] = [
    ("asm-ref-location", "students", "location_id = '9' does not reference any location_id in locations.csv",
     lambda: edited("students", 0, location_id="9")),
    ("asm-ref-location", "staff", "location_id_2 = '9' does not reference any location_id in locations.csv",
     lambda: edited("staff", 0, location_id_2="9")),
    ("asm-ref-location", "courses", "location_id = '9' does not", lambda: edited("courses", 0, location_id="9")),
    ("asm-ref-location", "classes", "location_id = '9' does not", lambda: edited("classes", 0, location_id="9")),
    ("asm-ref-course", "classes", "course_id = 'c-1' does not reference any course_id in courses.csv",
     lambda: edited("classes", 0, course_id="c-1")),
    ("asm-ref-instructor", "classes", "instructor_id_2 = 'T-9' does not reference any person_id in staff.csv",
     lambda: edited("classes", 0, instructor_id_2="T-9")),
    ("asm-ref-class", "rosters", "class_id = 'K-9' does not reference any class_id in classes.csv",
     lambda: edited("rosters", 0, class_id="K-9")),
    ("asm-ref-student", "rosters", "student_id = 'S-9' does not reference any person_id in students.csv",
     lambda: edited("rosters", 0, student_id="S-9")),
    ("empty-file", "courses", "there are no rows in it", lambda: {**finished.district(), "courses": []}),
    ("asm-required", "students", "first_name is empty", lambda: edited("students", 0, first_name="  ")),
    ("asm-required", "students", "last_name is empty", lambda: edited("students", 0, last_name="")),
    ("asm-required", "staff", "location_id is empty", lambda: edited("staff", 0, location_id="")),
    ("asm-required", "locations", "location_name is empty", lambda: edited("locations", 0, location_name="")),
    ("asm-unique-key", "students", "person_id = 'S-1' is in this file more than once",
     lambda: with_row("students", finished.student(1, first_name="Other"))),
    ("asm-unique-key", "rosters", "roster_id = 'K-1-S-1' is in this file more than once",
     lambda: with_row("rosters", finished.roster("K-2", "S-1", roster_id="K-1-S-1"))),
    ("asm-dual-role", "staff", "person_id = 'S-1' is also in students.csv",
     lambda: with_row("staff", finished.teacher(5, person_id="S-1"))),
    ("asm-id-charset", "courses", "course_id = 'C_3' has other characters than letters, digits, hyphens",
     lambda: with_row("courses", finished.course(3, course_id="C_3"))),
    ("asm-password-policy", "students", "password_policy is none of: empty, 4, 6, 8",
     lambda: edited("students", 0, password_policy="5")),
    ("asm-numbered-gap", "students", "a numbered location_id is filled while one before it is empty",
     lambda: edited("students", 0, location_id_2="", location_id_3="102")),
    ("asm-numbered-gap", "classes", "a numbered instructor_id is filled",
     lambda: edited("classes", 0, instructor_id="", instructor_id_2="T-1")),
    ("asm-instructors-over-15", "classes", "there are more than 15 of instructor_id", many_instructors),
    ("asm-locations-over-15", "students", "there are more than 15 of location_id",
     lambda: edited("students", 0, **wide(16))),
    ("asm-locations-over-999", "students", "there are more than 999 of location_id",
     lambda: edited("students", 0, **wide(1000))),
    ("asm-email-malformed", "students", "email_address is no address",
     lambda: edited("students", 0, email_address="NULL")),
    ("asm-control-character", "staff", "first_name holds the control character U+0009",
     lambda: edited("staff", 0, first_name="In\tvented")),
    ("asm-control-character", "students", "last_name holds the control character U+202E",
     lambda: edited("students", 0, last_name="In\u202evented")),
    ("asm-bom", "students", "last_name holds the byte order mark U+FEFF",
     lambda: edited("students", 0, last_name="\ufeffPerson")),
    ("asm-zero-width", "students", "last_name holds the invisible character U+200B",
     lambda: edited("students", 0, last_name="Per\u200bson")),
    ("asm-curly-quotes", "courses", "course_name stands in curly quotes",
     lambda: edited("courses", 0, course_name="“Painting”")),
    ("asm-backslash", "students", "last_name holds a backslash",
     lambda: edited("students", 0, last_name="Per\\son")),
    ("asm-backslash-id", "locations", "location_id holds a backslash",
     lambda: with_row("locations", {"location_id": "1\\3", "location_name": "East"})),
    ("asm-class-no-instructor", "classes", "the class has no instructor",
     lambda: edited("classes", 0, instructor_id="")),
    ("asm-class-no-students", "classes", "class_id = 'K-2' has no students", lambda: without("rosters", 2)),
    ("asm-course-no-classes", "courses", "course_id = 'C-3' has no classes",
     lambda: with_row("courses", finished.course(3))),
    ("asm-class-name-twice", "classes", "class_number and the course's course_name are the same",
     lambda: edited("classes", 1, class_number="Subject 2")),
    ("asm-unique-email", "staff", "email_address is also that of person_id = 'S-3'",
     lambda: edited("staff", 1, email_address="S3@EXAMPLE.org")),
    ("asm-email-domain", "students", "email_address is outside the federated domains",
     lambda: edited("students", 1, email_address="one@elsewhere.example")),
    ("asm-required-email", "students", "email_address is empty, and with federated domains it is the account",
     lambda: edited("students", 0, email_address="")),
    ("asm-required-account-name", "staff", "sis_username is empty, and the account name is made from it",
     lambda: edited("staff", 1, sis_username="")),
    ("asm-account-name-long", "students", "the account name would be longer than 128 characters",
     lambda: edited("students", 0, sis_username="x" * 129)),
    ("asm-account-name-long", "staff", "the account name would be longer than 128 characters",
     lambda: edited("staff", 0, email_address=f"{'x' * 128}@example.org")),
    ("asm-roster-twice", "rosters", "the student is in this class already",
     lambda: with_row("rosters", finished.roster("K-1", "S-1", roster_id="K-1-S-1b"))),
    ("asm-course-no-name", "courses", "the course has no name", lambda: edited("courses", 1, course_name="")),
    ("asm-course-elsewhere", "classes", "the class is in another location than its course",
     lambda: edited("classes", 0, location_id="102")),
    ("asm-mojibake", "students", "last_name was read in the wrong encoding",
     lambda: edited("students", 0, last_name="Beyonc\u00c3\u00a9")),
    ("asm-mojibake", "staff", "first_name was read in the wrong encoding",
     lambda: edited("staff", 0, first_name="Zo\ufffd")),
    ("asm-mojibake", "courses", "course_name was read in the wrong encoding",
     lambda: edited("courses", 0, course_name="Driver\u00e2\u20ac\u2122s education")),
    ("asm-not-nfc", "students", "last_name is not composed (NFC)",
     lambda: edited("students", 0, last_name="Zoe\u0308")),
    ("asm-spreadsheet-number", "courses", "course_id = '222.0' was taken for a number",
     lambda: with_row("courses", finished.course(3, course_id="222.0"))),
    ("asm-spreadsheet-number", "students", "person_id = '1.23E+05' was taken for a number",
     lambda: with_row("students", finished.student(4, person_id="1.23E+05"))),
    ("asm-leading-zeros", "students", "person_id = '42' is shorter than those that begin with 0", lost_zeros),
    ("asm-placeholder", "students", "grade_level holds a word that stands for no value",
     lambda: edited("students", 0, grade_level="#N/A")),
    ("asm-placeholder", "staff", "person_number holds a word that stands for no value",
     lambda: edited("staff", 0, person_number="nan")),
    ("asm-oversized", "courses", "course_name is longer than 1,024 characters",
     lambda: edited("courses", 0, course_name="x" * 1_025)),
    ("asm-outer-space", "students", "last_name has white space around it",
     lambda: edited("students", 0, last_name="Person ")),
    ("asm-id-case", "staff", "person_id = 'T-2' differs from another one in upper and lower case only",
     lambda: with_row("staff", finished.teacher(5, person_id="t-2"))),
    ("asm-id-space", "students", "person_id = 'S- 1' differs from another one in white space only",
     lambda: with_row("students", finished.student(4, person_id="S- 1"))),
    ("asm-id-space", "students", "person_id = 'S-\\u00a01' differs from another one in white space only",
     lambda: with_row("students", finished.student(4, person_id="S-\u00a01"))),
    ("asm-header", "students", "column 11 of the header is none of Apple's columns",
     lambda: edited("students", 0, shoe_size="44")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "table", "message", "make"),
    PLANTED,
    ids=lambda v: v[:40] if isinstance(v, str) else "",
)
def test_a_planted_fault_is_found(
    rule: str, table: str, message: str, make: Callable[[], District]
) -> None:
    found = [f for f in findings(make(), **ACCOUNTS.get(rule, {})) if f.rule == rule]
    assert {f.table for f in found} == {table}, found
    assert message in str(found[0])
    assert found[0].severity == rules.RULES[rule].severity
    assert str(found[0]).endswith(f"[{rule}]")


FOLLOWS: dict[str, set[str]] = {
    "asm-ref-course": {"asm-course-no-classes"},
    "empty-file": {"asm-ref-course"},
    "asm-instructors-over-15": {"asm-header"},
    "asm-locations-over-999": {"asm-header", "asm-locations-over-15"},
    "asm-backslash-id": {"asm-id-charset"},
}
"""What a fault causes elsewhere by its nature; the rest is found by its own rule alone."""

FOLLOWS_HERE: dict[tuple[str, str], set[str]] = {
    ("asm-ref-location", "classes"): {"asm-course-elsewhere"},
    ("asm-ref-location", "courses"): {"asm-course-elsewhere"},
    ("asm-id-charset", "courses"): {"asm-course-no-classes"},
    ("asm-spreadsheet-number", "courses"): {"asm-id-charset", "asm-course-no-classes"},
    ("asm-spreadsheet-number", "students"): {"asm-id-charset"},
    ("asm-id-space", "students"): {"asm-id-charset"},
}


@pytest.mark.parametrize(("rule", "table", "make"), [(r, t, m) for r, t, _, m in PLANTED])
def test_a_planted_fault_is_found_by_its_own_rule_alone(
    rule: str, table: str, make: Callable[[], District]
) -> None:
    also = {f.rule for f in findings(make(), **ACCOUNTS.get(rule, {}))} - {rule}
    assert also == FOLLOWS.get(rule, set()) | FOLLOWS_HERE.get((rule, table), set()), also


def test_a_name_that_is_a_backslash_counts_as_empty_because_the_file_has_none() -> None:
    found = {f.rule for f in findings(edited("students", 0, last_name="\\"))}
    assert found == {"asm-required", "asm-backslash"}


def test_a_finding_reads_as_apples_validator_words_it() -> None:
    found = findings(edited("staff", 0, location_id="10"))
    assert str(found[0]) == (
        "staff.csv:1 - location_id = '10' does not reference any location_id in locations.csv "
        "[asm-ref-location]"
    )
    assert (found[0].row, found[0].line, found[0].key, found[0].school) == (1, 2, "T-1", "10")


def test_a_roster_finding_names_the_school_of_its_class() -> None:
    found = findings(edited("rosters", 2, student_id="S-9"))
    assert [(f.key, f.school) for f in found] == [("K-2-S-3", "102")]


def test_account_name_columns_become_required() -> None:
    tables = edited("staff", 1, sis_username="")
    assert findings(tables) == ()
    found = findings(tables, account_name_uses=["sis_username"])
    assert [str(f) for f in found] == [
        "staff.csv:2 - sis_username is empty, and the account name is made from it "
        "[asm-required-account-name]"
    ]


def test_federated_domains_make_addresses_required_unique_and_ours() -> None:
    tables = finished.district()
    tables["students"][0]["email_address"] = ""
    tables["students"][1]["email_address"] = "one@elsewhere.example"
    tables["staff"][1]["email_address"] = "S3@EXAMPLE.org"
    assert findings(tables) == ()
    found = {
        (f.rule, f.key): f.message for f in findings(tables, federated_domains=["example.org"])
    }
    assert found == {
        ("asm-required-email", "S-1"): (
            "email_address is empty, and with federated domains it is the account"
        ),
        ("asm-unique-email", "T-2"): "email_address is also that of person_id = 'S-3'",
        ("asm-email-domain", "S-2"): "email_address is outside the federated domains",
    }


def test_an_address_outside_the_federated_domains_may_be_shared() -> None:
    tables = finished.district()
    for row in tables["students"]:
        row["email_address"] = "family@elsewhere.example"
    rules_found = {f.rule for f in findings(tables, federated_domains=["example.org"])}
    assert rules_found == {"asm-email-domain"}


def test_a_lookalike_domain_is_outside() -> None:
    tables = edited("students", 0, email_address="s1@notexample.org")
    found = findings(tables, federated_domains=["example.org"])
    assert [f.rule for f in found] == ["asm-email-domain"]


def test_only_so_many_findings_are_listed_and_all_are_counted() -> None:
    tables = finished.district()
    tables["students"] += [finished.student(n, "9") for n in range(10, 260)]
    tables["staff"] += [finished.teacher(n, "9") for n in range(10, 30)]
    found = [f for f in findings(tables) if f.rule == "asm-ref-location"]
    assert sum(f.count for f in found) == 270
    assert sum(f.row is not None for f in found) == LISTED
    rest = [str(f) for f in found if f.row is None]
    assert rest == [
        "students.csv - 150 more rows break this rule [asm-ref-location]",
        "staff.csv - 20 more rows break this rule [asm-ref-location]",
    ]


def test_no_finding_shows_a_personal_value() -> None:
    secret = "Zzyzx"
    tables = finished.district()
    for name in ("students", "staff"):
        for row in tables[name]:
            for column in row:
                spec = TARGET.tables[name].column(column)
                if spec is not None and spec.personal:
                    row[column] = f"“{secret}\t\ufeff\u200b\\”"
            row["email_address"] = f"{secret}\t@example.org"
    found = findings(tables, federated_domains=["example.org"])
    assert len({f.rule for f in found}) >= 5
    assert not [f for f in found if secret.lower() in str(f).lower()]


def test_a_header_that_is_a_row_of_data_shows_no_name() -> None:
    tables = finished.frames(finished.district())
    tables["students"] = tables["students"].rename({"first_name": "Zzyzx", "last_name": "Xyzzy"})
    found = check.findings_of(tables, MODULES, check.options_for(TARGET, {}))
    assert {f.rule for f in found} == {"asm-header"}
    assert "the column first_name is missing" in [f.message for f in found]
    assert not [f for f in found if "zzy" in str(f).lower()]


def test_columns_in_another_order_are_a_warning() -> None:
    tables = finished.frames(finished.district())
    names = tables["courses"].collect_schema().names()
    tables["courses"] = tables["courses"].select(reversed(names))
    found = check.findings_of(tables, MODULES, check.options_for(TARGET, {}))
    assert [(f.rule, f.severity) for f in found] == [("asm-header-order", "warning")]


def test_an_identifier_in_a_message_cannot_play_tricks_on_a_terminal() -> None:
    found = findings(edited("classes", 0, course_id="\x1b[31m" + "x" * 200))
    shown = next(f.message for f in found if f.rule == "asm-ref-course")
    assert "\x1b" not in shown
    assert "\\u001b" in shown
    assert len(shown) < 200


def test_the_page_of_rules_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs" / "rules.md"
    assert page.read_text(encoding="utf-8").endswith(rules.page()), "run: etlrunner docs"


def test_every_rule_says_what_it_means_and_what_to_do() -> None:
    for rule_id, rule in rules.RULES.items():
        assert rule.id == rule_id
        assert rule.title
        assert not rule.title.endswith(".")
        assert rule.explanation.endswith(".")
        assert rule.remedy.endswith(".")


def test_every_rule_of_the_page_has_a_planted_fault() -> None:
    elsewhere = {"asm-header-order", "asm-too-many-instructors", "asm-too-many-locations"}
    of_tables = {name for name in rules.RULES if name.startswith(("asm-", "empty"))}
    assert of_tables == {rule for rule, *_ in PLANTED} | elsewhere
