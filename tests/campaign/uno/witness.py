"""What a simulated Uno has really measured and kept, as somebody sees it who looks at the chip from outside.

The sensors are known at each instant, so what each conversion must give is known as well. The EEPROM is read
by the layout that the firmware documents (life.h, journal.h, eeprom_map.h), not by its code.
"""

import binascii
import struct
from dataclasses import dataclass, field

from unosim.parts import Part
from unosim.parts.part import Wires

CHANNELS = ("a0", "a1")
"""What `unosim.lab.SETTINGS` has the node measure."""
CHANNEL_MASK = 0b11
RING_READINGS = 16
"""Readings of two channels in the backlog's ring in RAM (backlog.h)."""

Identity = tuple[int, int]
"""Boot and seq."""


def millivolts(channel: int, now_ns: int) -> int:
    """Return what an analog pin has at an instant: nearly every instant another value.

    The prime at the end sees to it that samples at round intervals differ, too.
    """
    return now_ns // 1_000 * (7_919 + 1_024 * channel) % 4_999


@dataclass
class Samples:
    """What was converted from one power-on to the next.

    Attributes:
        codes: of each channel, in order.
        at_ns: when the last channel of each sample was converted.
        first_seq: the number of the first sample.
    """

    codes: tuple[list[int], ...] = field(default_factory=lambda: tuple([] for _ in CHANNELS))
    at_ns: list[int] = field(default_factory=list)
    first_seq: int = 0

    @property
    def end_seq(self) -> int:
        """One more than the number of the last sample that was taken to its end."""
        return self.first_seq + len(self.at_ns)

    def values(self, seq: int) -> dict[str, int] | None:
        """Return what the sample of a number must say, None if it was not taken."""
        if not self.first_seq <= seq < self.end_seq:
            return None
        return {name: of[seq - self.first_seq] for name, of in zip(CHANNELS, self.codes, strict=True)}

    def taken_ns(self, seq: int) -> int:
        """Return the instant at which a sample was taken."""
        return self.at_ns[seq - self.first_seq]


class Witness(Part):
    """The voltages on A0 and A1, and a memory of what was converted."""

    channels = (0, 1)

    def __init__(self) -> None:
        self.lives: list[Samples] = []

    def power_on(self, now_ns: int, wires: Wires) -> None:
        """Begin a new life."""
        del now_ns, wires
        self.lives.append(Samples())

    def sample(self, channel: int, now_ns: int, wires: Wires) -> None:
        """Put the voltage of this instant on the pin, and remember what must come of it."""
        present_mv = millivolts(channel, now_ns)
        wires.set_analog_mv(channel, present_mv)
        self.lives[-1].codes[channel].append(present_mv * 1_024 // 5_000)
        if channel == self.channels[-1]:
            self.lives[-1].at_ns.append(now_ns)


_LIFE = struct.Struct("<I4HH")
_LIFE_SLOTS = 4
_JOURNAL_ADDRESS, _JOURNAL_BYTES = 544, 480
_SLOT = struct.Struct("<BIIIhhH")
_COUNTS = 0xA5
_CRC_START = 0xFFFF


def boot_of(eeprom: bytes) -> int:
    """Return the greatest boot number of a sound slot, 0 if there is none."""
    slots = (eeprom[at : at + _LIFE.size] for at in range(0, _LIFE_SLOTS * _LIFE.size, _LIFE.size))
    return max((_LIFE.unpack(slot)[0] for slot in slots if _is_sound(slot, _CRC_START)), default=0)


def journal_of(eeprom: bytes) -> dict[Identity, dict[str, int]]:
    """Return what the journal holds: values by identity, of the slots that count and are sound."""
    held = {}
    for at in range(_JOURNAL_ADDRESS, _JOURNAL_ADDRESS + _JOURNAL_BYTES - _SLOT.size + 1, _SLOT.size):
        slot = eeprom[at : at + _SLOT.size]
        mark, boot, seq, _sampled_at_ms, *values, _crc = _SLOT.unpack(slot)
        if mark == _COUNTS and _is_sound(slot[1:], _CRC_START ^ CHANNEL_MASK):
            held[boot, seq] = dict(zip(CHANNELS, values, strict=True))
    return held


def _is_sound(slot: bytes, start: int) -> bool:
    """Return whether a CRC-16 with the polynomial 0x1021 stands right behind what it covers."""
    return binascii.crc_hqx(slot[:-2], start) == int.from_bytes(slot[-2:], "little")
