"""Records that lie deeper in an answer, or inside other records: found, and unfolded to one per row.

`data.items` leads to the list of records; with `each`, every item of a list inside a record becomes a record
of its own, which has the one around it as `outer`. A bare value becomes a record with the field `value`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from etlrunner.errors import Incomplete
from etlrunner.lib import repeated_keys
from etlrunner.lib.records import Decoded, Field, TableReader
from etlrunner.lib.reply import garbled

OUTER = "outer"
VALUE = "value"


class NestedReader(TableReader):
    """Like a `TableReader`, for records that are not simply the list in the answer."""

    def __init__(
        self,
        table: str,
        fields: Mapping[str, Field],
        wrappers: Sequence[str],
        schema: Mapping[str, Any],
        around: Collection[str] = (),
        *,
        place: tuple[str, ...],
        each: tuple[str, ...],
    ) -> None:
        super().__init__(table, fields, wrappers, schema, around)
        self._place, self._each = place, each
        self._shape = self._list.type

    def decode(self, body: bytes) -> Decoded:
        """The records of one page."""
        try:
            whole = msgspec.json.decode(body)
            lists = _lists(whole) if not self._place and isinstance(whole, dict) else ()
            names = {*self._names, *self._place, *self._each, *lists}
            twice = repeated_keys.repeated(body, names)
        except (msgspec.DecodeError, UnicodeError):
            raise garbled(f"{self.table}: the answer is not valid JSON, or it is cut off") from None
        except RecursionError:
            raise Incomplete(f"{self.table}: the answer is nested too deeply") from None
        if twice is not None:
            raise Incomplete(f"{self.table}: the answer says {twice!r} twice in one object")
        records = list(self._found(whole))
        rows = records
        if self._each:
            rows = [item for record in records for item in self._unfolded(record)]
        try:
            made = msgspec.convert(rows, self._shape)
        except msgspec.ValidationError as error:
            raise Incomplete(f"{self.table}: a record is not as described: {error}") from None
        return Decoded(made, len(records))

    def _found(self, whole: Any) -> Iterator[Any]:
        value = whole
        for name in self._place:
            value = value.get(name) if isinstance(value, dict) else None
        if not self._place and isinstance(value, dict):
            named = [name for name in value if name in self.wrappers] or _lists(value)
            if len(named) == 1:
                self.is_called(named[0])
            value = value[named[0]] if len(named) == 1 else None
        if not isinstance(value, list):
            where = ".".join(self._place) or "the answer"
            raise Incomplete(f"{self.table}: {where} holds no list of records")
        return iter(value)

    def _unfolded(self, record: Any) -> Iterator[Any]:
        if not isinstance(record, dict):
            raise Incomplete(f"{self.table}: a record is no object")
        level = [record]
        for name in self._each:
            level = [
                item for one in level if isinstance(one, dict) for item in _as_list(one.get(name))
            ]
        for item in level:
            yield {**(item if isinstance(item, dict) else {VALUE: item}), OUTER: record}


def _lists(whole: Mapping[str, Any]) -> list[str]:
    return [name for name, value in whole.items() if isinstance(value, list)]


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
