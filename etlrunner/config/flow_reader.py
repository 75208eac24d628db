"""One merged flow on its way to a frozen `Flow`: the schema first, then what only the whole can tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from etlrunner.config import calendar, domain, limits, mappings, options, rulings, settings
from etlrunner.config.mappings import Reading
from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError
from etlrunner.lib import schema, shipped
from etlrunner.lib.document import Document
from etlrunner.lib.suggest import close_to
from etlrunner.model.components import Component
from etlrunner.model.flow import FixLists, Flow, History, LeftOut, SchoolSelection, Select
from etlrunner.model.mapping import LookupTable, MappingSet
from etlrunner.model.problems import Located, Problem
from etlrunner.model.safeguards import Grace, Season
from etlrunner.target import TARGETS

Judge = Callable[[MappingSet], list[Problem]]
"""What is known of a mapping's tables when other things are wrong already."""


class FlowReader:
    """One merged flow; `flow()` reads it. `today` is the day that `expires` is held against."""

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
        self.reading = Reading(project, calendar.today(document.data, today or datetime.now(UTC)))
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
        usual = values["safeguards"]
        seasons = limits.seasons(data.get("seasons", {}), usual, self.places, self.reading)
        return self._built(values, mapping, seasons)

    # ------------------------------------------------------------ what the schema cannot say

    def _semantics(self, data: Any) -> None:
        if not isinstance(data, Mapping):
            return
        self.reading.problems += domain.problems(data, self.places)
        for problem in calendar.problems(data, self.places):
            is_error = problem.severity == "error"
            (self.reading.problems if is_error else self.reading.warnings).append(problem)

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
            schedule=calendar.schedule(values.get("schedule")),
            select=self._select(values["select"]),
            safeguards=limits.safeguards(values["safeguards"]),
            repair=values["repair"],
            rules=rules,
            policy=rulings.policy(values.get("policy", {}), self.document),
            merge_duplicates=rulings.merges(values.get("merge_duplicates", {}), self.places),
            leave_out=leave_out,
            grace={table: Grace(**one) for table, one in values.get("grace", {}).items()},
            seasons=seasons,
            crosswalks=self._crosswalks(values.get("crosswalks", {})),
            retry=calendar.retry(values["retry"]),
            notify=settings.notify(values.get("notify", ())),
            fix_lists=FixLists(
                **values.get("fix_lists", {}), place=self.places.at(("fix_lists", "words"))
            ),
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
                what = f"leaving out a record of {table}"
                day = mappings.expiry(self.reading, one, self.places, way, what)
                place = self.places.at(way)
                found.setdefault(table, {})[key] = LeftOut(
                    one["reason"], one.get("owner", ""), day, place
                )
        return found


def _order(problem: Problem) -> tuple[str, int, int]:
    place = problem.place
    return (place.file, place.line, place.column) if place else ("", 0, 0)
