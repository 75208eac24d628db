"""Spreadsheet functions and what they are called here: for the page, and for hints when one is written."""

from __future__ import annotations

FROM_EXCEL = {
    'A1 & " " & B1, CONCAT(A1, B1)': "`a ~ ' ' ~ b`, or the template `{{ a }} {{ b }}`",
    'TEXTJOIN(" ", TRUE, A1, B1, C1)': "`[a, b, c] | compact | join(' ')`",
    "LEFT(A1, 3), RIGHT(A1, 2), MID(A1, 2, 3)": "`a[:3]`, `a[-2:]`, `a[1:4]`: counted from 0, up to but not with the second",
    'TEXTBEFORE(A1, "@"), TEXTAFTER(A1, "@")': "`a | split('@') | first`, `a | split('@') | last`",
    "PROPER(A1), LOWER(A1), UPPER(A1)": "`a | proper`, `a | lower`, `a | upper`",
    "TRIM(A1)": "`a | trim` for both ends, `a | split | join(' ')` for runs of spaces inside as well",
    'SUBSTITUTE(A1, "x", "y")': "`a | replace('x', 'y')`",
    'TEXT(A1, "000")': "`a | pad_left(3)`",
    'TEXT(A1, "mm/dd/yyyy")': "`a | date | format_date('%m/%d/%Y')`",
    "DATEVALUE(A1), TODAY() + 14": "`a | date('%m/%d/%Y')`, `today | add_days(14)`",
    "YEAR(A1)": "`a | date | format_date('%Y')`",
    "LEN(A1), VALUE(A1)": "`a | length`, `a | int`",
    'IF(A1 = "x", B1, C1)': "`b if a == 'x' else c`",
    'IF(A1 = "", B1, A1), IFERROR, IFNA': "`a or b`, `a | default(b)`: nothing fails, what cannot be read is empty",
    'AND(A1 = "x", B1 <> "y"), OR(…), NOT(…)': "`a == 'x' and b != 'y'`, `… or …`, `not …`",
    'ISBLANK(A1), A1 <> ""': "`a is empty`, `a is not empty`",
    "ISNUMBER(A1)": "`a is integer`",
    'ISNUMBER(SEARCH("x", A1))': "`'x' in a`, or `'x' in a | lower` for small and capital letters alike",
    "VLOOKUP, XLOOKUP, SWITCH": "a code table: `lookups` in the mapping, see [mappings.md](mappings.md)",
    "UNIQUE(…), SORT(…), FILTER(…)": "of a list `| unique`, `| sort`, `| compact`; of rows the steps `dedupe`, `sort`, `filter`",
}
"""Formula -> how it is written here, in Markdown. Every expression in it is compiled by a test."""

CODE_TABLE = "a code table does that: `lookups` in the mapping"
LEFT, MID, RIGHT = "write: name[:3]", "write: name[1:4], counted from 0", "write: name[-3:]"
CHOICE = "write: 'a' if role == 'x' else 'b'"
FILLED = "write: a or b, or: a | default(b)"

FUNCTIONS = {
    "left": LEFT, "right": RIGHT, "mid": MID, "substring": MID, "substr": MID, "slice": MID,
    "concat": "`~` joins text: a ~ ' ' ~ b", "concatenate": "`~` joins text: a ~ ' ' ~ b", "textjoin": "write: [a, b, c] | compact | join(' ')",
    "if": CHOICE, "ifs": CHOICE, "iif": CHOICE, "iferror": FILLED, "ifna": FILLED, "ifnull": FILLED, "coalesce": FILLED, "nvl": FILLED,
    "vlookup": CODE_TABLE, "xlookup": CODE_TABLE, "lookup": CODE_TABLE, "switch": CODE_TABLE, "case": CODE_TABLE,
    "now": "write: today", "today": "write it without brackets: today",
    "isblank": "write: a is empty", "isempty": "write: a is empty", "isnull": "write: a is empty", "exists": "write: a is not empty",
    "isnumber": "write: a is integer", "isnumeric": "write: a is integer", "isdigit": "write: a is integer",
    "contains": "write: 'x' in a", "search": "write: 'x' in a", "find": "write: 'x' in a", "includes": "write: 'x' in a",
    "startswith": "write: a is starting_with('x')", "endswith": "write: a is ending_with('x')",
    "textbefore": "write: a | split('@') | first", "textafter": "write: a | split('@') | last",
    "substitute": "write: a | replace('x', 'y')", "value": "write: a | int", "number": "write: a | int",
    "year": "write: a | date | format_date('%Y')", "month": "write: a | date | format_date('%m')", "day": "write: a | date | format_date('%d')",
    "datevalue": "write: a | date('%m/%d/%Y')", "strptime": "write: a | date('%m/%d/%Y')", "dateadd": "write: a | date | add_days(14)",
    "max": "write: a if a > b else b", "min": "write: a if a < b else b", "filter": "write: a | compact", "reject": "write: a | compact", "select": "write: a | compact",
    "removeprefix": "write: a | remove_prefix('x')", "removesuffix": "write: a | remove_suffix('x')",
    "lstrip": "write: a | trim, for both ends", "rstrip": "write: a | trim, for both ends", "isin": "write: a in ['x', 'y']",
}  # fmt: skip
"""Functions of spreadsheets, SQL and Python, in small letters, and what is written here instead."""
