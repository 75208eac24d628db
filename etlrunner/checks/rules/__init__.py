"""Every rule that data can break, in one table: what it means, why it is there, what to do about it.

`docs/rules.md` is made from it (`page`), and `etlrunner explain RULE` reads it. A rule's id is stable:
people filter for it and link to it. Facts about Apple are sourced in `docs/apple-school-manager.md`.
"""

from __future__ import annotations

from collections.abc import Mapping

from etlrunner.checks.rules import (
    damage,
    figures,
    files,
    identity,
    mapping,
    notice,
    references,
    repairs,
    required,
    statements,
    values,
)
from etlrunner.checks.rules.rule import VERDICTS, Rule
from etlrunner.model.problems import Severity

GROUPS: Mapping[str, tuple[Rule, ...]] = {
    "References": references.RULES,
    "Required and unique": required.RULES,
    "Values": values.RULES,
    "Damage on the way": damage.RULES,
    "What people would notice": notice.RULES,
    "Of the flow and its mapping": mapping.RULES,
    "Repairs": repairs.RULES,
    "Figures": figures.RULES,
    "Who an id means": identity.RULES,
    "Files": files.RULES,
}

RULES: Mapping[str, Rule] = {rule.id: rule for rules in GROUPS.values() for rule in rules}
"""Every rule by its id; a rule of the mapping stands for one per column (`required.COLUMN`)."""


def find(name: str) -> Rule | None:
    """The rule called `name`; `required.first_name` is one of `required.COLUMN`."""
    stem, _, rest = name.partition(".")
    return RULES.get(name) or (
        RULES.get(f"{stem}.COLUMN") or RULES.get(f"{stem}.NAME") if rest else None
    )


def severity_of(name: str) -> Severity:
    """How bad it is to break a rule that is there, unless the flow decides."""
    rule = find(name)
    if rule is None:
        raise KeyError(name)
    return rule.severity


def is_for_clerks(name: str) -> bool:
    """Whether a school's clerk can mend what breaks the rule."""
    rule = find(name)
    return rule is not None and rule.clerk is not None


def described(rule: Rule) -> str:
    """The rule in a few lines, as `etlrunner explain` and the page show it."""
    lines = [rule.explanation, f"What to do: {rule.remedy}"]
    if rule.clerk is not None:
        lines.append(f"On a clerk's list (`etlrunner fixlists`): {_example(rule)}")
    if rule.may:
        choices = " or ".join(f"`{verdict}`" for verdict in rule.may)
        example = rule.id.replace("COLUMN", "grade_level")
        where = ", where the column allows it" if example != rule.id else ""
        lines.append(
            f"Unless the flow decides: `{rule.verdict}`. Under `rules:` it may also be {choices}{where}, "
            f"for example `{example}: {rule.may[0]}`."
        )
    return "\n\n".join(lines)


_FIELDS = {"email": "e-mail address", "account": "user name", "COLUMN": "last name"}
"""Of what a rule is about, by a part of its id; the others are about any text, such as a last name."""


def _example(rule: Rule) -> str:
    field = next((name for part, name in _FIELDS.items() if part in rule.id), "last name")
    sentence = str(rule.clerk).replace("{the_field}", f"the {field}")
    filled = sentence.replace("{field}", f"The {field}")
    return f"“{filled.replace('{message}', 'the message that the flow gives')}”"


def page() -> str:
    """The Markdown page of all rules."""
    verdicts = "\n".join(f"| `{word}` | {meaning} |" for word, meaning in VERDICTS.items())
    parts = [_INTRODUCTION.replace("VERDICTS", verdicts)]
    for heading, rules in GROUPS.items():
        parts += [f"## {heading}\n", *(_section(rule) for rule in rules)]
    parts.append("## What Apple asks, line by line\n\n" + statements.table())
    return "\n".join(parts)


def _section(rule: Rule) -> str:
    return f"### {rule.id}\n\n**{rule.severity}** · {rule.title}\n\n{described(rule)}\n"


_INTRODUCTION = """\
# Rules

What the mapping and the checks look for before anything is sent, and what `etlrunner validate` looks for
in any zip. An **error** stops the run: Apple would refuse the upload, or it would do harm. A **warning**
is listed and the run goes on. A finding reads

    staff.csv:1 - location_id = '10' does not reference any location_id in locations.csv [asm-ref-location]

where the number counts data rows from 1 (Apple does not say whether it counts the header; `--json` has
both numbers). Identifiers may appear in a finding; names, numbers, user names and addresses never do.

A flow may decide otherwise, rule by rule:

```yaml
rules:
  asm-zero-width: cut
  asm-class-no-students: reject
  asm-email-malformed: {verdict: blank, reason: the SIS writes NULL, owner: registrar, expires: 2027-06-30}
```

| verdict | what happens to a row that breaks the rule |
| --- | --- |
VERDICTS

Each rule allows the verdicts that make sense for it: what Apple would refuse can be left out, but never
sent; only a column that may be empty can be emptied; an identifier is never cut. Every row and cell that
a verdict touches is counted in the report and listed, by its key, in the run's folder (`rejects.parquet`,
`findings.parquet`). For every table: rows read + added = written + filtered + rejected, and each key has
one reason; a run counts again after the checks and the repairs, and stops if it does not add up.
"""
