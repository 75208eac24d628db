"""Secrets come by reference, from private places only, and are shown nowhere."""

from __future__ import annotations

import copy
import json
import os
import pickle
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from etlrunner.config import layers, secrets, validate
from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError, SecretMissing, UsageError
from etlrunner.lib import plain, render
from etlrunner.model.secrets import Secret, SecretRef

CANARY = "canary-Tr0ub4dor&3"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("KEY", raising=False)
    return Project(tmp_path.resolve())


def private(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def reason(project: Project, kind: str, name: str) -> str:
    [(_, why)] = secrets.missing([SecretRef(kind, name)], project)  # type: ignore[arg-type]
    return why


def value(project: Project, kind: str, name: str) -> str:
    return secrets.reveal(SecretRef(kind, name), project).reveal()  # type: ignore[arg-type]


def test_the_real_environment_wins_over_the_file(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    private(project.root / ".env", "KEY=from file\n")
    assert value(project, "env", "KEY") == "from file"
    monkeypatch.setenv("KEY", "from environment")
    assert value(project, "env", "KEY") == "from environment"


def test_an_empty_variable_is_missing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reason(project, "env", "KEY") == "is not set"
    monkeypatch.setenv("KEY", "")
    assert reason(project, "env", "KEY") == "is set but empty"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("KEY=plain", "plain"), ("export KEY=plain", "plain"), ("KEY = 'a # b' ", "a # b"),
        ('KEY="a=b"', "a=b"), ("KEY=a#b", "a#b"), ("KEY=a # note", "a"), ("KEY=$HOME", "$HOME"),
        ("# c\n\nKEY=x", "x"), ("\ufeffKEY=x", "x"), ("KEY=x\r", "x"),
    ],
)  # fmt: skip
def test_lines_of_the_env_file(project: Project, line: str, expected: str) -> None:
    (project.root / ".env").write_bytes(f"{line}\n".encode())
    (project.root / ".env").chmod(0o600)
    assert value(project, "env", "KEY") == expected


@pytest.mark.parametrize(
    ("text", "mode", "code"), [(f"KEY={CANARY}\n", 0o644, "E211"), (f"{CANARY}\n", 0o600, "E212")]
)
def test_an_env_file_that_is_open_or_broken_is_refused_unseen(
    project: Project, text: str, mode: int, code: str
) -> None:
    private(project.root / ".env", text, mode)
    with pytest.raises(ConfigurationError) as caught:
        secrets.missing([SecretRef("env", "KEY")], project)
    [problem] = caught.value.problems
    assert problem.code == code
    assert CANARY not in render.problem(problem)


def test_a_private_file_is_read_without_its_last_line_break(project: Project) -> None:
    private(project.root / "key", f" {CANARY}\n")
    assert value(project, "file", "key") == f" {CANARY}"
    assert value(project, "file", str(project.root / "key")) == f" {CANARY}"


def _missing(path: Path) -> None: ...


def _open_to_group(path: Path) -> None:
    private(path, CANARY, 0o640)


def _link(path: Path) -> None:
    path.symlink_to(private(path.with_name("other"), CANARY))


def _pipe(path: Path) -> None:
    os.mkfifo(path, 0o600)


def _folder(path: Path) -> None:
    path.mkdir(mode=0o700)


def _large(path: Path) -> None:
    private(path, CANARY * 10_000)


def _empty(path: Path) -> None:
    private(path, "\n")


def _not_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")
    path.chmod(0o600)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_missing, "is not there"),
        (_open_to_group, "can be read by others (mode 0640)"),
        (_link, "is a symbolic link; name the file itself"),
        (_pipe, "is not a file"),
        (_folder, "is not a file"),
        (_large, "is far too large for a secret"),
        (_empty, "is empty"),
        (_not_text, "cannot be read as text"),
    ],
)
def test_a_file_that_is_not_fit_is_refused_with_the_reason(
    project: Project, make: Callable[[Path], None], said: str
) -> None:
    make(project.root / "key")
    assert reason(project, "file", "key") == said


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give away"
)
def test_a_file_of_somebody_else_is_refused(project: Project) -> None:
    os.chown(private(project.root / "key", CANARY), 12345, 12345)
    assert reason(project, "file", "key") == "belongs to somebody else"


def test_what_the_system_hands_over_may_have_its_own_modes_and_links(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project.root / "credentials"
    folder.mkdir()
    (folder / "key").symlink_to(private(project.root / "data", CANARY, 0o444))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    assert value(project, "file", str(folder / "key")) == CANARY


def test_all_that_is_missing_is_named_at_once(project: Project) -> None:
    options = {"key": SecretRef("env", "KEY"), "more": [{"secret": SecretRef("file", "nowhere")}]}
    with pytest.raises(SecretMissing) as caught:
        secrets.fill(options, project)
    assert [str(ref) for ref, _ in caught.value.missing] == ["env:KEY", "file:nowhere"]
    assert caught.value.exit_code == 2


def test_filling_puts_values_where_the_references_stand(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", CANARY)
    options = {"key": SecretRef("env", "KEY"), "list": (SecretRef("env", "KEY"), 1), "page_size": 5}
    filled = secrets.fill(options, project)
    assert filled["key"].reveal() == filled["list"][0].reveal() == CANARY
    assert (filled["page_size"], filled["list"][1]) == (5, 1)
    assert isinstance(options["key"], SecretRef)


@pytest.mark.parametrize(
    "secret", ["plain", "it's", 'say "x"', "a # b", " spaces ", "$HOME", "'q'", "="]
)
def test_what_is_stored_is_found_again(project: Project, secret: str) -> None:
    private(project.root / ".env", "OTHER=1\nexport KEY=old\n")
    assert secrets.store(SecretRef("env", "KEY"), secret, project) == ".env"
    assert value(project, "env", "KEY") == secret
    assert value(project, "env", "OTHER") == "1"
    assert (project.root / ".env").stat().st_mode & 0o777 == 0o600
    secrets.store(SecretRef("file", "key"), secret, project)
    assert value(project, "file", "key") == secret
    assert (project.root / "key").stat().st_mode & 0o777 == 0o600


def test_a_secret_of_several_lines_is_not_stored(project: Project) -> None:
    with pytest.raises(UsageError) as caught:
        secrets.store(SecretRef("env", "KEY"), f"{CANARY}\nx", project)
    assert CANARY not in str(caught.value)


class FakeKeyring(ModuleType):
    """A keyring in memory, standing where the package would."""

    def __init__(self, backend: str = "keyring.backends.SecretService") -> None:
        super().__init__("keyring")
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False
        self.errors = ModuleType("keyring.errors")
        self.errors.KeyringError = type("KeyringError", (Exception,), {})  # type: ignore[attr-defined]
        self.backend = type("Keyring", (), {"__module__": backend})()

    def get_keyring(self) -> object:
        return self.backend

    def get_password(self, service: str, user: str) -> str | None:
        if self.locked:
            raise self.errors.KeyringError(CANARY)
        return self.kept.get((service, user))

    def set_password(self, service: str, user: str, secret: str) -> None:
        self.kept[service, user] = secret


def use(keyring: FakeKeyring | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setitem(sys.modules, "keyring.errors", keyring.errors if keyring else None)


def test_the_keyring_keeps_and_gives(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    use(FakeKeyring(), monkeypatch)
    assert reason(project, "keyring", "etlrunner/asm") == "is not in the keyring"
    assert secrets.store(SecretRef("keyring", "etlrunner/asm"), CANARY, project) == "the keyring"
    assert value(project, "keyring", "etlrunner/asm") == CANARY


def test_a_locked_keyring_is_a_reason_without_its_words(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = FakeKeyring()
    keyring.locked = True
    use(keyring, monkeypatch)
    assert (
        reason(project, "keyring", "a/b")
        == "cannot be read: the keyring does not answer (KeyringError)"
    )


@pytest.mark.parametrize(
    "backend", ["keyring.backends.null", "keyring.backends.fail", "keyrings.alt.file.Plaintext"]
)
def test_a_keyring_that_is_not_safe_is_not_used(
    project: Project, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    use(FakeKeyring(backend), monkeypatch)
    with pytest.raises(UsageError, match="no safe keyring"):
        secrets.store(SecretRef("keyring", "a/b"), CANARY, project)


def test_without_the_package_the_keyring_says_so(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(None, monkeypatch)
    assert reason(project, "keyring", "a/b") == "cannot be read: keyring is not installed"


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret(CANARY)
    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret!r:>30}",
        str([secret]),
        str(plain.of(secret)),
    ]
    assert CANARY not in "".join(shown)
    for escape in (pickle.dumps, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            escape(secret)


FLOW = """version: 1
source:
  type: skyward
  variant: qmlativ
  domain: lakeside.example.org/LakesideAPI
  key: {env: KEY}
  secret: {env: KEY}
mapping: apple-school-manager
sink:
  type: apple-school-manager
  username: {env: KEY}
  password: {env: KEY}
notify: [{url: {env: KEY}}]
"""
LITERALS = [
    CANARY, f'"{CANARY}"', f"'{CANARY}' x", f'"{CANARY}" ~ y', f"[{CANARY}]", f"{{{CANARY}}}",
    f"{{env: {CANARY}}}", f"{{enb: {CANARY}}}", f"{{env: {CANARY}, file: x}}", f"{{{CANARY}: x}}",
    f"{{{{ {CANARY} }}}}", f"&{CANARY}", f"*{CANARY}", f"!{CANARY} x", f"|\n    {CANARY}",
    f"\n    {CANARY}", f"\n    - {CANARY}", f"%{CANARY}", f"@{CANARY}", f"{CANARY}: x", f'"{CANARY}',
    f"[{CANARY}", f"{{{CANARY}", f"“{CANARY}”", f"${{{CANARY}}}", f"x\n   y: {CANARY}",
]  # fmt: skip


@pytest.mark.parametrize("literal", LITERALS, ids=range(len(LITERALS)))
@pytest.mark.parametrize(
    "key", ["key", "secret", "username", "password", "url", "pasword", "psswd"]
)
def test_a_literal_secret_is_refused_and_shown_in_no_message(
    tmp_path: Path, literal: str, key: str
) -> None:
    (tmp_path / "flows").mkdir()
    found = {"pasword": "password", "psswd": "password"}.get(key, key)
    text = FLOW.replace(f"{found}: {{env: KEY}}", f"{key}: {literal}", 1)
    (tmp_path / "flows" / "north.yaml").write_text(text)
    project = Project(tmp_path.resolve())
    with pytest.raises(ConfigurationError) as caught:
        validate.read_flow(project, "north")
    said = [render.problem(one) + str(render.problem_as_data(one)) for one in caught.value.problems]
    assert said
    with pytest.raises(ConfigurationError) as again:
        layers.show(project, "north", origins=True)
    trace = "".join(traceback.format_exception(caught.value))
    assert CANARY not in "".join(said) + trace + str(again.value) + repr(again.value)


def test_no_trace_of_a_value_is_left_when_others_are_missing(
    project: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KEY", CANARY)
    options = {"key": SecretRef("env", "KEY"), "secret": SecretRef("env", "NOWHERE")}
    with pytest.raises(SecretMissing) as caught:
        secrets.fill(options, project)
    out, err = capfd.readouterr()
    trace = "".join(traceback.format_exception(caught.value))
    assert CANARY not in out + err + trace + str(caught.value)
