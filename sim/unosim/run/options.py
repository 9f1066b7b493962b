"""What the person who runs an image has asked for, checked as far as that needs no file."""

from dataclasses import dataclass, field
from pathlib import Path

from unosim.errors import UsageError
from unosim.esp01 import Address, Module
from unosim.parts import Part
from unosim.pins import pin_at

HARDWARE_PINS = ("0", "1")


@dataclass(frozen=True)
class Options:
    """One run of `unosim run`."""

    firmware: Path
    seconds: float | None = None
    """Simulated; None for no end."""
    parts: tuple[Part, ...] = ()
    module: Module | None = None
    """An ESP-01 on the UART."""
    routes: dict[Address, Address] = field(default_factory=dict)
    """What the module can reach, and where that really is."""
    reset_pin: str | None = None
    """The pin that the module's RST is wired to."""
    on_pty: bool = False
    """The UART is a pseudo-terminal, in real time."""
    link: Path | None = None
    """A symbolic link to it."""
    pins: tuple[str, str] = HARDWARE_PINS
    """Where the Uno receives and sends: the UART's, or those of a SoftwareSerial."""
    baud: int = 115_200
    """The rate of what is at the other end."""
    eeprom: Path | None = None
    profile: bool = False
    vcd: Path | None = None
    gdb_port: int | None = None
    as_json: bool = False

    def check(self) -> None:
        """Refuse what does not go together.

        Raises:
            UsageError: the options, in words.
        """
        if self.module and self.on_pty:
            raise UsageError("--esp01 and --serial exclude each other", hint="there is one UART: give one")
        if self.link and not self.on_pty:
            raise UsageError("--link without --serial", hint="add --serial pty")
        if (self.routes or self.reset_pin) and not self.module:
            raise UsageError("--route and --reset-pin are of an ESP-01", hint="add --esp01")


def parse_pins(text: str) -> tuple[str, str]:
    """Return the pins of `RX,TX`.

    Raises:
        UsageError: the text is none, or an Uno has no such pins.
    """
    receives, separator, sends = text.partition(",")
    try:
        if not separator or pin_at(receives) == pin_at(sends):
            raise UsageError(
                f"not two pins: {text!r}", hint="write RX,TX as the sketch has them, such as 2,3"
            )
    except ValueError as error:
        raise UsageError(str(error), hint="write RX,TX as the sketch has them, such as 2,3") from error
    return receives, sends
