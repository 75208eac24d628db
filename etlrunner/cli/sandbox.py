"""`etlrunner sandbox`: a Skyward and an SFTP server on loopback, to try everything with."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import click

from etlrunner.cli import screen
from etlrunner.cli.flow_file import Answers
from etlrunner.errors import LocalTrouble
from etlrunner.lib import files

PORT = click.IntRange(0, 65535)


@click.command()
@click.option(
    "--variant", type=click.Choice(["sms-2.0", "qmlativ"]), default="qmlativ", show_default=True
)
@click.option(
    "--students",
    type=click.IntRange(1, 200_000),
    default=2000,
    show_default=True,
    help="Size of the invented district.",
)
@click.option("--seed", default=1, show_default=True, help="Another seed, another district.")
@click.option("--name", default="sandbox", show_default=True, help="Name for the flow it suggests.")
@click.option("--port", type=PORT, default=0, help="Skyward's port; 0 takes a free one.")
@click.option(
    "--sftp-port", type=PORT, default=0, help="The SFTP server's port; 0 takes a free one."
)
@click.option(
    "--env-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the secrets there, private, instead of printing them.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0),
    default=0.0,
    help="Stop by itself after so long; 0 waits for Ctrl-C.",
)
def command(
    variant: str,
    students: int,
    seed: int,
    name: str,
    port: int,
    sftp_port: int,
    env_file: Path | None,
    seconds: float,
) -> None:
    """Start both servers, say how to reach them, and wait until stopped.

    The people are invented and the secrets are made up at each start. Nothing listens beyond this machine.
    """
    from etlrunner.sandbox import district as districts
    from etlrunner.sandbox import sftp, skyward

    with contextlib.ExitStack() as stack:
        district = districts.District(students=students, seed=seed)
        try:
            source = stack.enter_context(skyward.start(district, variant=variant, port=port))
            sink = stack.enter_context(sftp.start(port=sftp_port))
        except OSError as error:
            raise LocalTrouble(
                f"the sandbox cannot listen: {error.strerror}", hint="--port 0 takes a free port"
            ) from None
        answers = Answers(
            name, variant, source.domain, allow_http=True, host=sink.host, port=sink.port
        )
        values = (source.key, source.secret, sink.username, sink.password)
        lines = [
            f"{key}='{value}'" for key, value in zip(answers.secret_names(), values, strict=True)
        ]
        if env_file:
            files.write_private(env_file, "\n".join(lines) + "\n")
        else:
            for line in lines:
                screen.say(line)
        screen.say(
            f"etlrunner init {name} --variant {variant} --domain {source.domain} --allow-http "
            f"--sftp-host {sink.host} --sftp-port {sink.port} --timezone US/Central --hour 2 --no-weekend"
        )
        screen.say(f"archives arrive in {sink.folder}")
        screen.complain("The sandbox is up; Ctrl-C stops it.")
        with contextlib.suppress(KeyboardInterrupt):
            _wait(seconds)


def _wait(seconds: float) -> None:
    end = time.monotonic() + seconds if seconds else float("inf")
    while time.monotonic() < end:
        time.sleep(0.2)
