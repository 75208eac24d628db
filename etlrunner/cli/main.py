"""The program's entry: finds the command, loads only that, turns every ending into an exit code."""

from __future__ import annotations

import errno
import sys
from importlib import import_module
from itertools import pairwise
from typing import NoReturn

import click

import etlrunner
from etlrunner.errors import EtlError, Interrupted, LocalTrouble, UsageError
from etlrunner.lib import stop

COMMANDS = {
    "init": ("init", "Write a new flow: questions like a set-up wizard, or flags."),
    "validate": ("validate", "Check flows without network or secrets; check any Apple zip."),
    "show": ("show", "Print a flow after merging; secrets stay references."),
    "test": ("test", "Run the mapping tests."),
    "connect": ("connect", "Sign in at the source and at the sink; learn the host key."),
    "preview": ("preview", "Some rows of a table, source beside result."),
    "plan": ("plan", "Everything but the delivery: what would change, what would be held."),
    "run": ("run", "Pull, map, check, compare, deliver."),
    "approve": ("approve", "Deliver a held run: exactly the content that was shown."),
    "resend": ("resend", "Deliver an earlier archive again, its bytes unchanged."),
    "baseline": ("baseline", "What Apple has; bring in what another tool sent."),
    "outcome": ("outcome", "Did Apple take it? Its activity log, tied to our rows."),
    "why": ("why", "Where one record went, and by which rule."),
    "fixlists": ("fixlists", "Lists for the schools' clerks: what to mend in the SIS, in Excel."),
    "history": ("history", "Runs at a glance, or one in full."),
    "schedule": ("schedule", "When flows run next; run them at their hours."),
    "secrets": ("secrets", "Set secrets with hidden input; check that all are there."),
    "explain": ("explain", "Explain any error code, rule, exit code or key of a file."),
    "schema": ("schema", "Print or copy the JSON Schemas for editors."),
    "docs": ("docs", "Write the reference pages from the code and the schemas."),
    "sandbox": ("sandbox", "A Skyward and an SFTP server on loopback, with invented children."),
    "demo": ("demo", "Sandbox, a first run, its approval and a second run, in one command."),
}
"""Command -> (module in this folder, one sentence); the module is loaded when the command is used."""


AFTER_THE_COMMAND = ("--project", "--json", "--set")
"""Options that many commands have, and that people put before them."""
CLOSED_PIPE = 141
"""128 + SIGPIPE, as of any other program: `etlrunner explain | head -1`. It says nothing of the run."""


class LazyCommands(click.Group):
    """A group whose commands are imported one at a time, so that `--help` stays quick."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"etlrunner.cli.{COMMANDS[name][0]}").command
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            context.fail(_unknown_command(args[0]))
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])


@click.group(
    cls=LazyCommands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Try it without an account: etlrunner demo. Start for real: etlrunner init.",
)
@click.version_option(etlrunner.__version__, prog_name="etlrunner", message="%(prog)s %(version)s")
def cli() -> None:
    """A daily sync from Skyward, or any OneRoster source, to Apple School Manager.

    Exit codes: 0 delivered or nothing to do, 2 configuration, 3 unreachable (retry), 4 refused, 5 data
    failed a check, 6 held by a safeguard, 7 delivery failed (retry), 8 already running, 9 this machine.
    """


def main(args: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with the documented code."""
    stop.listen()
    try:
        code = run(sys.argv[1:] if args is None else args)
    except Interrupted as stopped:  # while its end was told
        code = stopped.exit_code
    sys.exit(code)


def run(args: list[str]) -> int:
    """Run one command and return its exit code; every ending says its one sentence."""
    as_json = "--json" in args or "--format=json" in args or ("--format", "json") in pairwise(args)
    try:
        code = cli.main(args=args, prog_name="etlrunner", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except KeyboardInterrupt as error:
        return _failed(error if isinstance(error, Interrupted) else Interrupted(), as_json)
    except click.Abort as error:  # what click makes of one
        stopped = error.__cause__ or error.__context__
        return _failed(stopped if isinstance(stopped, Interrupted) else Interrupted(), as_json)
    except click.ClickException as error:
        return _misused(error, as_json)
    except EtlError as error:
        return _failed(error, as_json)
    except (
        BrokenPipeError,
        SystemExit,
    ):  # click and rich exit when whoever read our output has left
        return CLOSED_PIPE
    except OSError as error:
        return _full() if error.errno == errno.ENOSPC else _unforeseen(error, as_json)
    except Exception as error:
        return _unforeseen(error, as_json)


def _failed(error: EtlError | Interrupted, as_json: bool) -> int:
    from etlrunner.cli import screen

    screen.failure(error, as_json)
    return error.exit_code


def _full() -> int:
    """Standard output may be what is full, so this never goes there."""
    return _failed(LocalTrouble("the disk is full; what was printed is cut off"), as_json=False)


def _misused(error: click.ClickException, as_json: bool) -> int:
    """A command line that cannot be understood."""
    if isinstance(error, click.NoSuchOption):
        error = _near_option(error)
    if as_json:
        return _failed(UsageError(error.format_message()), as_json)
    error.show()
    return 2


def _near_option(error: click.NoSuchOption) -> click.NoSuchOption:
    """With the option or the command that was meant; click names some that are like it in no way."""
    import difflib

    name, known = error.option_name, error.possibilities or ()
    if error.ctx is not None and error.ctx.parent is None and name in AFTER_THE_COMMAND:
        said = f"{name} stands after the command: etlrunner COMMAND … {name}"
        return click.NoSuchOption(name, said, ctx=error.ctx)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    command = difflib.get_close_matches(name.strip("-"), COMMANDS, n=1, cutoff=0.75)
    message = error.message
    if command and not close:
        message += f" There is a command of that name: etlrunner {command[0]}"
    return click.NoSuchOption(name, message, close, error.ctx)


def _unforeseen(error: Exception, as_json: bool) -> int:
    """A machine that has run out of something can fail anywhere; anything else is a bug of ours."""
    from etlrunner.lib import files

    if (stopped := stop.told()) is not None:
        return _failed(stopped, as_json)
    trouble = files.of_this_machine(error)
    return _failed(trouble, as_json) if trouble else _bug(error, as_json)


def _bug(error: Exception, as_json: bool) -> int:
    """One line on screen; the traceback, without values of variables, in a private file."""
    from etlrunner.cli import screen

    where = screen.keep_traceback(error)
    sentence = f"a bug in etlrunner ({type(error).__name__}); please report it. Traceback: {where}"
    screen.failure(EtlError(sentence), as_json)
    return 1


def _unknown_command(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, COMMANDS, n=1)
    return f"there is no command '{name}'" + (f" (did you mean '{close[0]}'?)" if close else "")
