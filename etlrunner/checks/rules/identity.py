"""What the changes against the last delivery mean for accounts and classes (etlrunner.identity)."""

from __future__ import annotations

from etlrunner.checks.rules.rule import Rule

_LIMIT = " The report says it each time; beyond `safeguards.TABLE.{limit}` the run is held."

RULES = (
    Rule(
        "identity-rekeyed", "warning", "Ids that look like others of the last delivery",
        "A record is gone and one that looks like it came under another id. Apple would deactivate the old "
        "account, or class, and make a new and empty one." + _LIMIT.format(limit="max_rekeyed"),
        "Review the proposed crosswalk in the run's folder, commit it, and name it under `crosswalks`.",
        clerk="It looks like a record that was there before under another number.",
        unmended="A new and empty account or class is made, and the old one goes away with its work.",
    ),
    Rule(
        "identity-swapped", "warning", "Ids that have the name of another id",
        "Apple would hand one person the other's account." + _LIMIT.format(limit="max_swapped"),
        "Look at these records in the SIS; it is nearly always a fault there, or in a join.",
        clerk="Its name, number, address or user name is one that another record had before.",
        unmended="One of the two is handed the other's account.",
    ),
    Rule(
        "identity-replaced", "warning", "Ids that mean somebody, or something, else",
        "Of a person both names and all of number, e-mail and user name are others; of a class all of its "
        "students. Apple would hand over the account, or the class's work."
        + _LIMIT.format(limit="max_replaced"),
        "Look whether the SIS gave an id out again; a new person needs a new one.",
        clerk="It seems to mean somebody, or something, else than before.",
        unmended="The former one's account, or the class's work, is handed over.",
    ),
    Rule(
        "identity-role-changed", "warning", "Students who became staff, or staff who became students",
        "Apple moves the account from one role to the other." + _LIMIT.format(limit="max_role_changed"),
        "Look at the roles in the SIS, and at `where` in the mapping.",
        clerk="The person was a student before and is staff now, or the other way round.",
        unmended="The account changes its role.",
    ),
)  # fmt: skip
