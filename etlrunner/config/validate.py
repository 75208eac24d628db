"""From files to a frozen `Flow`: layers, schema, and what only the whole can tell. No dict goes further."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from etlrunner.config import (
    domain,
    layers,
    load,
    mappings,
    options,
    rulings,
    surroundings,
    timezones,
)
from etlrunner.config.mappings import Reading
from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError
from etlrunner.lib import schema, shipped
from etlrunner.lib.document import Document, Key, Places
from etlrunner.lib.hosts import Cap
from etlrunner.lib.schema_problems import dotted
from etlrunner.lib.suggest import close_to
from etlrunner.model.components import Component
from etlrunner.model.flow import (
    Flow,
    History,
    LeftOut,
    Notify,
    Retry,
    Schedule,
    SchoolSelection,
    Select,
)
from etlrunner.model.mapping import LookupTable, MappingSet
from etlrunner.model.problems import Located, Place, Problem
from etlrunner.model.safeguards import Grace, Limit, Safeguards, Season, TableSafeguards
from etlrunner.model.secrets import SecretRef
from etlrunner.target import TARGETS


@dataclass(frozen=True)
class ProjectSettings:
    """What etlrunner.yaml says for all flows."""

    history_url: SecretRef | None = None
    notify: tuple[Notify, ...] = ()
    limits: Mapping[str, Cap] = field(default_factory=dict)
    """What each host may be asked, by all flows together."""


Judge = Callable[[MappingSet], list[Problem]]

BEFORE_ANY_EXPIRY = datetime(1970, 1, 2, tzinfo=UTC)
"""A moment at which nothing has expired: for tests, and to learn whom to tell that something has."""


def read_flow(
    project: Project,
    name: str,
    sets: Mapping[str, str] | None = None,
    *,
    today: date | None = None,
    above: Document | None = None,
) -> Flow:
    """A flow by its name or path. Raises ConfigurationError with all problems at once.

    `today` is the day that `expires` is held against: a date, or a moment (else this one), whose date in
    the flow's own time zone counts. `above` is one more layer, as a mapping test has.
    """
    return read_flow_with_warnings(project, name, sets, today=today, above=above)[0]


def read_flow_with_warnings(
    project: Project,
    name: str,
    sets: Mapping[str, str] | None = None,
    *,
    today: date | None = None,
    above: Document | None = None,
    judge: Judge | None = None,
) -> tuple[Flow, list[Problem]]:
    """The same, with what is odd but no error.

    `judge` adds what it knows of the tables of a mapping when other things are wrong already.
    """
    path = project.flow_path(name)
    surroundings.check_name(project, path)
    _complain_at_once(project, path)
    document, files = layers.merged_flow(project, path, sets)
    if above is not None:
        document = layers.over(document, above)
    reader = _FlowReader(project, path, document, files, sets or {}, today)
    flow = reader.flow(judge=judge)
    return flow, [*reader.reading.warnings, *surroundings.warnings(project, files)]


def read_mapping_set(
    project: Project, name: str, place: Place | None = None, *, judge: Judge | None = None
) -> MappingSet:
    """A mapping without a flow, as its tests use it; `place` is where it is named."""
    reading = Reading(project, BEFORE_ANY_EXPIRY.date())
    found = mappings.read(reading, name, place, None)
    if reading.problems:
        raise ConfigurationError([*reading.problems, *(judge(found) if judge else ())])
    return found


def flow_of_mapping(project: Project, mapping: MappingSet, above: Document | None = None) -> Flow:
    """A flow with nothing in it but a mapping, and what a test lays over it."""
    nowhere = {"source": {"type": "oneroster-csv", "path": "."}, "version": 1}
    data = {**nowhere, "mapping": mapping.name, "sink": {"type": "local-folder", "path": "."}}
    document = Document(data, Places({}, {}))
    if above is not None:
        document = layers.over(document, above)
    path = project.root / "flows" / "test.yaml"
    reader = _FlowReader(project, path, document, (), {}, BEFORE_ANY_EXPIRY)
    return reader.flow(mapping)


def read_settings(project: Project) -> ProjectSettings:
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
        notify=_notify(values.get("notify", ())),
        limits={name: _cap(each) for name, each in values.get("limits", {}).items()},
    )


def _cap(values: Mapping[str, Any]) -> Cap:
    rate = values.get("requests_per_second")
    return Cap(values.get("concurrency"), None if rate is None else float(rate))


def _complain_at_once(project: Project, path: Path) -> None:
    """A file that YAML stumbles over: its own problems beside those of what can be understood."""
    document, problems = load.attempt(path, shown=project.shown(path))
    if not problems:
        return
    if (
        document is not None
        and isinstance(document.data, Mapping)
        and "extends" not in document.data
    ):
        problems = problems + schema.check(document, "flow")[1]
    raise ConfigurationError(problems)


class _FlowReader:
    """One merged flow on its way to a `Flow`."""

    def __init__(
        self,
        project: Project,
        path: Path,
        document: Document,
        files: tuple[Path, ...],
        sets: Mapping[str, str],
        today: date | None = None,
    ) -> None:
        self.project = project
        self.path = path
        self.document = document
        self.places = document.places
        self.files = files
        self.reading = Reading(project, _today(document.data, today or datetime.now(UTC)))
        self.reading.texts = mappings.texts_of(files, project)
        self.reading.texts |= {f"--set {key}": value for key, value in sets.items()}

    def flow(self, mapping: MappingSet | None = None, judge: Judge | None = None) -> Flow:
        """The flow, with a mapping that was read before, if one is given."""
        data, problems = schema.check(self.document, "flow")
        self.reading.problems += problems
        self._semantics(data)
        mapping = mapping or self._mapping(data)
        if self.reading.problems:
            more = judge(mapping) if judge and mapping else []
            problems = [*self.reading.problems, *more]
            raise ConfigurationError(sorted(dict.fromkeys(problems), key=_order))
        assert mapping is not None
        values = options.filled(data, "flow", self.places, self.project.root)
        return self._built(values, mapping, self._seasons(data, values["safeguards"]))

    # ------------------------------------------------------------ what the schema cannot say

    def _semantics(self, data: Any) -> None:
        if not isinstance(data, Mapping):
            return
        self.reading.problems += domain.problems(data, self.places)
        self._check_schedule(data.get("schedule"))

    def _check_schedule(self, schedule: Any) -> None:
        if not isinstance(schedule, Mapping):
            return
        zone = schedule.get("timezone")
        if isinstance(zone, str):
            if trouble := timezones.trouble(zone):
                self._say("E224", trouble, ("schedule", "timezone"))
            elif odd := timezones.warning(zone):
                place = self.places.at(("schedule", "timezone"))
                self.reading.warnings.append(
                    Problem("E224", odd, place, "schedule.timezone", severity="warning")
                )
        if "cron" in schedule:
            for key in ("hour", "minute", "weekend"):
                if key in schedule:
                    self._say(
                        "E225",
                        f"cron and {key} do not go together",
                        ("schedule", key),
                        "keep one of the two",
                    )
            self._check_cron(str(schedule["cron"]))
        for number, text in enumerate(schedule.get("skip") or ()):
            if isinstance(text, str) and _days(text) is None:
                self._say(
                    "E205",
                    f"'{text}' is no day and no span of days",
                    ("schedule", "skip", number),
                    "write 2026-12-24, or 2026-12-21/2027-01-03",
                )

    def _check_cron(self, cron: str) -> None:
        from cronsim import CronSim, CronSimError

        fields = cron.split()
        try:
            CronSim(cron, datetime(2027, 1, 1))  # noqa: DTZ001 - wall time on purpose
        except CronSimError as error:
            self._say("E225", f"'{cron}' is no cron expression: {error}", ("schedule", "cron"))
            return
        if len(fields) != 5 or not (fields[0].isdecimal() and fields[1].isdecimal()):
            self._say(
                "E225",
                f"'{cron}' runs more than once a day",
                ("schedule", "cron"),
                'name one minute and one hour: "30 2 * * 1-5"',
            )

    def _mapping(self, data: Any) -> MappingSet | None:
        if not isinstance(data, Mapping) or not isinstance(data.get("mapping"), str):
            return None
        overrides = self.document.data.get("overrides")
        maps = {
            table: one
            for table, one in (overrides.items() if isinstance(overrides, Mapping) else ())
            if isinstance(one, Mapping) and table in TARGETS["apple-school-manager"].tables
        }  # the rest is the schema's to tell
        above = Document(maps, self.places.below(("overrides",)), self.path) if maps else None
        try:
            place = self.places.at(("mapping",))
            return mappings.read(self.reading, str(data["mapping"]), place, above)
        except ConfigurationError as error:
            self.reading.problems += error.problems
            return None

    def _say(self, code: str, message: str, way: Key, hint: str = "") -> None:
        value: Any = self.document.data
        for step in way:
            value = value[step]
        place = self.places.at(way)
        self.reading.problems.append(
            Problem(
                code, message, place, dotted(way), hint, also=self.places.also(way),
                excerpt=self.places.excerpt(place, len(str(value))),
            )
        )  # fmt: skip

    # ------------------------------------------------------------ values

    def _built(
        self, values: dict[str, Any], mapping: MappingSet, seasons: tuple[Season, ...]
    ) -> Flow:
        leave_out = self._leave_out(values.get("leave_out", {}))
        rules = rulings.read(values.get("rules", {}), self.places, self.reading)
        if self.reading.problems:
            raise ConfigurationError(self.reading.problems)
        name = self.path.stem
        sink = dict(values["sink"], known_hosts=self.path.with_suffix(".known_hosts"), flow=name)
        return Flow(
            name=name,
            path=self.path,
            description=values.get("description", ""),
            enabled=values.get("enabled", True),
            source=self._source(values["source"]),
            sink=Component(sink["type"], sink, self.places.at(("sink",))),
            mapping=mapping,
            schedule=_schedule(values.get("schedule")),
            select=self._select(values["select"]),
            safeguards=_safeguards(values["safeguards"]),
            repair=values["repair"],
            rules=rules,
            policy=rulings.policy(values.get("policy", {}), self.document),
            merge_duplicates=rulings.merges(values.get("merge_duplicates", {}), self.places),
            leave_out=leave_out,
            grace={table: Grace(**one) for table, one in values.get("grace", {}).items()},
            seasons=seasons,
            crosswalks=self._crosswalks(values.get("crosswalks", {})),
            retry=_retry(values["retry"]),
            notify=_notify(values.get("notify", ())),
            history=History(**values["history"]),
            config_hash=mappings.digest(self.reading.texts),
            layers=self.files,
            texts=dict(self.reading.texts),
        )

    def _source(self, source: dict[str, Any]) -> Component:
        """A definition is a file in the project's sources/ folder, or one that is shipped."""
        if "definition" in source:
            found = self.project.root / "sources" / f"{source['definition']}.yaml"
            ours = shipped.folder("definitions") / found.name
            if not found.is_file() and not ours.is_file():
                place = self.places.at(("source", "definition"))
                known = sorted(each.stem for each in ours.parent.glob("*.yaml"))
                hint = close_to(found.stem, known) or f"shipped: {', '.join(known)}"
                raise ConfigurationError(
                    [Problem("E222", f"there is no file sources/{found.name}", place, hint=hint)]
                )
            found = found if found.is_file() else ours
            source = {**source, "definition": found}
            for each in sorted(found.parent.glob("*.yaml")):  # it may extend one beside it
                self.reading.texts[f"sources/{each.name}"] = each.read_text(encoding="utf-8")
        for shared in sorted(shipped.folder("definitions").glob("*.yaml")):
            self.reading.texts[f"definitions/{shared.name}"] = shared.read_text(encoding="utf-8")
        return Component(source["type"], source, self.places.at(("source",)))

    def _select(self, values: dict[str, Any]) -> Select:
        schools, terms = values["schools"], values["terms"]

        def located(key: str) -> tuple[Located, ...]:
            way = ("select", "schools", key)
            return tuple(
                Located(text, self.places.at((*way, number)))
                for number, text in enumerate(schools[key])
            )

        return Select(
            schools=SchoolSelection(located("include"), located("exclude")),
            term_lead=terms["lead"],
            term_lag=terms["lag"],
            statuses=tuple(values["statuses"]),
            grades=tuple(values["grades"]),
        )

    def _seasons(self, data: Mapping[str, Any], usual: dict[str, Any]) -> tuple[Season, ...]:
        """By their days. What a season says of safeguards is laid over the flow's own."""
        found = []
        for name, one in data.get("seasons", {}).items():
            way = ("seasons", str(name))
            days = _days(f"{one['from']}/{one['to']}")
            if days is None:
                self._say(
                    "E205", f"{one['from']} to {one['to']} is no span of days", (*way, "to"),
                    "the last day is not before the first, and both are in the calendar",
                )  # fmt: skip
                continue
            limits = _over(usual, one.get("safeguards", {}))
            mode = one.get("mode", "normal")
            place = self.places.key(way)
            found.append(Season(str(name), *days, mode, _safeguards(limits), place))
        found.sort(key=lambda one: one.first)
        for one, following in pairwise(found):
            if following.first <= one.last:
                message = f"'{following.name}' begins on {following.first}, and '{one.name}' lasts until {one.last}"
                problem = Problem(
                    "E233", message, following.place, f"seasons.{following.name}", also=one.place
                )
                self.reading.problems.append(problem)
        return tuple(found)

    def _crosswalks(self, values: dict[str, Any]) -> dict[str, LookupTable]:
        """Each file as a code table from sourcedId to known_as; it counts in the configuration's hash."""
        found = {}
        for table, name in values.items():
            path = self.project.root / "mappings" / name
            if path.is_file():
                text = path.read_text(encoding="utf-8", errors="replace")
                self.reading.texts[f"mappings/{name}"] = text
            place = self.places.at(("crosswalks", table))
            found[table] = LookupTable(
                table, csv=path, on="sourcedId", take="known_as", place=place
            )
        return found

    def _leave_out(self, values: dict[str, Any]) -> dict[str, dict[str, LeftOut]]:
        found: dict[str, dict[str, LeftOut]] = {}
        for table, many in values.items():
            for key, one in many.items():
                way = ("leave_out", table, key)
                what = f"leaving out {key} of {table}"
                day = mappings.expiry(self.reading, one, self.places, way, what)
                place = self.places.at(way)
                found.setdefault(table, {})[key] = LeftOut(
                    one["reason"], one.get("owner", ""), day, place
                )
        return found


def _today(data: Any, now: date) -> date:
    """A moment's date in the flow's own time zone, in which its days begin; UTC where it names none."""
    if not isinstance(now, datetime):
        return now
    schedule = data.get("schedule") if isinstance(data, Mapping) else None
    zone = schedule.get("timezone") if isinstance(schedule, Mapping) else None
    usable = isinstance(zone, str) and not timezones.trouble(zone)
    return now.astimezone(ZoneInfo(str(zone)) if usable else UTC).date()


def _schedule(values: dict[str, Any] | None) -> Schedule | None:
    if values is None:
        return None
    skip = tuple(days for text in values.get("skip", ()) if (days := _days(text)))
    return Schedule(
        timezone=values["timezone"],
        hour=values["hour"],
        minute=values["minute"],
        weekend=values["weekend"],
        skip=skip,
        catch_up=values.get("catch_up"),
        cron=values.get("cron"),
    )


def _days(text: str) -> tuple[date, date] | None:
    """One day, or the first and the last of several."""
    first, _, last = text.partition("/")
    try:
        span = (date.fromisoformat(first), date.fromisoformat(last or first))
    except ValueError:
        return None
    return span if span[0] <= span[1] else None


def _safeguards(values: dict[str, Any]) -> Safeguards:
    tables = {
        table: TableSafeguards(**{key: _limit(one) for key, one in values[table].items()})
        for table in TARGETS["apple-school-manager"].tables
    }
    return Safeguards(
        tables, values["small_change"], values.get("expect", {}), values["approve_within"]
    )


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Maps merge, everything else replaces."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(under, Mapping)
        merged[str(key)] = _over(under, value) if both else value  # type: ignore[arg-type]
    return merged


def _limit(value: int | str) -> Limit | None:
    """A count, a share, or no limit."""
    if isinstance(value, int):
        return Limit(count=value)
    return None if value == "none" else Limit(share=float(value.removesuffix("%")) / 100)


def _retry(values: dict[str, Any]) -> Retry:
    until = values.get("until")
    hour, _, minute = (until or "").partition(":")
    return Retry(values["delays"], time(int(hour), int(minute)) if until else None)


def _notify(values: Any) -> tuple[Notify, ...]:
    return tuple(Notify(one["url"], tuple(one["on"])) for one in values)


def _order(problem: Problem) -> tuple[str, int, int]:
    place = problem.place
    return (place.file, place.line, place.column) if place else ("", 0, 0)
