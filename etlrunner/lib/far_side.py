"""Every state in which a delivery can be found, what the other end holds then, and the one answer to it.

A state is committed, and flushed to the disk, before the step that could make it untrue: `intended` before
the connection, `uploading` before the first byte, `uploaded` before the renaming; `placed` after the proof.
So whatever stops a run, the last state that was written says what may be on the far side.

Where it cannot be known, the answer is the same bytes under the same name. That can do no harm: the archive
passed every check and safeguard, it replaces itself, and whoever takes a full snapshot twice has what one
time gives. What is compared with, and counted from, moves on only when a delivery is proven.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from etlrunner.errors import DeliveryFailed, Refused
from etlrunner.model.delivery import Delivery
from etlrunner.model.run import RunRecord

Answer = Literal["nothing", "send again", "promote", "finish"]


@dataclass(frozen=True, slots=True)
class State:
    """One state: what may be on the far side, and what the next start does."""

    far_side: str
    """For messages; `{name}` and `{beside}` are filled in."""
    answer: Answer
    does: str


SEND_AGAIN = "sends the same bytes again under the same name, before anything else is sent"
STATES: Mapping[str, State] = {
    "planned": State("nothing was sent", "nothing", "begins anew: the source is read again"),
    "intended": State("nothing was sent", "nothing", "begins anew; a retry sends the same bytes"),
    "uploading": State("the server may hold a part of {beside}", "send again", SEND_AGAIN),
    "uploaded": State(
        "the whole file is there: as {beside}, or already as {name}", "send again", SEND_AGAIN
    ),
    "unknown": State("it cannot be known what is there as {name}", "send again", SEND_AGAIN),
    "failed": State("nothing is there", "nothing", "begins anew; a retry sends the same bytes"),
    "placed": State(
        "the whole file is there as {name}",
        "promote",
        "sends nothing; makes it the delivery that the next is compared with, and a success",
    ),
    "promoted": State(
        "the whole file is there as {name}",
        "finish",
        "sends nothing; writes down the success",
    ),
    "delivered": State("the whole file is there as {name}", "nothing", "nothing is left to do"),
}


def found(record: RunRecord, baseline: str = "") -> str:
    """The state in which a run left its delivery; `baseline` is the run that `delivered/` names."""
    if record.delivery is None:
        return "planned"
    if record.outcome == "delivered":
        return "delivered"
    return "promoted" if record.id == baseline else record.delivery.state


def may_be_whole(delivery: Delivery) -> bool:
    """Whether the target may have the whole file, though nothing proves it."""
    return STATES[delivery.state].answer == "send again"


def leftovers(delivery: Delivery) -> tuple[str, ...]:
    """Names at the target under which half a file may lie."""
    if not may_be_whole(delivery):
        return ()
    return tuple(name for name in (delivery.beside, delivery.remote_name) if name)


def told(delivery: Delivery) -> str:
    """What may be on the far side, in words."""
    beside = delivery.beside or delivery.remote_name
    words = STATES[delivery.state].far_side.format(name=delivery.remote_name, beside=beside)
    return delivery.far_side or words


def next_start(delivery: Delivery) -> str:
    """What the next start does about it, in words."""
    return f"the next run {STATES[delivery.state].does}"


def after(delivery: Delivery, error: BaseException) -> Delivery:
    """The delivery as an orderly ending leaves it: known to have come to nothing, or not known."""
    if delivery.state in ("placed", "failed"):
        return delivery
    if delivery.state == "intended" or isinstance(error, Refused):
        return replace(delivery, state="failed", far_side="nothing was sent")
    known = error.far_side if isinstance(error, DeliveryFailed) else told(delivery)
    return replace(delivery, state="unknown", far_side=known)
