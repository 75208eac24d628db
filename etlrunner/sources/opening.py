"""What a flow's options open: a door to the server, with its limits, and the way to ask for a token there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from etlrunner.lib.exchanges import Seen
from etlrunner.lib.http import Door, Limits, Timeouts
from etlrunner.lib.oauth import TokenPlan
from etlrunner.model.components import Options
from etlrunner.model.problems import Problem
from etlrunner.model.secrets import Secret
from etlrunner.model.surroundings import Clock
from etlrunner.sources import addresses
from etlrunner.sources.definition import Definition

NEEDS = {
    "oauth2": ("key", "secret"),
    "oauth1": ("key", "secret"),
    "basic": ("key", "secret"),
    "header": ("secret",),
    "bearer": ("secret",),
    "none": (),
}
"""What each way to sign in needs of the flow."""


def problems(options: Options, definition: Definition) -> list[Problem]:
    """What the flow lacks that the definition's way to sign in needs, and what the definition lacks."""
    style = definition.auth.style
    found = [
        Problem(
            "E202",
            f"'{name}' is missing in 'source': {definition.title} is signed in to with it",
            path=f"source.{name}",
        )
        for name in NEEDS[style]
        if not options.get(name)
    ]
    if style == "oauth2" and not (definition.token_paths and definition.token_requests):
        message = "token: `paths` and `requests` say how a token is asked for, and are missing"
        found.append(Problem("E602", message, path="token", hint="or another auth: {style: …}"))
    return found


def door(options: Options, definition: Definition, clock: Clock, seen: Seen | None) -> Door:
    """The door to the server: time-outs, pace and deadline as the flow says, else the definition."""
    timeouts = options.get("timeouts") or {}
    deadline = options.get("deadline")
    rate = options.get("requests_per_second")
    return Door(
        clock=clock,
        timeouts=Timeouts(
            _seconds(timeouts.get("connect"), definition.timeouts.connect),
            _seconds(timeouts.get("read"), definition.timeouts.read),
        ),
        limits=Limits(
            concurrency=int(options.get("concurrency") or 2),
            requests_per_second=float(rate) if rate else None,
            deadline=_seconds(deadline, 0.0) or None,
        ),
        ca_file=options.get("ca_file"),
        allow_http=bool(options.get("allow_http")),
        seen=seen,
        cookies=definition.cookies,
    )


def _seconds(value: timedelta | None, default: float) -> float:
    return default if value is None else value.total_seconds()


def token_plan(definition: Definition, options: Options, root: str) -> TokenPlan:
    """Where and how to ask for a token, and what to say when key and secret are refused."""
    configured = options.get("token_path")
    paths = (str(configured),) if configured else definition.token_paths
    headers: dict[str, str | Secret] = dict(definition.token_headers)
    for option, name in definition.option_headers.items():
        if options.get(option):
            headers[name] = options[option]
    scopes: Any = options.get("scopes")
    return TokenPlan(
        urls=tuple(addresses.join(root, path) for path in paths),
        requests=definition.token_requests,
        scopes=tuple(definition.scopes if scopes is None else scopes),
        headers=headers,
        refused=". ".join(
            filter(
                None,
                [
                    definition.refused,
                    *(each for name, each in definition.without.items() if not options.get(name)),
                ],
            )
        ),
    )
