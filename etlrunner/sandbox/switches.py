"""What the sandbox's Skyward can be: its variants, and the switches for its moods and faults."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from etlrunner.sandbox.objects import Absent, Booleans
from etlrunner.sandbox.wire import Incoming, Reply


@dataclass(frozen=True, slots=True)
class Variant:
    """What differs between the products."""

    base: str
    token: str
    paths: Mapping[str, str]
    """OneRoster version -> where it lies below the base."""
    grants: tuple[str, ...]
    refusal: int
    """Status for a wrong key or secret."""
    absent: Absent
    booleans: Booleans
    lms: bool = False


VARIANTS: Mapping[str, Variant] = {
    "sms-2.0": Variant(
        "/APIexampletxSTU", "/token", {"1.1": "/ims/oneroster/v1p1"},
        ("client_credentials", "password"), 400, "null", "text", lms=True,
    ),
    "qmlativ": Variant(
        "/LakesideStuAPI", "/oauth/token",
        {"1.1": "/ims/oneroster/v1p1", "1.2": "/ims/oneroster/v1p2"},
        ("client_credentials",), 401, "absent", "json",
    ),
    "oneroster": Variant(
        "", "/oauth/token",
        {"1.1": "/ims/oneroster/v1p1", "1.2": "/ims/oneroster/rostering/v1p2"},
        ("client_credentials",), 401, "empty", "text",
    ),
}  # fmt: skip


@dataclass
class Switches:
    """Everything about the server that a test may want otherwise; the defaults are a healthy one."""

    # signing in
    grants: tuple[str, ...] | None = None
    """Grants it takes; None is what the variant takes."""
    integration_token: str | None = None
    """If set, token requests need it as the header `Skyward-Integration-Token`."""
    scopes_required: bool = False
    scopes_refused: bool = False
    echo_secret: bool = False
    """A refusal repeats the request's body, as careless servers do."""
    token_seconds: float = 3600
    token_requests: int = 0
    """A token is forgotten after so many data requests; 0 for never."""
    expires_in: Any = "as token_seconds"
    """What it says about a token's life, however wrong; None leaves it out."""
    expired_status: int = 401
    """What an expired token gets: 401, 403 or 500 have all been seen."""
    token_unavailable: int = 0
    """So many token requests get 503."""

    oauth1: str = ""
    """Data requests need an OAuth 1.0a signature of this method, and no token: `HMAC-SHA1`, `HMAC-SHA256`."""
    time: Callable[[], float] = time.time
    """The time that signatures are held against, in seconds."""

    # paging
    default_limit: int = 100
    max_limit: int = 5000
    """A page never holds more, whatever was asked for, and nothing says so."""
    totals: bool = True
    """Is X-Total-Count sent?"""
    total_error: int = 0
    """Added to the total it states."""
    links: bool = True
    """Are Link headers sent?"""
    link_host: str | None = None
    """Another host in the links."""
    ignore_offset: bool = False
    filters: bool = True
    """Does it know `filter=status='active'`? Anything else draws 400."""

    # objects
    absent: Absent | None = None
    booleans: Booleans | None = None

    # trouble
    page_delay: float = 0
    """Seconds before each page."""
    unavailable: int = 0
    """So many data requests get 503."""
    throttled: int = 0
    """So many data requests get 429."""
    retry_after: str | None = None
    """Sent with 429 and 503."""
    forbidden: Collection[str] = ()
    """Collections that get 403; a single one may be given as its name."""
    empty: Collection[str] = ()
    """Collections that come back with no records and 200."""
    maintenance: bool = False
    """Everything is an HTML page with status 200."""
    on_request: Callable[[Incoming], Reply | None] | None = None
    """Asked before anything else; a Reply is sent as it is."""
