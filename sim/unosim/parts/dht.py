"""The DHT22 (AM2302) and DHT11 humidity and temperature sensors, bit by bit on their single wire.

Source: Aosong, "AM2302 product manual", single-bus communication, typical times of its table; Aosong,
"DHT11 humidity and temperature sensor" for what differs there. The host pulls the wire low for a millisecond
(DHT11: 18) and lets go; 30 us later the sensor answers with 80 us low and 80 us high, then 40 bits, each
50 us low and 26 us (a 0) or 70 us (a 1) high, then 50 us low. A resistor on the sensor's board pulls the wire
up.

Rules: what is sent is the measurement before; the request begins the next one. A request within the sampling
period gets the old one again. In the first second after power-on, and for a request that is too short, there
is no answer.

What it does not do: times that vary from one sensor to another, errors of measurement, a host that pulls the
wire low in the middle of an answer.
"""

import random
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from unosim.clock import NS_PER_MS, NS_PER_S
from unosim.parts.part import Part, Wires
from unosim.pins import Pin, pin_at

US = 1_000
RELEASE_NS = 30 * US
RESPONSE_NS = 80 * US
BIT_LOW_NS = 50 * US
ZERO_HIGH_NS = 26 * US
ONE_HIGH_NS = 70 * US
UNSTABLE_NS = NS_PER_S
"""After power-on: "do not send any instruction to the sensor within one second"."""

Source = Callable[[int], int]
"""A quantity as a function of the instant in ns."""


class Kind(NamedTuple):
    """One kind of sensor; limits in tenths, as (least, most)."""

    start_ns: int
    """The shortest low of the host that wakes it."""
    period_ns: int
    """The shortest time between two measurements."""
    humidity_deci_percent: tuple[int, int]
    temperature_deci_c: tuple[int, int]
    whole_numbers: bool
    """It sends whole percents and degrees in a byte each, and a 0 behind each."""


AM2302 = Kind(800 * US, 2 * NS_PER_S, (0, 1000), (-400, 800), whole_numbers=False)
DHT11 = Kind(18 * NS_PER_MS, NS_PER_S, (200, 900), (0, 500), whole_numbers=True)


class Dht(Part):
    """A DHT22 or DHT11 on a pin.

    Args:
        pin: as `unosim.pins.pin_at` has it.
        humidity_deci_percent: relative humidity in tenths of a percent, constant or by the instant in ns; the
            sensor's own limits hold.
        temperature_deci_c: temperature in tenths of a degree Celsius, likewise.
        kind: which sensor.
        wrong_checksum: the share of answers, 0 to 1, whose last byte is wrong.
        silent: the share of requests, 0 to 1, that get no answer.
        seed: decides which.

    Raises:
        ValueError: there is no such pin, or a share is none.
    """

    def __init__(
        self,
        pin: int | str,
        humidity_deci_percent: int | Source = 500,
        temperature_deci_c: int | Source = 210,
        *,
        kind: Kind = AM2302,
        wrong_checksum: float = 0.0,
        silent: float = 0.0,
        seed: int = 0,
    ) -> None:
        if not (0 <= wrong_checksum <= 1 and 0 <= silent <= 1):
            raise ValueError(f"a share is within 0 to 1, not {wrong_checksum!r} and {silent!r}")
        self.pins = (pin_at(pin),)
        self._sources = (humidity_deci_percent, temperature_deci_c)
        self._kind = kind
        self._wrong_checksum = wrong_checksum
        self._silent = silent
        self._random = random.Random(seed)  # noqa: S311  # repeatable, no secret
        self._edges: deque[tuple[int, bool]] = deque()
        self._low_since_ns: int | None = None
        self._stable_ns = 0
        self._measured_ns = 0
        self._measured = (0, 0)

    def power_on(self, now_ns: int, wires: Wires) -> None:
        """Let the resistor pull the wire up, and measure."""
        self._edges.clear()
        self._low_since_ns = None
        self._stable_ns = now_ns + UNSTABLE_NS
        self._measure(now_ns)
        wires.drive(self.pins[0], level=True)

    def next_deadline(self) -> int | None:
        """Return the instant in ns of the next edge of an answer."""
        return self._edges[0][0] if self._edges else None

    def advance(self, now_ns: int, wires: Wires) -> None:
        """Put the edges on the wire that are due."""
        while self._edges and self._edges[0][0] <= now_ns:
            wires.drive(self.pins[0], level=self._edges.popleft()[1])

    def see(self, pin: Pin, *, high: bool, now_ns: int, wires: Wires) -> None:
        """Measure how long the host holds the wire low; answer when it lets go."""
        del pin, wires
        if self._edges:
            return  # it is speaking itself
        if not high:
            self._low_since_ns = now_ns if self._low_since_ns is None else self._low_since_ns
        elif self._low_since_ns is not None:
            held_ns = now_ns - self._low_since_ns
            self._low_since_ns = None
            if held_ns >= self._kind.start_ns and now_ns >= self._stable_ns:
                self._answer(now_ns)

    def _answer(self, now_ns: int) -> None:
        """Plan the edges of an answer, unless this one is left out."""
        silent = self._random.random() < self._silent
        wrong = self._random.random() < self._wrong_checksum
        data = encode(*self._measured, whole_numbers=self._kind.whole_numbers)
        if now_ns - self._measured_ns >= self._kind.period_ns:
            self._measure(now_ns)
        if silent:
            return
        data += bytes([sum(data) + wrong & 0xFF])
        at_ns = now_ns + RELEASE_NS
        for low_ns, high_ns in [(RESPONSE_NS, RESPONSE_NS), *map(_bit, _bits(data)), (BIT_LOW_NS, 0)]:
            self._edges += (at_ns, False), (at_ns + low_ns, True)
            at_ns += low_ns + high_ns

    def _measure(self, now_ns: int) -> None:
        self._measured_ns = now_ns
        humidity, temperature = (
            source if isinstance(source, int) else source(now_ns) for source in self._sources
        )
        self._measured = (
            _within(self._kind.humidity_deci_percent, humidity),
            _within(self._kind.temperature_deci_c, temperature),
        )


def encode(humidity_deci_percent: int, temperature_deci_c: int, *, whole_numbers: bool) -> bytes:
    """Return the four bytes of a measurement, without the checksum.

    A DHT22 sends two numbers of 16 bits, the temperature as sign and magnitude; a DHT11 whole numbers.
    """
    if whole_numbers:
        return bytes([humidity_deci_percent // 10, 0, temperature_deci_c // 10, 0])
    sign = 0x8000 if temperature_deci_c < 0 else 0
    return humidity_deci_percent.to_bytes(2, "big") + (sign | abs(temperature_deci_c)).to_bytes(2, "big")


def _bits(data: bytes) -> list[int]:
    """Return the bits of bytes, the most significant first."""
    return [byte >> place & 1 for byte in data for place in range(7, -1, -1)]


def _bit(bit: int) -> tuple[int, int]:
    """Return how long the wire is low and then high for a bit, in ns."""
    return BIT_LOW_NS, ONE_HIGH_NS if bit else ZERO_HIGH_NS


def _within(limits: tuple[int, int], value: int) -> int:
    return min(max(limits[0], value), limits[1])
