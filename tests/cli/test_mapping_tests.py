"""`etlrunner test`: what a mapping test may say, how a failure reads, and tests that are no tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import Ended, Etlrunner

HEAD = "version: 1\nmapping: apple-school-manager\ntests:\n"
ONE = """\
  - name: a pupil is a row
    given:
      orgs: [{sourcedId: s1, type: school, name: Elm, identifier: "800"}]
      users:
        - {sourcedId: p1, role: student, givenName: Ada, familyName: Example, orgSourcedIds: [s1]}
        - {sourcedId: p2, role: student, givenName: "", familyName: Test, orgSourcedIds: [s1]}
"""
FLOW = """\
version: 1
source: {type: oneroster-csv, path: roster}
mapping: apple-school-manager
sink: {type: local-folder, path: out}
select: {schools: {exclude: ["800"]}}
overrides: {students: {columns: {email_address: {text: ""}, person_number: null}}}
leave_out: {students: {p3: {reason: opted out, expires: 2020-01-01}}}
"""

Test = Callable[..., Ended]


@pytest.fixture
def run(etlrunner: Etlrunner, folder: Path) -> Test:
    """Write one file of tests and run it."""
    (folder / "flows").mkdir()
    (folder / "flows" / "north.yaml").write_text(FLOW)
    (folder / "tests").mkdir()

    def test(text: str, *args: str, head: str = HEAD) -> Ended:
        (folder / "tests" / "t.yaml").write_text(head + text)
        return etlrunner("test", *args)

    return test


def test_a_difference_is_read_at_once(run: Test):
    ended = run(
        ONE + "    expect:\n      students:\n"
        "        - {person_id: p1, first_name: Adam}\n        - {person_id: p2}\n"
    )
    assert ended.code == 5
    assert ended.out.splitlines()[:-1] == [
        "tests/t.yaml:4:11: failed: a pupil is a row",
        "  students p1 differs (line 12)",
        '    - first_name  "Adam"',
        '    +             "Ada"',
        "  students p2 was expected, and is missing: required.first_name (line 13)",
        '    - person_id  "p2"',
    ]
    assert ended.last.startswith("0 passed, 1 failed, in ")


def test_values_that_look_the_same_are_told_apart(run: Test):
    ended = run(ONE + '    expect: {students: [{person_id: p1, first_name: "Ada\\u00a0"}]}\n')
    assert "- first_name  'Ada\\xa0'" in ended.out


def test_rows_are_given_as_csv_text_or_as_a_file_too(run: Test, folder: Path):
    (folder / "tests" / "fixtures").mkdir()
    csv = 'sourcedId,role,givenName,familyName,orgSourcedIds\r\np1,student,"Ada, B.",T,"s1,s2"\r\n'
    (folder / "tests" / "fixtures" / "users.csv").write_bytes(b"\xef\xbb\xbf" + csv.encode())
    ended = run(
        "  - name: csv\n    given:\n      users: {file: fixtures/users.csv}\n      orgs: |\n"
        "        sourcedId,type,name\n\n        s1,school,Elm\n        s2,school,Oak\n"
        "    expect:\n      students: |\n        person_id,first_name,location_id,location_id_2\n"
        '        p1,"Ada, B.",s1,s2\n'
        "      locations: [{location_id: s1}, {location_id: s2, location_name: Ash}]\n"
    )
    assert ended.out.splitlines()[1:3] == [
        "  locations s2 differs (line 16)",
        '    - location_name  "Ash"',
    ]


def test_rejects_filters_and_findings_are_expected_with_their_rule(run: Test):
    right = (
        "    rejected: {students: {p2: required.first_name}}\n"
        '    filtered: {students: {p1: "x"}}\n'
        "    findings: {students: {asm-ref-location: 0}, staff: {asm-ref-location: 1}}\n"
    )
    ended = run(ONE + right)
    assert "was not rejected" not in ended.out
    assert "students p1 was not filtered as expected (line 11)" in ended.out
    assert '+       "written"' in ended.out
    assert "staff asm-ref-location: 1 expected, 0 came (line 12)" in ended.out


def test_a_roster_that_the_mapping_refuses_is_expected_as_a_finding(run: Test):
    old = ONE + "      academicSessions: [{sourcedId: t, type: term, endDate: 2020-01-01}]\n"
    assert run(old + "    findings: {academicSessions: {select.terms: 1}}\n").code == 0
    ended = run(old + "    expect: {students: []}\n")
    assert "the mapping ended early" in ended.out
    assert ended.code == 5


def test_code_tables_select_and_leave_out_are_given_in_the_test(run: Test):
    given = ONE.replace("orgSourcedIds", "grades: [X], orgSourcedIds", 1)
    ended = run(
        given + "    lookups: {students: {grades: {X: Xth}}}\n"
        "    expect: {students: [{person_id: p1, grade_level: Xth}]}\n"
        + ONE.replace("a pupil", "nobody")
        + "    select: {statuses: [other]}\n    expect: {students: []}\n"
        + "    filtered: {students: {p1: leave_out}}\n"
        + "    leave_out: {students: {p1: {reason: asked for, expires: 2001-01-01}}}\n"
    )
    assert ended.code == 0, ended.out + ended.err


def test_a_flow_is_tested_with_its_overrides_select_and_leave_out(run: Test):
    head = HEAD.replace("mapping: apple-school-manager", "flow: north")
    given = (
        "  - name: mail\n    given:\n      orgs: [{sourcedId: s1, type: school, identifier: '800'},"
        " {sourcedId: s2, type: school, name: Oak}]\n      users: |\n"
        "        sourcedId,role,givenName,familyName,email,orgSourcedIds\n"
        "        p1,student,A,B,a@example.org,s1\n        p2,student,A,B,a@example.org,s2\n"
        "        p3,student,A,B,a@example.org,s2\n"
    )
    ended = run(
        given + '    expect: {students: [{person_id: p2, email_address: ""}]}\n'
        "    filtered: {students: {p1: select.schools, p3: leave_out}}\n"
        + given.replace("name: mail", "name: over the flow")
        + "    select: {schools: null}\n    leave_out: null\n"
        + "    expect: {students: [{person_id: p1}, {person_id: p2}, {person_id: p3}]}\n",
        head=head,
    )
    assert ended.code == 0, ended.out + ended.err
    wrong = run(given + "    expect: {students: [{person_number: ''}]}\n", head=head)
    assert "error[E403]: expect.students: the mapping makes no person_number" in wrong.err
    nowhere = run(given, head=head.replace("north", "nrth"))
    assert "tests/t.yaml:2:7: error[E222]: flow: there is no flow 'nrth'" in nowhere.err
    assert "did you mean 'north'" in nowhere.err


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        ("expect:", "expext:", "E104", "7:5"),
        ("    expect: {students: []}\n", "", "E401", "4:11"),
        ("{students: []}", "{student: []}", "E402", "7:14"),
        ("{students: []}", "{students: [{frst_name: A}]}", "E402", "7:26"),
        ("users:", "user:", "E402", "6:23"),
        ("role:", "rolle:", "E402", "6:47"),
        ("orgs:", "demographics:", "E403", "6:13"),
        ("orgs: []", "orgs: {file: none.csv}", "E405", "6:26"),
        ("orgs: []", "orgs: {file: ../../x.csv}", "E405", "6:26"),
        ("orgs: []", 'orgs: "type,b"', "E402", "6:25"),
        ("orgs: []", 'orgs: "type,type"', "E406", "6:25"),
        ("orgs: []", 'orgs: ",type"', "E406", "6:20"),
        ("orgs: []", 'orgs: " "', "E406", "6:20"),
        ("{students: []}", "{students: []}\n    rejected: {studens: {}}", "E402", "8:16"),
        ("{students: []}", "{students: []}\n    findings: {staff: {asm-x: 0}}", "E402", "8:24"),
        ("{students: []}", "{students: []}\n    lookups: {students: {grade: {}}}", "E402", "8:26"),
        ("{students: []}", "{students: []}\n    select: {school: {}}", "E104", "8:14"),
        ("{students: []}", '{students: []}\n    as_of: "2027-02-30"', "E205", "8:12"),
        ("    expect", "  - name: of nothing\n    given: {}\n    expect", "E401", "4:11"),
        ("{students: []}", "{students: []}\n  - {name: of, given: {}, expect: {staff: []}}", "E404", "8:12"),
        ("version: 1", "version: 1\nflow: north", "E206", "2:1"),
        ("mapping: apple-school-manager\n", "", "E206", "1:1"),
        ("mapping: apple", "mapping: aple", "E222", "2:10"),
    ],
)  # fmt: skip
def test_a_test_that_would_prove_nothing_is_refused_with_its_place(
    run: Test, folder: Path, old: str, new: str, code: str, place: str
):
    (folder.parent / "x.csv").write_text("sourcedId\n")
    text = HEAD + (
        "  - name: of\n    # a comment\n    given: {orgs: [], users: [{sourcedId: p1, role: student}]}\n"
        "    expect: {students: []}\n"
    )
    assert old in text
    ended = run(text.replace(old, new, 1), head="")
    assert ended.code == 2
    assert f"tests/t.yaml:{place}: error[{code}]" in ended.err
    assert ended.last.endswith(" in 0.0 s.") or "passed" in ended.last


def test_a_test_that_is_wrong_leaves_the_others_to_run(run: Test):
    wrong = ONE.replace("a pupil", "nobody") + "    expect: {studens: []}\n"
    ended = run(ONE + "    expect: {students: [{person_id: p1}]}\n" + wrong)
    assert ended.code == 2
    assert ended.last.startswith("1 passed, 0 failed; 1 problem in the tests themselves")


def test_tests_are_chosen_by_name_and_by_file(run: Test, folder: Path, etlrunner: Etlrunner):
    text = ONE + "    expect: {students: [{person_id: p1}]}\n"
    two = text + text.replace("a pupil", "another")
    assert run(two, "-k", "ANOTHER", "--json").document["passed"] == 1
    (folder / "tests" / "u.yaml").write_text((folder / "tests" / "t.yaml").read_text())
    assert etlrunner("test", "tests/u.yaml", "--json").document["passed"] == 2
    assert etlrunner("test", "tests", "-v", "-k", "another").out.count("passed: another") == 2
    for args in (["-k", "nothing"], ["tests/v.yaml"], ["flows"]):
        ended = etlrunner("test", *args)
        assert (ended.code, ended.out) == (2, ""), args
        assert ended.err.startswith("error: ")


def test_junit_says_the_same_for_a_ci_system(run: Test, folder: Path):
    text = (
        ONE + '    expect: {students: [{person_id: p1, first_name: "\\u0001<&"}]}\n'
        "  - {name: wrong, given: {}, expect: {studens: []}}\n"
    )
    ended = run(text, "--junit", "out/report.xml", "--json")
    assert ended.code == 2
    [suite] = ElementTree.parse(folder / "out" / "report.xml").getroot()
    assert suite.attrib | {"time": ""} == {
        "name": "tests/t.yaml", "tests": "2", "failures": "1", "errors": "1", "time": "",
    }  # fmt: skip
    assert [(case.get("name"), [child.tag for child in case]) for case in suite] == [
        ("the tests themselves", ["error"]),
        ("a pupil is a row", ["failure"]),
    ]
    failed = ended.document["tests"][0]
    assert (failed["file"], failed["line"], failed["passed"]) == ("tests/t.yaml", 4, False)
    assert failed["differs"][0]["cells"][0]["came"] == "Ada"


def test_annotations_stand_at_the_row_that_differs(run: Test):
    text = ONE + "    expect:\n      students:\n        - {person_id: p1, first_name: Adam}\n"
    ended = run(text, "--format", "github")
    assert (ended.code, ended.err) == (5, "")
    assert ended.out == (
        "::error file=tests/t.yaml,title=E400,line=12,endLine=12,col=11::a pupil is a row: "
        'students p1 differs; first_name: "Adam" expected, "Ada" came\n'
    )
    assert '"check_name": "E400"' in run(text, "--format", "gitlab").out
    assert "<failure" in run(text, "--format", "junit").out
