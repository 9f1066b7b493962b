"""Exports the two UART lines of a recording as a value change dump.

Rules: a line idles high; each byte is a start bit, eight data bits, least significant first, and a stop bit,
at its sender's rate.
"""

from collections.abc import Iterator
from typing import TextIO

from unosim.attrace.format import Recording
from unosim.clock import NS_PER_S
from unosim.trace import Channel
from unosim.uart import FRAME_BITS
from unosim.vcd import Signal, VcdWriter

LINES = {Channel.UNO_TX: "host_tx", Channel.ESP_TX: "module_tx"}
"""The name of each line."""


def export(recording: Recording, file: TextIO) -> int:
    """Write the lines of a recording; return how many bytes they carry."""
    writer = VcdWriter(file, "uart", [Signal(name, 1) for name in LINES.values()])
    count = end_ns = 0
    for at_ns, channel, bit in _bits(recording):
        writer.change(at_ns, LINES[channel], bit)
        count, end_ns = count + 1, max(end_ns, at_ns)
    writer.end(end_ns)
    return count // (FRAME_BITS + 1)


def _bits(recording: Recording) -> Iterator[tuple[int, Channel, int]]:
    """Yield (instant in ns, line, level) for each bit of each byte, and for the end of its stop bit."""
    for record in recording.records:
        if record.ch not in LINES:
            continue
        # The host's instants are those at which a byte is complete (`unosim.trace`).
        back_ns = FRAME_BITS * NS_PER_S // record.baud if record.ch is Channel.UNO_TX else 0
        for at_ns, byte in zip(record.instants(), record.data, strict=True):
            wave = byte << 1 | 1 << (FRAME_BITS - 1) | 1 << FRAME_BITS
            for index in range(FRAME_BITS + 1):
                start_ns = max(0, at_ns - back_ns)
                yield start_ns + index * NS_PER_S // record.baud, record.ch, wave >> index & 1
