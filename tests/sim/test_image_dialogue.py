"""What an Uno says, cut into commands and requests, and what of these has to be the same. No image is run."""

import pytest

from unosim.attrace.format import Record
from unosim.image_replay.dialogue import Dialogue, Piece, Position
from unosim.image_replay.player import Player
from unosim.trace import Channel

HEAD = "POST /v1/readings HTTP/1.1\r\nHost: h:1\r\nAuthorization: Unolink a:0123456789012345678901\r\n"
ROWS = '{"boot":2,"channels":["a0","a1"],"readings":[[0,17,1,null],[1,16,2,-3.5]]'


def heard(data: bytes) -> Dialogue:
    """Return a dialogue whose bytes come every 10 ns, the first at 10."""
    return Dialogue((10 * number, byte) for number, byte in enumerate(data, 1))


def request(body: str, head: str = HEAD) -> Piece:
    return Piece(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode(), [], is_request=True)


def command(text: str) -> Piece:
    return Piece(text.encode(), [], is_request=False)


@pytest.mark.parametrize(
    ("said", "pieces"),
    [
        (b"AT\r\nATE0\r\nAT", [b"AT\r\n", b"ATE0\r\n"]),
        (b"AT+CIPSEND=4,6\r\na\r\nb\r\nAT\r\n", [b"AT+CIPSEND=4,6\r\n", b"a\r\nb\r\n", b"AT\r\n"]),
        (b"AT+CIPSEND=5\r\nabcATE0\r\n", [b"AT+CIPSEND=5\r\n", b"abcAT", b"E0\r\n"]),
        (b"AT+CIPSEND=99\r\nabcAT+CIPCLOSE\r\n", [b"AT+CIPSEND=99\r\n", b"abc", b"AT+CIPCLOSE\r\n"]),
        (b"AT+CIPSEND=4,99\r\nAT\r\nAT\r\n", [b"AT+CIPSEND=4,99\r\n", b"AT\r\n", b"AT\r\n"]),
        (b"+++AT\r\n", [b"+++AT\r\n"]),
    ],
)
def test_what_is_announced_is_one_piece_or_less(said: bytes, pieces: list[bytes]) -> None:
    assert [piece.data for piece in heard(said).pieces] == pieces


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (command("AT\r\n"), command("ATE0\r\n"), False),
        (command("AT+CIPSEND=4,99\r\n"), command("AT+CIPSEND=4,101\r\n"), True),
        (command("AT+CIPSEND=4,99\r\n"), command("AT+CIPSEND=3,99\r\n"), False),
        (command("AT+CIPRECVDATA=4,99\r\n"), command("AT+CIPRECVDATA=4,98\r\n"), False),
        (command('AT+CWJAP_CUR="a","**0"\r\n'), command('AT+CWJAP_CUR="a","secret"\r\n'), True),
        (command('AT+CWJAP_CUR="a","**0"\r\n'), command('AT+CWJAP_CUR="b","**0"\r\n'), False),
        (request(ROWS + "}"), request(ROWS.replace("17", "4294967295") + "}"), True),
        (request(ROWS + "}"), request(ROWS.replace(",[1,16,2,-3.5]", "") + "}"), True),
        (request(ROWS + "}"), request(ROWS.replace("a1", "a2") + "}"), False),
        (request(ROWS + "}"), request(ROWS.replace(",null", "") + "}"), False),
        (request(ROWS + "}"), request(ROWS + ',"status":{"lost":1}}'), True),
        (request(ROWS + ',"status":{"lost":0}}'), request(ROWS + ',"status":{"lost":1}}'), True),
        (request(ROWS + ',"status":{"lost":0}}'), request(ROWS + ',"status":{"lots":0}}'), False),
        (request(ROWS + "}"), request(ROWS + "}", HEAD.replace("h:1", "h:2")), False),
        (request(ROWS + "}"), request(ROWS + "}", HEAD.replace("0123", "4567")), True),
        (request(ROWS + "}"), request(ROWS + "}", HEAD + "X: 1\r\n"), False),
    ],
)
def test_what_has_to_be_the_same(one: Piece, other: Piece, *, alike: bool) -> None:
    assert (one.is_like(other), other.is_like(one)) == (alike, alike)


@pytest.mark.parametrize(
    ("place", "at_ns"),
    [
        (Position(0, 0), 0),
        (Position(0, 2), 20),
        (Position(0, 9), 40),
        (Position(1, 0), 40),
        (Position(1, 1), 50),
        (Position(1, 2), None),
        (Position(2, 0), None),
    ],
)
def test_a_piece_that_has_ended_has_passed_every_place_in_it(place: Position, at_ns: int | None) -> None:
    assert heard(b"AT\r\nA").instant_of(place) == at_ns


@pytest.mark.parametrize(
    "body", ["", "{", "[]", '{"boot":1}', '{"boot":1,"readings":[]}', '{"boot":1,"readings":7}']
)
def test_a_broken_request_has_no_readings(body: str) -> None:
    assert request(body).batch is None


@pytest.mark.parametrize(
    ("said", "late_ns", "at_ns"),
    [
        (b"AT+CIPSEND=1\r\na", 0, 500),
        (b"AT+CIPSEND=1\r\na", 100, 500),  # the resolution of a recording
        (b"AT+CIPSEND=1\r\na", 101, 601),
        (b"AT+CIPSEND=9\r\nabcdefgh", 0, None),  # its own end counts, not the recorded one's
        (b"AT+CIPSEND=9\r\nabcdefghi", 1_000, 1_580),
        (b"AT+CIPSEND=9\r\n", 0, None),
    ],
)
def test_the_module_speaks_after_the_same_pause(said: bytes, late_ns: int, at_ns: int | None) -> None:
    player = Player(
        [Record(t=500, ch=Channel.ESP_TX, text="SEND OK\r\n", baud=115_200)], heard(b"AT+CIPSEND=1\r\na")
    )
    for number, byte in enumerate(said, 1):
        player.heard.hear(10 * number + late_ns, byte)
    assert player.next_deadline() == at_ns
