"""A module whose reset pin is wired to a pin of the Uno.

While the pin is low, the module is dead: it hears nothing, says nothing, and its links are gone. When the pin
rises, it boots. A pin that the program leaves alone is pulled up by the module.

What it does not do: tell this cause from power-on in the ROM's boot text.
"""

from unosim.modem import Crash
from unosim.modem.actions import Action, Output
from unosim.modem.events import NetworkEvent
from unosim.parts.part import Part, Wires
from unosim.pins import Pin, pin_at
from unosim.uart_module import UartModule


class ResetWire(Part):
    """The wire from the Uno's pin to the module's RST.

    Args:
        pin: as `unosim.pins.pin_at` has it.
        modem: the module.
    """

    def __init__(self, pin: int | str, modem: UartModule) -> None:
        self.pins = (pin_at(pin),)
        self.module = ResettableModule(modem)
        """What to wire to the UART in place of the module."""

    def power_on(self, now_ns: int, wires: Wires) -> None:
        """Let the module's resistor pull the wire up."""
        del now_ns
        wires.drive(self.pins[0], level=True)

    def see(self, pin: Pin, *, high: bool, now_ns: int, wires: Wires) -> None:
        """Pass the level on."""
        del pin, wires
        self.module.set_reset(low=not high, now_ns=now_ns)


class ResettableModule:
    """A module that can be held in reset; otherwise it is the one that it wraps.

    Args:
        modem: the module.
    """

    def __init__(self, modem: UartModule) -> None:
        self._modem = modem
        self._held = False
        self._changed_ns: int | None = None

    @property
    def baud(self) -> int:
        """The UART's rate now, in bits per second."""
        return self._modem.baud

    @property
    def patience_bytes(self) -> int:
        """How many bytes that arrive back to back may be given at the instant of the last."""
        return self._modem.patience_bytes

    def set_reset(self, *, low: bool, now_ns: int) -> None:
        """Pull the reset pin low or let it rise; the effect comes with the next `advance`, at once."""
        if low is not self._held:
            self._held = low
            self._changed_ns = now_ns

    def receive_window(self, link: int) -> int:
        """Return how many bytes the network may deliver on a link (0-4)."""
        return 0 if self._held else self._modem.receive_window(link)

    def next_deadline(self) -> int | None:
        """Return the instant in ns of the next thing to do, or None if nothing is under way."""
        if self._changed_ns is not None:
            return self._changed_ns
        return None if self._held else self._modem.next_deadline()

    def power_on(self, now_ns: int) -> list[Action]:
        """Apply power."""
        return self._modem.power_on(now_ns)

    def crash(self, crash: Crash, now_ns: int) -> list[Action]:
        """Let the firmware die, and boot again; one that is held in reset cannot."""
        return [] if self._held else self._modem.crash(crash, now_ns)

    def receive(self, data: bytes, now_ns: int) -> list[Action]:
        """Take bytes that the module's UART has received."""
        return [] if self._held else self._modem.receive(data, now_ns)

    def network(self, event: NetworkEvent, now_ns: int) -> list[Action]:
        """Take what the network reports."""
        return [] if self._held else self._modem.network(event, now_ns)

    def advance(self, now_ns: int) -> list[Action]:
        """Let time pass: run what is due."""
        if self._changed_ns is None:
            return [] if self._held else self._modem.advance(now_ns)
        self._changed_ns = None
        if not self._held:
            self._modem.advance(now_ns)  # what it would have done meanwhile, which it did not
            return self._modem.power_on(now_ns)
        return [action for action in self._modem.power_on(now_ns) if not isinstance(action, Output)]

    def access_point_lost(self, ssid: str, now_ns: int) -> list[Action]:
        """Let every access point of a network fall silent."""
        return self._modem.access_point_lost(ssid, now_ns)

    def access_point_back(self, ssid: str, now_ns: int) -> list[Action]:
        """Let a network be heard again."""
        return self._modem.access_point_back(ssid, now_ns)

    def guest_joined(self, mac: str, now_ns: int) -> list[Action]:
        """Let a station join the module's own access point."""
        return self._modem.guest_joined(mac, now_ns)

    def guest_left(self, mac: str, now_ns: int) -> list[Action]:
        """Let a station leave the module's own access point."""
        return self._modem.guest_left(mac, now_ns)
