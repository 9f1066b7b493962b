"""The Arduino core's SoftwareSerial on pins 2 and 3, through the pins: what it can do and where it fails."""

import itertools
from collections.abc import Callable

import pytest

from unosim.board import Board, Image, PinChanged, SerialSent, Stop

MakeBoard = Callable[..., Board]

LISTENS, DRIVES = ("D", 3), ("D", 2)
CLOCK_HZ = 16_000_000
BOOTED = 200_000  # cycles

# Sends back what it has received once the line has been silent for 5 ms.
SKETCH = """
#include <Arduino.h>
#include <SoftwareSerial.h>
SoftwareSerial line(2, 3);
void setup() {{ line.begin({baud}); }}
void loop() {{
    delay({pause_ms});
    static uint8_t bytes[64];
    uint8_t count = 0;
    for (unsigned long last = millis(); millis() - last < 5;) {{
        while (line.available()) {{ bytes[count++ & 63] = line.read(); last = millis(); }}
    }}
    line.write(bytes, count);
}}
"""
DATA = bytes(itertools.chain(range(0, 256, 11), b"\x55\xaa\x00\xff", b"AT+CIPSEND"))


@pytest.fixture(scope="module")
def echo_board(arduino_sketch: Callable[[str, str], Image]) -> MakeBoard:
    def make(baud: int, pause_ms: int = 0) -> Board:
        board = Board(arduino_sketch(SKETCH.format(baud=baud, pause_ms=pause_ms), "SoftwareSerial").flash)
        board.attach_serial(listens=LISTENS, drives=DRIVES, bit_cycles_q8=bit_q8(baud))
        listen(board, BOOTED)
        return board

    return make


def bit_q8(baud: float) -> int:
    return round(CLOCK_HZ * 256 / baud)


def listen(board: Board, until: int) -> list[SerialSent]:
    """Run; the frames that the device has received."""
    heard = []
    while board.cycle < until:
        if board.run(until) == Stop.EVENT:
            heard += [event for event in board.take_events() if isinstance(event, SerialSent)]
    return heard


def say(board: Board, data: bytes, baud: float, *, start: int) -> int:
    """Let the device send bytes back to back; when the last is over."""
    frame_q8 = 10 * bit_q8(baud)
    for n, byte in enumerate(data):
        board.serial_input(byte, start + n * frame_q8 // 256, bit_q8(baud))
    return start + len(data) * frame_q8 // 256


def echo(board: Board, data: bytes, baud: float) -> list[SerialSent]:
    """What comes back."""
    end = say(board, data, baud, start=board.cycle + 1000)
    return listen(board, end + 30 * CLOCK_HZ // 1000 + 2 * (end - board.cycle))


# A slow device at 57600 is left out: it is at the library's limit, and on which side depends on the compiler.
@pytest.mark.parametrize(
    ("baud", "skew"),
    [(baud, skew) for baud in (9600, 19_200, 38_400) for skew in (0.98, 1.0, 1.02)]
    + [(57_600, 1.0), (57_600, 1.02)],
)
def test_bytes_go_both_ways(echo_board: MakeBoard, baud: int, skew: float) -> None:
    heard = echo(echo_board(baud), DATA, baud * skew)
    assert bytes(frame.data for frame in heard) == DATA
    assert not any(frame.framing_error for frame in heard)


def test_115200_is_beyond_it(echo_board: MakeBoard) -> None:
    baud = 115_200
    heard = echo(echo_board(baud), DATA, baud)
    assert bytes(frame.data for frame in heard) != DATA


@pytest.mark.parametrize("baud", [9600, 38_400, 57_600])
def test_its_bits_are_within_a_percent_of_nominal(echo_board: MakeBoard, baud: int) -> None:
    """GCC 5.4 makes them 0.998, 0.998 and 0.993 of it, 7.3 makes them 1.001, 1.007 and 1.007."""
    board = echo_board(baud)
    board.take_events()
    end = say(board, b"UU", baud, start=board.cycle + 1000)
    changes = []
    while board.cycle < end + CLOCK_HZ // 50:
        board.run(end + CLOCK_HZ // 50)
        changes += [
            event.cycle
            for event in board.take_events()
            if isinstance(event, PinChanged) and event.port == "D"
        ]
    bits = [b - a for a, b in itertools.pairwise(changes[:10])]  # start bit and eight of 10101010, all edges
    assert sum(bits) / len(bits) * baud / CLOCK_HZ == pytest.approx(1, abs=0.01)


def test_what_arrives_while_it_sends_is_lost(echo_board: MakeBoard) -> None:
    baud = 9600
    board = echo_board(baud)
    end = say(board, b"0123456789", baud, start=board.cycle + 1000)
    say(board, b"lost bytes", baud, start=end + 6 * CLOCK_HZ // 1000)  # while the echo is on its way
    heard = bytes(frame.data for frame in listen(board, board.cycle + CLOCK_HZ // 10))
    assert heard.startswith(b"0123456789")
    assert b"lost bytes" not in heard


def test_the_receive_buffer_holds_63_bytes(echo_board: MakeBoard) -> None:
    board = echo_board(57_600, pause_ms=60)
    heard = echo(board, bytes(range(100)), 57_600)
    listen(board, board.cycle)
    assert bytes(frame.data for frame in heard)[:64] == bytes(range(63))


def test_the_device_survives_a_power_cycle(echo_board: MakeBoard) -> None:
    board = echo_board(9600)
    board.power_cycle()
    listen(board, board.cycle + BOOTED)
    assert bytes(frame.data for frame in echo(board, b"again", 9600)) == b"again"


def test_a_wrong_bit_time_is_refused() -> None:
    with pytest.raises(ValueError, match="the bit time must be above 0"):
        Board(b"").attach_serial(listens=LISTENS, drives=DRIVES, bit_cycles_q8=0)
