"""One file on its way over SFTP, and what may be on the far side when it does not get there."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etlrunner.errors import DeliveryFailed, EtlError, LocalTrouble, Refused, Unreachable
from etlrunner.lib import sftp_wire
from etlrunner.lib.sftp_wire import Garbled, Status, Wire, WrongSize
from etlrunner.lib.watch import Watch
from etlrunner.model.delivery import Reached

OUTSIDE = (OSError, EOFError, Status, WrongSize, Garbled)
"""What the wire raises; anything else is a mistake in this program."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What one upload ended with: the hash of the bytes that left."""

    sha256: str
    taken_at_once: bool


def unwatched(state: str, beside: str) -> None:
    """Nobody wants to know how far it is."""


@dataclass
class Upload:
    """One local file for one server."""

    wire: Wire
    watch: Watch
    server: str
    source: Path
    size: int
    moved: Callable[[int], None]
    answer: float
    """Seconds without a sign of life that are one too many."""
    reached: Reached
    """Told before the first byte and before the renaming, and when half a file was taken away."""
    flow: str = "FLOW"
    """Whose upload it is, for messages that name a command."""
    path: str = ""
    arrived: int = 0

    def under(self, path: str) -> Sent:
        """Under this very name, through one handle: no stat by name, no times, no modes, no renaming."""
        self.reached("uploading", "")
        return self._write(path)

    def _write(self, path: str) -> Sent:
        self.path, self.arrived = path, 0
        handle, digest = self._open(), hashlib.sha256()
        with self._failing():
            self._alive("sending")
            self.wire.write(handle, self._blocks(digest), self._note)
            taken = self._is_gone(handle)
            taken = self._close(handle) or taken
        return Sent(digest.hexdigest(), taken)

    def as_allowed(self, path: str) -> Sent:
        """Beside and renamed where files may be renamed, under this very name where they may not."""
        return self.beside(path, or_under=True) if self._may_rename(path) else self.under(path)

    def beside(self, path: str, *, or_under: bool = False) -> Sent:
        """Under a name beside, and renamed at the end.

        With `or_under`, a server that refuses either gets it under its own name after all, once what
        lies beside is removed: there are never two names.
        """
        folder, slash, name = path.rpartition("/")
        beside = beside_name(name)
        self.reached("uploading", beside)
        try:
            sent = self._write(f"{folder}{slash}{beside}")
        except Refused:  # nothing was opened: a server may take names of some kinds only
            if not or_under:
                raise
            return self.under(path)
        with self._failing(f"the whole file is there as {beside}, or already as {name}"):
            self.reached("uploaded", beside)
            self._alive("renaming the file")
            try:
                self._put_in_place(path)
            except Status:
                if not (or_under and self._is_removed()):
                    raise
            else:
                return sent
        return self.under(path)

    def _may_rename(self, path: str) -> bool:
        """Ask about a file that is not there: "no such file" is a yes, and nothing is left behind.

        An answer that says neither yes nor no is found out at the end.
        """
        nothing = f"{path.rpartition('/')[0] or '.'}/.etlrunner-{secrets.token_hex(8)}"
        ways = [self.wire.rename]
        if sftp_wire.POSIX_RENAME in self.wire.extensions:
            ways.insert(0, self.wire.replace)
        for way in ways:
            self._alive("asking whether files may be renamed")
            try:
                way(nothing, nothing + "-2")
            except Status as error:
                if error.code in (sftp_wire.UNSUPPORTED, sftp_wire.PERMISSION_DENIED):
                    continue
            except OUTSIDE as error:
                raise self._too_early(error, "nothing was sent") from None
            finally:
                self.watch.rest()
            return True
        return False

    def _is_removed(self) -> bool:
        self._alive("removing the file again")
        try:
            self.wire.remove(self.path)
        except Status:
            return False
        return True

    @contextlib.contextmanager
    def _failing(self, far_side: str = "") -> Iterator[None]:
        """Say what is on the far side, and take half a file away where that can be done."""
        try:
            yield
        except (
            EtlError,
            KeyboardInterrupt,
        ) as error:  # the local disk, or a signal; the session works
            cleaned = self._clean_up()
            if isinstance(error, LocalTrouble):
                raise LocalTrouble(f"{error.message}; {cleaned}", hint=error.hint) from None
            raise
        except OUTSIDE as error:
            reason = self.watch.passed or sftp_wire.reason(error)
            is_no = bool(far_side) and isinstance(error, Status)
            hint = self._disk_hint(error) or (_rename_hint(self.flow) if is_no else "")
            raise DeliveryFailed(
                f"the delivery to {self.server} broke off: {reason}",
                far_side=self._far_side(error, far_side),
                hint=hint,
            ) from None
        finally:
            self.watch.rest()

    def _open(self) -> bytes:
        self._alive("opening the file")
        directory, _, name = self.path.rpartition("/")
        try:
            return self.wire.open(self.path)
        except KeyboardInterrupt:  # it may be open by now, and empty
            self._clean_up()
            raise
        except Status as error:
            raise _not_opened(error, self.server, directory, name) from None
        except OUTSIDE as error:
            raise self._too_early(error, f"it may hold an empty {name}") from None
        finally:
            self.watch.rest()

    def _too_early(self, error: Exception, left: str) -> Unreachable:
        reason = self.watch.passed or sftp_wire.reason(error)
        return Unreachable(f"{self.server} broke off before the first byte: {reason}; {left}")

    def _close(self, handle: bytes) -> bool:
        """Close, and say whether the file was gone already: then it was taken, and that is fine."""
        self._alive("closing the file")
        try:
            self.wire.close(handle)
        except Status as error:
            if error.code != sftp_wire.NO_SUCH_FILE:
                raise
            return True
        return False

    def _is_gone(self, handle: bytes) -> bool:
        """Compare sizes if the server tells; a drop box may refuse, and may have taken the file."""
        self._alive("waiting for the server to say that it has everything")
        try:
            held = self.wire.size(handle)
        except Status as error:
            return error.code == sftp_wire.NO_SUCH_FILE
        if held is not None and held != self.size:
            self.arrived = held
            raise WrongSize(held, self.size)
        return False

    def _put_in_place(self, path: str) -> None:
        """Over the old file in one step if the server can; else remove the old one first."""
        if sftp_wire.POSIX_RENAME in self.wire.extensions:
            try:
                return self.wire.replace(self.path, path)
            except Status as error:
                if error.code not in (sftp_wire.UNSUPPORTED, sftp_wire.PERMISSION_DENIED):
                    raise
        try:
            return self.wire.rename(self.path, path)
        except Status as error:
            if (
                error.code != sftp_wire.FAILURE
            ):  # version 3 has no other word for "is there already"
                raise
        self.wire.remove(path)
        return self.wire.rename(self.path, path)

    def _blocks(self, digest: Any) -> Iterator[bytes]:
        try:
            with open(self.source, "rb") as file:
                while block := file.read(sftp_wire.BLOCK):
                    digest.update(block)
                    yield block
        except OSError as error:
            why = sftp_wire.reason(error)
            raise LocalTrouble(f"cannot read {self.source}: {why}") from None

    def _note(self, size: int) -> None:
        self.arrived += size
        self._alive("sending")
        self.moved(size)

    def _alive(self, what: str) -> None:
        self.watch.allow(self.answer, what)

    def _far_side(self, error: Exception, whole: str = "") -> str:
        """`whole` is what is to be said once every byte is there, and half a file is none any more."""
        if isinstance(error, Status | WrongSize) and not self.watch.passed:
            return self._clean_up(whole)
        if whole:
            return whole
        if self.arrived < self.size:
            return self._left()
        return "every byte had arrived, but the server did not confirm the end: it may hold the whole file"

    def _clean_up(self, whole: str = "") -> str:
        """Take half a file away while it is still open, so that nobody processes it."""
        self._alive("removing the file again")
        try:
            self.wire.remove(self.path)
        except OUTSIDE:
            return whole or self._left()
        finally:
            self.watch.rest()
        with contextlib.suppress(LocalTrouble):  # then it counts as unknown, and is sent again
            self.reached("failed", "")
        return f"the {'file' if whole else 'incomplete file'} was removed again, nothing is there"

    def _left(self) -> str:
        name = self.path.rpartition("/")[2]
        return f"the server may hold an incomplete {name} ({self.arrived:,} of {self.size:,} bytes)"

    def _disk_hint(self, error: Exception) -> str:
        """OpenSSH says a bare "failure" for a full disk; ask it, if it can be asked."""
        if not isinstance(error, Status) or "statvfs@openssh.com" not in self.wire.extensions:
            return ""
        self._alive("asking for the free space")
        try:
            free = self.wire.free(self.path.rpartition("/")[0] or ".")
        except OUTSIDE:
            return ""
        return f"the server's disk is full: {free:,} bytes are free" if free < self.size else ""


def _rename_hint(flow: str) -> str:
    return (
        "if the server never lets a file be renamed, say sink.rename: false; "
        f"etlrunner connect {flow} --probe finds out"
    )


def beside_name(name: str) -> str:
    """The name a file has while it is not whole; the same at every attempt, so that it replaces itself."""
    return f".{name}.part"


def wrong_directory(server: str, directory: str) -> Refused:
    """The server has no such directory: only the flow's author, or its owner, can help."""
    return Refused(
        f"{server} has no directory {_shown(directory)} for this account; nothing was sent",
        hint="check sink.directory: it is seen from where the account signs in",
    )


def _not_opened(error: Status, server: str, directory: str, name: str) -> EtlError:
    if error.code == sftp_wire.NO_SUCH_FILE:
        return wrong_directory(server, directory)
    if error.code == sftp_wire.PERMISSION_DENIED:
        return Refused(
            f"{server} does not let this account write {name} into {_shown(directory)}; nothing was sent",
            hint="check sink.directory, and the account's rights",
        )
    return Unreachable(f"{server} could not open {name} for writing: {error}; nothing was sent")


def _shown(directory: str) -> str:
    return directory or "(the one where the account signs in)"
