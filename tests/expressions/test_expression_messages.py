"""Mistakes in expressions are told with their place, underlined, in plain words, all at once."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from etlrunner.errors import ConfigurationError
from etlrunner.expressions import CODES, Type, compile_value, compile_where
from etlrunner.model.problems import Located, Place, Problem
from tests.support import mistakes

COLUMNS = dict.fromkeys(
    ("sourcedId", "givenName", "familyName", "role", "enabledUser", "email"), Type.TEXT
) | {"grades": Type.LIST}
TODAY = date(2027, 1, 15)

VALUES = {
    "givenName | lwoer": """
        m.yaml:3:22 E353 there is no filter 'lwoer' (did you mean 'lower'?)
        givenName | lwoer
                    ^^^^^""",
    "sourcedID ~ '-x'": """
        m.yaml:3:10 E352 there is no column 'sourcedID' (did you mean 'sourcedId'?)
        sourcedID ~ '-x'
        ^^^^^^^^^""",
    "givenName.lower()": """
        m.yaml:3:10 E354 functions cannot be called (write: givenName | lower)
        givenName.lower()
        ^^^^^^^^^^^^^^^^""",
    "givenName.__class__": """
        m.yaml:3:10 E354 a column has no parts: `.__class__` cannot be read (filters do such things, after `|`)
        givenName.__class__
        ^^^^^^^^^^^^^^^^^^^""",
    "range(999999999)": """
        m.yaml:3:10 E354 functions cannot be called (filters do such things, after `|`)
        range(999999999)
        ^^^^^^^^^^^^^^^""",
    "'x' * 1000000000": """
        m.yaml:3:10 E354 only + and - of numbers are computed, not *
        'x' * 1000000000
        ^^^^^^^^^^^^^^^^""",
    "{% for g in grades %}{{ g }}{% endfor %}": """
        m.yaml:3:10 E354 statements ({% … %}) are not allowed: a column is one expression
        {% for g in grades %}{{ g }}{% endfor %}
        ^^""",
    "{# the short name #}": """
        m.yaml:3:10 E351 there is no expression here, only a comment
        {# the short name #}
        ^^^^^^^^^^^^^^^^^^^^""",
    "grades + email": """
        m.yaml:3:19 E355 `+` of a list takes another list, and this is text (`| split(',')` makes a list of text)
        grades + email
                 ^^^^^""",
    "givenName ~ (familyName | trim": """
        m.yaml:3:22 E351 this ( is never closed
        givenName ~ (familyName | trim
                    ^""",
    "givenName | ": """
        m.yaml:3:22 E351 the expression ends too early: 'name' is missing (a filter's name is missing after `|`)
        givenName |
                    ^""",
    "'abc ~ givenName": """
        m.yaml:3:10 E351 this quote is never closed (text that holds one kind of quote stands in the other: "O'Neil")
        'abc ~ givenName
        ^""",
    "S-{{ sourcedId": """
        m.yaml:3:24 E351 the expression ends too early: '}}' is missing
        S-{{ sourcedId
                      ^""",
    "role == 'student'": """
        m.yaml:3:10 E358 a truth (yes or no) cannot be a cell (write it as: 'yes' if … else 'no')
        role == 'student'
        ^^^^^^^^^^^^^^^^^""",
    "givenName ~ grades": """
        m.yaml:3:22 E355 a list cannot be joined to text (`| first` takes one of a list, `| join(', ')` all of it)
        givenName ~ grades
                    ^^^^^^""",
    "givenName if enabledUser else ''": """
        m.yaml:3:23 E356 'enabledUser' alone is not a condition: any text but the empty one would be true, "false" too (write: enabledUser == "true", or: enabledUser is not empty)
        givenName if enabledUser else ''
                     ^^^^^^^^^^^""",
    "givenName | replace('a')": """
        m.yaml:3:22 E357 `replace` needs `new` (write: | replace(old, new, count=all))
        givenName | replace('a')
                    ^^^^^^^""",
    "givenName | replace('a', familyName)": """
        m.yaml:3:35 E357 `new` is the same for every row: it cannot depend on a column (write it out, in quotes)
        givenName | replace('a', familyName)
                                 ^^^^^^^^^^""",
    "email | regex_replace('(?=x)', '')": """
        m.yaml:3:32 E359 bad pattern: look-around, including look-ahead and look-behind, is not supported
        email | regex_replace('(?=x)', '')
                              ^^^^^^^""",
    "email | date('MM/DD/YYYY')": """
        m.yaml:3:23 E359 this date format has no % in it (like '%m/%d/%Y' for 08/15/2027)
        email | date('MM/DD/YYYY')
                     ^^^^^^^^^^^^""",
    "grades | lower ~ rol": """
        m.yaml:3:10 E355 `| lower` takes text, and this is a list (`| first` takes one of a list, `| join(', ')` all of it)
        grades | lower ~ rol
        ^^^^^^
        m.yaml:3:27 E352 there is no column 'rol' (did you mean 'role'?)
        grades | lower ~ rol
                         ^^^""",
}  # fmt: skip

CONDITIONS = {
    "role == student": """
        m.yaml:3:18 E352 there is no column 'student' (text is written in quotes: "student")
        role == student
                ^^^^^^^""",
    'role = "student"': """
        m.yaml:3:15 E351 this does not belong to the expression before it (comparing is written ==)
        role = "student"
             ^""",
    "enabledUser and grades": """
        m.yaml:3:10 E356 'enabledUser' alone is not a condition: any text but the empty one would be true, "false" too (write: enabledUser == "true", or: enabledUser is not empty)
        enabledUser and grades
        ^^^^^^^^^^^
        m.yaml:3:26 E356 a condition is needed here, and this is a list (write: … is not empty)
        enabledUser and grades
                        ^^^^^^""",
    "sourcedId < 5": """
        m.yaml:3:10 E355 `<` compares text with a number (`| int` makes a number of text)
        sourcedId < 5
        ^^^^^^^^^^^^^""",
    "sourcedId == 5": """
        m.yaml:3:10 E355 `==` compares text with a number (write "5" in quotes, or make a number of the text with `| int`)
        sourcedId == 5
        ^^^^^^^^^^^^^^""",
    "role is defined": """
        m.yaml:3:18 E353 there is no test 'defined' (every column is there; to ask whether a cell is filled: is not empty)
        role is defined
                ^^^^^^^""",
    "grades == 'KG'": """
        m.yaml:3:10 E355 lists are not compared (ask whether it holds something: "x" in …, or: … is empty)
        grades == 'KG'
        ^^^^^^""",
    "{{ role == 'x' }}": """
        m.yaml:3:10 E354 a condition is written without {{ }} (write it like role == "student")
        {{ role == 'x' }}
        ^^^^^^^^^^^^^^^^^""",
}  # fmt: skip


@pytest.mark.parametrize("text", VALUES)
def test_a_mistake_in_a_column_is_told_in_plain_words(text: str) -> None:
    source = Located(text, Place("m.yaml", 3, 10))
    with pytest.raises(ConfigurationError) as caught:
        compile_value(source, COLUMNS, today=TODAY)
    assert told(caught.value) == golden(VALUES[text])


@pytest.mark.parametrize("text", CONDITIONS)
def test_a_mistake_in_a_condition_is_told_in_plain_words(text: str) -> None:
    source = Located(text, Place("m.yaml", 3, 10))
    with pytest.raises(ConfigurationError) as caught:
        compile_where(source, COLUMNS, today=TODAY)
    assert told(caught.value) == golden(CONDITIONS[text])


def test_a_cell_that_must_be_text_is_no_list_and_the_other_way_round() -> None:
    for text, wanted in (("grades", Type.TEXT), ("role", Type.LIST)):
        with pytest.raises(ConfigurationError) as caught:
            compile_value(Located(text), COLUMNS, today=TODAY, wanted=wanted, what="columns.x")
        (problem,) = caught.value.problems
        assert (problem.code, problem.path) == ("E358", "columns.x")


YAML = {
    "plain": ("columns:\n  a: givenName | lwoer\n", 6, "givenName | lwoer", "2:18"),
    "double quoted": (
        'columns:\n  a: "givenName ~ \\"é\\u00e9\\" ~ rol"\n',
        6,
        'givenName ~ "éé" ~ rol',
        "2:33",
    ),
    "single quoted": ("columns:\n  a: 'givenName ~ ''x'' ~ rol'\n", 6, "givenName ~ 'x' ~ rol", "2:27"),
    "folded plain": ("columns:\n  a: givenName\n    ~ familyName\n    ~ rol\n", 6, "givenName ~ familyName ~ rol", "4:7"),
    "literal block": ("columns:\n  a: |\n    givenName\n      ~ rol\n", 6, "givenName\n  ~ rol\n", "4:9"),
    "folded block": ("columns:\n  a: >-\n    givenName\n    ~ rol\n", 6, "givenName ~ rol", "4:7"),
}  # fmt: skip


@pytest.mark.parametrize("style", YAML)
def test_the_place_is_exact_in_every_way_of_writing_a_yaml_text(style: str, tmp_path: Path) -> None:
    written, column, text, expected = YAML[style]
    path = tmp_path / "m.yaml"
    path.write_text(written, "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        compile_value(Located(text, Place(str(path), 2, column)), COLUMNS, today=TODAY)
    (problem,) = caught.value.problems
    assert str(problem.place) == f"{path}:{expected}"
    line, column = map(int, expected.split(":"))
    shown, marks = problem.excerpt.split("\n")
    assert shown == written.split("\n")[line - 1]
    assert marks.index("^") == column - 1


HOSTILE = {
    "brackets": "(" * 3000 + "role" + ")" * 3000,
    "filters": "role" + " | trim" * 900,
    "nots": "not " * 2000 + "role == 'x'",
    "minus": "-" * 5000 + "1",
    "too long": "role ~ " * 2000 + "role",
    "doubling": "role" + "[-2:3]" * 40,
    "lists": "[" * 400 + "]" * 400,
    "huge number": "sourcedId[" + "9" * 4000 + ":]",
    "surrogate": r"role ~ '\ud800'",
    "bad escape": r"role ~ '\N{x}'",
    "pattern": "role | regex_match('(a{1000}){1000}')",
    "sum": "role | int" + " + 999999999999999" * 500 + " + (role | int)" * 60,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_ends_in_a_problem_and_nothing_else(name: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        compile_value(Located(HOSTILE[name]), COLUMNS, today=TODAY)
    assert all(problem.code in CODES for problem in caught.value.problems)


@pytest.mark.parametrize("shelf", mistakes.SHELVES)
def test_typical_mistakes_are_told_as_the_golden_file_says(shelf: str) -> None:
    """After a look at the difference: python -m tests.support.mistakes"""
    path = mistakes.path(shelf)
    assert mistakes.page(shelf, mistakes.written(path)) == path.read_text("utf-8")


def test_every_kind_of_problem_is_among_the_golden_mistakes() -> None:
    told_of = "".join(mistakes.path(shelf).read_text("utf-8") for shelf in mistakes.SHELVES)
    assert {code for code in CODES if f"[{code}]" not in told_of} == set()


def told(error: ConfigurationError) -> list[str]:
    return [line for problem in error.problems for line in lines(problem)]


def lines(problem: Problem) -> list[str]:
    hint = f" ({problem.hint})" if problem.hint else ""
    excerpt = [line.rstrip() for line in problem.excerpt.split("\n")]
    return [f"{problem.place} {problem.code} {problem.message}{hint}", *excerpt]


def golden(text: str) -> list[str]:
    return [line[8:] for line in text.strip("\n").split("\n")]
