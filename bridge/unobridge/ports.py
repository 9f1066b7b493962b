"""Finds the Uno: by its USB identity, also when it comes back under another name.

The USB ids are those of Arduino's boards definition (boards.txt of the AVR core: `uno.vid`, `uno.pid`) and of
the serial chips that compatible boards carry. A chip alone does not prove that a Uno is behind it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from unobridge.errors import BridgeError, PortError

UNOS = {
    (0x2341, 0x0001): "Arduino Uno",
    (0x2341, 0x0043): "Arduino Uno",
    (0x2341, 0x0243): "Arduino Uno",
    (0x2341, 0x006A): "Arduino Uno",
    (0x2A03, 0x0001): "Arduino Uno",
    (0x2A03, 0x0043): "Arduino Uno",
}
CHIPS = {
    (0x0403, 0x6001): "FTDI FT232",
    (0x0403, 0x6015): "FTDI FT231X",
    (0x10C4, 0xEA60): "Silicon Labs CP2102",
    (0x1A86, 0x5523): "WCH CH341",
    (0x1A86, 0x7523): "WCH CH340",
    (0x1A86, 0x7522): "WCH CH340",
    (0x1A86, 0x55D4): "WCH CH9102",
}

Listing = Callable[[], Iterable[ListPortInfo]]


@dataclass(frozen=True)
class Found:
    """A serial port of this machine."""

    name: str
    board: str
    """What is known to be there; empty for a port without a known USB identity."""
    genuine: bool
    """Whether the identity is a Uno's own."""
    identity: tuple[int, int, str] | None
    """Vendor, product, and the serial number or else the socket; None for what is not on USB."""


def found(listing: Listing = list_ports.comports) -> list[Found]:
    """Return the ports of this machine, Unos first, then by name."""
    ports = [_describe(one) for one in listing()]
    return sorted(ports, key=lambda port: (not port.genuine, not port.board, port.name))


def _describe(info: ListPortInfo) -> Found:
    if info.vid is None or info.pid is None:
        return Found(info.device, "", genuine=False, identity=None)
    key = (info.vid, info.pid)
    identity = (*key, info.serial_number or info.location or "")
    board = UNOS.get(key) or CHIPS.get(key, "")
    return Found(info.device, board, genuine=key in UNOS, identity=identity)


def choose(listing: Listing = list_ports.comports) -> list[Found]:
    """Return the boards to serve when none was named: every Uno, or else the only known chip.

    Raises:
        PortError: there is none, or chips leave a choice.
    """
    ports = found(listing)
    if genuine := [port for port in ports if port.genuine]:
        return genuine
    chips = [port for port in ports if port.board]
    if len(chips) == 1:
        return chips
    if chips:
        names = ", ".join(f"{port.name} ({port.board})" for port in chips)
        raise PortError(f"several boards: {names}", hint="name those you mean with --port")
    raise PortError(
        "no Uno found on USB", hint="plug it in with a cable that carries data, or name its port with --port"
    )


class Wanted:
    """One board, through all its names.

    Args:
        name: the port as it was named, or as it was found.
        listing: what ports there are.
    """

    def __init__(self, name: str, listing: Listing = list_ports.comports) -> None:
        self.name = name
        self._listing = listing
        self._identity: tuple[int, int, str] | None = None

    def remember(self) -> None:
        """Take note of who is behind the name; call it while the port is open."""
        ports = [port for port in found(self._listing) if port.name == self.name]
        self._identity = ports[0].identity if ports else self._identity

    def look(self) -> str:
        """Return the name under which the board is to be opened now.

        A board that has been seen is looked for by its identity; where it is not to be seen, and for whatever
        is not on USB, the name stays what it was.
        """
        if self._identity is None:
            return self.name
        ports = found(self._listing)
        same = [port.name for port in ports if port.identity == self._identity]
        if not same:  # a board without a serial number in another socket, if there is no doubt which
            same = [port.name for port in ports if port.identity and port.identity[:2] == self._identity[:2]]
        if len(same) == 1:
            self.name = same[0]
        return self.name


def check_named(names: Iterable[str]) -> list[str]:
    """Return the names, each once.

    Raises:
        BridgeError: one is named twice.
    """
    chosen = list(names)
    for name in chosen:
        if chosen.count(name) > 1:
            raise BridgeError(f"port {name} is named twice", hint="name each port once")
    return chosen
