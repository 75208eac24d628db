"""Expressions written at random from what the catalogue declares, and rows for them to see.

Every call of a filter or test is made from its declared parameters: each is left out, given by place or
given by name. A filter that is added to the catalogue is written here from that day on, and one with a
parameter that nobody said how to write fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from hypothesis import strategies as st
from jinja2 import Environment, nodes

from etlrunner.expressions import Type
from etlrunner.expressions.catalogue import REQUIRED, Operator
from etlrunner.expressions.filters import FILTERS, TESTS
from etlrunner.expressions.operators import OPERATORS

Written: TypeAlias = st.SearchStrategy[str]
Ways: TypeAlias = Mapping[Type, Written]

TEXT, LIST, TRUTH, NUMBER, DATE = Type.TEXT, Type.LIST, Type.TRUTH, Type.NUMBER, Type.DATE

TEXTS, LISTS = ("given", "family", "role"), ("grades", "tags")
COLUMNS = dict.fromkeys(TEXTS, TEXT) | dict.fromkeys(LISTS, LIST)

ODD = (
    "", " ", "a", "Ada", "ADA", "ada  lovelace", " \tx\u00a0", "O'NEIL-SMITH", "éva", "E\u0301VA", "Straße", "İstanbul", "ΣΑΣ", "ŉ", "ǆ",
    "😀", "👩‍👩‍👧", "🇺🇸x", "\u200bz", "\x1f", "a,b,,c", "12", "-7", "007", "+3", " 4 ", "1_000", "1e3", "12.9", "nan", "٣", "9" * 15, "9" * 16,
    "2027-01-15", "2026-12-31", "02/29/2024", "2027-02-30", "9999-12-31", "0001-01-01", "teacher", "student", "false", "None", "$1", "a\nb", "a\n",
    "(x) [y] <z", "word " * 60, "x" * 300, "e\u0301" * 60, "नमस्ते", "שלום", "\u0345x", "ﬁn", "a\\b", "{{ a }}", "S-4711", "ada@example.org", "Ⅷ2²", "é" * 5000,
)  # fmt: skip

texts = st.one_of(
    st.sampled_from(ODD),
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.text("abAB ,-'\u0301éß\n", max_size=30),
)
row = st.fixed_dictionaries(
    dict.fromkeys(TEXTS, texts) | dict.fromkeys(LISTS, st.lists(texts, max_size=4))
)
rows = st.lists(row, min_size=1, max_size=8)

QUOTED = (
    "''", "'a'", "'Ada'", "' '", "','", "'é'", "'😀'", "'12'", "'false'", '"teacher"', "'$0'", '"it\'s"', r"'a\\b'", "'2027-01-15'", "'a and b'",
)  # fmt: skip

FORMATS = ("'%Y-%m-%d'", "'%m/%d/%Y'", "'%d %b %y'", "'%A, %d. %B %Y'", "'%j %Y'", "'%%%Y%m%d'", "'%Y-%m-%dT%H:%M:%S'")  # fmt: skip

# Polars and Python agree on these; elsewhere patterns are those of Rust, as the page says
PATTERNS = (
    "'[a-c]+'",
    "'(a)(b)?'",
    "'^[A-Z][a-z]*'",
    "'[^ -~]+'",
    "'(?:x|word )+'",
    "'[0-9]{1,3}'",
    "'a.*?b'",
    "'[.]'",
    r"'\\d+'",
)

LITERALS: dict[str, tuple[str, ...]] = {
    "chars": ("'a '", "'-'", "' '", "'😀x'", "'e\u0301'", "''"),
    "old": ("'a'", "' '", "'é'", "'$1'", "'ab'", "'.'", "'x'"),
    "new": ("'b'", "''", "'$1x'", "'${0}'", "'é'", "' '", r"'\\'"),
    "count": ("1", "2", "12"),
    "separator": ("','", "' '", "'; '", "'a'", "'é'", "''", "'ab'"),
    "boolean": ("true",),
    "truncate.length": ("3", "7", "9", "255"),
    "hash.length": ("8", "12", "64"),
    "killwords": ("true", "false"),
    "end": ("'...'", "'…'", "''"),
    "leeway": ("0", "2", "5"),
    "width": ("1", "4", "6", "300"),
    "fill": ("'0'", "' '", "'é'", "'😀'"),
    "pattern": PATTERNS,
    "replacement": ("'<${0}>'", "''", "'-'", "'$$'", "'x'"),
    "regex_match.pattern": ("'.*[0-9]'", "'[a-z]+'", "'(?:a|b)*'", "''", "'[^@]+@[^@]+'"),
    "matching.pattern": ("'.*[0-9]'", "'[a-z]+'", "'(?:a|b)*'", "'[A-Z].*'"),
    "reverse": ("true", "false"),
    "case_sensitive": ("true", "false"),
    "format": FORMATS,
    "days": ("0", "14", "-14", "365", "-36525"),
    "first_month": ("1", "7", "8", "12"),
    "default": ("0", "-1", "7", "999999999999999"),
    "namespace": ("''", "'roster'", "'é'"),
    "prefix": ("'a'", "'S-'", "'É'", "'é'", "'e\u0301'"),
    "suffix": ("'a'", "'@example.org'", "'é'", "'\u0301'", r"'\n'"),
    "start": ("'a'", "'S-'", "'Ada'", "'😀'"),
    "ending_with.end": ("'a'", "'@example.org'", "'é'", r"'\n'"),
}  # fmt: skip
"""How an argument is written: by `filter.parameter`, else by the parameter's name."""

INDEX = st.sampled_from(["0", "1", "2", "5", "-1", "-2", "-4", "40"])
SLICE = st.builds("{}:{}".format, st.just("") | INDEX, st.just("") | INDEX)
SIGNS = {"equal": st.sampled_from(["==", "!="]), "order": st.sampled_from(["<", "<=", ">", ">="])}
IN = st.sampled_from(["in", "not in"])


@st.composite
def call(draw: st.DrawFn, operator: Operator, inner: Ways) -> str:
    """A filter or a test with its arguments, of a value that it takes."""
    kind = draw(st.sampled_from(operator.takes))
    value = draw(inner[kind])
    given, by_name = [], False
    for parameter in operator.parameters:
        if parameter.default is not REQUIRED and draw(st.booleans()):
            by_name = True
            continue
        written = draw(
            inner[kind] if parameter.column else st.sampled_from(literals(operator, parameter.name))
        )
        by_name = by_name or draw(st.integers(0, 3)) == 0
        given.append(f"{parameter.name}={written}" if by_name else written)
    name = draw(st.sampled_from([one for one in (operator.name, operator.alias) if one]))
    sign = "|" if operator.kind == "filter" else draw(st.sampled_from(["is", "is not"]))
    return f"(({value}) {sign} {name}" + (f"({', '.join(given)}))" if given else ")")


def literals(operator: Operator, parameter: str) -> tuple[str, ...]:
    """Ways to write one argument."""
    return LITERALS.get(f"{operator.name}.{parameter}") or LITERALS[parameter]


def _either(inner: Ways, *kinds: Type) -> Written:
    return st.one_of([inner[kind] for kind in kinds])


def _same(inner: Ways, form: str, *kinds: Type, **more: Written) -> Written:
    """A form with `{}` twice for two values of one type."""
    return st.one_of([st.builds(form.format, inner[kind], inner[kind], **more) for kind in kinds])


TEMPLATE = "S-{{ a }}"

OPERATOR_WAYS: dict[str, Callable[[Ways], dict[Type, Written]]] = {
    "column": lambda inner: {TEXT: st.sampled_from(TEXTS), LIST: st.sampled_from(LISTS)},
    '"text", 12, ["a", "b"]': lambda inner: {
        TEXT: st.sampled_from(QUOTED),
        NUMBER: st.sampled_from(["0", "1", "12", "100", "999999999999999"]),
        LIST: st.builds("[{}, {}]".format, inner[TEXT], inner[TEXT])
        | st.sampled_from(["['a', 'B', '']", "['Ada']"]),
    },
    "today": lambda inner: {DATE: st.just("today")},
    "a ~ b": lambda inner: {
        TEXT: st.builds("({} ~ {})".format, inner[TEXT], _either(inner, TEXT, NUMBER, DATE)),
    },
    TEMPLATE: lambda inner: {},  # only a whole cell is one: see `cell`
    "a[:8], a[-3:], a[0]": lambda inner: {
        TEXT: st.builds("({})[{}]".format, inner[TEXT], SLICE)
        | st.builds("({})[{}]".format, _either(inner, TEXT, LIST), INDEX),
        LIST: st.builds("({})[{}]".format, inner[LIST], SLICE),
    },
    "a == b, a != b": lambda inner: {
        TRUTH: _same(inner, "({} {sign} {})", TEXT, NUMBER, DATE, TRUTH, sign=SIGNS["equal"]),
    },
    "a < b, a <= b, a > b, a >= b": lambda inner: {
        TRUTH: _same(inner, "({} {sign} {})", TEXT, NUMBER, DATE, sign=SIGNS["order"])
        | st.builds("({} < {} <= {})".format, inner[TEXT], inner[TEXT], inner[TEXT]),
    },
    "a in b, a not in b": lambda inner: {
        TRUTH: st.one_of(
            st.builds("({} {} {})".format, inner[TEXT], IN, inner[LIST]),
            # a column in a text that is written out is refused: it would be true of the empty text
            st.builds("({} {} ({} ~ given))".format, inner[TEXT], IN, inner[TEXT]),
            st.builds("({} {} {})".format, st.sampled_from(QUOTED), IN, inner[TEXT]),
            st.builds("({} {} ['Ada', 'teacher', ''])".format, inner[TEXT], IN),
            st.builds("({} {} ({}, {}))".format, inner[TEXT], IN, inner[TEXT], inner[TEXT]),
            st.builds("({} {} [1, 12, {}])".format, inner[NUMBER], IN, inner[NUMBER]),
        ),
    },
    "a and b, not a": lambda inner: {
        TRUTH: st.builds("({} and {})".format, inner[TRUTH], inner[TRUTH])
        | st.builds("(not {})".format, inner[TRUTH]),
    },
    "a or b": lambda inner: {
        kind: st.builds("({} or {})".format, inner[kind], inner[kind])
        for kind in (TRUTH, TEXT, LIST)
    },
    "a if condition else b": lambda inner: {
        kind: st.builds("({} if {} else {})".format, inner[kind], inner[TRUTH], inner[kind])
        if kind in (NUMBER, TRUTH)
        else st.builds("({} if {} else {})".format, inner[kind], inner[TRUTH], inner[kind])
        | st.builds("({} if {})".format, inner[kind], inner[TRUTH])
        for kind in Type
    },
    "a + b, a - b, -a": lambda inner: {
        NUMBER: st.builds("({} {} {})".format, inner[NUMBER], st.sampled_from("+-"), inner[NUMBER])
        | st.builds("(-{})".format, inner[NUMBER]),
        LIST: st.builds("({} + {})".format, inner[LIST], inner[LIST]),
    },
}

CALLS = [*{id(one): one for one in [*FILTERS.values(), *TESTS.values()]}.values()]
"""Every filter and test, once."""

DECLARED = [*OPERATORS, *CALLS]


def ways(operator: Operator, inner: Ways) -> dict[Type, Written]:
    """How an operator is written on the outside, by the type that comes out."""
    if operator.kind == "operator":
        return OPERATOR_WAYS[operator.name](inner)
    if operator.gives is not None:
        return {operator.gives: call(operator, inner)}
    return {kind: call(taking(operator, kind), inner) for kind in operator.takes}


def taking(operator: Operator, kind: Type) -> Operator:
    """The same operator, of values of one type only."""
    return replace(operator, takes=(kind,))


def deep(levels: int) -> Ways:
    """Expressions of each type, nested up to so many levels."""
    made: dict[Type, Written] = {
        TEXT: st.sampled_from(TEXTS) | st.sampled_from(QUOTED),
        LIST: st.sampled_from(LISTS),
        TRUTH: st.sampled_from(["(given == 'Ada')", "(role in ['teacher', 'aide'])", "true"]),
        NUMBER: st.sampled_from(["0", "1", "2", "12", "(given | length)", "(role | int)"]),
        DATE: st.sampled_from(["today", "(given | date)", "('2027-01-15' | date)"]),
    }
    for _ in range(levels):
        grown: dict[Type, list[Written]] = {kind: [made[kind]] for kind in Type}
        for operator in DECLARED:
            for kind, way in ways(operator, made).items():
                grown[kind].append(way)
        made = {kind: st.one_of(some) for kind, some in grown.items()}
    return made


@st.composite
def cell(draw: st.DrawFn, operator: Operator, inner: Ways) -> tuple[Type, str]:
    """A whole cell or condition in which an operator stands on the outside, or close to it."""
    if operator.name == TEMPLATE:
        value = draw(_either(inner, TEXT, NUMBER, DATE))
        return TEXT, draw(st.sampled_from(["S-{{{{ {} }}}}", "{{{{ {} }}}}.{{{{ role }}}}\n", "é{{{{- {} -}}}} x"])).format(value)  # fmt: skip
    made = ways(operator, inner)
    kind = draw(st.sampled_from(sorted(made)))
    text = draw(made[kind])
    around = draw(st.integers(0, 5))
    if kind is TRUTH:
        if around < 3:
            return TRUTH, draw(_condition(text, inner))
        return TEXT, f"'yes' if {text} else {draw(inner[TEXT])}"
    if kind is not LIST and around == 0:
        return TEXT, f"S-{{{{ {text} }}}}/{{{{ {draw(inner[NUMBER])} }}}}"
    return kind, text


def _condition(text: str, inner: Ways) -> Written:
    """A `where`, with other parts before or behind an `and`, and without."""
    return st.one_of(
        st.just(text),
        st.builds("{} and {} and given != 'a and b'".format, st.just(text), inner[TRUTH]),
        st.builds("{}\n  and {}".format, inner[TRUTH], st.just(text)),
    )


# ------------------------------------------------------------ what an expression holds

_READER = Environment()
_SIGNS = {"eq": 6, "ne": 6, "lt": 7, "lteq": 7, "gt": 7, "gteq": 7, "in": 8, "notin": 8}
_NODES: dict[type[nodes.Node], str] = {
    nodes.Concat: "a ~ b",
    nodes.Getitem: "a[:8], a[-3:], a[0]",
    nodes.And: "a and b, not a",
    nodes.Not: "a and b, not a",
    nodes.Or: "a or b",
    nodes.CondExpr: "a if condition else b",
    nodes.Add: "a + b, a - b, -a",
    nodes.Sub: "a + b, a - b, -a",
    nodes.Neg: "a + b, a - b, -a",
    nodes.Const: '"text", 12, ["a", "b"]',
    nodes.List: '"text", 12, ["a", "b"]',
}


def held(expression: str) -> Iterator[str]:
    """What an expression is made of: names of operators, filters and tests, and `filter(parameter)`."""
    template = "{{" in expression
    if template:
        yield TEMPLATE
    tree = _READER.parse(expression if template else "{{ (" + expression + ") }}")
    for node in tree.find_all(nodes.Node):
        if isinstance(node, nodes.Name):
            yield "today" if node.name == "today" else "column"
        elif isinstance(node, nodes.Operand):
            yield OPERATORS[_SIGNS[node.op]].name if node.op in _SIGNS else node.op
        elif isinstance(node, nodes.Filter | nodes.Test):
            yield from _called(node)
        elif type(node) in _NODES:
            yield _NODES[type(node)]


def _called(node: nodes.Filter | nodes.Test) -> Iterator[str]:
    operator = (FILTERS if isinstance(node, nodes.Filter) else TESTS)[node.name]
    yield label(operator)
    for parameter in operator.parameters[: len(node.args)]:
        yield f"{label(operator)}({parameter.name})"
    for pair in node.kwargs:
        yield f"{label(operator)}({pair.key})"


def label(operator: Operator) -> str:
    """One name for each: `date` is a filter and `is date` a test."""
    return f"is {operator.name}" if operator.kind == "test" else operator.name


def everything() -> set[str]:
    """All labels there are, those of parameters included."""
    names = {label(one) for one in DECLARED}
    return names | {
        f"{label(one)}({parameter.name})" for one in CALLS for parameter in one.parameters
    }
