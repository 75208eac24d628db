"""A valid flow becomes frozen values, each with its place; what only the whole can tell is told."""

from __future__ import annotations

import dataclasses
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from etlrunner.config import domain, settings, timezones, validate
from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError, EtlError, UsageError
from etlrunner.model.problems import Place
from etlrunner.model.safeguards import Limit
from etlrunner.model.secrets import SecretRef

ROOT = Path(__file__).parents[2]
FLOW = """version: 1
source:
  type: skyward
  variant: qmlativ
  domain: lakeside.example.org/LakesideAPI
  key: {env: KEY}
  secret: {file: secrets/skyward}
mapping: apple-school-manager
sink:
  type: apple-school-manager
  username: {env: NAME}
  password: {keyring: etlrunner/asm}
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "flows" / "base").mkdir(parents=True)
    return Project(tmp_path.resolve())


def read(project: Project, extra: str = "", text: str = FLOW) -> Any:
    (project.root / "flows" / "north.yaml").write_text(text + extra)
    return validate.read_flow(project, "north")


def codes(project: Project, extra: str = "", text: str = FLOW) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read(project, extra, text)
    return [problem.code for problem in caught.value.problems]


@pytest.mark.parametrize("name", Project(ROOT).flows())
def test_the_flows_of_this_repository_are_valid(name: str) -> None:
    flow, warnings = validate.read_flow_with_warnings(Project(ROOT), name)
    assert flow.name == name
    assert warnings == []


def test_the_shortest_flow_has_every_default(project: Project) -> None:
    flow = read(project)
    assert flow.source.options["page_size"] == 1000
    assert flow.source.options["deadline"] == timedelta(hours=2)
    assert flow.sink.options["host"] == "upload.appleschoolcontent.com"
    assert flow.sink.options["known_hosts"] == project.root / "flows" / "north.known_hosts"
    assert flow.sink.options["flow"] == "north"
    assert flow.schedule is None
    assert flow.select.term_lead == timedelta(days=14)
    assert flow.safeguards.tables["students"].max_rejected == Limit(share=0.005)
    assert flow.safeguards.tables["locations"].max_removed == Limit(count=0)
    assert flow.repair["person_location_missing"] == "fail"
    assert flow.retry.delays[-1] == timedelta(hours=8, minutes=30)
    assert flow.history.keep == timedelta(days=400)
    with pytest.raises(dataclasses.FrozenInstanceError):
        flow.name = "south"


def test_secrets_stay_references(project: Project) -> None:
    source, sink = read(project).source.options, read(project).sink.options
    assert source["key"] == SecretRef("env", "KEY")
    assert source["key"].place == Place("flows/north.yaml", 6, 8)
    assert source["secret"] == SecretRef("file", "secrets/skyward")
    assert sink["password"] == SecretRef("keyring", "etlrunner/asm")


def test_a_key_that_is_set_changes_that_key_alone(project: Project) -> None:
    flow = read(project, "safeguards: {students: {max_removed: 3, max_added: none}}\n")
    students = flow.safeguards.tables["students"]
    assert (students.max_removed, students.max_added) == (Limit(count=3), None)
    assert students.max_removed_per_school == Limit(share=0.15)
    assert flow.safeguards.tables["staff"].max_removed == Limit(share=0.05)


def test_all_sections_arrive(project: Project) -> None:
    flow = read(
        project,
        """description: North
enabled: False
select: {schools: {include: ["1"], exclude: ["2"]}, terms: {lead: 21d}, grades: [KG, 01]}
leave_out: {students: {4711: {reason: opted out, owner: registrar, expires: 2999-06-30}}}
retry: {delays: [1m], until: 06:00}
schedule: {hour: 07, minute: 05, timezone: US/Central, weekend: False, skip: [2026-12-24], catch_up: 4h}
history: {keep_rows: 2d}
notify: [{url: {env: ALERTS}, on: [held, stale]}]
""",
    )
    assert (flow.description, flow.enabled) == ("North", False)
    assert [str(one) for one in flow.select.schools.include] == ["1"]
    assert flow.select.schools.exclude[0].place == Place("flows/north.yaml", 15, 46)
    assert flow.select.grades == ("KG", "01")
    assert flow.leave_out["students"]["4711"].expires == date(2999, 6, 30)
    assert flow.retry.until == time(6, 0)
    assert (flow.schedule.hour, flow.schedule.minute, flow.schedule.weekend) == (7, 5, False)
    assert flow.schedule.skip == ((date(2026, 12, 24), date(2026, 12, 24)),)
    assert flow.schedule.catch_up == timedelta(hours=4)
    assert flow.notify[0].on == ("held", "stale")
    assert flow.history.keep_rows == timedelta(days=2)


def test_an_expression_knows_where_its_first_character_stands(project: Project) -> None:
    flow = read(
        project, 'overrides:\n  students:\n    columns:\n      first_name: "a{{ givenName }}"\n'
    )
    expr = flow.mapping.tables["students"].columns["first_name"].expr
    assert expr.text == "a{{ givenName }}"
    assert expr.place == Place("flows/north.yaml", 16, 20)
    line = (project.root / expr.place.file).read_text().splitlines()[expr.place.line - 1]
    assert line[expr.place.column - 1 :].startswith(expr.text)


def test_every_expression_of_the_shipped_mappings_stands_where_it_says() -> None:
    mapping = validate.read_mapping_set(Project(ROOT), "apple-school-manager")
    assert len(mapping.tables) == 6
    for table in mapping.tables.values():
        columns = [one for column in table.columns.values() for one in (column.expr, column.each)]
        wheres = [table.where, *(step.options.get("where") for step in table.transforms)]
        for located in filter(None, [*columns, *wheres]):
            lines = (ROOT / located.place.file).read_text().splitlines()
            written = lines[located.place.line - 1][located.place.column - 1 :]
            assert written.replace("''", "'").startswith(located.text[:20])


def test_an_override_changes_a_part_of_a_column_and_leaves_the_rest(project: Project) -> None:
    extra = "overrides: {students: {columns: {grade_level: {missing: blank}, middle_name: {max_length: 20}}}}\n"
    columns = read(project, extra).mapping.tables["students"].columns
    assert (columns["grade_level"].lookup, columns["grade_level"].missing) == ("grades", "blank")
    assert str(columns["grade_level"].expr) == "grades | first"
    assert str(columns["middle_name"].expr) == "middleName"
    assert columns["middle_name"].max_length == 20


def test_an_override_of_a_code_table_replaces_its_file_and_adds_to_its_rows(
    project: Project,
) -> None:
    rows = "lookups: {grades: {rows: {KG: Kindergarten}}, no_email: {rows: {none yet: ''}}}"
    lookups = (
        read(project, f"overrides: {{students: {{{rows}}}}}\n").mapping.tables["students"].lookups
    )
    assert dict(lookups["grades"].rows) == {"KG": "Kindergarten"}
    assert {"null", "none yet"} <= {*lookups["no_email"].rows}


def test_a_mapping_file_of_the_project_wins_over_the_shipped_one(project: Project) -> None:
    folder = project.root / "mappings" / "apple-school-manager"
    folder.mkdir(parents=True)
    (folder / "locations.yaml").write_text(
        "version: 1\ntable: locations\nfrom: orgs\nkey: location_id\n"
        "columns: {location_id: identifier, location_name: name}\n"
    )
    tables = read(project).mapping.tables
    assert str(tables["locations"].columns["location_id"].expr) == "identifier"
    assert tables["locations"].path == folder / "locations.yaml"
    assert len(tables) == 6


def test_problems_of_flow_and_mappings_come_together(project: Project) -> None:
    folder = project.root / "mappings" / "apple-school-manager"
    folder.mkdir(parents=True)
    (folder / "staff.yaml").write_text("version: 1\ntabel: staff\n")
    (folder / "rosters.yaml").write_text("version: 1\n\ttable: rosters\n")
    assert {"E205", "E104", "E202", "E108"} <= set(codes(project, "history: {keep: long}\n"))


# ---------------------------------------------------------------- domain (acceptance A2)


@pytest.mark.parametrize(
    "given",
    [
        "lakeside.example.org", "lakeside.example.org:8443", "lakeside.example.org/LakesideAPI",
        "lakeside.example.org:8443/API/Stu", "127.0.0.1:8080/API", "[::1]:8080/API", "localhost",
    ],
)  # fmt: skip
def test_a_host_with_or_without_port_and_path_is_a_domain(project: Project, given: str) -> None:
    flow = read(project, text=FLOW.replace("lakeside.example.org/LakesideAPI", f'"{given}"'))
    assert flow.source.options["domain"] == given


@pytest.mark.parametrize(
    ("given", "said", "corrected"),
    [
        (
            "https://Lakeside.example.org/LakesideAPI",
            "without https://",
            "Lakeside.example.org/LakesideAPI",
        ),
        ("HTTPS://lakeside.example.org/", "without https://", "lakeside.example.org"),
        ("http://lakeside.example.org/API", "only https", "lakeside.example.org/API"),
        ("ftp://lakeside.example.org", "not a host", ""),
        ("lakeside.example.org/LakesideSTS", "sign-in page", "lakeside.example.org/LakesideAPI"),
        ("a.example.org/b/cSTS/Session/Signin", "sign-in page", "a.example.org/b/cAPI"),
        ("lakeside.example .org", "space", "lakeside.example.org"),
        ("canary@lakeside.example.org", "user name", ""),
        ("https://canary:canary@lakeside.example.org", "user name", ""),
        ("lakeside.example.org/API?token=canary", "query", ""),
        ("https://lakeside.example.org?canary", "query", ""),
        ("", "empty", ""),
        ("  ", "empty", ""),
        ("lakeside.example.org:https/API", "port", ""),
        ("lakeside.example.org:70000", "port", ""),
        ("lakeside.example.org:/API", "port", ""),
        ("-lakeside.example.org", "host name", ""),
        ("[::1/API", "host name", ""),
    ],
)
def test_what_is_no_domain_is_refused_in_its_own_words(
    given: str, said: str, corrected: str
) -> None:
    wrong = domain.trouble(given)
    assert wrong is not None
    assert said in wrong.message
    assert "canary" not in f"{wrong}"
    if corrected:
        assert wrong.hint == f"write {corrected}"


def test_plain_http_is_for_this_machine_only(project: Project) -> None:
    allowed = FLOW.replace("lakeside.example.org", "127.0.0.1:8080").replace(
        "  key:", "  allow_http: true\n  key:"
    )
    assert read(project, text=allowed).source.options["allow_http"] is True
    assert codes(project, text=FLOW.replace("  key:", "  allow_http: true\n  key:")) == ["E223"]


# ---------------------------------------------------------------- schedule (acceptance A6)


@pytest.mark.parametrize(
    "zone", sorted(name for name in timezones.names() if name.startswith("US/"))
)
def test_every_us_zone_is_known_and_can_be_loaded(zone: str) -> None:
    assert timezones.trouble(zone) == ""
    assert ZoneInfo(zone)


def test_zones_come_with_us_where_the_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    import zoneinfo

    zoneinfo.reset_tzpath(to=[])
    try:
        assert "US/Central" in zoneinfo.available_timezones()
    finally:
        zoneinfo.reset_tzpath()


@pytest.mark.parametrize(
    ("zone", "meant"),
    [
        ("PST", "US/Pacific"), ("cst", "US/Central"), ("UTC+3", "offset"), ("GMT -6", "offset"),
        ("Us/Centrl", "US/Central"), ("us/central", "US/Central"), ("Denver", "America/Denver"),
        ("New York", "America/New_York"), ("../../etc/passwd", "US/"),
    ],
)  # fmt: skip
def test_a_zone_that_is_not_there_gets_advice(zone: str, meant: str) -> None:
    assert meant in timezones.trouble(zone)


def test_a_zone_without_summer_time_is_a_warning(project: Project) -> None:
    (project.root / "flows" / "north.yaml").write_text(
        FLOW + "schedule: {hour: 2, timezone: EST}\n"
    )
    _, [warning] = validate.read_flow_with_warnings(project, "north")
    assert (warning.severity, warning.path) == ("warning", "schedule.timezone")
    assert "US/Eastern" in warning.message


@pytest.mark.parametrize("hour", [0, 23])
def test_every_hour_of_the_day_is_possible(project: Project, hour: int) -> None:
    flow = read(project, f"schedule: {{hour: {hour}, timezone: US/Central}}\n")
    assert flow.schedule.hour == hour


@pytest.mark.parametrize(
    "hour", ["-1", "24", "2.5", "two", '"2"', "2:00", "2am", "true", "1e1", "0x2"]
)
def test_nothing_else_is_an_hour(project: Project, hour: str) -> None:
    [code] = codes(project, f"schedule:\n  hour: {hour}\n  timezone: US/Central\n")
    assert code in ("E203", "E205")


@pytest.mark.parametrize("written", ["true", "True"])
def test_true_is_written_in_two_ways(project: Project, written: str) -> None:
    extra = f"schedule: {{hour: 2, timezone: US/Central, weekend: {written}}}\n"
    assert read(project, extra).schedule.weekend is True


@pytest.mark.parametrize(
    "written", ["yes", "no", "on", "off", "TRUE", "1", '"true"', '"False"', "null2"]
)
def test_nothing_else_is_a_truth(project: Project, written: str) -> None:
    extra = f"schedule: {{hour: 2, timezone: US/Central, weekend: {written}}}\n"
    assert codes(project, extra) == ["E203"]


@pytest.mark.parametrize(
    "cron", ["* * * * *", "*/5 2 * * *", "0 2,3 * * *", "nonsense", "0 2 * *", "@daily"]
)
def test_a_cron_expression_runs_at_most_once_a_day(project: Project, cron: str) -> None:
    extra = f"schedule: {{timezone: US/Central, cron: '{cron}'}}\n"
    assert codes(project, extra) == ["E225"]


@pytest.mark.parametrize("days", ["2026-02-30", "christmas", "2027-01-03/2026-12-21", "2026-12"])
def test_days_to_skip_are_days(project: Project, days: str) -> None:
    extra = f"schedule: {{hour: 2, timezone: US/Central, skip: [{days}]}}\n"
    assert codes(project, extra) == ["E205"]


# ---------------------------------------------------------------- names, files, dates


@pytest.mark.parametrize("name", ["north schools", "no'rth", "_x", "né"])
def test_a_name_that_cannot_be_a_folder_is_refused(project: Project, name: str) -> None:
    (project.root / "flows" / f"{name}.yaml").write_text(FLOW)
    with pytest.raises(ConfigurationError) as caught:
        validate.read_flow(project, name)
    assert caught.value.problems[0].code == "E227"


def test_a_base_is_no_flow_and_is_never_run(project: Project) -> None:
    path = project.root / "flows" / "base" / "texas.yaml"
    path.write_text(FLOW)
    assert project.flows() == []
    with pytest.raises(ConfigurationError, match="1 problem") as caught:
        validate.read_flow(project, str(path))
    assert caught.value.problems[0].code == "E227"


def test_a_flow_that_is_not_there_gets_advice(project: Project) -> None:
    read(project)
    (project.root / "flows" / "south.yml").write_text(FLOW)
    with pytest.raises(UsageError) as caught:
        validate.read_flow(project, "nroth")
    assert caught.value.hint == "did you mean 'north'?"
    with pytest.raises(UsageError) as caught:
        validate.read_flow(project, "south")
    assert caught.value.hint == "rename flows/south.yml to flows/south.yaml"


def test_a_project_is_found_from_any_folder_in_it(project: Project) -> None:
    assert Project.find(project.root / "flows" / "base") == project
    assert Project.find(Path("/"), project.root) == project


def test_a_file_that_anybody_can_change_is_a_warning(project: Project) -> None:
    read(project)
    (project.root / "flows" / "north.yaml").chmod(0o666)
    _, [warning] = validate.read_flow_with_warnings(project, "north")
    assert (warning.code, warning.severity) == ("E228", "warning")


def test_a_stale_schema_for_editors_is_a_warning(project: Project) -> None:
    read(project)
    (project.root / "schemas").mkdir()
    (project.root / "schemas" / "flow.json").write_text("{}")
    _, [warning] = validate.read_flow_with_warnings(project, "north")
    assert (warning.code, warning.severity) == ("E229", "warning")


def test_the_hash_changes_with_everything_that_has_a_part(project: Project) -> None:
    hashes = {read(project).config_hash, read(project, "description: x\n").config_hash}
    crosswalks = project.root / "mappings" / "crosswalks"
    crosswalks.mkdir(parents=True)
    (crosswalks / "grades.csv").write_text("code,asm\nKG,K\n")
    hashes.add(read(project).config_hash)
    assert len(hashes) == 3
    assert read(project).config_hash in hashes


def test_settings_for_all_flows_are_read_and_checked(project: Project) -> None:
    path = project.root / "etlrunner.yaml"
    assert settings.read(project).history_url is None
    path.write_text("history: {url: {env: HISTORY}}\nnotify: [{url: {env: ALERTS}}]\n")
    found = settings.read(project)
    assert found.history_url == SecretRef("env", "HISTORY")
    assert found.notify[0].on == ("failed", "held", "recovered")
    path.write_text("history: {url: postgresql://canary@example.org}\n")
    with pytest.raises(EtlError) as caught:
        settings.read(project)
    assert "canary" not in str(caught.value.problems)  # type: ignore[attr-defined]
