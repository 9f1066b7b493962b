"""Parts by name, for the command line: `name:pin,field=value,...`, for example `dht22:4,temperature=21.5`.

Rules: fields are in the units people say: volts, seconds, degrees, percent, and shares from 0 to 1. What a
text cannot mean is a `PartError` that lists what it could.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from unosim.clock import NS_PER_S
from unosim.errors import UsageError
from unosim.parts.analog import Analog, Source, load_recording
from unosim.parts.button import BOUNCE_MS, Button
from unosim.parts.dht import AM2302, DHT11, Dht, Kind
from unosim.parts.led import Led
from unosim.parts.part import Part

Fields = Mapping[str, float]


class PartError(UsageError):
    """A text names no part that there is."""


class Entry(NamedTuple):
    """One kind of part."""

    fields: Mapping[str, float]
    """What may be said about it, and what holds when nothing is said."""
    make: Callable[[str, Fields], Part]
    what: str
    """For people, in a line."""


def _volts(pin: str, fields: Fields) -> Part:
    return Analog(pin, round(1000 * fields["volts"]))


def _sine(pin: str, fields: Fields) -> Part:
    low_mv, high_mv = 1000 * fields["low"], 1000 * fields["high"]
    if fields["period"] <= 0:
        raise ValueError("a period is longer than 0 seconds")
    return Analog(pin, _sine_source(low_mv, high_mv, fields["period"]))


def _sine_source(low_mv: float, high_mv: float, period_s: float) -> Source:
    def millivolts(now_ns: int) -> int:
        phase = math.sin(2 * math.pi * now_ns / NS_PER_S / period_s)
        return round((low_mv + high_mv + (high_mv - low_mv) * phase) / 2)

    return millivolts


def _button(pin: str, fields: Fields) -> Part:
    at_ns, held_ns, every_ns = (round(fields[name] * NS_PER_S) for name in ("at", "hold", "every"))
    count = round(fields["times"])
    presses = [(at_ns + n * every_ns, held_ns) for n in range(count)]
    return Button(pin, presses, bounce_ms=fields["bounce"], seed=round(fields["seed"]))


def _led(pin: str, fields: Fields) -> Part:
    return Led(pin, active_low=bool(fields["low"]))


def _dht(kind: Kind, pin: str, fields: Fields) -> Part:
    return Dht(
        pin,
        round(10 * fields["humidity"]),
        round(10 * fields["temperature"]),
        kind=kind,
        wrong_checksum=fields["wrong"],
        silent=fields["silent"],
        seed=round(fields["seed"]),
    )


_WEATHER = {"temperature": 21.0, "humidity": 50.0, "wrong": 0.0, "silent": 0.0, "seed": 0.0}
_PRESSES = {"at": 1.0, "hold": 0.2, "every": 1.0, "times": 1.0, "bounce": BOUNCE_MS, "seed": 0.0}

CATALOGUE = {
    "volts": Entry({"volts": 0.0}, _volts, "a constant voltage on an analog pin"),
    "sine": Entry({"low": 0.0, "high": 5.0, "period": 60.0}, _sine, "a voltage that goes up and down"),
    "button": Entry(_PRESSES, _button, "a button to ground, pressed at given seconds, bouncing for ms"),
    "led": Entry({"low": 0.0}, _led, "an LED whose blinking is shown; low=1 for one to 5 V"),
    "dht22": Entry(
        _WEATHER, partial(_dht, AM2302), "a DHT22 (AM2302); wrong and silent are shares of answers"
    ),
    "dht11": Entry(_WEATHER, partial(_dht, DHT11), "a DHT11, likewise"),
}
"""Every kind but `csv`, whose one field is a file."""


def parse_part(text: str) -> Part:
    """Return the part that a text names.

    Raises:
        PartError: there is no such part, pin or field, or a value is none.
        RecordingError: the CSV file of an analog source cannot be read.
    """
    name, _, rest = text.partition(":")
    pin, *settings = rest.split(",")
    try:
        return _make(name, pin, settings)
    except ValueError as error:
        raise PartError(f"not a part: {text!r}: {error}", hint=_hint(name)) from error


def _make(name: str, pin: str, settings: list[str]) -> Part:
    if name not in CATALOGUE and name != "csv":
        raise ValueError(f"there is no {name!r}")
    if not pin:
        raise ValueError("no pin is named")
    if name == "csv":
        return _csv(pin, settings)
    entry = CATALOGUE[name]
    return entry.make(pin, dict(entry.fields) | _fields(settings, entry.fields))


def _csv(pin: str, settings: list[str]) -> Part:
    path = ",".join(settings).removeprefix("file=")
    if not path:
        raise ValueError("no file is named")
    return Analog(pin, load_recording(Path(path)))


def _fields(settings: list[str], known: Fields) -> dict[str, float]:
    fields = {}
    for setting in settings:
        name, separator, value = setting.partition("=")
        if name not in known or not separator:
            raise ValueError(f"there is no field {setting!r}")
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"{value!r} is no value")
        fields[name] = number
    return fields


def _hint(name: str) -> str:
    if name == "csv":
        return "write csv:PIN,FILE with seconds,millivolts in each row"
    if name in CATALOGUE:
        fields = ",".join(f"{field}={value:g}" for field, value in CATALOGUE[name].fields.items())
        return f"write {name}:PIN,FIELD=VALUE,...; the fields and their defaults: {fields}"
    return f"write NAME:PIN,FIELD=VALUE,...; the names: {', '.join(sorted([*CATALOGUE, 'csv']))}"
