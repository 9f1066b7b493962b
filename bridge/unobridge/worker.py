"""Serves one board for as long as the bridge runs, through unplugging, renaming and sleep.

A port that is lost is looked for every `RETRY_S`, by the board's USB identity where it has one. Each time it
is opened a new module boots, as if power had been cut: opening resets an Uno, too.

Rules: only the first opening may fail for good; after that the board is waited for, and what is the matter is
said once.
"""

import threading
from collections.abc import Callable

from unobridge.baud import RATES, BaudFinder
from unobridge.errors import PortError, PortLostError
from unobridge.ports import Wanted
from unobridge.serial_port import SerialPort
from unobridge.session import Session

RETRY_S = 0.25
"""Between two looks for a port: a board is served within a second of its return."""

MakeSession = Callable[[SerialPort, BaudFinder | None, int], Session]
Say = Callable[[str], None]


class Worker:
    """Serves one board.

    Args:
        wanted: the board.
        baud: its rate in bits per second; None to find it.
        make_session: makes a session of an open port, a finder and a rate.
        say: is told what becomes of the port.
    """

    def __init__(self, wanted: Wanted, baud: int | None, make_session: MakeSession, say: Say) -> None:
        self.connected = False
        self.reconnects = 0
        self.name = wanted.name
        self._wanted = wanted
        self._finder = BaudFinder() if baud is None else None
        self._baud = baud or RATES[0]
        self._make_session = make_session
        self._say = say
        self._session: Session | None = None
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._complaint = ""

    def open(self) -> SerialPort:
        """Open the port.

        Raises:
            PortError: it cannot be opened.
        """
        return SerialPort(self._wanted.look(), self._finder.baud if self._finder else self._baud)

    def run(self, port: SerialPort) -> None:
        """Serve the board on its open port, and whenever it comes back, until `stop`."""
        opened: SerialPort | None = port
        while not self._stopped.is_set():
            if opened is not None:
                self._serve(opened)
            if self._stopped.wait(RETRY_S):
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

    def _serve(self, port: SerialPort) -> None:
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
            self._say(f"{port.name} is open at {rate} baud: the modem is on")
            self._session.run()
        except PortLostError as error:
            self._say(f"{port.name} is lost ({error}): waiting for it")
        finally:
            with self._lock:
                self._session = None
            self.connected = False
            port.close()

    def _try_open(self) -> SerialPort | None:
        try:
            port = self.open()
        except PortError as error:
            if str(error) != self._complaint:
                self._complaint = str(error)
                self._say(f"{error}; trying again (hint: {error.hint})")
            return None
        self.reconnects += 1
        return port
