"""A server's addresses: its root from what people paste, and the paths below it."""

from __future__ import annotations

from urllib.parse import urlsplit


def root_of(domain: str, pasted: tuple[str, ...], allow_http: bool = False) -> str:
    """The API's root from what people paste: with or without https, slash, version path, token path.

    The case of the path is kept; nothing is ever guessed from the host's name.
    """
    root = as_typed(domain, allow_http)
    parts = urlsplit(root)
    path = parts.path
    for pattern in pasted:
        path = _cut(path, pattern)
    return f"{parts.scheme}://{parts.netloc}{path}"


def as_typed(domain: str, allow_http: bool = False) -> str:
    """The address with its scheme, and without slashes at its end."""
    text = domain.strip().rstrip("/")
    scheme = "http" if allow_http else "https"
    if "://" in text:
        scheme, _, text = text.partition("://")
    parts = urlsplit(f"{scheme.lower()}://{text}")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def join(root: str, path: str) -> str:
    """A path below the root; a whole address stays as it is."""
    if path.startswith(("https://", "http://")):
        return path.rstrip("/")
    return f"{root}/{path.strip('/')}".rstrip("/")


def _cut(path: str, pattern: str) -> str:
    """The path without a pasted tail: `/token` at its end, or `/swagger/*` with whatever follows."""
    segments = path.split("/")
    stem = pattern.removesuffix("/*").strip("/").lower().split("/")
    for start in range(1, len(segments) - len(stem) + 1):
        rest = segments[start + len(stem) :]
        here = [segment.lower() for segment in segments[start : start + len(stem)]]
        if here == stem and (not rest or pattern.endswith("/*")):
            return "/".join(segments[:start])
    return path
