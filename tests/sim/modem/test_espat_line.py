"""The line machine of ESP-AT 2 as a table: chunks in, effects and states out."""

from typing import Any

import pytest

from unosim.modem.espat_line import TRANSITIONS, EspatLineMachine
from unosim.modem.line import Effect, State

ROOM_BYTES = 16
ERROR = (Effect.ERROR, b"")
BUSY = (Effect.BUSY_PROCESSING, b"")


def command(line: bytes) -> tuple[Effect, bytes]:
    return Effect.COMMAND, line


def machine(state: State) -> EspatLineMachine:
    """Return a machine in a state; in DATA it expects four bytes."""
    made = EspatLineMachine(ROOM_BYTES)
    if state is State.DATA:
        made.expect(4, escaped=False)
    elif state is State.PASS_THROUGH:
        made.pass_through()
    elif state is not State.DEAF:
        made.idle()
        if state is State.PROCESSING:
            list(made.feed(b"AT\r\n"))
    assert made.state is state
    return made


Row = tuple[State, list[bytes], list[tuple[Effect, bytes]], State]
ROWS: list[Row] = [
    (State.DEAF, [b"AT\r\n"], [], State.DEAF),
    (State.IDLE, [b"AT"], [], State.IDLE),
    (State.IDLE, [b"AT\r\n"], [command(b"\r\n")], State.PROCESSING),
    (State.IDLE, [b"A", b"t+X", b"\r", b"\n"], [command(b"+X\r\n")], State.PROCESSING),
    (State.IDLE, [b"AT\r", b"\r\n"], [command(b"\r\r\n")], State.PROCESSING),
    (State.IDLE, [b"\r\n"], [ERROR], State.IDLE),
    (State.IDLE, [b"A\r\n"], [ERROR], State.IDLE),
    (State.IDLE, [b" AT\r\n"], [ERROR], State.IDLE),
    (State.IDLE, [b"\n", b"\r", b"AT\r\n"], [ERROR], State.IDLE),
    (State.IDLE, [b"\r\nAT\r\n"], [BUSY, ERROR], State.IDLE),
    (State.IDLE, [b"AT+X\r\nAT+RST\r\n"], [BUSY, command(b"+X\r\n")], State.PROCESSING),
    (State.IDLE, [b"AT345678901234\r\n"], [command(b"345678901234\r\n")], State.PROCESSING),
    (State.IDLE, [b"AT3456789012345\r\n"], [ERROR], State.IDLE),
    (State.IDLE, [b"AT", 40 * b"x", b"AT\r", b"\n"], [ERROR], State.IDLE),
    (State.IDLE, [40 * b"x", b"\r\n", b"AT\r\n"], [ERROR, command(b"\r\n")], State.PROCESSING),
    (State.IDLE, [40 * b"x", b"\x00AT\r\n"], [command(b"\r\n")], State.PROCESSING),
    (State.IDLE, [b"ab\x00cd\x00AT\r\n"], [command(b"\r\n")], State.PROCESSING),
    (State.IDLE, [b"AT\x00"], [], State.IDLE),
    (State.IDLE, [b"AT\r\n\x00"], [BUSY, command(b"\r\n")], State.PROCESSING),
    (State.PROCESSING, [b"x"], [BUSY], State.PROCESSING),
    (State.PROCESSING, [b"x", b"AT\r\nAT\r\n"], [BUSY, BUSY], State.PROCESSING),
    (State.PROCESSING, [b"xAT+RST\r\ny"], [(Effect.FORCE_RESTART, b"")], State.PROCESSING),
    (State.PROCESSING, [b"AT+RST", b"\r\n"], [BUSY, BUSY], State.PROCESSING),
    (State.DATA, [b"+++"], [], State.DATA),
    (State.DATA, [b"\x00\r", b"\nx"], [(Effect.DATA_COMPLETE, b"\x00\r\nx")], State.PROCESSING),
    (State.DATA, [b"abcdef"], [BUSY, (Effect.DATA_COMPLETE, b"abcd")], State.PROCESSING),
    (State.PASS_THROUGH, [b"+++"], [(Effect.PASS_ON, b"+++")], State.PASS_THROUGH),
]


@pytest.mark.parametrize(("before", "chunks", "expected", "after"), ROWS)
def test_chunks(
    before: State, chunks: list[bytes], expected: list[tuple[Effect, bytes]], after: State
) -> None:
    made = machine(before)
    heard = [pair for chunk in chunks for pair in made.feed(chunk) if pair[0] is not Effect.ECHO]
    assert heard == expected
    assert made.state is after


@pytest.mark.parametrize(
    ("before", "chunks", "echo"),
    [
        (State.IDLE, [b"A", b"T\r\n"], b"AT\r\n"),
        (State.IDLE, [b"AT\r\nxyz"], b"AT\r\n"),
        (State.IDLE, [b"AT\r", b"\nxyz"], b"AT\r\n"),
        (State.IDLE, [b"x\x00AT\r\n"], b"x\x00AT\r\n"),
        (State.PROCESSING, [b"AT\r\n"], b""),
        (State.DATA, [b"abcdef"], b""),
        (State.PASS_THROUGH, [b"abc"], b""),
    ],
)
def test_echo(before: State, chunks: list[bytes], echo: bytes) -> None:
    made = machine(before)
    pairs = [pair for chunk in chunks for pair in made.feed(chunk)]
    assert b"".join(data for effect, data in pairs if effect is Effect.ECHO) == echo


def test_a_restart_in_surplus_data_ends_the_send() -> None:
    made = machine(State.DATA)
    heard = []
    for effect, _ in made.feed(b"abcdAT+RST\r\n"):
        heard.append(effect)
        made.deafen()  # as the engine does on a restart
    assert heard == [Effect.FORCE_RESTART]


def test_every_transition_is_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    used: set[object] = set()

    class Noted(dict[Any, Any]):
        def __getitem__(self, key: object) -> object:
            used.add(key)
            return super().__getitem__(key)

    monkeypatch.setattr(EspatLineMachine, "TRANSITIONS", Noted(TRANSITIONS))
    for before, chunks, _, _ in ROWS:
        made = machine(before)
        for chunk in chunks:
            list(made.feed(chunk))
    assert used == set(TRANSITIONS)
