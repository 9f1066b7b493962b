"""The protocol without a debugger: what each packet is answered, whatever comes, in whatever chunks."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unosim.board import Board, Stop, load_image
from unosim.clock import NS_PER_MS, NS_PER_S
from unosim.gdb import Stub, Target
from unosim.gdb.packets import PACKET_BYTES_MAX, Interrupt, Packets, ProtocolError
from unosim.gdb.stub import State
from unosim.gdb.target import Stepping
from unosim.uno import Uno

SKETCH = """
#include <avr/sleep.h>
volatile byte count;
void setup() { count = 7; delay(100); cli(); sleep_mode(); }
void loop() {}
"""


class Bare:
    """A machine of a board alone."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.uno = Uno(board)

    @property
    def now_ns(self) -> int:
        return self.uno.now_ns

    def step(self, limit_ns: int) -> Stop:
        self.uno.run(limit_ns)
        return self.uno.stop


def packet(payload: bytes) -> bytes:
    return b"$%b#%02x" % (payload, sum(payload) & 0xFF)


def make_stub(flash: bytes = b"", resets: list[str] | None = None) -> Stub:
    return Stub(Target(Bare(Board(flash))), lambda: (resets if resets is not None else []).append("reset"))


def answer(stub: Stub, payload: bytes) -> bytes:
    """The payload of the answer to a payload."""
    (found,) = Packets().receive(stub.receive(packet(payload)).removeprefix(b"+"))
    assert isinstance(found, bytes)
    return found


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (b"?", b"S05"),
        (b"vMustReplyEmpty", b""),
        (b"qAttached", b"1"),
        (b"qfThreadInfo", b"m1"),
        (b"qsThreadInfo", b"l"),
        (b"Hg0", b"OK"),
        (b"vCont?", b"vCont;c;C;s;S"),
        (b"p22", b"00000000"),  # PC
        (b"p21", b"ff08"),  # SP
        (b"p20", b"00"),  # SREG
        (b"p0", b"a5"),
        (b"p23", b"E01"),
        (b"pxx", b"E01"),
        (b"m0,4", b"ffffffff"),
        (b"m7fff,4", b"ff"),
        (b"m8000,1", b"E01"),
        (b"m80005d,2", b"ff08"),
        (b"m8008ff,1", b"a5"),
        (b"m8008ff,2", b"E01"),
        (b"m810000,2", b"ffff"),
        (b"m8103ff,9", b"ff"),
        (b"m810400,1", b"E01"),
        (b"m,", b"E01"),
        (b"m1", b"E01"),
        (b"mffffffffffffffffff,1", b"E01"),
        (b"M800100,2:1234", b"OK"),
        (b"M800100,2:12", b"OK"),
        (b"M8000c6,1:41", b"E01"),  # an I/O register
        (b"M0,2:0000", b"E01"),  # flash
        (b"M8008ff,2:0000", b"E01"),
        (b"M800100,1:zz", b"E01"),
        (b"P0=17", b"OK"),
        (b"P22=02000000", b"OK"),
        (b"P22=01000000", b"E01"),
        (b"P22=00800000", b"E01"),
        (b"P21=ff", b"E01"),
        (b"G00", b"E01"),
        (b"Z0,10,2", b"OK"),
        (b"z0,10,2", b"OK"),
        (b"Z1,10,2", b"OK"),
        (b"Z0,11,2", b"E01"),
        (b"Z0,8000,2", b"E01"),
        (b"Z2,800100,2", b"OK"),
        (b"z2,800100,2", b"OK"),
        (b"Z2,100,2", b"E01"),
        (b"Z2,8008ff,2", b"E01"),
        (b"Z2,800001,1", b"E01"),  # a register: not watched
        (b"Z3,800100,2", b""),
        (b"Z", b"E01"),
        (b"D", b"OK"),
        (b"X0,0:", b""),
        (b"", b""),
        (b"qRcmd,7a", b"6d6f6e69746f72"),
    ],
)
def test_a_command_and_its_answer(asked: bytes, answered: bytes) -> None:
    found = answer(make_stub(), asked)
    assert found.startswith(answered) if asked.startswith(b"qRcmd") else found == answered


def test_all_registers_at_once() -> None:
    stub = make_stub()
    values = bytes(range(32)) + b"\x85" + b"\xf0\x08" + b"\x02\x10\x00\x00"
    assert answer(stub, b"G" + values.hex().encode()) == b"OK"
    assert answer(stub, b"g") == values.hex().encode()
    assert answer(stub, b"p22") == b"02100000"
    assert answer(stub, b"P5=ee") == b"OK"
    assert answer(stub, b"g")[10:12] == b"ee"


def test_what_is_written_can_be_read() -> None:
    stub = make_stub()
    answer(stub, b"M800100,3:0a0b0c")
    assert answer(stub, b"m800100,4") == b"0a0b0ca5"


def test_features_are_agreed_upon() -> None:
    stub = make_stub()
    assert b"PacketSize=1000;" in answer(stub, b"qSupported:multiprocess+;swbreak+")
    assert stub.receive(packet(b"QStartNoAckMode")) == b"+" + packet(b"OK")
    assert stub.receive(packet(b"?")) == packet(b"S05")  # no acknowledgement any more


def test_a_damaged_packet_is_asked_for_again_and_an_answer_repeated() -> None:
    stub = make_stub()
    assert stub.receive(b"$?#00") == b"-"
    first = stub.receive(packet(b"?"))
    assert stub.receive(b"-") == first.removeprefix(b"+")
    assert stub.receive(b"+") == b""


def test_a_breakpoint_a_step_and_ctrl_c(sketch: Callable[..., Path]) -> None:
    image = load_image(sketch(SKETCH))
    stub = make_stub(image.flash)
    count = image.symbols["count"].address
    answer(stub, b"qSupported:swbreak+")
    answer(stub, b"Z2,%x,1" % (0x80_0000 + count))
    assert stub.receive(packet(b"c")) == b"+"
    assert stub.state is State.RUNNING
    hit = stub.run(NS_PER_S)
    assert hit == packet(b"T05watch:%x;" % (0x80_0000 + count))
    stub.receive(packet(b"vCont;c"))
    assert stub.run(NS_PER_S) == hit  # cleared at the start, set to 7 now
    answer(stub, b"z2,%x,1" % (0x80_0000 + count))
    before = answer(stub, b"p22")
    stub.receive(packet(b"s"))
    assert stub.run(NS_PER_S) == packet(b"S05")
    pc = int.from_bytes(bytes.fromhex(answer(stub, b"p22").decode()), "little")
    assert pc != int.from_bytes(bytes.fromhex(before.decode()), "little")
    stub.receive(packet(b"c"))
    assert stub.run(50 * NS_PER_MS) == b""
    assert stub.receive(b"\x03") == packet(b"S02")
    assert stub.receive(b"\x03") == b""  # it stands still already
    answer(stub, b"Z0,%x,2" % pc)
    stub.receive(packet(b"vCont;s:1;c"))
    assert stub.run(NS_PER_S) in {packet(b"S05"), packet(b"T05swbreak:;")}
    answer(stub, b"z0,%x,2" % pc)
    stub.receive(packet(b"C05"))
    told = Packets().receive(stub.run(NS_PER_S))
    assert told == [b"O" + b"asleep, and nothing can wake it\n".hex().encode(), b"S11"]


def test_a_step_at_sleep_goes_on_until_something_wakes(sketch: Callable[..., Path]) -> None:
    sleeper = "#include <avr/sleep.h>\nvoid setup() {}\nvoid loop() { sleep_mode(); }\n"
    stub = make_stub(load_image(sketch(sleeper)).flash)
    stub.receive(packet(b"c"))
    stub.run(10 * NS_PER_MS)
    stub.receive(b"\x03")
    board = stub._target.board
    assert board.asleep
    begin = board.cycle
    stub.receive(packet(b"s"))
    assert stub.run(begin // 16 * 1000 + 1) == b""  # still asleep
    assert stub.run(NS_PER_S) == packet(b"S05")
    assert not board.asleep
    assert 0 < board.cycle - begin < 20_000  # one tick of 1.024 ms, its handler run
    assert board.pc not in range(2, 52, 2)


def test_steps_pass_over_every_interrupt(sketch: Callable[..., Path]) -> None:
    busy = "volatile long n;\nvoid setup() {}\nvoid loop() { n = n * 3 + 1; }\n"
    machine = Bare(Board(load_image(sketch(busy)).flash))
    target = Target(machine)
    target.run(NS_PER_MS)
    passed = 0
    for _ in range(20_000):
        begin = machine.board.cycle
        assert Stepping(target).run(NS_PER_S) is Stop.LIMIT
        assert machine.board.pc not in range(2, 52, 2)
        passed += machine.board.cycle - begin > 20
    assert passed == 3  # ticks of timer 0, one each 16,384 cycles


def test_a_reserved_opcode_is_an_illegal_instruction() -> None:
    stub = make_stub(b"\xff\xff")
    stub.receive(packet(b"c"))
    assert stub.run(NS_PER_S) == packet(b"S04")


def test_whoever_leaves_takes_the_breakpoints_along() -> None:
    stub = make_stub(bytes(32_768))
    answer(stub, b"Z0,4,2")
    assert answer(stub, b"D") == b"OK"
    assert (stub.state, stub._target.board.pc) == (State.DETACHED, 0)
    stub._target.run(NS_PER_MS)
    assert stub._target.board.pc > 50


def test_a_program_can_be_killed() -> None:
    stub = make_stub()
    answer(stub, b"k")
    assert stub.state is State.KILLED


def test_monitor_commands() -> None:
    resets: list[str] = []
    stub = make_stub(resets=resets)
    assert answer(stub, b"qRcmd," + b"reset".hex().encode()) == b"OK"
    assert resets == ["reset"]
    assert (
        bytes.fromhex(answer(stub, b"qRcmd," + b"time".hex().encode()).decode())
        == b"0 cycles, 0.000000000 s\n"
    )
    assert b"monitor reset" in bytes.fromhex(answer(stub, b"qRcmd," + b"help".hex().encode()).decode())


def test_an_asterisk_is_escaped_because_it_would_repeat_the_byte_before() -> None:
    packets = Packets()
    packets.send(b"a*")
    assert packets.take() == b"$a}\x0a#e8"


@pytest.mark.parametrize("junk", [b"GET / HTTP/1.1", b"\xff", b"$" + b"x" * (PACKET_BYTES_MAX + 5)])
def test_what_is_no_packet_is_refused(junk: bytes) -> None:
    with pytest.raises(ProtocolError):
        make_stub().receive(junk)


@given(st.lists(st.binary(max_size=80), max_size=8), st.randoms(use_true_random=False))
def test_payloads_survive_any_bytes_and_any_chunks(payloads: list[bytes], random: object) -> None:
    sender, receiver = Packets(), Packets()
    for payload in payloads:
        sender.send(payload)
    wire, found = sender.take(), []
    while wire:
        size = random.randint(1, len(wire))  # type: ignore[attr-defined]  # a random.Random
        found += receiver.receive(wire[:size])
        wire = wire[size:]
    assert found == payloads
    assert receiver.take() == b"+" * len(payloads)
    assert Packets().receive(b"\x03") == [Interrupt.CTRL_C]


COMMANDS = st.sampled_from("?HTgGpPmMZzcCsSDkvqQX")
ARGUMENTS = st.text("0123456789abcdefg,:;=-+ Rmdt", max_size=20)


@settings(deadline=None)
@given(st.lists(st.builds(lambda c, a: (c + a).encode(), COMMANDS, ARGUMENTS), max_size=20))
def test_no_command_breaks_the_stub(payloads: list[bytes]) -> None:
    stub = make_stub(bytes(range(256)) * 10)
    for payload in payloads:
        stub.receive(packet(payload))
        if stub.state in {State.RUNNING, State.STEPPING}:
            stub.run(stub._target.machine.now_ns + 10_000)
            stub.receive(b"\x03")
