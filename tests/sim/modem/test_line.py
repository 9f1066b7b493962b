"""The line machine as a table: chunks in, effects and states out."""

import pytest

from unosim.modem.line import TRANSITIONS, Effect, LineMachine, State, Symbol

ROOM_BYTES = 16
NONE = b""


def machine(state: State) -> LineMachine:
    """Return a machine in a state; in DATA it expects four bytes."""
    made = LineMachine(ROOM_BYTES)
    if state is State.DATA:
        made.expect(4, escaped=False)
    elif state is State.PASS_THROUGH:
        made.pass_through()
    elif state is not State.DEAF:
        made.idle()
        if state is State.SENDING:
            made.expect(1, escaped=False)
            list(made.feed(b"x"))
        elif state is not State.IDLE:
            list(made.feed(b"AT" if state is State.RECEIVING else b"AT\r\n"))
    assert made.state is state
    return made


def reactions(made: LineMachine, chunks: list[bytes]) -> list[tuple[Effect, bytes]]:
    return [pair for chunk in chunks for pair in made.feed(chunk) if pair[0] is not Effect.ECHO]


@pytest.mark.parametrize(
    ("before", "chunks", "expected", "after"),
    [
        (State.DEAF, [b"AT\r\n"], [], State.DEAF),
        (State.IDLE, [b"A"], [], State.IDLE),
        (State.IDLE, [b"A", b"T"], [], State.RECEIVING),
        (State.IDLE, [b"at"], [], State.RECEIVING),
        (State.IDLE, [b"aT"], [], State.IDLE),
        (State.IDLE, [b"AAT"], [], State.RECEIVING),
        (State.IDLE, [b"A T"], [], State.IDLE),
        (State.IDLE, [b"\n"], [(Effect.ERROR, NONE)], State.IDLE),
        (State.IDLE, [b"\n\n"], 2 * [(Effect.ERROR, NONE)], State.IDLE),
        (State.IDLE, [b"AT\r\n"], [(Effect.COMMAND, b"\r\n")], State.PROCESSING),
        (State.IDLE, [b"xAT+X\r\n"], [(Effect.COMMAND, b"+X\r\n")], State.PROCESSING),
        (State.IDLE, [b"ATAT\n"], [(Effect.COMMAND, b"AT\n")], State.PROCESSING),
        (State.RECEIVING, [b"+X\r", b"\n"], [(Effect.COMMAND, b"+X\r\n")], State.PROCESSING),
        (State.RECEIVING, [b"123456789012345\n"], [(Effect.COMMAND, b"123456789012345\n")], State.PROCESSING),
        (State.RECEIVING, [b"1234567890123456"], [], State.IDLE),
        (State.RECEIVING, [b"1234567890123456\n"], [(Effect.ERROR, NONE)], State.IDLE),
        (State.PROCESSING, [b"AT\r\nhello"], [(Effect.BUSY_PROCESSING, NONE)], State.PROCESSING),
        (State.PROCESSING, [b"AT+R", b"ST\r\n"], [(Effect.FORCE_RESTART, NONE)], State.PROCESSING),
        (State.PROCESSING, [b"xxAT+RST\r\n"], [(Effect.FORCE_RESTART, NONE)], State.PROCESSING),
        (State.PROCESSING, [b"AT+RST\n"], [(Effect.BUSY_PROCESSING, NONE)], State.PROCESSING),
        (State.DATA, [b"\r\n", b"\n"], [], State.DATA),
        (State.DATA, [b"ab", b"cd"], [(Effect.DATA_COMPLETE, b"abcd")], State.SENDING),
        (
            State.DATA,
            [b"abcdef"],
            [(Effect.DATA_COMPLETE, b"abcd"), (Effect.BUSY_SENDING, NONE)],
            State.SENDING,
        ),
        (State.DATA, [b"+++"], [(Effect.SEND_CANCELLED, NONE)], State.IDLE),
        (State.DATA, [b"+", b"++"], [], State.DATA),
        (State.DATA, [b"++++"], [(Effect.DATA_COMPLETE, b"++++")], State.SENDING),
        (State.SENDING, [b"AT\r\nAT\r\n"], [(Effect.BUSY_SENDING, NONE)], State.SENDING),
        (State.SENDING, [b"A", b"T"], 2 * [(Effect.BUSY_SENDING, NONE)], State.SENDING),
        (State.SENDING, [b"AT+RST\r\n"], [(Effect.FORCE_RESTART, NONE)], State.PROCESSING),
        (
            State.PASS_THROUGH,
            [b"AT\r\n", b"+++"],
            [(Effect.PASS_ON, b"AT\r\n"), (Effect.PASS_ON, b"+++")],
            State.PASS_THROUGH,
        ),
        (State.SENDING, [b"xAT+RST\r\n"], [(Effect.BUSY_SENDING, NONE)], State.SENDING),
    ],
)
def test_reactions(
    before: State, chunks: list[bytes], expected: list[tuple[Effect, bytes]], after: State
) -> None:
    made = machine(before)
    assert reactions(made, chunks) == expected
    assert made.state is after


@pytest.mark.parametrize(
    ("said", "data"),
    [
        (rb"abcd", b"abcd"),
        (rb"ab\0", b"ab"),
        (rb"\0", b""),
        (rb"a\\bc", rb"a\bc"),
        (rb"a\\0b", rb"a\0b"),
        (rb"a\nb", rb"a\nb"),
        (rb"abc\n", b"abc\\"),
        (rb"0000", b"0000"),
    ],
)
def test_escaped_data(said: bytes, data: bytes) -> None:
    for chunks in ([said], [said[at : at + 1] for at in range(len(said))]):
        made = machine(State.IDLE)
        made.expect(4, escaped=True)
        assert reactions(made, chunks) == [(Effect.DATA_COMPLETE, data)]


@pytest.mark.parametrize("state", [State.IDLE, State.RECEIVING, State.PROCESSING, State.SENDING])
def test_every_byte_outside_data_is_echoed(state: State) -> None:
    said = b"\x00xAT+RST\n\xff"
    echoed = b"".join(data for effect, data in machine(state).feed(said) if effect is Effect.ECHO)
    assert echoed == said


def test_data_is_not_echoed() -> None:
    assert [effect for effect, _ in machine(State.DATA).feed(b"abcd")] == [Effect.DATA_COMPLETE]


def test_the_echo_comes_before_what_the_byte_does() -> None:
    effects = [effect for effect, _ in machine(State.IDLE).feed(b"\nAT\r\n")]
    assert effects == [Effect.ECHO, Effect.ERROR, Effect.ECHO, Effect.COMMAND]


def test_every_state_that_listens_knows_every_plain_byte() -> None:
    assert {state for state, symbol in TRANSITIONS if symbol is Symbol.BYTE} == set(State) - {State.DEAF}


def test_pass_through_is_not_echoed() -> None:
    assert [effect for effect, _ in machine(State.PASS_THROUGH).feed(b"abcd")] == [Effect.PASS_ON]
