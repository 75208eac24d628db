"""etlrunner.yaml: what a project says for all its flows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from etlrunner.config import load, options
from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError
from etlrunner.lib import schema
from etlrunner.lib.hosts import Cap
from etlrunner.model.flow import Notify
from etlrunner.model.secrets import SecretRef


@dataclass(frozen=True)
class ProjectSettings:
    """What etlrunner.yaml says for all flows."""

    history_url: SecretRef | None = None
    notify: tuple[Notify, ...] = ()
    limits: Mapping[str, Cap] = field(default_factory=dict)
    """What each host may be asked, by all flows together."""


def read(project: Project) -> ProjectSettings:
    """etlrunner.yaml, if there is one."""
    path = project.root / "etlrunner.yaml"
    if not path.is_file():
        return ProjectSettings()
    document = load.load(path, shown=path.name)
    data, problems = schema.check(document, "etlrunner")
    if problems:
        raise ConfigurationError(problems)
    values = options.filled(data, "etlrunner", document.places, project.root)
    return ProjectSettings(
        history_url=values.get("history", {}).get("url"),
        notify=notify(values.get("notify", ())),
        limits={name: _cap(each) for name, each in values.get("limits", {}).items()},
    )


def notify(values: Any) -> tuple[Notify, ...]:
    """Whom to tell, as a flow and the project say it."""
    return tuple(Notify(one["url"], tuple(one["on"])) for one in values)


def _cap(values: Mapping[str, Any]) -> Cap:
    rate = values.get("requests_per_second")
    return Cap(values.get("concurrency"), None if rate is None else float(rate))
