"""An RFC 2217 server: a remote serial port whose rate the host sets, for `rfc2217://` of pySerial and others.

Telnet and RFC 2217 are spoken by pySerial's own `serial.rfc2217.PortManager`; here is only the port that it
manages. The rate takes effect between the bytes where the host changed it.

What it does not do: other frames than 8N1 are accepted and ignored; the control lines lead nowhere, because
an ESP-01 has none; nothing is held back for flow control.
"""

import itertools
import operator
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from serial.rfc2217 import PortManager

from unosim.fronts.stream import Said
from unosim.fronts.tcp import TcpStream

SUBOPTION_BYTES_MAX = 64
"""More than any RFC 2217 suboption but the signature, which PortManager does not know either."""

_PROTOCOL_ERRORS = (AttributeError, KeyError, TypeError, ValueError, struct.error)
"""What PortManager raises for a suboption that ends before it begins, is too short, or holds an unknown
value."""


@dataclass
class _Port:
    """The serial port that a host sets up; its first rate is that of a fresh module."""

    baudrate: int = 115_200
    bytesize: int = 8
    parity: str = "N"
    stopbits: float = 1
    xonxoff: bool = False
    rtscts: bool = False
    break_condition: bool = False
    dtr: bool = False
    rts: bool = False
    cts: bool = False
    dsr: bool = False
    ri: bool = False
    cd: bool = False

    def reset_input_buffer(self) -> None:
        """Have nothing to forget: what has been received is on its way."""

    def reset_output_buffer(self) -> None:
        """Have nothing to forget: what is on the wire cannot be taken back."""


class _Telnet:
    """The connection to which PortManager writes."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self.write = write


class Rfc2217Stream(TcpStream):
    """Listens on an address and speaks RFC 2217 with the one host that is connected.

    Args:
        host: the address to listen on.
        port: the port; 0 for any that is free.

    Raises:
        FrontError: the address cannot be listened on.
    """

    scheme = "rfc2217"

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self._port = _Port()
        self._manager: PortManager | None = None

    @property
    def baud(self) -> int:
        """The rate in bits per second that the host has set."""
        return self._port.baudrate

    def write(self, data: bytes) -> int:
        """Hand bytes to the host; return how many found room."""
        if self._manager is None:
            return 0
        return len(data) if self._put(b"".join(self._manager.escape(data))) else 0

    def _on_host(self) -> None:
        self._port = _Port()
        self._manager = PortManager(cast("Any", self._port), cast("Any", _Telnet(self._put)))

    def _take(self, data: bytes) -> list[Said]:
        """Return the payload, cut where the rate changes; part with a host that breaks the protocol."""
        manager = self._manager
        if manager is None:
            return []
        said: list[Said] = []
        try:
            said.extend(Said(byte, self.baud) for byte in manager.filter(data))
        except _PROTOCOL_ERRORS:
            self._part()
        if len(manager.suboption or b"") > SUBOPTION_BYTES_MAX:
            self._part()
        runs = itertools.groupby(said, key=operator.attrgetter("baud"))
        return [Said(b"".join(one.data for one in run), baud) for baud, run in runs]
