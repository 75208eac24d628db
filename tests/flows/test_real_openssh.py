"""Whole runs against a real OpenSSH server, chrooted and SFTP-only, as a district would meet one."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator

import pytest

from etlrunner.sandbox import skyward
from etlrunner.sandbox.district import District
from tests.support import openssh
from tests.support.project import TestProject

pytestmark = pytest.mark.skipif(bool(openssh.missing()), reason=openssh.missing() or "there")


@pytest.fixture(scope="module")
def account() -> Iterator[openssh.Account]:
    with openssh.account() as made:
        yield made


@pytest.mark.parametrize("variant", ["sms-2.0", "qmlativ"])
@pytest.mark.parametrize("sftp", [openssh.PLAIN, openssh.DROP_BOX], ids=["plain", "drop box"])
def test_both_variants_are_delivered_byte_for_byte(
    project: TestProject, district: District, account: openssh.Account, variant: str, sftp: str
):
    with (
        openssh.serving(account, sftp=sftp) as server,
        skyward.start(district, variant=variant) as source,
    ):
        project.skyward("lakeside", source, openssh.as_sink(server))
        held = project.run("lakeside")
        assert held.exit_code == 6, held.record.message
        sent = project.approve(held.record.id)
        assert sent.exit_code == 0, sent.record.message
        source.change(district.grown(days=1))
        second = project.run("lakeside")
        assert second.exit_code == 0, second.record.message
    arrived = sorted(account.dropbox.glob("*.zip"), key=lambda path: path.stat().st_mtime)
    assert arrived[-2].read_bytes() == held.archive.path.read_bytes()
    assert arrived[-1].read_bytes() == second.archive.path.read_bytes()
    assert zipfile.ZipFile(arrived[-1]).testzip() is None
    for path in arrived:
        path.unlink()


def test_another_host_key_is_refused_before_any_password_is_sent(
    project: TestProject, district: District, account: openssh.Account
):
    with openssh.serving(account) as server, skyward.start(district) as source:
        project.skyward("lakeside", source, openssh.as_sink(server))
        other = "AAAAC3NzaC1lZDI1NTE5AAAAI" + "B" * 43
        hosts = project.root / "flows" / "lakeside.known_hosts"
        kind = server.known_hosts_line().split()[1]
        hosts.write_text(f"[{server.host}]:{server.port} {kind} {other}\n")
        held = project.run("lakeside")
        refused = project.approve(held.record.id)
        log = server.log()
    assert refused.exit_code in (2, 4), refused.record.message
    assert "password" not in log.lower()
    assert not list(account.dropbox.glob("*"))


def test_a_wrong_password_is_tried_once(
    project: TestProject, district: District, account: openssh.Account
):
    with openssh.serving(account) as server, skyward.start(district) as source:
        sink = openssh.as_sink(server)
        sink.password = "not the password"
        project.skyward("lakeside", source, sink)
        refused = project.approve(project.run("lakeside").record.id)
        log = server.log()
    assert refused.exit_code == 4, refused.record.message
    assert log.count("Failed password") == 1
    assert "not the password" not in refused.record.message
