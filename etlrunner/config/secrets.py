"""Secrets by reference: where they are, whether they are there, and never what they are."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from etlrunner.config.project import Project
from etlrunner.errors import ConfigurationError, SecretMissing, UsageError
from etlrunner.lib import files
from etlrunner.model.components import Options
from etlrunner.model.problems import Place, Problem
from etlrunner.model.secrets import Secret, SecretRef

MOST_BYTES = 64 * 1024
LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*")


def references(options: Any) -> tuple[SecretRef, ...]:
    """Every reference anywhere in a component's options."""
    return tuple(dict.fromkeys(_references(options)))


def missing(refs: Iterable[SecretRef], project: Project) -> list[tuple[SecretRef, str]]:
    """The references that lead nowhere, each with the reason."""
    found = []
    for ref in refs:
        _, reason = _read(ref, project)
        if reason:
            found.append((ref, reason))
    return found


def fill(options: Options, project: Project, flow: str = "FLOW") -> dict[str, Any]:
    """The options of `flow` with values in place of references.

    Raises SecretMissing with all that are missing.
    """
    absent = missing(references(options), project)
    if absent:
        raise SecretMissing(absent, flow)
    filled: dict[str, Any] = _filled(options, project)
    return filled


def reveal(ref: SecretRef, project: Project) -> Secret:
    """One secret. Raises SecretMissing."""
    value, reason = _read(ref, project)
    if reason:
        raise SecretMissing([(ref, reason)])
    return Secret(value)


def store(ref: SecretRef, value: str, project: Project) -> str:
    """Put a secret where its reference looks for it; returns the place, in words."""
    if "\n" in value or "\x00" in value:
        raise UsageError(f"the value for {ref} holds a line break; paste it in one line")
    if ref.kind == "keyring":
        service, _, name = ref.name.partition("/")
        _keyring().set_password(service, name, value)
        return "the keyring"
    if ref.kind == "file":
        path = _path(ref, project)
        files.write_private(path, value + "\n")
        return str(path)
    return _store_in_env(ref.name, value, project.root / ".env")


def history_url(project: Project) -> Secret | None:
    """The address of a shared history, if etlrunner.yaml names one."""
    from etlrunner.config import settings

    ref = settings.read(project).history_url
    return reveal(ref, project) if ref else None


def _references(options: Any) -> Iterator[SecretRef]:
    if isinstance(options, SecretRef):
        yield options
    elif isinstance(options, Mapping):
        for value in options.values():
            yield from _references(value)
    elif isinstance(options, list | tuple):
        for value in options:
            yield from _references(value)


def _filled(options: Any, project: Project) -> Any:
    if isinstance(options, SecretRef):
        return Secret(_read(options, project)[0])
    if isinstance(options, Mapping):
        return {key: _filled(value, project) for key, value in options.items()}
    if isinstance(options, list | tuple):
        return type(options)(_filled(value, project) for value in options)
    return options


def _read(ref: SecretRef, project: Project) -> tuple[str, str]:
    """Value and empty reason, or empty value and the reason."""
    if ref.kind == "env":
        return _from_env(ref.name, project)
    if ref.kind == "file":
        return _from_file(_path(ref, project))
    return _from_keyring(ref.name)


def _from_env(name: str, project: Project) -> tuple[str, str]:
    """The real environment wins over `.env`."""
    if name in os.environ:
        value = os.environ[name]
        return (value, "") if value else ("", "is set but empty")
    value = env_file(project).get(name, "")
    return (value, "") if value else ("", "is not set")


def env_file(project: Project) -> dict[str, str]:
    """The project's `.env`. Raises ConfigurationError when others can read it, or a line is no line."""
    path = project.root / ".env"
    if not path.exists():
        return {}
    text, reason = _private_text(path)
    if reason:
        problem = Problem("E211", f".env {reason}", Place(".env"), hint="chmod 600 .env")
        raise ConfigurationError([problem])
    values: dict[str, str] = {}
    problems: list[Problem] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = LINE.fullmatch(line)
        if match:
            values[match[1]] = _unquoted(match[2])
        else:
            problems.append(
                Problem("E212", "this line is not NAME=value", Place(".env", number, 1))
            )
    if problems:
        raise ConfigurationError(problems)
    return values


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text.split(" #")[0].rstrip()


def _from_file(path: Path) -> tuple[str, str]:
    """A regular file of ours that nobody else can read; one line break at its end does not count."""
    text, reason = _private_text(path)
    value = text.removesuffix("\n").removesuffix("\r")
    return (value, "") if value else ("", reason or "is empty")


def _private_text(path: Path) -> tuple[str, str]:
    """The text of a private file and no reason, or nothing and the reason.

    What is judged is the open file itself, so that nothing can be put in its place in between.
    """
    handed = _is_handed_to_us(path)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
    try:
        handle = os.open(path, flags | (0 if handed else getattr(os, "O_NOFOLLOW", 0)))
    except FileNotFoundError:
        return "", "is not there"
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.ELOOP:
            return "", "is a symbolic link; name the file itself"
        return "", "cannot be read"
    found = os.fstat(handle)
    reason = _not_fit(found) or ("" if handed else _too_open(found))
    if reason:
        os.close(handle)
        return "", reason
    with open(handle, "rb") as stream:
        try:
            return stream.read(MOST_BYTES).decode("utf-8"), ""
        except (OSError, UnicodeDecodeError):
            return "", "cannot be read as text"


def _is_handed_to_us(path: Path) -> bool:
    """Docker, Kubernetes and systemd lay secrets into folders of theirs, with links and modes of theirs."""
    folders = ["/run/secrets", "/var/run/secrets", os.environ.get("CREDENTIALS_DIRECTORY", "")]
    return any(folder and path.is_relative_to(folder) for folder in folders)


def _not_fit(found: os.stat_result) -> str:
    if not stat.S_ISREG(found.st_mode):
        return "is not a file"
    return "is far too large for a secret" if found.st_size > MOST_BYTES else ""


def _too_open(found: os.stat_result) -> str:
    """Why a file is not private enough for a secret. Windows has no such modes."""
    if os.name == "nt":
        return ""
    if stat.S_IMODE(found.st_mode) & 0o077:
        return f"can be read by others (mode {stat.S_IMODE(found.st_mode):04o})"
    if found.st_uid not in (os.geteuid(), 0):
        return "belongs to somebody else"
    return ""


def _path(ref: SecretRef, project: Project) -> Path:
    path = Path(ref.name).expanduser()
    return path if path.is_absolute() else project.root / path


def _from_keyring(name: str) -> tuple[str, str]:
    service, _, user = name.partition("/")
    try:
        value = _keyring().get_password(service, user)
    except UsageError as error:
        return "", f"cannot be read: {error.message}"
    return (value, "") if value else ("", "is not in the keyring")


class _Keyring:
    """The system's keyring, with its errors in our words."""

    def __init__(self, module: Any) -> None:
        self.module = module

    def get_password(self, service: str, user: str) -> str | None:
        try:
            value: str | None = self.module.get_password(service, user)
        except self.module.errors.KeyringError as error:
            raise UsageError(f"the keyring does not answer ({type(error).__name__})") from None
        return value

    def set_password(self, service: str, user: str, value: str) -> None:
        try:
            self.module.set_password(service, user, value)
        except self.module.errors.KeyringError as error:
            raise UsageError(f"the keyring does not answer ({type(error).__name__})") from None


def _keyring() -> _Keyring:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        raise UsageError(
            "keyring is not installed", hint="pip install 'etlrunner[keyring]'"
        ) from None
    backend = keyring.get_keyring()
    name = f"{type(backend).__module__}.{type(backend).__name__}"
    if ".null" in name or ".fail" in name or "plaintext" in name.lower():
        raise UsageError("there is no safe keyring on this machine", hint="use {file: path}")
    return _Keyring(keyring)


def _store_in_env(name: str, value: str, path: Path) -> str:
    """Set one line of `.env`, private, in one move."""
    before = path.read_text(encoding="utf-8-sig").split("\n") if path.exists() else []
    kept = [line for line in before if not re.match(rf"\s*(export\s+)?{re.escape(name)}\s*=", line)]
    while kept and not kept[-1].strip():
        kept.pop()
    quote = '"' if "'" in value else "'"
    files.write_private(path, "\n".join([*kept, f"{name}={quote}{value}{quote}"]) + "\n")
    return ".env"
