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
