"""Whether a text of SQL is one SELECT and nothing else, as far as it can be told without a database.

What really keeps a query from writing is the transaction, which is read-only; this says it earlier, and
where it stands.
"""

from __future__ import annotations

import re

_QUIET = re.compile(
    r"""
    --[^\n]*                          # a comment
  | /\*.*?\*/
  | '(?:[^']|'')*'                    # a text
  | "(?:[^"]|"")*" | `[^`]*` | \[[^\]\n]*\]   # a name in quotes
  | \$(\w*)\$.*?\$\1\$                # a text of PostgreSQL
    """,
    re.VERBOSE | re.DOTALL,
)
_WORD = re.compile(r"[A-Za-z_]\w*")
_BEGINS = ("SELECT", "WITH")
_WRITES = frozenset(
    {
        "INSERT", "UPDATE", "DELETE", "MERGE", "INTO", "CREATE", "DROP",
        "ALTER", "TRUNCATE", "GRANT", "REVOKE", "COPY", "CALL", "EXEC",
        "EXECUTE", "ATTACH", "DETACH", "PRAGMA", "VACUUM", "COMMIT", "ROLLBACK",
    }
)  # fmt: skip


def trouble(sql: str) -> tuple[str, int] | None:
    """What is wrong and the line of the text (from 1) where; None for a single SELECT."""
    bare = _QUIET.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), sql)
    if not bare.strip(" \t\r\n;"):
        return "there is no query in it", 1
    first = _WORD.search(bare)
    if first is None or first[0].upper() not in _BEGINS:
        return "it is no SELECT", _line(bare, first.start() if first else 0)
    for word in _WORD.finditer(bare):
        if word[0].upper() in _WRITES:
            return f"{word[0].upper()} is not for reading", _line(bare, word.start())
    end = bare.find(";")
    if end >= 0 and (more := re.search(r"[^\s;]", bare[end:])):
        return "there is a second statement in it", _line(bare, end + more.start())
    return None


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1
