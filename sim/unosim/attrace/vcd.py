"""Exports the two UART lines of a recording as a value change dump (IEEE 1364-2005, section 18).

For GTKWave, PulseView and sigrok's UART decoder.

Rules: one ns a unit; a line idles high; each byte is a start bit, eight data bits, least significant first,
and a stop bit, at its sender's rate. The same recording gives the same file.
"""

import operator
from collections.abc import Iterator
from typing import TextIO

from unosim.attrace.format import Recording
from unosim.clock import NS_PER_S
from unosim.trace import Channel
from unosim.uart import FRAME_BITS

LINES = {Channel.UNO_TX: ("h", "host_tx"), Channel.ESP_TX: ("m", "module_tx")}
"""The identifier and the name of each line."""


def export(recording: Recording, file: TextIO) -> int:
    """Write the lines of a recording; return how many bytes they carry."""
    file.write("$version unosim $end\n$timescale 1 ns $end\n$scope module uart $end\n")
    file.writelines(f"$var wire 1 {identifier} {name} $end\n" for identifier, name in LINES.values())
    file.write("$upscope $end\n$enddefinitions $end\n#0\n$dumpvars\n1h\n1m\n$end\n")
    level = dict.fromkeys(LINES, 1)
    shown_ns = 0
    edges = sorted(_bits(recording), key=operator.itemgetter(0))
    for at_ns, channel, bit in edges:
        if bit == level[channel]:
            continue
        if at_ns > shown_ns:
            shown_ns = at_ns
            file.write(f"#{shown_ns}\n")
        level[channel] = bit
        file.write(f"{bit}{LINES[channel][0]}\n")
    if edges:
        file.write(f"#{edges[-1][0]}\n")
    return len(edges) // (FRAME_BITS + 1)


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
