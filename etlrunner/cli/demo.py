"""`etlrunner demo`: the whole story on this machine, for both Skyward variants, with invented people."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etlrunner.cli import flow_file, options, screen
from etlrunner.cli.flow_file import Answers
from etlrunner.errors import UsageError
from etlrunner.lib import files

if TYPE_CHECKING:
    from etlrunner.config.project import Project

FOLDER = Path("etlrunner-demo")
VARIANTS = {"sms-2.0": "pinewood-schools", "qmlativ": "lakeside-isd"}


@click.command()
@click.option(
    "--students",
    type=click.IntRange(1, 200_000),
    default=2000,
    show_default=True,
    help="Size of the invented districts.",
)
def command(students: int) -> int:
    """Start a sandbox, then a first run, its approval and a second run, for both variants.

    Everything is in the folder etlrunner-demo/, which is made here; delete it when you have looked.
    """
    from etlrunner.config.project import Project

    _clear(FOLDER)
    project_root = FOLDER.resolve()
    files.private_folder(project_root / "flows")
    codes = []
    for variant, name in VARIANTS.items():
        screen.say(f"\n━━ {name}: Skyward {variant} ━━")
        with _servers(variant, students) as servers:
            _write_project(project_root, name, variant, servers)
            codes.append(_story(Project.find(project_root, project_root), name, servers))
    screen.say(_where(project_root))
    return max(codes)


def _story(project: Project, name: str, servers: Any) -> int:
    """A first run, held; its approval; a day later a second run, which goes by itself."""
    from etlrunner import earlier, engine
    from etlrunner.cli import report
    from etlrunner.run import Request

    with options.services(project) as services:
        screen.say(
            "\n1. The first run. A first delivery is always held until somebody has looked:\n"
        )
        first = engine.run(project, name, Request(), services)
        report.show(first)
        if first.exit_code != 6:
            return first.exit_code or 1
        screen.say(f"\n2. Somebody has looked: etlrunner approve {first.record.id}\n")
        sent = earlier.approve(
            project, first.record.id, by="demo", because="looked at it", services=services
        )
        report.show(sent)
        screen.say("\n3. Next day: some pupils came, some left, some changed class.\n")
        servers.skyward.change(servers.district.grown(days=1))
        second = engine.run(project, name, Request(), services)
        report.show(second)
    _show_arrivals(servers.sftp.folder)
    _keep_archives(servers.sftp.folder, project.root / "received" / name)
    return max(sent.exit_code, second.exit_code)


class _Servers:
    """The sandbox's two servers and the district behind them."""

    def __init__(self, district: Any, skyward: Any, sftp: Any) -> None:
        self.district = district
        self.skyward = skyward
        self.sftp = sftp


@contextlib.contextmanager
def _servers(variant: str, students: int) -> Iterator[_Servers]:
    from etlrunner.sandbox import district as districts
    from etlrunner.sandbox import sftp, skyward

    district = districts.District(students=students, seed=list(VARIANTS).index(variant) + 1)
    with skyward.start(district, variant=variant) as source, sftp.start() as sink:
        yield _Servers(district, source, sink)


def _write_project(root: Path, name: str, variant: str, servers: _Servers) -> None:
    """The flow as `init` writes it, the host key as `connect --trust` learns it, the secrets in .env."""
    answers = Answers(
        name=name,
        variant=variant,
        domain=servers.skyward.domain,
        allow_http=True,
        host=servers.sftp.host,
        port=servers.sftp.port,
    )
    flow_file.write(answers, root)
    (root / "flows" / f"{name}.known_hosts").write_text(servers.sftp.host_key_line + "\n")
    skyward, sftp = servers.skyward, servers.sftp
    values = (skyward.key, skyward.secret, sftp.username, sftp.password)
    env = root / ".env"
    before = env.read_text(encoding="utf-8") if env.exists() else ""
    lines = [f"{key}='{value}'" for key, value in zip(answers.secret_names(), values, strict=True)]
    files.write_private(env, before + "\n".join(lines) + "\n")


def _clear(folder: Path) -> None:
    """Make room for a new demo, but never delete a folder that is not one."""
    if not folder.exists():
        return
    if not (folder / "flows").is_dir() or (folder / ".git").exists():
        raise UsageError(f"{folder} is there and is not a demo of ours; move it away first")
    shutil.rmtree(folder)


def _show_arrivals(folder: Path) -> None:
    arrived = sorted(folder.rglob("*.zip"))
    screen.say(f"The SFTP server received {len(arrived)} archives.")


def _keep_archives(folder: Path, into: Path) -> None:
    files.private_folder(into)
    for archive in folder.rglob("*.zip"):
        files.write_private(into / archive.name, archive.read_bytes())


def _program() -> str:
    """What to type for this program: its whole path where the shell would not find it, as after `make demo`."""
    typed = Path(sys.argv[0])
    found = shutil.which("etlrunner")
    here = found and typed.exists() and Path(found).samefile(typed)
    return "etlrunner" if here or typed.stem != "etlrunner" else shlex.quote(str(typed.absolute()))


def _where(root: Path) -> str:
    return (
        f"\nLook around in {root}:\n"
        "  flows/           the two flows, as `etlrunner init` writes them\n"
        "  received/        the zips as the SFTP server got them\n"
        "  .etlrunner/      history.db, and for each flow its runs and what was last delivered\n"
        f"\n  {_program()} history --project {FOLDER}\n\n"
        "Demo done: both districts were delivered twice."
    )
