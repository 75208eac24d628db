"""No exception of paramiko, or of what it stands on, comes out of the door as itself."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import struct

import paramiko
import pytest
from cryptography import exceptions as cryptography_exceptions

from etlrunner.errors import EtlError, Refused, Unreachable
from etlrunner.lib import sftp_errors
from etlrunner.lib.host_keys import Expected
from etlrunner.lib.sftp_server import Server, Timeouts

SERVER = Server("sftp.example.org", 22, Expected(), Timeouts())
CANARY = "c4nary"


def paramiko_exceptions() -> list[type[Exception]]:
    found = set()
    for module in pkgutil.iter_modules(paramiko.__path__):
        if module.name in ("_winapi", "win_pageant", "win_openssh"):
            continue
        members = vars(importlib.import_module(f"paramiko.{module.name}")).values()
        found |= {
            member
            for member in members
            if inspect.isclass(member)
            and issubclass(member, Exception)
            and member.__module__.startswith("paramiko")
        }
    return sorted(found, key=lambda kind: kind.__name__)


OTHERS = [
    *(
        EOFError,
        OSError,
        TimeoutError,
        ConnectionResetError,
        ConnectionRefusedError,
        BrokenPipeError,
    ),
    *(ValueError, UnicodeDecodeError, KeyError, IndexError, struct.error),
    *(cryptography_exceptions.InvalidSignature, cryptography_exceptions.InvalidTag),
]


def test_paramiko_has_the_exceptions_that_we_think_of() -> None:
    names = {kind.__name__ for kind in paramiko_exceptions()}
    assert {"SSHException", "SFTPError", "IncompatiblePeer", "NoValidConnectionsError"} <= names


@pytest.mark.parametrize("kind", [*paramiko_exceptions(), *OTHERS], ids=lambda kind: kind.__name__)
def test_every_exception_becomes_one_of_ours_without_its_words(kind) -> None:
    error = kind.__new__(kind, CANARY)  # some want arguments that only paramiko has
    error.args = (CANARY,)
    for attribute in ("explanation", "allowed_types", "text", "code"):
        if not hasattr(error, attribute):
            setattr(error, attribute, CANARY)
    made = sftp_errors.translated(error, SERVER, "agreeing on keys")
    assert isinstance(made, Refused | Unreachable)
    assert "sftp.example.org:22" in str(made)
    assert CANARY not in str(made) + made.hint


@pytest.mark.parametrize(
    ("kind", "ours"),
    [
        (paramiko.AuthenticationException, Refused),
        (paramiko.ssh_exception.IncompatiblePeer, Refused),
        (paramiko.SSHException, Unreachable),
        (EOFError, Unreachable),
        (TimeoutError, Unreachable),
    ],
)
def test_who_has_to_act_is_told_apart(kind, ours) -> None:
    assert type(sftp_errors.translated(kind("x"), SERVER, "agreeing on keys")) is ours


def test_what_ran_out_of_time_is_unreachable_whatever_broke() -> None:
    error = sftp_errors.translated(
        paramiko.AuthenticationException("x"), SERVER, "x", "no answer within 2 s"
    )
    assert type(error) is Unreachable
    assert "no answer within 2 s" in str(error)


def test_the_door_lets_our_errors_and_mistakes_pass() -> None:
    from etlrunner.lib.watch import Watch

    for error in (Refused("ours"), TypeError("a mistake")):
        with pytest.raises(type(error)) as caught, sftp_errors.translating(SERVER, Watch(), "x"):
            raise error
        assert caught.value is error
    assert issubclass(Refused, EtlError)
