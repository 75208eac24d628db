"""Every rule has words for a clerk, or says that no clerk can mend what breaks it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from etlrunner.checks import rules
from etlrunner.checks.repairs import REFERENCES
from etlrunner.fixlists import words
from etlrunner.fixlists.lines import Line, Rows
from etlrunner.fixlists.names import Names
from etlrunner.fixlists.schools import Schools
from etlrunner.fixlists.words import Told
from etlrunner.lib.activity_codes import CODES
from etlrunner.sources import definition
from etlrunner.target import APPLE_SCHOOL_MANAGER

DOCUMENTS = Path(__file__).resolve().parents[2] / "schemas" / "documents"
FOR_CLERKS = {name: rule for name, rule in rules.RULES.items() if rule.clerk is not None}
TECHNICAL = ("CSV", "row", "column", "JSON", "Parquet", "mapping", "sourcedId", "_id", "YAML")
NOBODY = Names(Rows({}), [], Schools())


def line(table: str, rule: str, column: str = "", verdict: str = "warn") -> Line:
    return Line(table, "k", rule, column, verdict, before="a", after="b")


@pytest.mark.parametrize("name", FOR_CLERKS)
def test_what_is_sent_all_the_same_says_what_comes_of_it(name: str):
    rule = FOR_CLERKS[name]
    if "warn" in (rule.verdict, *rule.may) or name.startswith(("repair.", "merge")):
        assert rule.unmended


@pytest.mark.parametrize("table", APPLE_SCHOOL_MANAGER.tables)
def test_a_clerk_reads_whole_sentences_without_our_words(table: str):
    columns = [one.name for one in APPLE_SCHOOL_MANAGER.tables[table].columns]
    for name in FOR_CLERKS:
        for column in ("", *columns):
            for verdict in ("reject", "fail", "warn", "blank", "cut", "repair"):
                found = Told(policies={"NAME": "say so"}).entry(
                    line(table, name, column, verdict), NOBODY
                )
                for said in (found.wrong, found.otherwise, found.where):
                    assert said
                    assert not set("{}") & set(said)
                    assert not [one for one in TECHNICAL if one in said], said
                    assert said[0].isupper()
                assert found.wrong[-1] in ".!?" or name == "policy.NAME"


def test_every_reason_to_reject_is_a_rule_that_says_whose_it_is():
    """Mappings and flows make reasons of three kinds, checks and repairs those of the table."""
    repairs = {f"repair.{one.rule}" for one in REFERENCES}
    reasons = {"required.x", "max_length.x", "lookup.x", "policy.x", "merge.students"} | repairs
    assert all(rules.is_for_clerks(one) for one in reasons)


def test_every_column_is_called_something():
    for table in APPLE_SCHOOL_MANAGER.tables.values():
        for column in table.columns:
            assert column.called.startswith("the ")


def test_screens_are_the_same_everywhere():
    told = [
        json.loads((DOCUMENTS / "flow.json").read_text())["properties"]["fix_lists"]["properties"],
        json.loads((DOCUMENTS / "source-definition.json").read_text())["properties"],
    ]
    for one in told:
        assert one["screens"]["properties"].keys() == words._PLAIN.keys()
    for name in ("skyward-sms-2.0", "skyward-qmlativ"):
        assert definition.read(name).screens.keys() == words._PLAIN.keys()
    named = {rule.screen for rule in rules.RULES.values()} - {""}
    assert named <= words._PLAIN.keys()


def test_a_district_says_it_in_its_own_words():
    mine = Told(
        words={
            "asm-class-no-instructor": "Ask the scheduler.",
            "required.COLUMN": "No {the_field}!",
        },
        screens={"class_teachers": "Timetable > Teachers"},
    )
    teacher = mine.entry(line("classes", "asm-class-no-instructor"), NOBODY)
    assert (teacher.wrong, teacher.where) == ("Ask the scheduler.", "Timetable > Teachers")
    assert mine.entry(line("staff", "required.last_name", "last_name"), NOBODY).wrong == (
        "No the last name!"
    )
    assert not mine.has_words_for("asm-header")
    assert Told(words={"asm-header": "Tell me."}).has_words_for("asm-header")


def test_what_apple_says_has_words_too():
    for code, one in CODES.items():
        assert Told().has_words_for(words.APPLE + code) is (one.clerk is not None)
    said = Told().entry(line("students", "apple.EMAIL_UNAVAILABLE_AS_MAID"), NOBODY)
    assert "e-mail address" in said.wrong
