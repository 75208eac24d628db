"""What the sanity counters say about one delivery against the last ones (etlrunner.figures)."""

from __future__ import annotations

from etlrunner.checks.rules.rule import Rule

_JUMP = (
    "The number in one school is well above all its values in the last deliveries (at least 5, at most "
    "30 of them, since somebody approved one), by more than `safeguards.small_change` and 2 %."
)

RULES = (
    Rule(
        "figure-students-without-class", "warning", "More students without a class than ever",
        _JUMP, "Look whether enrollments of that school came, and whether its terms are active.",
        clerk=None,
    ),
    Rule(
        "figure-classes-without-students", "warning", "More classes without a student than ever",
        _JUMP, "Look whether enrollments of that school came.",
        clerk=None,
    ),
    Rule(
        "figure-classes-without-instructor", "warning", "More classes without an instructor than ever",
        _JUMP + " A class without an instructor is of no use in Apple's apps.",
        "Look whether teachers' enrollments came, and whether teachers are active users.",
        clerk=None,
    ),
    Rule(
        "figure-staff-without-class", "warning", "More staff without a class than ever",
        _JUMP, "Look whether teachers' enrollments of that school came.",
        clerk=None,
    ),
    Rule(
        "figure-students-without-email", "warning", "More students without an e-mail address than ever",
        _JUMP, "Look whether the SIS still sends the field, and the mapping's column `email_address`.",
        clerk=None,
    ),
    Rule(
        "figure-staff-without-email", "warning", "More staff without an e-mail address than ever",
        _JUMP, "Look whether the SIS still sends the field, and the mapping's column `email_address`.",
        clerk=None,
    ),
    Rule(
        "figure-nothing-changes", "warning", "Nothing has changed for many weekdays",
        "The roster is what it was, on as many weekdays as `safeguards.stale_after` says: the SIS may "
        "give a copy that is not renewed any more.",
        "In holidays that is well. Else change something small in the SIS, and look with `plan` whether it "
        "comes; ask whoever runs the SIS about its replica or its nightly export.",
        clerk=None,
    ),
)  # fmt: skip
