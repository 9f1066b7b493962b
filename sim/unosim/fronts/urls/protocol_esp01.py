"""pySerial's handler of `esp01://`: a module of one's own in this process, opened like any serial port.

    esp01://?profile=nonos-1.7.4&ssid=lab&password=secret-key&seed=7&route=server.lan:80=127.0.0.1:8080

`ssid` and `password` may be repeated, the first of each belonging together; so may `route`. Without a route
the module reaches nothing; `open=1` lets it reach what this machine can. The module is powered when the port
is opened and gone when it is closed. The port's rate counts as on a wire; where none is given, it is that of
a fresh module.

What it does not do: other frames than 8N1 are accepted and ignored; control lines lead nowhere and read
false, because an ESP-01 has none; the port has no file descriptor.
"""

import threading
import urllib.parse
from typing import Any

from serial.serialutil import PortNotOpenError, SerialBase, SerialException, SerialTimeoutException

from unosim.errors import UserError
from unosim.esp01 import Address, Module, choose, parse_routes
from unosim.fronts.driver import Driver, make_driver
from unosim.fronts.inprocess import InProcessStream
from unosim.modem import NONOS_1_7_4, UartFormat

SINGLE_OPTIONS = {"profile", "seed", "open"}
REPEATED_OPTIONS = {"ssid", "password", "route"}
CLOSE_WAIT_S = 5.0
"""The loop ends at its next turn; a thread that is still there after this long is a defect."""


def parse_url(url: str) -> tuple[Module, dict[Address, Address] | None]:
    """Return the module that a URL asks for, and what it can reach (None: anything).

    Raises:
        SerialException: the URL is none of this kind; the message says what to write instead.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "esp01" or parts.netloc or parts.path.strip("/"):
        raise SerialException(
            f"not a URL of a simulated module: {url!r}; write esp01://?ssid=NAME&password=..."
        )
    options: dict[str, list[str]] = {}
    for name, value in urllib.parse.parse_qsl(parts.query, keep_blank_values=True):
        options.setdefault(name, []).append(value)
    known = SINGLE_OPTIONS | REPEATED_OPTIONS
    for name, values in options.items():
        if name not in known:
            raise SerialException(f"unknown option {name!r}; there are: {', '.join(sorted(known))}")
        if name in SINGLE_OPTIONS and len(values) > 1:
            raise SerialException(f"option {name!r} is given {len(values)} times")
    single = {name: options[name][0] for name in SINGLE_OPTIONS & options.keys()}
    if not single.get("seed", "0").isdecimal() or single.get("open", "0") not in {"0", "1"}:
        raise SerialException(f"seed is a number and open is 0 or 1 in {url!r}")
    try:
        module = choose(
            profile=single.get("profile", NONOS_1_7_4.name),
            ssids=options.get("ssid", []),
            passwords=options.get("password", []),
            seed=int(single.get("seed", "0")),
        )
        routes = parse_routes(options.get("route", []))
    except UserError as error:
        raise SerialException(f"{error}; {error.hint}") from error
    return module, None if single.get("open") == "1" else routes


class Serial(SerialBase):
    """A serial port with a simulated ESP-01 on it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._stream: InProcessStream | None = None
        self._driver: Driver | None = None
        self._thread: threading.Thread | None = None
        if len(args) < 2:
            kwargs.setdefault("baudrate", UartFormat().baud)  # pySerial's own default is 9600
        super().__init__(*args, **kwargs)

    def open(self) -> None:
        """Power a module and connect to it.

        Raises:
            SerialException: the URL is wrong, or the port is open.
        """
        if self.is_open:
            raise SerialException("Port is already open.")
        if self.port is None:
            raise SerialException("Port must be configured before it can be used.")
        module, routes = parse_url(self.port)
        self._stream = InProcessStream(self.baudrate)
        self._driver = make_driver(module.make(), self._stream, routes, watch=lambda _entry: None)
        self._thread = threading.Thread(target=self._driver.run, name="unosim-esp01", daemon=True)
        self._thread.start()
        self.is_open = True

    def close(self) -> None:
        """Take the module's power away; closing twice is no error."""
        if not self.is_open or self._driver is None or self._thread is None:
            return
        self.is_open = False
        self._driver.stop()
        self._thread.join(CLOSE_WAIT_S)
        self._driver.close()

    @property
    def in_waiting(self) -> int:
        """Return how many bytes can be read at once."""
        return self._open_stream().waiting_bytes()

    def read(self, size: int = 1) -> bytes:
        """Return up to `size` bytes, fewer only if the port's time-out is over first."""
        return self._open_stream().take(size, self.timeout)

    def write(self, data: Any) -> int:
        """Send bytes; return how many.

        Raises:
            SerialTimeoutException: the wire took none of them within the port's write time-out.
        """
        stream = self._open_stream()
        said = bytes(memoryview(data))
        if not stream.say(said, self.write_timeout):
            raise SerialTimeoutException("Write timeout")
        return len(said)

    def flush(self) -> None:
        """Have nothing to wait for: every byte keeps the rate at which it was written."""
        self._open_stream()

    def reset_input_buffer(self) -> None:
        """Forget what has arrived."""
        self._open_stream().forget_received()

    def reset_output_buffer(self) -> None:
        """Forget what has not reached the wire."""
        self._open_stream().forget_said()

    @property
    def cts(self) -> bool:
        """Return False: not wired."""
        return False

    @property
    def dsr(self) -> bool:
        """Return False: not wired."""
        return False

    @property
    def ri(self) -> bool:
        """Return False: not wired."""
        return False

    @property
    def cd(self) -> bool:
        """Return False: not wired."""
        return False

    def _reconfigure_port(self) -> None:
        """Take over the rate."""
        self._open_stream().set_baud(self.baudrate)

    def _update_rts_state(self) -> None:
        """Have no such line."""

    def _update_dtr_state(self) -> None:
        """Have no such line."""

    def _update_break_state(self) -> None:
        """Have no such state."""

    def _open_stream(self) -> InProcessStream:
        if not self.is_open or self._stream is None:
            raise PortNotOpenError
        return self._stream
