"""Answers a debugger's commands on a target. No I/O: bytes in, bytes out, and slices of time in between.

Source: "Debugging with GDB", appendix "GDB Remote Serial Protocol", sections Packets, Stop Reply Packets and
General Query Packets.

Rules: a command that is not known gets the empty answer, as the protocol wants. The target runs only within
`run`, and only while the debugger has told it to; when the debugger is gone, it runs freely.
"""

from collections.abc import Callable
from enum import Enum, auto

from unosim.board import Stop
from unosim.clock import NS_PER_S
from unosim.gdb.packets import PACKET_BYTES_MAX, Interrupt, Packets
from unosim.gdb.target import AddressError, Stepping, Target

_SIGINT, _SIGILL, _SIGTRAP, _SIGSTOP = 2, 4, 5, 17
"""GDB's own numbers (include/gdb/signals.def)."""
_FEATURES = b"PacketSize=%x;QStartNoAckMode+;swbreak+;vContSupported+" % PACKET_BYTES_MAX
_MONITOR_HELP = "monitor reset: push the reset button\nmonitor time: cycles and seconds since power-on\n"
_REGISTER_BYTES = [1] * 33 + [2, 4]
"""r0 to r31, SREG, SP, PC (gdb/avr-tdep.c)."""


class State(Enum):
    """Who lets time pass."""

    STOPPED = auto()
    RUNNING = auto()
    """Until a reason to stop."""
    STEPPING = auto()
    DETACHED = auto()
    """The debugger has left; the program runs."""
    KILLED = auto()
    """The debugger has ended the program."""


class Stub:
    """One debugger's session, the program stopped at first.

    Args:
        target: the machine.
        reset: pushes its reset button.
    """

    def __init__(self, target: Target, reset: Callable[[], None]) -> None:
        self.state = State.STOPPED
        self._target = target
        self._reset = reset
        self._packets = Packets()
        self._stepping = Stepping(target)
        self._last_stop = b"S%02x" % _SIGTRAP
        self._says_swbreak = False
        self._commands = self._known_commands()

    def receive(self, data: bytes) -> bytes:
        """Take bytes of the debugger; return the answers.

        Raises:
            ProtocolError: this is no debugger.
        """
        for packet in self._packets.receive(data):
            if packet is Interrupt.CTRL_C:
                if self.state in {State.RUNNING, State.STEPPING}:
                    self._stopped(_SIGINT)
            elif isinstance(packet, bytes):
                answer = self._answer(packet)
                if answer is not None:
                    self._packets.send(answer)
                if packet == b"QStartNoAckMode":
                    self._packets.acknowledges = False
        return self._packets.take()

    def run(self, limit_ns: int) -> bytes:
        """Let the program run up to an instant in ns, as the debugger has told; return what it is told."""
        if self.state is State.STEPPING:
            stop = self._stepping.run(limit_ns)
            if stop is Stop.LIMIT:
                self._stopped(_SIGTRAP)
            elif stop is not None:
                self._tell(stop)
        else:
            stop = self._target.run(limit_ns)
            if stop is not Stop.LIMIT:
                self._tell(stop)
        return self._packets.take()

    def _tell(self, stop: Stop) -> None:
        """Tell the debugger why the program has stopped."""
        match stop:
            case Stop.BREAKPOINT:
                self._stopped(_SIGTRAP, b"swbreak:;" if self._says_swbreak else b"")
            case Stop.WATCHPOINT:
                self._stopped(_SIGTRAP, b"watch:%x;" % self._target.watched_address)
            case Stop.BAD_OPCODE:
                self._stopped(_SIGILL)
            case _:
                self._packets.send(b"O" + b"asleep, and nothing can wake it\n".hex().encode())
                self._stopped(_SIGSTOP)

    def _stopped(self, signal: int, reason: bytes = b"") -> None:
        self.state = State.STOPPED
        self._last_stop = (b"T%02x" % signal + reason) if reason else b"S%02x" % signal
        self._packets.send(self._last_stop)

    def _answer(self, packet: bytes) -> bytes | None:
        """Return the answer to a command, None if it comes when the program stops."""
        text = packet.decode("latin-1")
        try:
            for name, answer in self._commands.items():
                if text.startswith(name):
                    return answer(text.removeprefix(name))
        except (AddressError, ValueError, IndexError):
            return b"E01"
        return b""

    def _known_commands(self) -> dict[str, Callable[[str], bytes | None]]:
        """Return what answers each command, by how it begins; of two that fit, the first."""
        return {
            "?": lambda _: self._last_stop,
            "H": _ok,  # there is one thread
            "T": _ok,
            "g": lambda _: self._target.registers().hex().encode(),
            "G": self._set_registers,
            "p": self._register,
            "P": self._set_register,
            "m": self._read,
            "M": self._write,
            "Z": lambda rest: self._break(rest, on=True),
            "z": lambda rest: self._break(rest, on=False),
            "c": lambda _: self._go(State.RUNNING),
            "C": lambda _: self._go(State.RUNNING),  # with a signal, which means nothing here
            "s": lambda _: self._go(State.STEPPING),
            "S": lambda _: self._go(State.STEPPING),
            "D": lambda _: self._leave(State.DETACHED),
            "k": lambda _: self._leave(State.KILLED),
            "vKill": lambda _: self._leave(State.KILLED),
            "vCont?": lambda _: b"vCont;c;C;s;S",
            "vCont;c": lambda _: self._go(State.RUNNING),
            "vCont;C": lambda _: self._go(State.RUNNING),
            "vCont;s": lambda _: self._go(State.STEPPING),
            "vCont;S": lambda _: self._go(State.STEPPING),
            "qSupported:": self._supported,
            "QStartNoAckMode": _ok,
            "qAttached": lambda _: b"1",
            "qfThreadInfo": lambda _: b"m1",
            "qsThreadInfo": lambda _: b"l",
            "qRcmd,": self._monitor,
        }

    def _supported(self, features: str) -> bytes:
        self._says_swbreak = "swbreak+" in features.split(";")
        return _FEATURES

    def _go(self, state: State) -> None:
        self.state = state
        self._stepping = Stepping(self._target)

    def _leave(self, state: State) -> bytes:
        self._target.release()
        self.state = state
        return b"OK"

    def _break(self, arguments: str, *, on: bool) -> bytes:
        kind, address, count = (int(text, 16) for text in arguments.split(",")[:3])
        if kind in {0, 1}:
            self._target.set_breakpoint(address, on=on)
        elif kind == 2:
            self._target.set_watchpoint(address, count, on=on)
        else:
            return b""
        return b"OK"

    def _set_registers(self, values: str) -> bytes:
        self._target.set_registers(bytes.fromhex(values))
        return b"OK"

    def _register(self, number: str) -> bytes:
        begin, end = _place_of(int(number, 16))
        return self._target.registers()[begin:end].hex().encode()

    def _set_register(self, assignment: str) -> bytes:
        number, _, value = assignment.partition("=")
        begin, end = _place_of(int(number, 16))
        values = self._target.registers()
        self._target.set_registers(values[:begin] + bytes.fromhex(value) + values[end:])
        return b"OK"

    def _read(self, place: str) -> bytes:
        address, count = (int(text, 16) for text in place.split(","))
        return self._target.read(address, min(count, PACKET_BYTES_MAX // 2)).hex().encode()

    def _write(self, assignment: str) -> bytes:
        place, _, value = assignment.partition(":")
        address, count = (int(text, 16) for text in place.split(","))
        self._target.write(address, bytes.fromhex(value)[:count])
        return b"OK"

    def _monitor(self, command: str) -> bytes:
        board = self._target.board
        match bytes.fromhex(command):
            case b"reset":
                self._reset()
                return b"OK"
            case b"time":
                text = f"{board.cycle} cycles, {self._target.machine.now_ns / NS_PER_S:.9f} s\n"
            case _:
                text = _MONITOR_HELP
        return text.encode().hex().encode()


def _ok(arguments: str) -> bytes:
    del arguments
    return b"OK"


def _place_of(register: int) -> tuple[int, int]:
    """Return where a register begins and ends among all."""
    if not 0 <= register < len(_REGISTER_BYTES):
        raise IndexError(register)
    begin = sum(_REGISTER_BYTES[:register])
    return begin, begin + _REGISTER_BYTES[register]
