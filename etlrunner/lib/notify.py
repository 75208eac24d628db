"""Sends one message to one address that apprise understands: mail, chat, a web hook."""

from __future__ import annotations

import logging
import threading

from etlrunner.model.secrets import Secret

SECONDS = 30.0
"""After this the run goes on; whatever hangs is left behind."""


def send(url: Secret, title: str, body: str, *, seconds: float = SECONDS) -> str:
    """Send it; empty when it was taken, else what went wrong, without the address."""
    answer: list[str] = []
    sender = threading.Thread(
        target=lambda: answer.append(_send(url, title, body)), name="notify", daemon=True
    )
    sender.start()
    sender.join(seconds)
    return answer[0] if answer else f"no answer within {seconds:g} s"


def _send(url: Secret, title: str, body: str) -> str:
    try:
        import apprise

        logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # its words hold addresses
        asset = apprise.AppriseAsset(
            app_id="etlrunner", app_desc="etlrunner", async_mode=False, storage_mode="memory"
        )
        messenger = apprise.Apprise(asset=asset)
        if not messenger.add(url.reveal()):
            return "its address is not one that apprise understands"
        taken = messenger.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT)
    except Exception as error:  # whatever a plug-in does, no message is worth a run
        return f"it broke off ({type(error).__name__})"
    return "" if taken else "the other side did not take it"
