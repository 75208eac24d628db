"""What to write instead, where a text cannot be read as an expression."""

from __future__ import annotations

JOINED = "between two values stands an operator: `~` joins text, `==` compares, `and` combines"
CHOICE = "a choice is written: 'a' if role == 'x' else 'b'"
STRAIGHT = "text stands in straight quotes: 'x' or \"x\""
BARE = "a column is its bare name, like givenName"

CHARACTERS = {
    "&": "`~` joins text, `and` combines conditions",
    "?": CHOICE,
    "!": "not equal is written !=, and a condition is turned round by `not`",
    "$": BARE,
    "@": BARE,
    "#": "an expression holds no comment; in YAML it stands on a line of its own",
    "“": STRAIGHT, "”": STRAIGHT, "„": STRAIGHT, "‘": STRAIGHT, "’": STRAIGHT, "´": STRAIGHT, "`": STRAIGHT,
    "\u00a0": "this is a no-break space, perhaps from a web page; type a plain one",
    "–": "this is a dash; minus is written -",
    "≠": "not equal is written !=",
    "≤": "written <=",
    "≥": "written >=",
}  # fmt: skip
"""What is meant by a character that has no meaning here."""

WORDS = {
    "then": CHOICE,
    "like": "a pattern is asked for by: email is matching('.*@example[.]org')",
    "matches": "a pattern is asked for by: email is matching('.*@example[.]org')",
    "contains": "write it the other way round: '@' in email",
    "includes": "write it the other way round: '@' in email",
    "starts": "write: email is starting_with('x')",
    "begins": "write: email is starting_with('x')",
    "startswith": "write: email is starting_with('x')",
    "ends": "write: email is ending_with('x')",
    "endswith": "write: email is ending_with('x')",
    "not": "write != for not equal, and `not in` for not among",
    "equals": "comparing is written ==",
    "eq": "comparing is written ==",
    "xor": "write a != b, or both cases with `or`",
}
"""What is meant by a word that stands between two values."""

SMALL = ("and", "or", "not", "in", "is", "if", "else")
"""Words with a meaning, when they are written small."""


def hint(text: str, offset: int, found: str) -> str:
    """What to write instead of what stands at an offset, where reading stopped."""
    before, after = text[:offset].rstrip(), text[offset + len(found) :].lstrip()
    word = before.split()[-1] if before else ""
    if not text.strip():
        return 'an empty cell is written ""'
    if text.rstrip().endswith("|"):
        return "a filter's name is missing after `|`"
    if found == "=" and not before:
        return "a formula has no = in front of it here"
    if found == "=" and after.startswith("~"):
        return WORDS["matches"]
    if found in ("=", ":"):
        return "comparing is written =="
    if found == ">" and before.endswith("<"):
        return "not equal is written !="
    if found == "|" and before.endswith("|"):
        return "one | leads to a filter; `or` combines conditions, `~` joins text"
    if found == "|":
        return "a filter stands behind a value: givenName | lower"
    if found == "," and " in " in before:
        return "a list is written in brackets: in ['a', 'b']"
    if found == "}" and "{{" in before:
        return "an expression in a template ends with }}"
    if found in ("'", '"'):
        return 'text that holds one kind of quote stands in the other: "O\'Neil"'
    if found in CHARACTERS:
        return CHARACTERS[found]
    return _of_words(word, found, before)


def _of_words(word: str, found: str, before: str) -> str:
    """Where a word stands wrong: the one that was found, or the one before it."""
    if found == word == "and":
        return "one `and` is enough"
    if word in SMALL and before == word:
        return CHOICE if word == "if" else f"`{word}` has nothing before it"
    if found.lower() in SMALL and found not in SMALL:
        return f"write it small: {found.lower()}"
    if word == "is":
        return "after `is` stands the name of a test, like: is empty; comparing is written =="
    if found.lower() in WORDS:
        return WORDS[found.lower()]
    return JOINED if before and found and (found[0].isalnum() or found[0] in "_'\"") else ""
