"""The real image against a server that misbehaves once: nothing is lost, nothing is stored twice."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from system.whole_path import virtual_run
from unosim.board import Image
from unosim.demo import acknowledged
from unosim.network import Peer, Reply
from unosim.signed import parse_post
from unosim.trace import Channel

pytestmark = pytest.mark.system
READINGS = 8
SECOND_REQUEST = 1

Fault = Callable[[list[Reply]], list[Reply]]
"""What becomes of the replies to one request, which the server has fully taken."""


def lose_answer_and_close(_: list[Reply]) -> list[Reply]:
    return [Reply(b"", close=True)]


def lose_answer(_: list[Reply]) -> list[Reply]:
    return []


def cut_answer_short(replies: list[Reply]) -> list[Reply]:
    return [Reply(replies[0].data[:-4], close=True)]


def answer_nonsense(_: list[Reply]) -> list[Reply]:
    return [Reply(b"\x00\xffHTTP/9.9 lots of it\r\n\r\n+IPD,4,9:OK\r\n")]


def answer_busy(_: list[Reply]) -> list[Reply]:
    return [Reply(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\n{}")]


def answer_at_length(_: list[Reply]) -> list[Reply]:
    """More than the board can know of in advance, and all at once: the last page before a server dies."""
    return [Reply(b"HTTP/1.1 500 Oops\r\ncontent-length: 3000\r\n\r\n" + 3000 * b"x")]


def acknowledge_unsigned(_: list[Reply]) -> list[Reply]:
    return [Reply(b"HTTP/1.1 204 No Content\r\n\r\n")]


def acknowledge_with_a_wrong_tag(replies: list[Reply]) -> list[Reply]:
    return [Reply(re.sub(rb"(?i)(unolink-tag: ).", rb"\1_", replies[0].data))]


def refuse_unsigned(_: list[Reply]) -> list[Reply]:
    return [Reply(b"HTTP/1.1 422 Unprocessable Content\r\ncontent-length: 0\r\n\r\n")]


def answer_and_close(replies: list[Reply]) -> list[Reply]:
    return [Reply(replies[0].data, close=True)]


def answer_late(replies: list[Reply]) -> list[Reply]:
    return [Reply(replies[0].data, after_ns=4_000_000_000)]


class FaultyPeer:
    """Passes everything to a server, and spoils what it answers to one request."""

    def __init__(self, server: Peer, requests: Iterable[int], fault: Fault) -> None:
        self._server = server
        self._requests = iter(requests)
        self._fault = fault

    def receive(self, data: bytes, now_ns: int) -> Iterable[Reply]:
        replies = list(self._server.receive(data, now_ns))
        if not replies or next(self._requests) != SECOND_REQUEST:
            return replies
        return self._fault(replies)


@pytest.mark.parametrize(
    "fault",
    [
        lose_answer_and_close,
        lose_answer,
        cut_answer_short,
        answer_nonsense,
        answer_busy,
        answer_at_length,
        acknowledge_unsigned,
        acknowledge_with_a_wrong_tag,
        refuse_unsigned,
    ],
)
def test_a_reading_whose_answer_went_wrong_is_sent_again_and_stored_once(
    image: Image, tmp_path: Path, fault: Fault
) -> None:
    requests = iter(range(1_000))  # counted over all connections
    run = virtual_run(
        image, tmp_path / "readings.db", READINGS, wrap=lambda peer: FaultyPeer(peer, requests, fault)
    )
    assert run.counters.retries == 1
    assert run.counters.acked >= READINGS
    assert [row["seq"] for row in run.stored] == list(range(run.counters.acked))
    assert len(run.log_lines) == run.counters.acked + 1, "a line for each reading, and one for the counters"


def posted_in(data: bytes) -> set[tuple[str, int, int]]:
    post = parse_post(data)
    assert post is not None
    return set(post.readings())


@pytest.mark.parametrize("fault", [answer_and_close, answer_late])
def test_a_reading_whose_answer_was_merely_unusual_is_not_sent_again(
    image: Image, tmp_path: Path, fault: Fault
) -> None:
    requests = iter(range(1_000))
    run = virtual_run(
        image, tmp_path / "readings.db", READINGS, wrap=lambda peer: FaultyPeer(peer, requests, fault)
    )
    assert run.counters.retries == 0
    posts = [posted_in(entry.data) for entry in run.trace.entries if entry.channel is Channel.NET_TX]
    assert len(set().union(*posts)) == sum(map(len, posts)), "no reading was sent twice"
    assert {(2, seq) for seq in range(READINGS)} <= acknowledged(run.trace)
    assert [row["seq"] for row in run.stored] == list(range(len(run.stored)))
