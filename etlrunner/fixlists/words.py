"""A line in a clerk's words: what is wrong, where to mend it, and what happens if nobody does."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from etlrunner.checks import rules
from etlrunner.fixlists.lines import REJECT, Line
from etlrunner.fixlists.names import Names
from etlrunner.lib.activity_codes import CODES
from etlrunner.model.flow import Flow
from etlrunner.model.mapping import MappingSet
from etlrunner.sources import definition
from etlrunner.target import APPLE_SCHOOL_MANAGER, TargetColumn

APPLE = "apple."
"""Before a code of Apple's activity log, where a line has no rule of ours."""
KINDS = {
    "students": "Student",
    "staff": "Staff member",
    "courses": "Course",
    "classes": "Class",
    "rosters": "Enrollment",
    "locations": "School",
}
"""Table -> what one of its rows is called."""
HEADER = (
    "Done", "What", "Name", "Number in the SIS", "What is wrong", "What the SIS has now",
    "Where to fix it", "What happens if nobody does", "Code",
)  # fmt: skip
_SCREENS = {
    "students": "student", "staff": "staff", "courses": "course", "classes": "class",
    "rosters": "enrollment", "locations": "school",
}  # fmt: skip
_SHOWN = frozenset({
    "person_number", "first_name", "middle_name", "last_name", "grade_level", "email_address",
    "sis_username", "course_number", "course_name", "class_number", "location_name",
})  # fmt: skip
"""Columns whose values tell a clerk something; others are ids."""
_LEFT_OUT = {
    "students": "The student is not sent to Apple School Manager; an account that is there already is deactivated.",
    "staff": "The person is not sent to Apple School Manager; an account that is there already is deactivated.",
    "courses": "The course is not sent to Apple School Manager, and neither are its classes.",
    "classes": "The class is not sent to Apple School Manager; one that is there already goes away, with its work.",
    "rosters": "The student is not in this class in Apple's apps.",
    "locations": "The school is not sent to Apple School Manager, and neither is anybody in it.",
}
_NO_WAY = "Nothing is sent to Apple School Manager, for the whole district, until this is mended."
_STAND_IN = {
    "locations": "Records belong to this school, and the SIS does not send it.",
    "courses": "Classes belong to this course, and the SIS does not send it.",
}


@dataclass(frozen=True)
class Entry:
    """One row of a list, as it is read; values only go into the list."""

    table: str
    rule: str
    name: str = field(repr=False)
    number: str = field(repr=False)
    wrong: str
    has: str = field(repr=False)
    where: str
    otherwise: str

    @property
    def kind(self) -> str:
        return KINDS[self.table]

    def order(self) -> tuple[object, ...]:
        """By kind, then name."""
        place = list(KINDS).index(self.table)
        return (place, self.name.casefold(), self.number, self.rule, self.wrong)

    def cells(self) -> tuple[str, ...]:
        """In the order of `HEADER`; `Done` is the clerk's."""
        return (
            "", self.kind, self.name, self.number, self.wrong, self.has, self.where, self.otherwise,
            self.rule.removeprefix(APPLE),
        )  # fmt: skip


@dataclass(frozen=True)
class Told:
    """How this district says it."""

    sis: str = "the SIS"
    screens: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    contact: str = ""
    policies: Mapping[str, str] = field(default_factory=dict)
    grace: frozenset[str] = frozenset()
    """Tables of which the last known row is sent for a while."""
    mapping: MappingSet | None = None

    @classmethod
    def by(cls, flow: Flow) -> Told:
        """What the source's definition says, and the flow over it."""
        title, screens = "the SIS", {}
        if "definition" in flow.source.options or flow.source.type in ("skyward", "oneroster"):
            described = definition.choose(flow.source.options)
            title, screens = described.title, dict(described.screens)
        return cls(
            title,
            {**screens, **flow.fix_lists.screens},
            flow.fix_lists.words,
            flow.fix_lists.contact,
            {name: one.message for name, one in flow.policy.items()},
            frozenset(flow.grace),
            flow.mapping,
        )

    def has_words_for(self, rule: str) -> bool:
        """Whether a clerk can mend what breaks this rule."""
        return self._wrong(rule) is not None

    def entry(self, line: Line, names: Names) -> Entry:
        """The line in words."""
        column = APPLE_SCHOOL_MANAGER.tables[line.table].column(line.column)
        name, number = names.of(line)
        return Entry(
            line.table,
            line.rule,
            name,
            number,
            self._what(line, column),
            self._has(line, column, names),
            self._where(line, column),
            self._otherwise(line, column),
        )

    def _wrong(self, rule: str) -> str | None:
        if rule.startswith(APPLE):
            code = CODES.get(rule.removeprefix(APPLE))
            return self.words.get(rule) or (code.clerk if code else None)
        found = rules.find(rule)
        stem = found.id if found else rule
        return self.words.get(rule) or self.words.get(stem) or (found.clerk if found else None)

    def _what(self, line: Line, column: TargetColumn | None) -> str:
        if line.verdict == "stub":
            return _STAND_IN[line.table]
        message = self.policies.get(line.rule.removeprefix("policy."), "")
        return _filled(self._wrong(line.rule) or "", column, message)

    def _where(self, line: Line, column: TargetColumn | None) -> str:
        found = rules.find(line.rule)
        screen = (found.screen if found else "") or _screen(line.table, column)
        return self.screens.get(screen) or _PLAIN[screen]

    def _otherwise(self, line: Line, column: TargetColumn | None) -> str:
        if line.rule.startswith(APPLE):
            return (
                "Apple School Manager goes on as it is: without the account, or with the old one."
            )
        if line.verdict == REJECT and line.rule.startswith("merge."):
            return rules.RULES[line.rule].unmended
        if line.verdict == REJECT:
            later = " For a few days the last known record is sent in its place."
            return _LEFT_OUT[line.table] + (later if line.table in self.grace else "")
        if line.verdict == "fail":
            return _NO_WAY
        if line.verdict in ("blank", "cut"):
            done = "is left empty" if line.verdict == "blank" else "is cut short"
            return _filled(f"{{field}} {done} in Apple School Manager.", column)
        found = rules.find(line.rule)
        return _filled((found.unmended if found else "") or "It is sent as it is.", column)

    def _has(self, line: Line, column: TargetColumn | None, names: Names) -> str:
        if line.rule.startswith("merge.") and line.after:
            return f"The other record has the number {names.number(line.after)}"
        if line.rule == "identity-rekeyed" and line.before:
            return f"Before, the record was known as {line.before}"
        if line.dangling and column is not None:
            shown = names.school if column.name == "location_id" else names.person
            return ", ".join(shown(one) for one in line.dangling)
        if column is None or column.name not in _SHOWN:
            return ""
        return self._value(line, column.name) or "(empty)"

    def _value(self, line: Line, column: str) -> str:
        """What the columns of the source hold that the mapping makes the cell of."""
        made = self.mapping.tables[line.table].columns.get(column) if self.mapping else None
        text = f"{made.expr or made.each or made.text or ''}" if made else ""
        read = [one for one in re.findall(r"\w+", text) if one in line.record]
        values = [line.record[one] for one in dict.fromkeys(read)]
        if not values:
            values = [line.cells.get(column, "")]
        flat = [each for one in values for each in (one if isinstance(one, list) else [one])]
        return ", ".join(str(one) for one in flat if one)


_PLAIN = {
    "student": "The student's record",
    "student_account": "The student's record: e-mail address and user name",
    "student_school": "The student's record: schools",
    "staff": "The staff member's record",
    "staff_account": "The staff member's record: e-mail address and user name",
    "staff_school": "The staff member's record: schools",
    "course": "The course's record",
    "class": "The class's record",
    "class_teachers": "The class's record: teachers",
    "enrollment": "The student's schedule",
    "school": "The school's record, at the district office",
}
"""Where the SIS is not known."""


def _screen(name: str, column: TargetColumn | None) -> str:
    """The screen on which a column of a table is found."""
    about = column.name if column else ""
    if name in ("students", "staff"):
        kind = _SCREENS[name]
        ends = {"email_address": "_account", "sis_username": "_account", "location_id": "_school"}
        return kind + ends.get(about, "")
    return "class_teachers" if about == "instructor_id" else _SCREENS[name]


def _filled(sentence: str, column: TargetColumn | None, message: str = "") -> str:
    """The sentence with the column in words; other braces stay what they are."""
    called = column.called if column else "a value"
    sentence = sentence.replace("{field}", called[0].upper() + called[1:])
    sentence = sentence.replace("{the_field}", called).replace("{message}", message)
    return sentence[:1].upper() + sentence[1:]


def sentences(found: Sequence[Entry]) -> dict[tuple[str, str], int]:
    """(kind, what is wrong) -> how many."""
    counted: dict[tuple[str, str], int] = {}
    for one in found:
        counted[one.kind, one.wrong] = counted.get((one.kind, one.wrong), 0) + 1
    return counted
