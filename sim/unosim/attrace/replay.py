"""Replays a recording against the modem engine of today and finds the first difference.

The host's bytes and the network's events come at their recorded instants; what the modem says on the UART and
asks of the network must be the same, in the same order, within `TOLERANCE_NS`. Nothing outside takes part.
What the modem would have gone on to say after the end of the recording is no difference.
"""

from typing import NamedTuple

from unosim.attrace.format import Record, Recording
from unosim.clock import NS_PER_MS, NS_PER_S
from unosim.faults import Injection
from unosim.modem import actions, events
from unosim.network.schedule import Schedule
from unosim.trace import Channel, Entry
from unosim.uart import FRAME_BITS
from unosim.wire import WiredModem

TOLERANCE_NS = 1 * NS_PER_MS
"""A simulated Uno is heard at the end of a leap of the board, a few cycles after its stop bit."""
CONTEXT_BYTES = 24
"""How much of the UART a difference shows before and after its place."""


class Difference(NamedTuple):
    """Where a replay first leaves the recording."""

    at_ns: int
    channel: Channel
    expected: str
    got: str

    def __str__(self) -> str:
        """Return it as a line for people."""
        return f"{self.at_ns / NS_PER_S:.6f} s {self.channel.value}: recorded {self.expected}, now {self.got}"


class _Byte(NamedTuple):
    """A byte that the modem said: when, at which rate."""

    at_ns: int
    byte: int
    baud: int


class _Script:
    """A network that reports what was recorded, and remembers what it is asked for."""

    def __init__(self, records: list[Record]) -> None:
        self.asked: list[tuple[int, actions.NetworkAction]] = []
        self._due: Schedule[events.NetworkEvent] = Schedule()
        for record in records:
            self._due.add(record.t, record.event())

    def perform(self, action: actions.NetworkAction, now_ns: int) -> None:
        """Remember what the modem asks for."""
        self.asked.append((now_ns, action))

    def next_deadline(self) -> int | None:
        """Return the instant in ns of the next report."""
        return self._due.next_deadline()

    def poll(self, now_ns: int) -> list[events.NetworkEvent]:
        """Return the reports that are due."""
        reported = []
        while due := self._due.pop_due(now_ns):
            reported.append(due[1])
        return reported


def replay(recording: Recording) -> Difference | None:
    """Replay a recording; return the first difference, or None if there is none.

    Raises:
        TraceError: the recorded profile is not known here.
    """
    lines: dict[Channel, list[Record]] = {channel: [] for channel in Channel}
    for record in recording.records:
        lines[record.ch].append(record)
    network = _Script(lines[Channel.NET_RX])
    said: list[_Byte] = []

    def watch(entry: Entry) -> None:
        if entry.channel is Channel.ESP_TX:
            said.extend(
                _Byte(entry.at_ns + index * FRAME_BITS * NS_PER_S // entry.baud, byte, entry.baud)
                for index, byte in enumerate(entry.data)
            )

    module = recording.header.module
    faults = Injection(recording.header.plan)
    modem = faults.modem(module.make(recording.header.flash), [point.ssid for point in module.access_points])
    wired = WiredModem(modem, network, watch)
    for record in lines[Channel.UNO_TX]:
        for at_ns, byte in zip(record.instants(), record.data, strict=True):
            wired.say(bytes([byte]), record.baud, at_ns - FRAME_BITS * NS_PER_S // record.baud)
    wired.power_on(0)
    end_ns = max((record.t for record in recording.records), default=0)
    wired.run(end_ns)
    recorded = [
        _Byte(at_ns, byte, record.baud)
        for record in lines[Channel.ESP_TX]
        for at_ns, byte in zip(record.instants(), record.data, strict=True)
    ]
    asked = [(record.t, record.action()) for record in lines[Channel.NET_TX]]
    differences = [_on_uart(recorded, said, end_ns), _on_network(asked, network.asked, end_ns)]
    return min((one for one in differences if one), default=None, key=lambda one: one.at_ns)


def _on_uart(recorded: list[_Byte], said: list[_Byte], end_ns: int) -> Difference | None:
    """Return the first difference between the bytes of the modem."""
    for index, (expected, got) in enumerate(zip(recorded, said, strict=False)):
        if (expected.byte, expected.baud) != (got.byte, got.baud):
            at_ns = min(expected.at_ns, got.at_ns)
            return Difference(at_ns, Channel.ESP_TX, _around(recorded, index), _around(said, index))
        if abs(expected.at_ns - got.at_ns) > TOLERANCE_NS:
            what = _around(recorded, index)
            late_ms = (got.at_ns - expected.at_ns) / NS_PER_MS
            return Difference(expected.at_ns, Channel.ESP_TX, what, f"the same {late_ms:+.3f} ms later")
    count = min(len(recorded), len(said))
    if len(recorded) > count:
        return Difference(recorded[count].at_ns, Channel.ESP_TX, _around(recorded, count), "nothing")
    if len(said) > count and said[count].at_ns < end_ns:
        return Difference(said[count].at_ns, Channel.ESP_TX, "nothing", _around(said, count))
    return None


def _on_network(
    recorded: list[tuple[int, actions.NetworkAction]],
    asked: list[tuple[int, actions.NetworkAction]],
    end_ns: int,
) -> Difference | None:
    """Return the first difference between the requests to the network."""
    for (expected_ns, expected), (got_ns, got) in zip(recorded, asked, strict=False):
        if expected != got:
            return Difference(min(expected_ns, got_ns), Channel.NET_TX, repr(expected), repr(got))
        if abs(expected_ns - got_ns) > TOLERANCE_NS:
            late_ms = (got_ns - expected_ns) / NS_PER_MS
            return Difference(
                expected_ns, Channel.NET_TX, repr(expected), f"the same {late_ms:+.3f} ms later"
            )
    count = min(len(recorded), len(asked))
    if len(recorded) > count:
        return Difference(recorded[count][0], Channel.NET_TX, repr(recorded[count][1]), "nothing")
    if len(asked) > count and asked[count][0] < end_ns:
        return Difference(asked[count][0], Channel.NET_TX, "nothing", repr(asked[count][1]))
    return None


def _around(said: list[_Byte], index: int) -> str:
    """Return bytes from a little before a place to a little after it, with their rate."""
    before = bytes(one.byte for one in said[max(0, index - CONTEXT_BYTES) : index])
    after = bytes(one.byte for one in said[index : index + CONTEXT_BYTES])
    return f"{after!r} at {said[index].baud} baud, after {before!r}"
