"""Commands that need no server: init, validate, show, test, secrets, schedule next."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from etlrunner.package import package
from etlrunner.target import APPLE_SCHOOL_MANAGER
from tests.cli.conftest import Etlrunner
from tests.support import finished

INIT = ["--domain", "lakeside.example.org/API", "--timezone", "US/Central"]
CANARY = "canarybird-4711"


@pytest.mark.parametrize("variant", ["sms-2.0", "qmlativ"])
@pytest.mark.parametrize(
    "more",
    [
        [],
        ["--folder", "out"],
        ["--integration-token", "--weekend", "--hour", "23"],
        ["--oneroster", "1.1", "--sftp-host", "sftp.example.org", "--sftp-port", "2222"],
    ],
)
def test_what_init_writes_is_valid_untouched(
    etlrunner: Etlrunner, folder: Path, variant: str, more: list[str]
):
    made = etlrunner("init", "lakeside-isd", "--variant", variant, *INIT, *more)
    if variant == "sms-2.0" and "--integration-token" in more:
        assert (made.code, "SMS 2.0 has no third value" in made.err) == (2, True)
        return
    assert made.code == 0, made.err
    assert made.last.startswith("Next: etlrunner secrets set lakeside-isd, then: ")
    assert ("--trust" in made.last) == ("--folder" not in more)
    checked = etlrunner("validate")
    assert (checked.code, checked.out, checked.err) == (0, "lakeside-isd is valid.\n", "")
    flow = (folder / "flows" / "lakeside-isd.yaml").read_text()
    assert flow.endswith("\n")
    ignored = (folder / ".gitignore").read_text().split()
    assert {".env", ".etlrunner/"} <= set(ignored)
    assert ("out/" in ignored) == ("--folder" in more)
    assert "LAKESIDE_ISD_SKYWARD_KEY=" in (folder / ".env.example").read_text().split()


SOURCES = {
    "oneroster": ["--oneroster", "1.2", "--domain", "sis.example.org/api"],
    "oneroster-csv": ["--path", "inbox", "--watch"],
    "asm-zip": ["--path", "drop/asm.zip"],
    "table-file": ["--definition", "oldsis", "--path", "export"],
    "database": ["--definition", "oldsis"],
}


@pytest.mark.parametrize("source", SOURCES)
def test_what_init_writes_for_other_sources_is_valid_untouched(
    etlrunner: Etlrunner, folder: Path, source: str
):
    flags = [*SOURCES[source], *([] if source == "oneroster-csv" else ["--timezone", "US/Central"])]
    made = etlrunner("init", "pine", "--source", source, *flags, "--folder", "out")
    assert made.code == 0, made.err
    assert ("secrets set" in made.last) == (source in ("oneroster", "database"))
    checked = etlrunner("validate")
    assert (checked.code, checked.out, checked.err) == (0, "pine is valid.\n", "")
    flow = (folder / "flows" / "pine.yaml").read_text()
    assert f"type: {source}\n" in flow
    assert ("watch: true" in flow) == ("\nschedule:" not in flow) == (source == "oneroster-csv")
    rosters = {"inbox/", "drop/asm.zip", "export/"}
    assert bool(rosters & {*(folder / ".gitignore").read_text().split()}) == ("--path" in flags)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--source", "oneroster"], "--oneroster, --domain, --timezone"),
        (["--source", "asm-zip", "--domain", "x.example.org"], "--domain is not for"),
        (["--source", "oneroster", "--variant", "qmlativ"], "--variant is not for"),
        (["--path", "inbox"], "--source skyward, oneroster, oneroster-csv, asm-zip"),
    ],
)
def test_init_says_which_flags_a_source_has(
    etlrunner: Etlrunner, folder: Path, flags: list[str], said: str
):
    ended = etlrunner("init", "pine", *flags)
    assert (ended.code, said in ended.err) == (2, True), ended.err
    assert list(folder.iterdir()) == []


def test_init_without_a_terminal_names_everything_that_is_missing(
    etlrunner: Etlrunner, folder: Path
):
    ended = etlrunner("init")
    assert (ended.code, ended.out) == (2, "")
    for word in ("name", "--variant", "--domain", "--timezone"):
        assert word in ended.err.splitlines()[0]
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("flag", "value", "said"),
    [
        ("--domain", "https://lakeside.example.org/API", "without https://"),
        ("--domain", "lakeside.example.org/API?x=1", "domain"),
        ("--timezone", "Central", "US/Central"),
        ("--variant", "qmlative", "qmlativ"),
        ("--hour", "25", "25"),
        ("--sftp-port", "70000", "70000"),
    ],
)
def test_init_refuses_what_cannot_be_and_writes_nothing(
    etlrunner: Etlrunner, folder: Path, flag: str, value: str, said: str
):
    given = ["init", "lakeside", "--variant", "qmlativ", *INIT, flag, value]
    ended = etlrunner(*given)
    assert ended.code == 2
    assert said in ended.err
    assert list(folder.iterdir()) == []


def test_init_proposes_a_name_and_overwrites_nothing(etlrunner: Etlrunner, lakeside: Path):
    rest = ["--variant", "qmlativ", *INIT]
    assert etlrunner("init", "Lakeside ISD", *rest).last.endswith("lakeside-isd")
    before = lakeside.read_text()
    assert etlrunner("init", "lakeside", *rest).code == 2
    assert lakeside.read_text() == before
    assert etlrunner("init", "lakeside", "--force", *rest).code == 0
    assert lakeside.read_text() != before


def test_init_takes_secrets_from_the_environment(
    etlrunner: Etlrunner, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("SKYWARD_KEY", "SKYWARD_SECRET", "ASM_USERNAME", "ASM_PASSWORD"):
        monkeypatch.setenv(f"LK_{name}", CANARY)
    ended = etlrunner("init", "lk", "--variant", "qmlativ", *INIT, "--store", "env-file")
    assert ended.code == 0
    assert CANARY not in ended.out + ended.err
    assert (folder / ".env").read_text().count(CANARY) == 4
    assert "secrets set" not in ended.last


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("variant: qmlativ", "variant: qmlative", "E204"),
        ("source:", "sorce:", "E104"),
        ("hour: 2 ", "hour: 25 ", "E205"),
        ("{env: LAKESIDE_SKYWARD_KEY}", CANARY, "E210"),
        ("US/Central", "Texas", "E224"),
        ("weekend: false", "weekend: no", "E203"),
        ("  key:", "\tkey:", "E108"),
        ("mapping: apple", "mapping: aple", "E222"),
        ("type: skyward", "type: skywrd", "E204"),
    ],
)
def test_validate_says_where_and_what(
    etlrunner: Etlrunner, lakeside: Path, old: str, new: str, code: str
):
    text = lakeside.read_text()
    assert old in text
    lakeside.write_text(text.replace(old, new, 1))
    ended = etlrunner("validate")
    assert (ended.code, CANARY in ended.out + ended.err) == (2, False)
    assert f"error[{code}]" in ended.err
    assert "flows/lakeside.yaml:" in ended.err
    assert ended.last.endswith("to mend in lakeside.")
    as_data = etlrunner("validate", "--json")
    assert (as_data.code, as_data.err) == (2, "")
    assert code in [problem["code"] for problem in as_data.document["problems"]]


def test_validate_counts_only_the_flows_that_are_wrong(etlrunner: Etlrunner, lakeside: Path):
    (lakeside.parent / "pinewood.yaml").write_text("")
    assert etlrunner("validate").last == "1 problem to mend in pinewood."
    lakeside.write_text("")
    assert etlrunner("validate").last == "2 problems to mend in 2 files."


def test_validate_reads_what_holds_for_all_flows(
    etlrunner: Etlrunner, lakeside: Path, folder: Path
):
    (folder / "etlrunner.yaml").write_text("notifyy: 1\n")
    ended = etlrunner("validate")
    assert (ended.code, ended.last) == (2, "1 problem to mend in etlrunner.yaml.")
    assert "etlrunner.yaml:1:1: error[E104]" in ended.err


def test_validate_a_zip(etlrunner: Etlrunner, lakeside: Path, folder: Path):
    (folder / "no.zip").write_text("this is no zip")
    assert etlrunner("validate", "nowhere.zip").code == 2
    assert etlrunner("validate", "no.zip", "lakeside").code == 2
    ended = etlrunner("validate", "no.zip")
    assert (ended.code, ended.last) == (5, "no.zip: 1 error.")
    (folder / "other.zip").write_text("nor is this")
    both = etlrunner("validate", "no.zip", "other.zip", "--json")
    assert [one["zip"] for one in both.document] == ["no.zip", "other.zip"]


def test_a_zips_findings_as_junit_and_as_a_flow_sees_them(
    etlrunner: Etlrunner, lakeside: Path, folder: Path
):
    tables = finished.district()
    tables["classes"][0]["instructor_id"] = ""
    paths = finished.write(folder / "tables", tables)
    package(APPLE_SCHOOL_MANAGER, paths, folder / "roster.zip")
    assert etlrunner("validate", "roster.zip").code == 0
    lakeside.write_text(
        lakeside.read_text()
        + "policy: {own: {table: staff, holds: email_address | regex_match('t1.*'), verdict: fail, "
        "message: x}}\nrules: {asm-class-no-instructor: fail}\n"
    )
    ended = etlrunner("validate", "roster.zip", "--as", "lakeside", "--format", "junit")
    assert ended.code == 5
    suite = ElementTree.fromstring(ended.out)[0]
    failed = {case.get("name") for case in suite if case.find("failure") is not None}
    assert failed == {"asm-class-no-instructor", "policy.own"}
    assert int(suite.get("tests") or 0) > 50
    assert etlrunner("validate", "lakeside", "--as", "lakeside").code == 2


def test_show_with_origins_and_one_change(etlrunner: Etlrunner, lakeside: Path):
    shown = etlrunner("show", "--origins", "--set", "source.page_size=7")
    assert shown.code == 0
    lines = {line.split("#")[0].strip(): line.rpartition("# ")[2] for line in shown.out.split("\n")}
    assert lines["page_size: 7"].startswith("--set")
    assert lines["type: skyward"] == "flows/lakeside.yaml:8"
    assert lines["enabled: true"] == "default"
    assert "LAKESIDE_SKYWARD_KEY" in shown.out
    assert etlrunner("show", "--set", "source.page_sise=7").code == 2


def test_secrets_are_set_from_standard_input_and_never_shown(
    etlrunner: Etlrunner, lakeside: Path, folder: Path, typed: Callable[[str], None]
):
    typed(f"  {CANARY}\n")
    ended = etlrunner("secrets", "set", "lakeside", "--only", "LAKESIDE_SKYWARD_KEY")
    assert (ended.code, ended.last) == (0, "1 secret set.")
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    assert (folder / ".env").read_text() == f"LAKESIDE_SKYWARD_KEY='{CANARY}'\n"
    everything = [ended]
    for args in (["secrets", "check"], ["show"], ["validate"], ["plan"], ["history"]):
        everything += [etlrunner(*args), etlrunner(*args, "--json")]
    assert all(CANARY not in one.out + one.err for one in everything)


def test_secrets_set_needs_a_value_and_a_name_of_the_flow(
    etlrunner: Etlrunner, lakeside: Path, folder: Path
):
    assert etlrunner("secrets", "set", "--only", "LAKESIDE_SKYWARD_KEY").code == 2
    assert etlrunner("secrets", "set", "--only", "NOPE").code == 2
    assert not (folder / ".env").exists()


def test_secrets_check_names_all_that_are_missing(
    etlrunner: Etlrunner, lakeside: Path, folder: Path, typed: Callable[[str], None]
):
    ended = etlrunner("secrets", "check")
    assert (ended.code, ended.last) == (2, "4 of 4 secrets are missing.")
    typed("a\nb\nc\nd\n")
    assert etlrunner("secrets", "set", "--missing").last == "4 secrets set."
    ended = etlrunner("secrets", "check")
    assert (ended.code, ended.last) == (0, "All 4 secrets are there.")
    assert set(etlrunner("secrets", "check", "--json").document["secrets"].values()) == {"there"}
    (folder / ".env").chmod(0o644)
    for args in (["secrets", "check"], ["connect"]):
        opened = etlrunner(*args)
        assert opened.code == 2
        assert "chmod 600 .env" in opened.out + opened.err


def test_schedule_next(etlrunner: Etlrunner, lakeside: Path):
    rows = etlrunner("schedule", "next", "-n", "3", "--json").document["next"]
    assert len(rows) == 3
    assert {row["flow"] for row in rows} == {"lakeside"}
    assert all(row["local"].startswith("02:00 C") for row in rows)
    assert not any(row["date"].startswith(("Sat", "Sun")) for row in rows)
    shown = etlrunner("schedule", "next")
    assert (shown.code, shown.out.count("lakeside")) == (0, 5)
    assert shown.last.endswith(".")
    lakeside.write_text("enabled: false\n" + lakeside.read_text())
    assert "not enabled" in etlrunner("schedule", "next").out


def test_output_without_a_terminal_has_one_line_for_each_row_and_no_colour(
    etlrunner: Etlrunner, lakeside: Path
):
    assert etlrunner("plan").code == 2
    row = next(line for line in etlrunner("history").out.split("\n") if "lakeside-" in line)
    assert row.rstrip().endswith("2 secrets are missing: env:LAKESIDE_SKYWARD_KEY is not …")
    assert "\x1b" not in row


def test_a_mistake_in_a_base_is_one_problem_of_one_file(etlrunner: Etlrunner, folder: Path):
    (folder / "flows" / "base").mkdir(parents=True)
    flow = "version: 1\nsource: {type: oneroster-csv, path: r}\nmapping: apple-school-manager\n"
    flow += "sink: {type: local-folder, path: out}\n"
    (folder / "flows" / "base" / "low.yaml").write_text(flow + "schdule: {hour: 3}\n")
    (folder / "flows" / "base" / "old.yaml").write_text("version: 1\n")
    for name in ("north", "south"):
        (folder / "flows" / f"{name}.yaml").write_text("extends: base/low.yaml\n")
    ended = etlrunner("validate")
    assert (ended.code, ended.err.count("error[")) == (2, 1)
    assert ended.last == "1 problem to mend in flows/base/low.yaml."
    assert "flows/base/old.yaml:1:1: warning[E219]: no flow extends this file" in ended.err
    assert "E219" not in etlrunner("validate", "north").err


def test_what_is_left_out_is_said_in_plain_words_by_validate_and_show(
    etlrunner: Etlrunner, lakeside: Path
):
    text = lakeside.read_text()
    lakeside.write_text(text + "leave_out: {students: {'4711': {reason: opted out, owner: IT}}}\n")
    ended = etlrunner("validate")
    assert ended.out.splitlines() == [
        "lakeside: leave_out: 1 student account will be deactivated",
        "  students 4711: opted out, decided by IT, for ever",
        "lakeside is valid.",
    ]
    assert "4711" in etlrunner("validate", "--json").document["left_out"]["lakeside"]["students"]
    said = "leave_out:  # 1 student account will be deactivated\n"
    assert said in etlrunner("show").out
    assert said in etlrunner("show", "--origins").out
    lakeside.write_text(lakeside.read_text().replace("owner: IT", "owner: IT, expires: 2020-01-01"))
    assert etlrunner("validate").code == 2


def test_show_a_mapping_with_its_overrides(etlrunner: Etlrunner, lakeside: Path):
    text = lakeside.read_text() + 'overrides: {students: {columns: {middle_name: {text: ""}}}}\n'
    lakeside.write_text(text)
    shown = etlrunner("show", "--mapping", "students", "--origins")
    line = next(one for one in shown.out.splitlines() if one.strip().startswith("text: ''"))
    assert f"flows/lakeside.yaml:{len(text.splitlines())}" in line
    assert etlrunner("show", "--mapping", "studnts").code == 2
