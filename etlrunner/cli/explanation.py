"""What `connect --explain` shows: each request and the shape of its answer, and never a value of anybody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from etlrunner.lib import plain

if TYPE_CHECKING:
    from etlrunner.lib.exchanges import Exchange


class Explanation:
    """Collects what a connection does, to be shown afterwards."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self.unsent: list[str] = []
        self.files: dict[str, Any] = {}

    def note(self, exchange: Exchange) -> None:
        """One request has been answered, or not."""
        self.exchanges.append(exchange)

    def end(self, connection: Any) -> None:
        """What else there is to tell: requests that were left out, or the files that were examined."""
        self.unsent = list(connection.unsent()) if hasattr(connection, "unsent") else []
        self.files = dict(getattr(connection, "shapes", {}))

    def as_data(self) -> dict[str, Any]:
        """The same as data."""
        return {
            "requests": plain.of(self.exchanges),
            "not_sent": self.unsent,
            "files": plain.of(self.files),
        }

    def lines(self) -> Iterator[str]:
        """The same for people."""
        for each in self.exchanges:
            yield from _lines(each)
        for text in self.unsent:
            yield f"{text}   not sent: it would bring persons"
        for name, (rows, columns) in self.files.items():
            yield f"{name}: {rows:,} rows; {', '.join(columns)}"


def _lines(each: Exchange) -> Iterator[str]:
    yield f"{each.method} {each.url}"
    asked = [f"{name}={value}" for name, value in each.query.items()]
    asked += [f"form: {', '.join(each.form)}"] if each.form else []
    asked += [f"headers: {', '.join(each.headers)}"] if each.headers else []
    yield f"    asked   {'; '.join(asked) or 'nothing besides'}"
    if not each.status:
        yield "    came    no answer"
        return
    came = [f"HTTP {each.status}", each.media_type, f"{each.size:,} bytes"]
    came += [f"{each.records} records"] if each.records is not None else []
    came += [f"X-Total-Count {each.total}"] if each.total else []
    came += [f"Link {' '.join(each.links)}"] if each.links else []
    yield f"    came    {', '.join(came)}"
    if each.fields:
        yield f"    fields  {', '.join(f'{name} {kind}' for name, kind in each.fields.items())}"
