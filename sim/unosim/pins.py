"""The pins of an Uno by the numbers and names printed on it, and where they are on the chip.

Source: the Arduino core's `variants/standard/pins_arduino.h`. Pins 0 to 7 are port D, 8 to 13 port B, and A0
to A5, which are 14 to 19 as well, port C.
"""

import re
from typing import NamedTuple

PORT_PINS = {"D": range(8), "B": range(8, 14), "C": range(14, 20)}
"""The Arduino numbers of each port's pins, from bit 0 on."""
ANALOG_CHANNELS = range(8)
"""What `analogRead` can read; A6 and A7 are on the small packages only and have no port."""

_NAME = re.compile(r"(?P<digital>D?(?P<number>[0-9]{1,2}))|A(?P<analog>[0-9])")


class Pin(NamedTuple):
    """A pin of the chip: its port ("B", "C" or "D") and its bit there (0 to 7)."""

    port: str
    bit: int

    @property
    def mask(self) -> int:
        """Return the port's byte in which only this pin is set."""
        return 1 << self.bit

    def __str__(self) -> str:
        """Return what is printed beside the pin: D0 to D13, A0 to A5; PB6 for one that is not led out."""
        pins = PORT_PINS[self.port]
        if self.bit >= len(pins):
            return f"P{self.port}{self.bit}"
        return f"A{self.bit}" if self.port == "C" else f"D{pins[self.bit]}"


def pin_at(name: int | str) -> Pin:
    """Return a pin of an Uno.

    Args:
        name: 0 to 13, and 14 to 19 for A0 to A5; or as text "4", "D4", "A0".

    Raises:
        ValueError: an Uno has no such pin.
    """
    number = name if isinstance(name, int) else _number(name)
    for port, pins in PORT_PINS.items():
        if number is not None and number in pins:
            return Pin(port, pins.index(number))
    raise ValueError(f"an Uno has no pin {name!r}; its pins are 0 to 13, and 14 to 19 for A0 to A5")


def channel_at(name: int | str) -> int:
    """Return an analog channel.

    Args:
        name: 0 to 7, or "A0" to "A7".

    Raises:
        ValueError: an Uno has no such channel.
    """
    digits = str(name).upper().removeprefix("A")
    if digits.isascii() and digits.isdigit() and int(digits) in ANALOG_CHANNELS:
        return int(digits)
    raise ValueError(f"an Uno has no analog channel {name!r}; its channels are 0 to 7, or A0 to A7")


def _number(name: str) -> int | None:
    match = _NAME.fullmatch(name.upper())
    if not match:
        return None
    return int(match["number"]) if match["digital"] else 14 + int(match["analog"])
