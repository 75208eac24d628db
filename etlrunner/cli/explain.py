"""`etlrunner explain`: what a code, a rule, an exit code or a key means, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Mapping

import click

from etlrunner.cli import screen
from etlrunner.errors import UsageError

NAMES_THEM = "etlrunner explain, without a code, names all that can be explained"


@click.command()
@click.argument("name", required=False, metavar="[CODE|RULE|KEY]")
def command(name: str | None) -> None:
    """Explain a code (E104), a rule, a safeguard, an exit code (6), or a key (schedule.weekend).

    A key is any of those in a flow, etlrunner.yaml, a mapping, a mapping test or a source definition: what it
    is, what it may be, its default, an example. The names above it say which one is meant of several.
    """
    texts = _texts()
    if name is None:
        for code, (title, _) in sorted(texts.items(), key=_place):
            screen.say(f"{code:<34} {title}")
        screen.say(
            "\netlrunner explain CODE says more about one of them, etlrunner explain KEY about any key"
        )
        screen.say(
            "of a flow, etlrunner.yaml, a mapping, a mapping test or a source definition: schedule.weekend."
        )
        return
    wanted = _wanted(name, texts)
    said = [f"{wanted}: {texts[wanted][0]}\n\n{texts[wanted][1]}"] if wanted else []
    said += (
        _keys(name) if wanted is None or wanted[-1].isalpha() else []
    )  # no key is called E104, or 6
    if not said:
        raise UsageError(f"there is nothing called '{name}' to explain", hint=_near(name, texts))
    screen.say("\n\n".join(said))


def _keys(name: str) -> list[str]:
    """What the schemas say of the keys of this name."""
    from etlrunner.cli import explain_key
    from etlrunner.config import keys

    found = keys.find(name)
    return [explain_key.told(found)] if found else []


def _wanted(name: str, texts: Mapping[str, tuple[str, str]]) -> str | None:
    """The code, rule, safeguard or exit code of this name."""
    from etlrunner.checks import rules

    by_name = {one.lower(): one for one in texts}
    plain = name.strip().strip("[]")
    known = by_name.get(plain.lower()) or by_name.get(_safeguard(plain.lower()))
    if known is None and (rule := rules.find(plain)):
        known = rule.id
    return known


def _near(name: str, texts: Mapping[str, tuple[str, str]]) -> str:
    """What may have been meant; another number is another error, however like it looks."""
    from etlrunner.config import keys

    if _is_code(name.upper()):
        return NAMES_THEM
    by_name = {one.lower(): one for one in (*keys.names(), *texts)}
    close = difflib.get_close_matches(name.lower(), by_name, n=3)
    return f"did you mean {', '.join(by_name[one] for one in close)}?" if close else NAMES_THEM


def _place(item: tuple[str, tuple[str, str]]) -> tuple[bool, str]:
    """Codes such as E104 first, by number; the rest stays in its order, which sorts by shelf."""
    numbered = _is_code(item[0])
    return (not numbered, item[0] if numbered else "")


def _is_code(name: str) -> bool:
    return name[:1] == "E" and name[1:].isdecimal()


def _safeguard(name: str) -> str:
    """`safeguards.students.max_removed` is explained as `max_removed`, `scope.grades` as `scope`.

    `rules.asm-zero-width` is the rule, and the key under which a flow decides about it.
    """
    first, _, rest = name.partition(".")
    if first == "rules":
        return rest
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
