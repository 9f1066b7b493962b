"""Serves one board for as long as the bridge runs, through unplugging, renaming and sleep.

A port that is lost is looked for every `RETRY_S`, by the board's USB identity where it has one. Each time it
is opened a new module boots, as if power had been cut: opening resets an Uno, too.

Rules: `open` may fail for good; `run` waits for a board that is not there, and says once what is the matter.
"""

import threading
from collections.abc import Callable

from unobridge.baud import RATES, BaudFinder
from unobridge.errors import PortError, PortLostError
from unobridge.ports import Wanted
from unobridge.serial_port import SerialPort
from unobridge.session import Port, Session

RETRY_S = 0.25
"""Between two looks for a port: a board is served within a second of its return."""

MakeSession = Callable[[Port, BaudFinder | None, int], Session]
OpenPort = Callable[[str, int], Port]
Say = Callable[[str], None]


class Worker:
    """Serves one board.

    Args:
        wanted: the board.
        baud: its rate in bits per second; None to find it.
        make_session: makes a session of an open port, a finder and a rate.
        say: is told what becomes of the port.
        open_port: opens the port of a name at a rate in bits per second; raises PortError.
        rest: waits for some seconds; None for the wall's.
    """

    def __init__(
        self,
        wanted: Wanted,
        baud: int | None,
        make_session: MakeSession,
        say: Say,
        *,
        open_port: OpenPort = SerialPort,
        rest: Callable[[float], object] | None = None,
    ) -> None:
        self.connected = False
        self.times_open = 0
        self.name = wanted.name
        self._wanted = wanted
        self._finder = BaudFinder() if baud is None else None
        self._baud = baud or RATES[0]
        self._make_session = make_session
        self._say = say
        self._open_port = open_port
        self._session: Session | None = None
        self._stopped = threading.Event()
        self._rest = rest or self._stopped.wait
        self._lock = threading.Lock()
        self._complaint = ""

    def open(self) -> Port:
        """Open the port.

        Raises:
            PortError: it cannot be opened.
        """
        return self._open_port(self._wanted.look(), self._finder.baud if self._finder else self._baud)

    def run(self, port: Port | None) -> None:
        """Serve the board on its open port, and whenever it comes (back), until `stop`."""
        opened = port
        while not self._stopped.is_set():
            if opened is not None:
                self._serve(opened)
            self._rest(RETRY_S)
            if self._stopped.is_set():
                return
            opened = self._try_open()
        if opened is not None:
            opened.close()

    def stop(self) -> None:
        """Let `run` return soon; from any thread."""
        with self._lock:
            self._stopped.set()
            if self._session:
                self._session.stop()

    def _serve(self, port: Port) -> None:
        """Run one session on an open port."""
        self._wanted.remember()
        self._complaint = ""
        rate = self._finder.baud if self._finder else self._baud
        try:
            with self._lock:
                if self._stopped.is_set():
                    return
                self._session = self._make_session(port, self._finder, rate)
            self.name, self.connected = port.name, True
            self.times_open += 1
            self._say(f"{port.name} is open at {rate} baud: the modem is on")
            self._session.run()
        except PortLostError as error:
            self._say(f"{port.name} is lost ({error}): waiting for it")
        finally:
            with self._lock:
                self._session = None
            self.connected = False
            port.close()

    def _try_open(self) -> Port | None:
        try:
            port = self.open()
        except PortError as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                self._say(f"{error}; trying again (hint: {error.hint})")
            return None
        return port
