"""Why a source's address does not work, found by asking around it without credentials.

A path that answers 401 to somebody unknown is there; one that answers 404 is not. So the right address, the
right version and the right product can be told, and nothing is given away by asking.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from etlrunner.errors import ConfigurationError, EtlError, Refused
from etlrunner.lib.http import Door
from etlrunner.lib.reply import Reply, address_problem
from etlrunner.model.components import Options
from etlrunner.sources import addresses

ROSTER = {
    "1.1": ("/ims/oneroster/v1p1",),
    "1.2": ("/ims/oneroster/v1p2", "/ims/oneroster/rostering/v1p2"),
}
LMS = "/v1/schools"
"""Skyward SMS 2.0's other API; its list of schools tells that it is there, and holds no person."""
NOWHERE = "/etlrunner-asks-whether-this-is-there"
TOKENS = {"sms-2.0": "/token", "qmlativ": "/oauth/token"}
WHERE_SMS = (
    "Product Setup > Skyward Contact Access > District Setup > Configuration > API Configuration"
)


@dataclass(frozen=True)
class Place:
    """A OneRoster API that is there."""

    root: str
    version: str


def explained(error: EtlError, door: Door, options: Options, root: str, version: str) -> EtlError:
    """The error, or a better one that says which line of the flow to change, and how."""
    if options["type"] == "rest":  # what it looks for is OneRoster's
        return error
    finder = _Finder(door, options, root, version)
    if isinstance(error, Refused):
        return finder.other_product() or error
    if isinstance(error, ConfigurationError):
        return finder.other_place() or error
    return error


class _Finder:
    """Looks around an address that does not work."""

    def __init__(self, door: Door, options: Options, root: str, version: str) -> None:
        self._door, self._options = door, options
        self._root, self._version = root, version
        self._typed = addresses.as_typed(
            str(options["domain"]), allow_http=bool(options.get("allow_http"))
        )

    def other_product(self) -> ConfigurationError | None:
        """Key and secret are refused: do they belong to Skyward's other product?"""
        variant = self._options.get("variant")
        if variant not in TOKENS:
            return None
        return self._wrong_variant(variant, self._root)

    def other_place(self) -> ConfigurationError | None:
        """Nothing is where it should be: is it nearby, of another version, or another product's?"""
        variant = str(self._options.get("variant", ""))
        lms = next((root for root in self._roots() if variant and self._is_lms(root)), None)
        found = next(self._places(), None)
        if found is not None:
            return self._corrected(found, lms)
        if lms is not None:
            return address_problem(
                f"{lms} is the LMS API ({LMS} is there), and OneRoster is not: the key may be right, "
                "the address is not",
                hint=f"the district sees two addresses under {WHERE_SMS}; the one that is needed is the "
                "OneRoster API URL: write that one into the flow, domain: <OneRoster API URL>",
            )
        return self._wrong_variant(variant, self._root) if variant in TOKENS else None

    # ------------------------------------------------------------ what to say

    def _corrected(self, place: Place, lms: str | None) -> ConfigurationError | None:
        lines = []
        if place.root != self._root:
            lines.append(f"domain: {place.root.partition('://')[2]}")
        if place.version != self._version:
            lines.append(f'oneroster: "{place.version}"')
        variant = str(self._options.get("variant", ""))
        other = self._other_variant(variant, place.root)
        if other:
            lines.append(f"variant: {other}")
        if not lines:
            return None
        what = f"OneRoster {place.version} is at {place.root}"
        if lms is not None and place.root != self._root:
            what = f"{self._typed} is the LMS API; {what}"
        elif other:
            what = f"this is Skyward {_NAMES[other]}, not {_NAMES[variant]}; {what}"
        elif place.version != self._version:
            what = f"there is no OneRoster {self._version} here; {what}"
        return address_problem(what, hint="write in the flow, below source: " + "; ".join(lines))

    def _wrong_variant(self, variant: str, root: str) -> ConfigurationError | None:
        other = self._other_variant(variant, root)
        if not other:
            return None
        return address_problem(
            f"{root}: this is Skyward {_NAMES[other]}, not {_NAMES[variant]}: tokens are at {TOKENS[other]}",
            path="source.variant",
            hint=f"write in the flow, below source: variant: {other}",
        )

    def _other_variant(self, variant: str, root: str) -> str:
        """The other product, if tokens are where it has them and not where this one has them."""
        if variant not in TOKENS or not self._tells_apart(root):
            return ""
        other = next(each for each in TOKENS if each != variant)
        if self._is_there(root + TOKENS[variant], _TOKEN_SIGNS):
            return ""
        return other if self._is_there(root + TOKENS[other], _TOKEN_SIGNS) else ""

    # ------------------------------------------------------------ looking

    def _is_lms(self, root: str) -> bool:
        return self._tells_apart(root) and self._is_there(root + LMS, _DATA_SIGNS)

    def _places(self) -> Iterator[Place]:
        """OneRoster APIs around the address, the flow's own version first."""
        versions = sorted(ROSTER, key=lambda each: each != self._version)
        for root in filter(self._tells_apart, self._roots()):
            for version in versions:
                if any(
                    self._is_there(f"{root}{path}/orgs", _DATA_SIGNS) for path in ROSTER[version]
                ):
                    yield Place(root, version)

    def _roots(self) -> Iterator[str]:
        """The root, and every address above what was typed."""
        parts = urlsplit(self._typed)
        segments = parts.path.strip("/").split("/") if parts.path.strip("/") else []
        above = (segments[:length] for length in range(len(segments), -1, -1))
        host = f"{parts.scheme}://{parts.netloc}"
        yield from dict.fromkeys([self._root, *("/".join([host, *each]) for each in above)])

    def _tells_apart(self, root: str) -> bool:
        """Whether a path that cannot be there is not there: some servers say 401 to everything."""
        return not self._is_there(root + NOWHERE, _DATA_SIGNS | _TOKEN_SIGNS)

    def _is_there(self, url: str, signs: frozenset[int]) -> bool:
        """Whether an address answers as one that exists does; it is asked without credentials."""

        def read(reply: Reply) -> bool:
            is_page = "html" in reply.media_type
            return reply.status in signs and not (is_page and reply.status == 200)

        try:
            return self._door.ask("GET", url, what="looking around", read=read)
        except EtlError:
            return False


_DATA_SIGNS = frozenset({200, 401, 403})
_TOKEN_SIGNS = frozenset({200, 400, 401, 403, 405, 411, 415})
_NAMES = {"sms-2.0": "SMS 2.0", "qmlativ": "Qmlativ"}
