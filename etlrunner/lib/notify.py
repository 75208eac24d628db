"""The one door to apprise: a message to any of the services it knows."""

from __future__ import annotations

import logging

from etlrunner.model import Secret


def send(url: Secret, title: str, body: str) -> str:
    """Send one message; returns why it could not be sent, without the address, or the empty text."""
    import apprise

    logging.getLogger("apprise").addHandler(logging.NullHandler())
    logging.getLogger("apprise").propagate = False  # its messages hold the address
    service = apprise.Apprise()
    if not service.add(url.reveal()):
        return "a notification address is not one that apprise knows"
    try:
        sent = service.notify(title=title, body=body)
    except (OSError, TypeError, ValueError) as error:
        return f"a notification could not be sent ({type(error).__name__})"
    return "" if sent else "a notification was not accepted by its service"
