"""The rules that a flow and its mapping make themselves; Apple's files know nothing of them."""

from __future__ import annotations

from etlrunner.checks.rules.rule import Rule

RULES = (
    Rule(
        "required.COLUMN", "warning", "The mapping made no value for a column that needs one",
        "Apple requires the column, or the mapping says `required: true`. The row is left out.",
        "Fill the field in the SIS, or give the column a `default` in the mapping.",
        default="reject",
        may=("fail", "warn"),
        clerk="{field} is missing.",
        unmended="The record is sent without it.",
    ),
    Rule(
        "max_length.COLUMN", "warning", "A value is longer than the mapping's `max_length`",
        "Apple publishes no lengths; this one is the mapping's own. Only what is no identifier can be cut.",
        "Shorten the value in the SIS, or in the column's expression.",
        default="reject",
        may=("cut", "blank", "warn", "fail"),
        clerk="{field} is too long.",
        unmended="It is sent as it is.",
    ),
    Rule(
        "lookup.COLUMN", "warning", "A code that the column's code table does not have",
        "What happens is the column's `missing`, unless the flow decides.",
        "Add the code to the table.",
        default="reject",
        may=("blank", "warn", "fail"),
        clerk="{field} is a code that the district does not know.",
        unmended="It is sent as it is.",
    ),
    Rule(
        "policy.NAME", "warning", "A row breaks the district's own rule",
        "The flow's `policy:` says what must hold for every row, and its `verdict` what happens to one for "
        "which it does not.",
        "Correct the row in the SIS, or the rule in the flow.",
        clerk="{message}",
        unmended="The record is sent as it is.",
    ),
)  # fmt: skip
