"""What `etlrunner explain` says of a key: what it is, what it may be, its default, an example, the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from etlrunner.config.keys import Key

WHOLE = 3
"""So many different keys of one name are told in full; more are listed, each with the name that means it."""
MOST_PLACES = 6


def told(found: Sequence[Key]) -> str:
    """The keys that a name may mean: each in full, or a list to choose from."""
    groups = _groups(found)
    if len(groups) <= WHOLE:
        return "\n\n".join("\n".join(_whole(each)) for each in groups)
    called = [_called(each[0], groups) for each in groups]
    width = max(map(len, called))
    listed = [
        f"  {name:<{width}}  {_sentence(each[0].description)}"
        for name, each in zip(called, groups, strict=True)
    ]
    first = f"'{found[0].name}' is a key at {len(groups)} places:"
    return "\n".join([first, *listed, f"\nSay which: etlrunner explain {called[0]}"])


def _groups(found: Sequence[Key]) -> list[list[Key]]:
    """Keys that say the same at several places, told once; a default may differ."""
    groups: dict[tuple[str, ...], list[Key]] = {}
    for key in found:
        groups.setdefault((key.name, key.description, *key.may_be()), []).append(key)
    return list(groups.values())


def _called(key: Key, groups: Sequence[Sequence[Key]]) -> str:
    """The shortest name that means this key, and no other of these."""
    place = key.place.replace(".*", "").replace("[]", "")
    top, _, rest = place.partition(".")
    named = f"{top}.{key.kind}.{rest}" if key.kind else place
    files = {each[0].file.word for each in groups if each[0].path == key.path}
    return f"{key.file.word}.{named}" if len(files) > 1 or "." not in named else named


def _whole(same: Sequence[Key]) -> Iterator[str]:
    first = same[0]
    yield f"{first.place}: {first.description}\n"
    files = dict.fromkeys(key.file.title for key in same)
    yield f"  stands in  {'; '.join(files)}"
    others = list(dict.fromkeys(key.place for key in same if key.place != first.place))
    if others:
        rest = len(others) - MOST_PLACES
        more = f", and at {rest} more places" if rest > 0 else ""
        yield f"  also at    {', '.join(others[:MOST_PLACES])}{more}"
    if kinds := list(dict.fromkeys(key.kind for key in same if key.kind)):
        yield f"  with       type: {', '.join(kinds)}"
    allowed = first.may_be()
    yield f"  may be     {allowed[0]}" if allowed else "  may be     anything"
    yield from (f"             {one}" for one in allowed[1:])
    yield f"  default    {_defaults(same)}"
    yield "  example    " + first.example().replace("\n", f"\n{' ' * 13}")
    yield f"  read on    {'; '.join(dict.fromkeys(key.page for key in same))}"


def _defaults(same: Sequence[Key]) -> str:
    """One for all places, or each with the places that have it."""
    found: dict[str, list[str]] = {}
    for key in same:
        found.setdefault(key.by_default(), []).append(_short(key, same))
    if len(found) == 1:
        return next(iter(found))
    return "; ".join(f"{value} ({', '.join(names)})" for value, names in found.items())


def _short(key: Key, same: Sequence[Key]) -> str:
    """What tells a place from the others: `students`, `staff`; the kind of file; else the whole place."""
    paths = {one.path for one in same}
    if len(paths) == 1:
        return key.file.word
    if len({len(path) for path in paths}) == 1:
        columns = zip(*paths, strict=True)
        differ = [number for number, steps in enumerate(columns) if len(set(steps)) > 1]
        if len(differ) == 1:
            return key.path[differ[0]]
    return key.place


def _sentence(text: str) -> str:
    """The first one."""
    return text.partition(". ")[0].rstrip(".") + "."
