"""Rules about what must be there, and once only."""

from __future__ import annotations

from etlrunner.checks.rules.rule import Rule

RULES = (
    Rule(
        "empty-file", "error", "A file without rows",
        "Every upload is the complete picture: whoever is missing from it is deactivated. A file "
        "without rows would deactivate everybody, or take away every class.",
        "Find out why the source delivered nothing; `etlrunner plan` and `etlrunner preview` help.",
        clerk=None,
    ),
    Rule(
        "asm-required", "error", "A required cell is empty",
        "Apple requires the identifiers, first_name, last_name, location_id, course_id and "
        "location_name.",
        "Fill the field in the SIS, or give the column a `default` in the mapping.",
        may=("reject",),
        clerk="{field} is missing.",
    ),
    Rule(
        "asm-required-account-name", "error", "A cell that the account name is made from is empty",
        "`sink.account_name_uses` lists the parts of your account format. If one of them is empty, "
        "Apple answers MANAGED_ID_GENERATION_FAILED and the upload fails.",
        "Fill the field in the SIS, or change the account format and `account_name_uses`.",
        may=("reject",),
        clerk="{field} is missing, and the account is named after it.",
    ),
    Rule(
        "asm-required-email", "error", "email_address is empty although domains are federated",
        "With federated authentication the address is the account.",
        "Fill the address in the SIS or make it in the mapping.",
        may=("reject",),
        clerk="{field} is missing, and it is what the person signs in with.",
    ),
    Rule(
        "asm-unique-key", "error", "Two rows with the same identifier",
        "Each row must be one person, one class, one course, one location, one roster entry. SIS "
        "exports list a pupil of two schools twice; Apple wants one row with location_id_2.",
        "Merge the rows in the mapping (`dedupe`, `collect`), or correct the SIS.",
        clerk="There are two records with this number.",
    ),
    Rule(
        "asm-unique-email", "error", "Two people with the same address in a federated domain",
        "In a federated domain the address is the account, so two people would share one. Upper "
        "and lower case do not count; students and staff count together.",
        "Correct one of the addresses.",
        clerk="Somebody else in the district has the same e-mail address.",
    ),
    Rule(
        "asm-dual-role", "error", "A person_id in both students.csv and staff.csv",
        "The two files share one set of accounts: one of the two would overwrite the other.",
        "Decide which one the person is, or give one of the two another id in the mapping before "
        "the first upload; changing it later makes a new account.",
        may=("reject",),
        clerk="The same person is there as a student and as a member of staff.",
    ),
    Rule(
        "asm-roster-twice", "warning", "The same pupil twice in the same class",
        "Two roster rows with different roster_ids say the same; one is enough.",
        "Make roster_id from class and student, as the shipped mapping does; or leave the second out.",
        may=("reject", "fail"),
        clerk="The student is enrolled twice in the same class.",
        unmended="Nothing breaks; one enrollment is enough.",
    ),
)  # fmt: skip
