"""The SFTP requests by themselves, against a peer that answers as it pleases."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etlrunner.errors import DeliveryFailed, EtlError
from etlrunner.lib import sftp_wire
from etlrunner.lib.sftp_upload import OUTSIDE, Upload, unwatched
from etlrunner.lib.sftp_wire import Garbled, Status, Wire
from etlrunner.lib.watch import Watch

VERSION, STATUS, HANDLE, ATTRS = 2, 101, 102, 105
Answer = Callable[[int, int, bytes], bytes]


def packet(kind: int, body: bytes) -> bytes:
    return struct.pack(">IB", len(body) + 1, kind) + body


def status(number: int, code: int = 0, text: bytes = b"words of the server") -> bytes:
    return packet(
        STATUS, struct.pack(">III", number, code, len(text)) + text + struct.pack(">I", 0)
    )


def handle(number: int) -> bytes:
    return packet(HANDLE, struct.pack(">II", number, 1) + b"h")


class Peer:
    """The other end: hands each request to `answer` and returns what that says."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.kinds: list[int] = []
        self.waiting = b""

    def sendall(self, data: bytes) -> None:
        kind, number = struct.unpack_from(">BI", data, 4)
        self.kinds.append(kind)
        self.waiting += self.answer(kind, number, data[9:])

    def recv(self, size: int) -> bytes:
        piece, self.waiting = self.waiting[: min(size, 7)], self.waiting[min(size, 7) :]
        return piece


def obliging(kind: int, number: int, body: bytes) -> bytes:
    if kind in (3, 11):
        return handle(number)
    return status(number)


def test_what_the_server_can_do_is_noted() -> None:
    def texts(*words: bytes) -> bytes:
        return b"".join(struct.pack(">I", len(word)) + word for word in words)

    pairs = texts(b"posix-rename@openssh.com", b"1", b"statvfs@openssh.com", b"2")
    wire = Wire(Peer(lambda *_: packet(VERSION, struct.pack(">I", 3) + pairs)))
    wire.start()
    assert wire.extensions == {"posix-rename@openssh.com", "statvfs@openssh.com"}


def test_answers_may_come_in_any_order() -> None:
    kept: list[bytes] = []

    def last_first(kind: int, number: int, body: bytes) -> bytes:
        kept.append(status(number))
        if len(kept) < sftp_wire.WINDOW:
            return b""
        ready = b"".join(reversed(kept))
        kept.clear()
        return ready

    confirmed: list[int] = []
    Wire(Peer(last_first)).write(b"h", [b"x" * 10] * 128, confirmed.append)
    assert sum(confirmed) == 1280


@pytest.mark.parametrize("failing", [0, 1, 63, 64, 98, 99])
def test_no_write_fails_unnoticed(failing: int) -> None:
    count = iter(range(1000))

    def answer(kind: int, number: int, body: bytes) -> bytes:
        return status(number, 4 if next(count) == failing else 0)

    with pytest.raises(Status) as caught:
        Wire(Peer(answer)).write(b"h", [b"x"] * 100, lambda size: None)
    assert caught.value.code == 4


def test_the_words_of_the_server_are_not_kept() -> None:
    wire = Wire(Peer(lambda kind, number, body: status(number, 3, b"c4nary")))
    with pytest.raises(Status) as caught:
        wire.open("x")
    assert "c4nary" not in repr(caught.value) + str(caught.value)
    assert str(caught.value) == "permission denied"


def test_no_such_file_on_closing_means_that_it_was_taken(tmp_path) -> None:
    def answer(kind: int, number: int, body: bytes) -> bytes:
        return status(number, 2) if kind == 4 else obliging(kind, number, body)

    peer = Peer(lambda k, n, b: status(n, 8) if k == 8 else answer(k, n, b))
    assert upload(peer, tmp_path, 100).taken_at_once
    assert peer.kinds == [3, 6, 8, 4]


def test_another_size_at_the_server_is_no_success(tmp_path) -> None:
    def answer(kind: int, number: int, body: bytes) -> bytes:
        if kind == 8:
            return packet(ATTRS, struct.pack(">IIQ", number, 1, 99))
        return obliging(kind, number, body)

    with pytest.raises(DeliveryFailed, match="holds 99 of 100 bytes"):
        upload(Peer(answer), tmp_path, 100)


def test_a_line_lost_after_the_last_byte_says_that_all_may_be_there(tmp_path) -> None:
    def answer(kind: int, number: int, body: bytes) -> bytes:
        return b"" if kind == 4 else obliging(kind, number, body)

    peer = Peer(lambda k, n, b: status(n, 8) if k == 8 else answer(k, n, b))
    with pytest.raises(DeliveryFailed) as caught:
        upload(peer, tmp_path, 100)
    assert "it may hold the whole file" in caught.value.far_side
    assert 13 not in peer.kinds  # and nothing was removed


def test_a_server_without_posix_rename_is_helped(tmp_path) -> None:
    seen: list[int] = []

    def answer(kind: int, number: int, body: bytes) -> bytes:
        seen.append(kind)
        if kind == 18 and seen.count(18) == 1:
            return status(number, 4)
        return status(number, 8) if kind == 8 else obliging(kind, number, body)

    upload(Peer(answer), tmp_path, 10, way="beside")
    assert seen[-3:] == [18, 13, 18]


@pytest.mark.parametrize(
    ("asked", "refused", "removed", "ends"),
    [
        (2, 0, 0, [18, 3, 6, 8, 4, 18]),  # may be renamed, and is
        (3, 0, 0, [18, 3, 6, 8, 4]),  # may not: nothing lies beside, ever
        (8, 0, 0, [18, 3, 6, 8, 4]),
        (4, 3, 0, [18, 3, 6, 8, 4, 18, 13, 3, 6, 8, 4]),  # says so at the end only
        (4, 3, 3, None),  # and what lies beside cannot be removed: never two names
    ],
)
def test_where_renaming_is_refused_the_final_name_is_used(
    tmp_path, asked: int, refused: int, removed: int, ends: list[int] | None
) -> None:
    seen: list[int] = []
    said = {8: 8, 13: removed}

    def answer(kind: int, number: int, body: bytes) -> bytes:
        seen.append(kind)
        if kind == 18:
            return status(number, asked if seen == [18] else refused)
        return status(number, said[kind]) if said.get(kind) else obliging(kind, number, body)

    if ends is None:
        with pytest.raises(DeliveryFailed, match="permission denied") as caught:
            upload(Peer(answer), tmp_path, 10, way="as_allowed")
        assert "the whole file is there as .x.zip.part" in caught.value.far_side
        assert seen.count(3) == 1
    else:
        upload(Peer(answer), tmp_path, 10, way="as_allowed")
        assert seen == ends


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_answer_is_either_understood_or_called_garbled(noise: bytes) -> None:
    for act in (
        lambda wire: wire.start(),
        lambda wire: wire.open("x"),
        lambda wire: wire.size(b"h"),
        lambda wire: wire.close(b"h"),
        lambda wire: wire.free("."),
        lambda wire: wire.write(b"h", [b"x"] * 3, lambda size: None),
    ):
        with contextlib.suppress(OUTSIDE):
            act(Wire(Peer(lambda *_: noise)))


@pytest.mark.slow
@given(st.lists(st.sampled_from([0, 1, 2, 3, 4, 8, 99]), min_size=1, max_size=30), st.data())
@settings(max_examples=2000, deadline=None)
def test_any_mix_of_answers_ends_well_or_as_one_of_ours(tmp_path_factory, codes, data) -> None:
    turn = iter(codes * 100)

    def answer(kind: int, number: int, body: bytes) -> bytes:
        code = next(turn, 0)
        if code == 99:
            return data.draw(st.binary(max_size=40))
        return obliging(kind, number, body) if code == 0 else status(number, code)

    folder = tmp_path_factory.mktemp("mix")
    for way in ("under", "beside", "as_allowed"):
        try:
            upload(Peer(answer), folder, 100_000, way=way)
        except EtlError as error:
            assert error.exit_code in (3, 4, 7)  # noqa: PT017


def test_a_message_is_an_answer_of_impossible_size() -> None:
    with pytest.raises(Garbled):
        Wire(Peer(lambda *_: b"This account is locked.")).start()


def upload(peer: Peer, folder, size: int, *, way: str = "under"):
    source = folder / "source.zip"
    source.write_bytes(b"z" * size)
    with Watch() as watch:
        sending = Upload(
            Wire(peer), watch, "server:22", source, size, lambda size: None, 5, unwatched
        )
        return getattr(sending, way)("in/x.zip")
