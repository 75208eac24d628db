"""Filters that make text of text."""

from __future__ import annotations

import re
from collections.abc import Callable

import polars as pl

from etlrunner.expressions import characters, distinct, operations
from etlrunner.expressions.catalogue import (
    DATE,
    LIST,
    NUMBER,
    TEXT,
    TRUTH,
    Arguments,
    BadArgument,
    Example,
    Operator,
    Parameter,
)
from etlrunner.expressions.characters import WHITE_SPACE
from etlrunner.expressions.typed import Value, derived

LONGEST_TEXT = 1_000
"""The most that `pad_left` and `truncate` may be asked for."""

ONE_WORD = r"^[!-~--[\-({\[<]]*\z"
"""ASCII text in which `title` finds one word."""

SPACES = f"[{re.escape(WHITE_SPACE)}]+"


def trim(value: Value, arguments: Arguments) -> Value:
    return derived(TEXT, value.expr.str.strip_chars(arguments["chars"]), value)


def lower(value: Value, arguments: Arguments) -> Value:
    return _both(value, lambda texts: texts.str.to_lowercase(), str.lower)


def upper(value: Value, arguments: Arguments) -> Value:
    return _both(value, lambda texts: texts.str.to_uppercase(), str.upper)


def capitalize(value: Value, arguments: Arguments) -> Value:
    return _both(value, _capitalized, str.capitalize)


def title(value: Value, arguments: Arguments) -> Value:
    expr = distinct.by_pattern(value.expr, ONE_WORD, _capitalized, characters.titled, TEXT)
    return derived(TEXT, expr, value)


def strip_accents(value: Value, arguments: Arguments) -> Value:
    return _both(value, _same, characters.without_accents)


def ascii_only(value: Value, arguments: Arguments) -> Value:
    return _both(value, _same, characters.ascii_only)


def slug(value: Value, arguments: Arguments) -> Value:
    def native(texts: pl.Series) -> pl.Series:
        return texts.str.to_lowercase().str.replace_all("[^a-z0-9]+", "-").str.strip_chars("-")

    return _both(value, native, characters.slug)


def initials(value: Value, arguments: Arguments) -> Value:
    return _python(value, characters.initials)


def digits(value: Value, arguments: Arguments) -> Value:
    return derived(TEXT, value.expr.str.replace_all("[^0-9]+", ""), value)


def proper(value: Value, arguments: Arguments) -> Value:
    return _python(value, characters.proper)


def remove_prefix(value: Value, arguments: Arguments) -> Value:
    prefix = something(arguments["prefix"], "prefix")
    return derived(TEXT, value.expr.str.strip_prefix(prefix), value)


def remove_suffix(value: Value, arguments: Arguments) -> Value:
    suffix = something(arguments["suffix"], "suffix")
    return derived(TEXT, value.expr.str.strip_suffix(suffix), value)


def something(text: str, name: str) -> str:
    """A text to look for; raises BadArgument where it is empty."""
    if not text:
        raise BadArgument(f"`{name}` is empty: there is nothing to look for", parameter=name)
    return text


def replace(value: Value, arguments: Arguments) -> Value:
    old, new, count = something(arguments["old"], "old"), arguments["new"], arguments["count"]
    if count is not None and count < 1:
        raise BadArgument("`count` is 1 or more", parameter="count")
    if count is None:
        times = max(1, -(-len(new) // len(old)))
        return derived(TEXT, value.expr.str.replace_all(old, new, literal=True), value, times=times)
    return derived(TEXT, value.expr.str.replace(old, new, literal=True, n=count), value)


def default(value: Value, arguments: Arguments) -> Value:
    return operations.first_filled([value, arguments["default_value"]])


def truncate(value: Value, arguments: Arguments) -> Value:
    length, end, leeway = arguments["length"], arguments["end"], arguments["leeway"]
    if not len(end) <= length <= LONGEST_TEXT:
        raise BadArgument(
            f"`length` is from {len(end)}, which `end` alone takes, to {LONGEST_TEXT:,}",
            parameter="length",
            hint="to cut exactly, write it like name[:2]",
        )
    if leeway < 0:
        raise BadArgument("`leeway` is 0 or more", parameter="leeway")
    words = not arguments["killwords"]
    return _python(value, lambda text: characters.truncated(text, length, words, end, leeway))


def pad_left(value: Value, arguments: Arguments) -> Value:
    width, fill = arguments["width"], arguments["fill"]
    if not 1 <= width <= LONGEST_TEXT:
        raise BadArgument(f"`width` is from 1 to {LONGEST_TEXT:,}", parameter="width")
    if len(fill) != 1:
        raise BadArgument("`fill` is one character", parameter="fill")
    padded = value.expr.str.pad_start(width, fill)
    expr = pl.when(value.expr == "").then(value.expr).otherwise(padded)
    return derived(TEXT, expr, value, references=3)


def text(value: Value, arguments: Arguments) -> Value:
    return operations.to_text(value)


def length(value: Value, arguments: Arguments) -> Value:
    size = value.expr.list.len() if value.type is LIST else value.expr.str.len_chars()
    return derived(NUMBER, size.cast(pl.Int64), value, bound=2**32)


def split(value: Value, arguments: Arguments) -> Value:
    separator = arguments["separator"]
    texts = value.expr
    if not separator:
        texts = texts.str.strip_chars(WHITE_SPACE).str.replace_all(SPACES, " ")
        separator = " "
    # the empty text has no parts, where Python finds one that is empty
    parts = texts.str.split(separator)
    nothing = pl.lit([], dtype=pl.List(pl.String))
    return derived(LIST, pl.when(texts == "").then(nothing).otherwise(parts), value, references=2)


def regex_replace(value: Value, arguments: Arguments) -> Value:
    pattern, replacement = arguments["pattern"], arguments["replacement"]
    groups = _checked(pattern)
    for name in re.findall(r"(?<!\$)(?:\$\$)*\$\{?(\w+)", replacement):
        if name not in groups:
            hint = "a group is written ${1}, a dollar sign $$"
            raise BadArgument(
                f"the pattern has no group {name!r}", parameter="replacement", hint=hint
            )
    if re.search(r"\\\d", replacement):
        raise BadArgument("a group is written ${1}, not \\1", parameter="replacement")
    # an anchored pattern matches once; any other may match at every character
    groups_named = replacement.count("$")
    once = pattern.startswith("^") or pattern.endswith("$")
    times = 1 + groups_named + (0 if once else len(replacement))
    return derived(TEXT, value.expr.str.replace_all(pattern, replacement), value, times=times)


def regex_match(value: Value, arguments: Arguments) -> Value:
    pattern = arguments["pattern"]
    _checked(pattern)
    return derived(TRUTH, value.expr.str.contains(rf"\A(?:{pattern})\z"), value)


def _checked(pattern: str) -> frozenset[str]:
    """The names and numbers of a pattern's groups; raises BadArgument where Polars refuses it."""
    try:
        pl.select(pl.lit("").str.contains(rf"\A(?:{pattern})\z", strict=True))
        found = pl.select(pl.lit("").str.extract_groups(pattern)).to_series()
    except pl.exceptions.PolarsError as error:
        raise BadArgument(
            f"bad pattern: {_reason(error)}", parameter="pattern", code="E359"
        ) from error
    names = (
        [] if not isinstance(found.dtype, pl.Struct) else [one.name for one in found.dtype.fields]
    )
    return frozenset([*names, *map(str, range(len(names) + 1))])


def _reason(error: pl.exceptions.PolarsError) -> str:
    """The one line of a regular expression's error that says why."""
    reason = re.search(r"error: (?!.*parse error)(.+)", str(error)) or re.search(
        r"(Compiled .+)", str(error)
    )
    return reason.group(1).rstrip(".") if reason else "it cannot be read"


def _capitalized(texts: pl.Series) -> pl.Series:
    return texts.str.slice(0, 1).str.to_uppercase() + texts.str.slice(1).str.to_lowercase()


def _same(texts: pl.Series) -> pl.Series:
    return texts


def _python(value: Value, function: Callable[[str], str]) -> Value:
    return derived(TEXT, distinct.by_python(value.expr, function, TEXT), value)


def _both(
    value: Value, native: Callable[[pl.Series], pl.Series], function: Callable[[str], str]
) -> Value:
    return derived(TEXT, distinct.by_both(value.expr, native, function), value)


def _t(expression: str, name: str, result: str) -> Example:
    return Example(expression, {"name": name}, result)


STAYS = "stays empty"

TEXT_FILTERS = (
    Operator("text", "Writes a number in digits and a date as YYYY-MM-DD; text stays.", (TEXT, NUMBER, DATE), TEXT, STAYS,
             [_t("name | length | text", "Ada", "3")], text, jinja=False, difference="Jinja2 calls it `string`.", alias="string"),
    Operator("trim", "Takes white space (or the characters given) off both ends.", (TEXT,), TEXT, STAYS,
             [_t("name | trim", "  Ada ", "Ada"), _t("name | trim('-')", "-Ada-", "Ada")], trim,
             (Parameter("chars", TEXT, WHITE_SPACE, shown="white space"),)),
    Operator("lower", "Small letters.", (TEXT,), TEXT, STAYS, [_t("name | lower", "ÉVA", "éva")], lower),
    Operator("upper", "Capital letters.", (TEXT,), TEXT, STAYS, [_t("name | upper", "Éva", "ÉVA")], upper),
    Operator("title", "Each word with a capital, the rest small; a word begins after white space, a hyphen or a bracket.", (TEXT,), TEXT, STAYS,
             [_t("name | title", "ADA LOVE-LACE", "Ada Love-Lace"), _t("name | title", "O'NEIL", "O'neil")], title),
    Operator("proper", "A capital at the start of each run of letters, the rest small, like PROPER in Excel.", (TEXT,), TEXT, STAYS,
             [_t("name | proper", "O'NEIL-SMITH", "O'Neil-Smith")], proper, jinja=False),
    Operator("capitalize", "The first letter a capital, the rest small.", (TEXT,), TEXT, STAYS,
             [_t("name | capitalize", "aDA LOVE", "Ada love")], capitalize),
    Operator("replace", "Puts one text in place of another, everywhere or the first `count` times.", (TEXT,), TEXT, STAYS,
             [_t("name | replace('-', ' ')", "a-b-c", "a b c"), _t("name | replace('-', '', 1)", "a-b-c", "ab-c")], replace,
             (Parameter("old", TEXT), Parameter("new", TEXT), Parameter("count", NUMBER, None, shown="all"))),
    Operator("remove_prefix", "Takes these characters off the front, if it begins with them.", (TEXT,), TEXT, STAYS,
             [_t("name | remove_prefix('S-')", "S-4711", "4711")], remove_prefix, (Parameter("prefix", TEXT),), jinja=False),
    Operator("remove_suffix", "Takes these characters off the end, if it ends with them.", (TEXT,), TEXT, STAYS,
             [_t("name | remove_suffix('@example.org')", "ada@example.org", "ada")], remove_suffix, (Parameter("suffix", TEXT),), jinja=False),
    Operator("split", "Cuts text into a list, at a separator or at white space.", (TEXT,), LIST, "an empty list",
             [Example("name | split(',')", {"name": "a,b"}, ["a", "b"]), Example("name | split", {"name": " Ada  Lovelace "}, ["Ada", "Lovelace"]),
              Example("name | split(',')", {"name": ""}, [])], split, (Parameter("separator", TEXT, "", shown="white space"),), jinja=False,
             difference="Jinja2 has none; unlike Python's, the empty text gives an empty list."),
    Operator("default", "What to take instead of the empty text, an empty list or no date: another column or a literal.", (TEXT, LIST, DATE), None, "is filled",
             [Example("nick | default(name)", {"nick": "", "name": "Ada"}, "Ada"), Example("nick | default('none')", {"nick": "Addie"}, "Addie")],
             default, (Parameter("default_value", TEXT, column=True), Parameter("boolean", TRUTH, default=True)), jinja=False,
             difference="fills the empty text; Jinja2's does so only with `true` as the second argument.", alias="d"),
    Operator("length", "How many characters, or members of a list.", (TEXT, LIST), NUMBER, "0",
             [_t("name | length", "Zoë", "3"), Example("grades | length", {"grades": ["01", "02"]}, "2")], length, alias="count"),
    Operator("truncate", "Shortens text to `length` characters, `end` included, at a word's end; text that is at most `leeway` longer stays. To cut exactly, write `name[:20]`.",
             (TEXT,), TEXT, STAYS, [_t("name | truncate(9)", "foo bar baz qux", "foo..."), _t("name | truncate(9, true, '', 0)", "foo bar baz qux", "foo bar b")], truncate,
             (Parameter("length", NUMBER, 255), Parameter("killwords", TRUTH, default=False), Parameter("end", TEXT, "..."), Parameter("leeway", NUMBER, 5))),
    Operator("pad_left", "Fills up at the left to a width.", (TEXT,), TEXT, STAYS, [_t("name | pad_left(2)", "7", "07"), _t("name | pad_left(2)", "", "")], pad_left,
             (Parameter("width", NUMBER), Parameter("fill", TEXT, "0")), jinja=False),
    Operator("strip_accents", "Takes accents off letters; other letters stay.", (TEXT,), TEXT, STAYS, [_t("name | strip_accents", "Zoë Łukasz", "Zoe Łukasz")], strip_accents, jinja=False),
    Operator("ascii", "The nearest writing in ASCII; what has none is left out.", (TEXT,), TEXT, STAYS,
             [_t("name | ascii", "Zoë Łukasz Weiß", "Zoe Lukasz Weiss")], ascii_only, jinja=False),
    Operator("digits", "Keeps the digits 0 to 9.", (TEXT,), TEXT, STAYS, [_t("name | digits", "(512) 555-0100", "5125550100")], digits, jinja=False),
    Operator("slug", "Small ASCII letters and digits, joined by hyphens.", (TEXT,), TEXT, STAYS, [_t("name | slug", "Zoë's Class #2", "zoe-s-class-2")], slug, jinja=False),
    Operator("initials", "The first character of each word, as a capital.", (TEXT,), TEXT, STAYS, [_t("name | initials", "ada king-noel", "AKN")], initials, jinja=False),
    Operator("regex_replace", "Replaces what a pattern matches; `${1}` is its first group.", (TEXT,), TEXT, "is matched like any text",
             [_t(r"name | regex_replace('\\s+', ' ')", "Ada   King", "Ada King"), _t("name | regex_replace('^(.+), (.+)$', '${2} ${1}')", "King, Ada", "Ada King")], regex_replace,
             (Parameter("pattern", TEXT), Parameter("replacement", TEXT)), jinja=False),
    Operator("regex_match", "Whether the whole text matches a pattern.", (TEXT,), TRUTH, "is matched like any text",
             [_t("'yes' if name | regex_match('[A-Z]{2}[0-9]+') else 'no'", "AB12", "yes"), _t("'yes' if name | regex_match('[0-9]') else 'no'", "12", "no")], regex_match,
             (Parameter("pattern", TEXT),), jinja=False),
)  # fmt: skip
