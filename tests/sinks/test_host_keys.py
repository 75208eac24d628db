from __future__ import annotations

import base64
import shutil
import subprocess

import pytest

from etlrunner.errors import ConfigurationError, Refused
from etlrunner.lib import host_keys, sftp
from etlrunner.lib.host_keys import Expected, HostKey


def key(mark: str = "a", kind: str = "ssh-ed25519") -> HostKey:
    return HostKey(kind, len(kind).to_bytes(4, "big") + kind.encode() + mark.encode() * 36)


def hosts(tmp_path, *lines: str):
    path = tmp_path / "flow.known_hosts"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("names", "host", "port", "found"),
    [
        ("sftp.example.org", "sftp.example.org", 22, True),
        ("SFTP.Example.org", "sftp.example.ORG", 22, True),
        ("sftp.example.org", "sftp.example.org", 2222, False),
        ("[sftp.example.org]:2222", "sftp.example.org", 2222, True),
        ("[sftp.example.org]:2222", "sftp.example.org", 22, False),
        ("a.example.org,sftp.example.org,192.0.2.1", "sftp.example.org", 22, True),
        ("*.example.org", "sftp.example.org", 22, True),
        ("*.example.org,!sftp.example.org", "sftp.example.org", 22, False),
        ("s?tp.example.org", "sftp.example.org", 22, True),
        ("example.org", "sftp.example.org", 22, False),
        ("[127.0.0.1]:2222", "127.0.0.1", 2222, True),
    ],
)
def test_names_are_matched_as_openssh_does(tmp_path, names, host, port, found) -> None:
    blob = base64.b64encode(key().blob).decode()
    path = hosts(tmp_path, "# reviewed", "", f"{names} ssh-ed25519 {blob} a comment")
    assert host_keys.known(path, host, port) == ((key(),) if found else ())


@pytest.mark.skipif(
    not shutil.which("ssh-keygen"), reason="no ssh-keygen: apt-get install openssh-client"
)
@pytest.mark.parametrize("port", [22, 2222])
def test_names_hashed_by_openssh_are_found(tmp_path, port) -> None:
    path = hosts(tmp_path, key().line("sftp.example.org", port))
    subprocess.run(["ssh-keygen", "-H", "-f", str(path)], check=True, capture_output=True)
    assert "example" not in path.read_text()
    assert host_keys.known(path, "sftp.example.org", port) == (key(),)
    assert host_keys.known(path, "other.example.org", port) == ()


@pytest.mark.parametrize(
    "line",
    [
        "sftp.example.org",
        "sftp.example.org ssh-ed25519",
        "sftp.example.org ssh-ed25519 not*base64",
        "sftp.example.org ssh-ed25519 AAAA",
        "@revoked sftp.example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA",
        "|1|x|y",
        f"h ssh-rsa {base64.b64encode(key().blob).decode()}",
    ],
)
def test_a_line_that_cannot_be_read_is_named_with_its_place(tmp_path, line) -> None:
    with pytest.raises(ConfigurationError) as caught:
        host_keys.known(hosts(tmp_path, "# first", line), "sftp.example.org", 22)
    [problem] = caught.value.problems
    assert problem.place is not None
    assert problem.place.line == 2
    assert "etlrunner connect flow --trust" in problem.hint  # the flow is called like the file


def test_no_file_means_no_key(tmp_path) -> None:
    assert host_keys.known(tmp_path / "none", "h", 22) == ()
    assert not host_keys.expected((), tmp_path / "none", "h", 22)


def test_a_fingerprint_counts_with_or_without_padding(tmp_path) -> None:
    pinned = Expected(fingerprints=(key().fingerprint,))
    assert key() in pinned
    assert key("b") not in pinned
    assert key() in host_keys.expected((f" {key().fingerprint}= ",), None, "h", 22)


def test_remembering_keeps_what_is_there(tmp_path) -> None:
    old = ["# reviewed by the registrar", key("x").line("other.example.org", 22)]
    path = hosts(tmp_path, *old)
    assert host_keys.remember(path, key().line("h", 2222))
    assert path.read_text().splitlines() == [*old, key().line("h", 2222)]
    assert path.stat().st_mode & 0o777 == 0o600


def test_remembering_the_same_key_changes_nothing(tmp_path) -> None:
    path = hosts(tmp_path, key().line("h", 22) + " a comment")
    before = path.read_text()
    assert not host_keys.remember(path, key().line("h", 22))
    assert path.read_text() == before


def test_another_kind_of_key_of_the_same_server_is_added(tmp_path) -> None:
    path = hosts(tmp_path, key().line("h", 22))
    assert host_keys.remember(path, key(kind="ssh-rsa").line("h", 22))
    assert set(host_keys.known(path, "h", 22)) == {key(), key(kind="ssh-rsa")}


def test_a_different_key_is_replaced_only_when_told(tmp_path) -> None:
    path = hosts(tmp_path, key().line("h", 22))
    with pytest.raises(Refused, match="left as it is"):
        host_keys.remember(path, key("b").line("h", 22))
    assert host_keys.known(path, "h", 22) == (key(),)
    assert host_keys.remember(path, key("b").line("h", 22), replace=True)
    assert host_keys.known(path, "h", 22) == (key("b"),)


def test_a_server_without_a_pinned_key_names_the_flow_to_connect() -> None:
    with pytest.raises(Refused) as caught, sftp.connect({"host": "127.0.0.1", "flow": "lakeside"}):
        pass
    assert "etlrunner connect lakeside --trust" in caught.value.hint
