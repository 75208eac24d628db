"""The same faults through the command line, one per exit code: what a person reads, and what not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from etlrunner.cli import main
from tests.support.http_fault import JSON, FaultServer
from tests.support.lakeside import BODY, Lakeside

ECHO = json.dumps({"error": "invalid_client", "x": f"{BODY} p+q/r="}).encode()
FAULTS: dict[int, tuple[str, Any]] = {
    2: ("/users", (302, {"Location": f"https://example.org/?{BODY}"}, ECHO)),
    3: ("/users", (200, {"Content-Type": "text/html"}, b"<html>" + ECHO)),
    4: ("/token", (401, {**JSON, "WWW-Authenticate": 'Basic realm="p+q/r="'}, ECHO)),
    0: ("/users", (429, {"Retry-After": "1"}, ECHO)),
}


@pytest.mark.parametrize("code", FAULTS)
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["words", "json"])
def test_what_is_printed(
    lakeside: Lakeside,
    server: FaultServer,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    code: int,
    form: list[str],
) -> None:
    ending, answer = FAULTS[code]
    server.scripts[ending] = [answer] * (1 if code == 0 else 20)
    monkeypatch.chdir(lakeside.project.root)
    assert main.run(["run", "lakeside", "--as-of", "2026-10-01", *form]) == code
    out, err = capfd.readouterr()
    lakeside.show_nothing(out + err)
    if form:
        assert json.loads(out)["run"]["exit_code"] == code
    else:
        assert (out + err).strip()
    assert bool(lakeside.sent()) is (code == 0)
