"""Threads that wait for the network get their turn sooner while others compute.

Python hands over between threads after 5 ms. An answer arrives in many pieces, and after each of them its
thread would wait that long for one that decodes: the next request would go out late.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

SHORT = 0.0005
"""Seconds until a thread that computes hands over to one that waits."""
_lock = threading.Lock()
_users: list[float] = []
"""What was set before, once for each who wants short turns now."""


@contextlib.contextmanager
def short_turns() -> Iterator[None]:
    """Hand over sooner within the block; the last one to leave restores what was before."""
    with _lock:
        _users.append(sys.getswitchinterval() if not _users else _users[0])
        sys.setswitchinterval(min(SHORT, _users[0]))
    try:
        yield
    finally:
        with _lock:
            before = _users.pop()
            if not _users:
                sys.setswitchinterval(before)
