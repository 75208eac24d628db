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
        "unmatched-crosswalk", "warning", "A crosswalk of whose lines (almost) none fits the roster",
        "The flow's `crosswalks` names a file, and fewer than one in fifty of its lines has a `sourcedId` that "
        "the roster has: it changes nothing. The message says how many of how many do. Where lines fitted at "
        "the last delivery, the run is held (`crosswalk_unmatched`).",
        "Look whether it is this district's file, whether `sourcedId` has the ids of the SIS and `known_as` "
        "those that Apple knows, and whether a spreadsheet took zeros away. When everybody in it has left, take "
        "it out of the flow.",
        clerk=None,
    ),
    Rule(
        "unmatched-lookup", "warning", "A code table that has none of the codes that came",
        "At least 10 cells have a code, and none of them is in the table: it changes nothing. Asked of tables "
        "in files, and of those with 10 codes or more; a few codes in the mapping may be exceptions.",
        "Look at the codes in the SIS (`etlrunner preview`), and whether the table needs `ignore: case` or "
        "zeros in front of its codes.",
        clerk=None,
    ),
    Rule(
        "unmatched-join", "warning", "A join or collect in which no row met another one",
        "The table has at least 10 rows, and none of their keys is in the other table: what was to be taken "
        "from there is empty in all of them.",
        "Look at `match`: is it their column before the colon, and ours behind it? Are the ids of one kind, "
        "with the same zeros in front? Does a `where` leave nothing over? `etlrunner preview` shows both sides.",
        clerk=None,
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
