"""`etlrunner explain`: what a code, a rule or an exit code means, and what to do."""

from __future__ import annotations

import difflib

import click

from etlrunner.cli import screen
from etlrunner.errors import UsageError

NAMES_THEM = "etlrunner explain, without a code, names all that can be explained"


@click.command()
@click.argument("code", required=False)
def command(code: str | None) -> None:
    """Explain an error code (E104), a rule of the data checks, a safeguard, or an exit code (6)."""
    from etlrunner.checks import rules

    texts = _texts()
    if code is None:
        for name, (title, _) in sorted(texts.items(), key=_place):
            screen.say(f"{name:<34} {title}")
        screen.say("\netlrunner explain CODE says more about one of them.")
        return
    by_name = {name.lower(): name for name in texts}
    name = code.strip().strip("[]").lower()
    wanted = by_name.get(name) or by_name.get(_safeguard(name))
    if wanted is None and (rule := rules.find(code.strip().strip("[]"))):
        wanted = rule.id
    if wanted is None:
        is_number = _is_code(code.upper())  # another number is another error, however like it looks
        close = [] if is_number else difflib.get_close_matches(code.lower(), by_name, n=3)
        hint = (
            f"did you mean {', '.join(by_name[item] for item in close)}?" if close else NAMES_THEM
        )
        raise UsageError(f"there is nothing called '{code}' to explain", hint=hint)
    title, text = texts[wanted]
    screen.say(f"{wanted}: {title}\n\n{text}")


def _place(item: tuple[str, tuple[str, str]]) -> tuple[bool, str]:
    """Codes such as E104 first, by number; the rest stays in its order, which sorts by shelf."""
    numbered = _is_code(item[0])
    return (not numbered, item[0] if numbered else "")


def _is_code(name: str) -> bool:
    return name[:1] == "E" and name[1:].isdecimal()


def _safeguard(name: str) -> str:
    """`safeguards.students.max_removed` is explained as `max_removed`, `scope.grades` as `scope`."""
    first, _, rest = name.partition(".")
    return "scope" if first == "scope" else rest.rpartition(".")[2] if first == "safeguards" else ""


def _texts() -> dict[str, tuple[str, str]]:
    """Everything that can be explained: name -> (title, text)."""
    from etlrunner.checks.rules import RULES, described
    from etlrunner.config.explain import EXPLANATIONS
    from etlrunner.expressions.codes import CODES
    from etlrunner.lib.activity_codes import CODES as ACTIVITY

    rules = {rule.id: (rule.title, described(rule)) for rule in RULES.values()}
    codes = {code: EXPLANATIONS.get(code, (title, text)) for code, (title, text) in CODES.items()}
    apple = {
        code: (one.title, one.text + (f" Our rule: {one.rule}." if one.rule else ""))
        for code, one in ACTIVITY.items()
    }
    return {**EXPLANATIONS, **codes, **rules, **apple}
