"""What a connection does with requests in a row, with clients that stop, and with those that never do."""

from dataclasses import dataclass, field

import pytest

from ingest_server.front_side import Side, Wire, answers_in
from unoingest.front.front import Front
from unoingest.front.request import Request
from unoingest.front.states import ANSWER_S_MAX, BODY_S_MAX, HEAD_S_MAX, IDLE_S_MAX, LINGER_S

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n%b\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
REFUSED = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Keeper(Side):
    """A taker that answers when the test does, and its event loop."""

    taken: list[Request] = field(default_factory=list)
    excess: list[bytes] = field(default_factory=list)

    def take(self, request: Request) -> None:
        self.taken.append(request)

    def take_excess(self, _request: Request, piece: bytes) -> None:
        self.excess.append(piece)

    def refuse(self, _client: str, _problem: Exception, *, is_for_head: bool) -> bytes:  # noqa: ARG002
        return REFUSED

    def turn(self) -> None:
        while not self.calls.empty():
            self.calls.get()()

    def answer(self, data: bytes = OK) -> None:
        self.taken[-1].asker.answer(data)
        self.turn()

    def paths(self) -> list[str]:
        return [request.head.path for request in self.taken]


@pytest.fixture
def keeper() -> Keeper:
    made = Keeper()
    made.front = Front(made, 2)
    return made


def send(wire: Wire, *data: bytes) -> None:
    for piece in data:
        wire.protocol.data_received(piece)


def test_requests_in_a_row_are_taken_one_at_a_time_and_the_client_is_held_back(keeper: Keeper) -> None:
    wire = keeper.connect()
    send(wire, GET % 1 + GET % 2)
    assert (keeper.paths(), wire.is_reading) == (["/1"], True)
    send(wire, GET % 3)
    assert (keeper.paths(), wire.is_reading) == (["/1"], False)
    keeper.answer()
    assert (keeper.paths(), wire.is_reading) == (["/1", "/2"], True)
    keeper.answer()
    keeper.answer()
    assert keeper.paths() == ["/1", "/2", "/3"]
    assert [answer.status for answer in answers_in(wire.heard)] == [200] * 3
    assert not wire.is_closed


def test_a_client_that_does_not_read_gets_no_further_answers(keeper: Keeper) -> None:
    wire = keeper.connect()
    send(wire, GET % 1 + GET % 2)
    wire.protocol.pause_writing()
    keeper.answer()
    assert keeper.paths() == ["/1"]
    wire.protocol.resume_writing()
    assert keeper.paths() == ["/1", "/2"]


@pytest.mark.parametrize(
    ("data", "after_s", "is_aborted"),
    [
        ([], HEAD_S_MAX, True),
        ([b"GET / HTT"], HEAD_S_MAX, True),
        ([b"GET / HTT", b"P"], HEAD_S_MAX, True),
        ([GET % 1, None], IDLE_S_MAX, True),
        ([GET % 1, None, b"G"], HEAD_S_MAX, True),
        ([GET % 1], 10_000, False),
    ],
)
def test_how_long_a_client_may_say_nothing(
    keeper: Keeper, data: list[bytes | None], after_s: float, is_aborted: bool
) -> None:
    keeper.front.sweep(1000)
    wire = keeper.connect()
    for piece in data:
        if piece is None:
            keeper.answer()
        else:
            send(wire, piece)
        keeper.front.sweep(1000)
    keeper.front.sweep(1000 + after_s - 0.1)
    assert not wire.is_aborted
    keeper.front.sweep(1000 + after_s)
    assert wire.is_aborted == is_aborted


def test_a_late_body_is_a_request_in_trouble_and_the_last_one(keeper: Keeper) -> None:
    wire = keeper.connect()
    send(wire, POST % b"" + b"a")
    keeper.front.sweep(BODY_S_MAX - 1)
    send(wire, b"b")
    assert keeper.taken == []
    keeper.front.sweep(BODY_S_MAX)
    (request,) = keeper.taken
    assert (request.closes, str(request.trouble)) == (
        True,
        "The body was not complete when the time for it was up",
    )
    keeper.answer()
    assert (wire.is_half_closed, wire.is_closed) == (True, False)
    send(wire, b"c" + GET % 2)
    assert keeper.paths() == ["/"]
    assert wire.protocol.eof_received() is False


def test_who_goes_on_sending_after_a_refusal_is_cut_off(keeper: Keeper) -> None:
    wire = keeper.connect()
    send(wire, b"PRI * HTTP/2.0\r\n\r\n")
    assert (wire.heard, wire.is_half_closed, keeper.taken) == (REFUSED, True, [])
    keeper.front.sweep(LINGER_S - 0.1)
    send(wire, GET % 1)
    assert not wire.is_aborted
    keeper.front.sweep(LINGER_S)
    keeper.turn()
    assert (wire.is_aborted, keeper.front.is_empty) == (True, True)


def test_who_does_not_take_an_answer_is_cut_off(keeper: Keeper) -> None:
    wire = keeper.connect()
    send(wire, GET % 1)
    wire.protocol.pause_writing()
    keeper.answer()
    keeper.front.sweep(ANSWER_S_MAX - 0.1)
    assert not wire.is_aborted
    keeper.front.sweep(ANSWER_S_MAX)
    assert wire.is_aborted


@pytest.mark.parametrize("line", [b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"])
def test_a_client_that_wants_no_more_is_left(keeper: Keeper, line: bytes) -> None:
    wire = keeper.connect()
    send(wire, line)
    assert keeper.taken[0].closes
    keeper.answer()
    assert (wire.heard, wire.is_closed, wire.is_aborted) == (OK, True, False)


def test_a_client_that_has_said_all_gets_all_answers(keeper: Keeper) -> None:
    wire = keeper.connect()
    send(wire, GET % 1 + GET % 2)
    assert wire.protocol.eof_received() is True
    keeper.answer()
    assert (keeper.paths(), wire.is_closed) == (["/1", "/2"], False)
    keeper.answer()
    assert (wire.heard, wire.is_closed) == (OK * 2, True)


def test_a_client_that_ends_in_mid_head_or_mid_body(keeper: Keeper) -> None:
    wire = keeper.connect()
    send(wire, GET % 1 + b"GET /2")
    assert wire.protocol.eof_received() is True
    keeper.answer()
    assert (keeper.paths(), wire.is_closed) == (["/1"], True)
    wire = keeper.connect()
    send(wire, POST % b"" + b"a")
    assert wire.protocol.eof_received() is True
    assert str(keeper.taken[-1].trouble) == "The connection ended before the body did"
    assert keeper.connect().protocol.eof_received() is False


def test_a_client_that_has_gone_is_answered_to_nobody(keeper: Keeper) -> None:
    wire = keeper.connect()
    send(wire, GET % 1)
    wire.protocol.connection_lost(None)
    assert keeper.taken[0].asker.is_gone
    keeper.answer()
    assert (wire.heard, keeper.front.is_empty) == (b"", True)


@pytest.mark.parametrize(
    ("data", "heard"),
    [
        ([POST % b"Expect: 100-continue\r\n", b"abc"], b"HTTP/1.1 100 Continue\r\n\r\n"),
        ([POST % b"Expect: 100-continue\r\n" + b"a", b"bc"], b"HTTP/1.1 100 Continue\r\n\r\n"),
        ([POST % b"Expect: 100-continue\r\n" + b"abc"], b""),
        ([POST % b"", b"abc"], b""),
        ([(POST % b"Expect: 100-continue\r\n").replace(b"1.1", b"1.0"), b"abc"], b""),
    ],
)
def test_who_waits_for_a_word_gets_it_once(keeper: Keeper, data: list[bytes], heard: bytes) -> None:
    wire = keeper.connect()
    send(wire, *data)
    assert (wire.heard, keeper.taken[0].body) == (heard, b"abc")


def test_the_end_of_the_server(keeper: Keeper) -> None:
    keeper.front = Front(keeper, 9)
    served, silent, begun, kept = (keeper.connect() for _ in range(4))
    send(served, GET % 1 + GET % 2)
    send(begun, b"GET")
    send(kept, GET % 3)
    keeper.answer()
    keeper.front.drain()
    keeper.turn()
    assert [wire.is_closed for wire in (served, silent, begun, kept)] == [False, True, False, True]
    send(begun, b" /4 HTTP/1.1\r\n\r\n")
    assert keeper.taken[-1].closes
    keeper.answer()
    assert begun.is_closed
    # what had arrived behind the first is answered, too
    keeper.taken[0].asker.answer(OK)
    assert (keeper.paths()[-1], served.is_closed) == ("/2", False)
    keeper.answer()
    assert served.is_closed
    late = keeper.connect()
    keeper.turn()
    assert (late.is_closed, keeper.front.is_empty) == (True, True)


def test_there_is_room_or_not(keeper: Keeper) -> None:
    changes: list[bool] = []
    keeper.front.on_change = lambda: changes.append(keeper.front.has_room)
    wires = [keeper.connect(), keeper.connect()]
    assert changes == [False]
    for wire in wires:
        wire.abort()
        keeper.turn()
    assert changes == [False, True, True]
