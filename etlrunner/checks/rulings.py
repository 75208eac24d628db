"""What a flow decides about rules: whether the rule exists and allows it, and what a finding then is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from etlrunner.checks import policy, rules
from etlrunner.checks.rules.rule import Rule
from etlrunner.lib.suggest import close_to
from etlrunner.mapping import verdicts
from etlrunner.model.flow import Flow, Ruling
from etlrunner.model.problems import Finding, Problem, Severity, Verdict
from etlrunner.target import APPLE_SCHOOL_MANAGER

ACTS: tuple[Verdict, ...] = ("reject", "blank", "cut")
"""Verdicts that change what is sent."""


def problems(flow: Flow) -> list[Problem]:
    """Rulings and words about rules that are not there, and verdicts that a rule does not allow."""
    found = _words(flow)
    if not flow.rules:
        return found
    needed = needed_columns(flow)
    tables = {
        name: one
        for name, one in flow.mapping.tables.items()
        if name in APPLE_SCHOOL_MANAGER.tables
    }
    known = dict(
        verdicts.possible(replace(flow.mapping, tables=tables), APPLE_SCHOOL_MANAGER.tables, needed)
    )
    for rule in rules.RULES.values():
        if rule.may and not rule.id.endswith(".COLUMN"):
            known[rule.id] = _allowed(rule, needed)
    judged = (_problem(name, one, known) for name, one in flow.rules.items())
    return [*found, *(problem for problem in judged if problem)]


def _words(flow: Flow) -> list[Problem]:
    """Words for rules that are not there."""
    return [
        Problem(
            "E242",
            f"there is no rule '{name}'",
            flow.fix_lists.place,
            f"fix_lists.words.{name}",
            close_to(name, rules.RULES) or "docs/rules.md lists them",
        )
        for name in flow.fix_lists.words
        if rules.find(name) is None and not name.startswith("apple.")
    ]


def needed_columns(flow: Flow) -> tuple[str, ...]:
    """Columns that are optional for Apple and that this district's accounts are made from."""
    sink = flow.sink.options
    federated = ("email_address",) if sink.get("federated_domains") else ()
    return (*(sink.get("account_name_uses") or ()), *federated)


def all_of(flow: Flow) -> dict[str, Ruling]:
    """What the flow decides, its own assertions included."""
    return {**flow.rules, **policy.rulings(flow.policy)}


def acting(flow: Flow) -> dict[str, Verdict]:
    """Rule -> verdict of the checks' rules whose rows or cells change what is sent."""
    return {
        name: one.verdict
        for name, one in all_of(flow).items()
        if one.verdict in ACTS and (name in rules.RULES or name.startswith(policy.PREFIX))
    }


def judged(findings: Iterable[Finding], rulings: Mapping[str, Ruling]) -> Iterator[Finding]:
    """The findings as severe as the flow says: `fail` is an error, `warn` a warning."""
    for finding in findings:
        ruling = rulings.get(finding.rule)
        if ruling is not None and ruling.verdict in ("fail", "warn"):
            severity: Severity = "error" if ruling.verdict == "fail" else "warning"
            finding = replace(finding, severity=severity)
        yield finding


def _allowed(rule: Rule, needed: tuple[str, ...]) -> tuple[Verdict, ...]:
    """An address is not emptied where it is the account."""
    allowed = (rule.verdict, *rule.may)
    if rule.id == "asm-email-malformed" and "email_address" in needed:
        allowed = tuple(verdict for verdict in allowed if verdict != "blank")
    return allowed


def _problem(name: str, ruling: Ruling, known: Mapping[str, tuple[Verdict, ...]]) -> Problem | None:
    path = f"rules.{name}"
    if name in known:
        if ruling.verdict in known[name]:
            return None
        message = f"{name} cannot be '{ruling.verdict}'"
        hint = f"allowed: {', '.join(known[name])}; see: etlrunner explain {name}"
        return Problem("E240", message, ruling.place, path, hint)
    if name in rules.RULES or name.startswith(policy.PREFIX):
        return Problem(
            "E241", f"{name} is not for a flow to decide", ruling.place, path, _why(name)
        )
    stem, _, column = name.partition(".")
    if stem in verdicts.OF_MAPPING:
        near = [one for one in known if one.startswith(f"{stem}.")]
        message = f"the mapping has no rule '{name}'"
        fallback = f"the mapping's {column} has no {_KEY_OF.get(stem, stem)}"
    else:
        near = [*known, *rules.RULES]
        message, fallback = f"there is no rule '{name}'", "docs/rules.md lists them"
    return Problem("E242", message, ruling.place, path, close_to(name, near) or fallback)


_KEY_OF = {"required": "`required: true`", "max_length": "`max_length`", "lookup": "`lookup`"}


def _why(name: str) -> str:
    """Where such a decision belongs, or why there is none."""
    if name.startswith("repair."):
        return f"say it under repair: {{{name.removeprefix('repair.')}: …}}"
    if name.startswith(policy.PREFIX):
        return "its verdict stands beside it, under policy:"
    if name.startswith("merge."):
        return f"take {name.removeprefix('merge.')} out of merge_duplicates: for no merges"
    if name.startswith("figure-"):
        return (
            "it is a comparison with the last deliveries and stops nothing; safeguards hold a run"
        )
    if name == "held-over":
        return "`grace:` says what is held over, and how long"
    if name.startswith("asm-ref-"):
        return (
            "Apple refuses the whole upload for it; `repair:` says what becomes of such references"
        )
    if name.startswith(("csv-", "zip-")):
        return "it is about zips that others made: etlrunner validate ZIP"
    return "Apple refuses the whole upload for it, or it would do harm"
