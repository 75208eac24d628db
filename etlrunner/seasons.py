"""Which rules hold on a day: a flow's seasons, which begin and end by themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from etlrunner.model.flow import Flow
from etlrunner.model.safeguards import Season


def of(flow: Flow, day: date) -> Season | None:
    """The season that a day lies in; no two share a day."""
    return next((one for one in flow.seasons if one.first <= day <= one.last), None)


def in_force(flow: Flow, day: date) -> Flow:
    """The flow with the safeguards that hold on a day."""
    season = of(flow, day)
    return replace(flow, safeguards=season.safeguards) if season else flow


def loosened(flow: Flow, day: date) -> frozenset[str]:
    """Tables that other limits hold for on a day: what is usual in them is not what it will be afterwards."""
    season = of(flow, day)
    if season is None:
        return frozenset()
    usual, then = flow.safeguards.tables, season.safeguards.tables
    return frozenset(
        name for name in usual if season.mode == "additive" or then[name] != usual[name]
    )


def pause(flow: Flow, day: date) -> Season | None:
    """The season in which nothing is sent, if the day lies in one."""
    season = of(flow, day)
    return season if season is not None and season.mode == "paused" else None


def told(pause: Season) -> str:
    """Why nothing is sent, and for how long."""
    return f"season '{pause.name}' pauses deliveries until {pause.last}"
