"""An open serial port whose reading and writing block nobody: one thread for each direction.

Threads and not select(2), because a serial port of Windows cannot be selected, nor can pySerial's URLs. The
owner waits for `readers()` and then takes what has arrived.

Rules: what is written and changes of the rate keep their order, and a change waits until everything before it
has left the wire. A port that breaks is broken for good (`PortLostError`); whoever wants it back opens it
anew.
"""

import contextlib
import errno
import queue
import socket
import threading
import time

import serial

from unobridge.errors import PortError, PortLostError

READ_WAIT_S = 0.2
"""How long a read waits for a first byte, and thereby how soon a thread notices that it is to end."""
GATHER_S = 0.002
"""After a read bytes gather for this long, so that a busy line costs few wake-ups: 23 bytes at 115200."""
ADAPTER_BYTES = 64
"""What an adapter may still hold when the system has handed everything over (USB full speed bulk packet)."""
JOIN_WAIT_S = 2.0
_LOST: tuple[type[Exception], ...] = (serial.SerialException, OSError, TypeError, AttributeError)
"""What pySerial 3.5 raises for a port that is gone, or that is closed under a blocked call."""
with contextlib.suppress(ImportError):  # Windows has none
    from termios import error as _termios_error  # which is no OSError, and passes through pySerial

    _LOST += (_termios_error,)
_LOST_OR_REFUSED: tuple[type[Exception], ...] = (*_LOST, ValueError)
"""... or told a rate that the adapter cannot do."""


class SerialPort:
    """Opens a port, exclusively where the system can.

    Args:
        name: a device name of the system, such as /dev/ttyACM0, /dev/cu.usbmodem14101 or COM3, or a URL of
            pySerial.
        baud: the rate in bits per second.

    Raises:
        PortError: the port cannot be opened.
    """

    def __init__(self, name: str, baud: int) -> None:
        self.name = name
        self._port = _open(name, baud)
        self._arrived = bytearray()
        self._leaving: queue.SimpleQueue[bytes | int | None] = queue.SimpleQueue()
        self._pending_bytes = 0
        self._lost = ""
        self._closing = False
        self._lock = threading.Lock()
        self._bell, self._button = socket.socketpair()
        self._bell.setblocking(False)
        self._button.setblocking(False)
        self._threads = [
            threading.Thread(target=self._read_on, name=f"read {name}", daemon=True),
            threading.Thread(target=self._write_on, name=f"write {name}", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pending_bytes(self) -> int:
        """How many bytes the system has not taken yet."""
        return self._pending_bytes

    def readers(self) -> list[socket.socket]:
        """Return what to wait for until `take` has something."""
        return [self._bell]

    def take(self) -> bytes:
        """Return what has arrived since the last call.

        Raises:
            PortLostError: the port has gone, and everything that came before has been taken.
        """
        with contextlib.suppress(BlockingIOError):
            self._bell.recv(4_096)
        with self._lock:
            data = bytes(self._arrived)
            self._arrived.clear()
            if not data and self._lost:
                raise PortLostError(self._lost)
        return data

    def write(self, data: bytes) -> None:
        """Send bytes, behind those that are still leaving."""
        with self._lock:
            self._pending_bytes += len(data)
        self._leaving.put(data)

    def set_baud(self, baud: int) -> None:
        """Go on at another rate in bits per second, once everything written before has left."""
        self._leaving.put(baud)

    def close(self) -> None:
        """Give the port back."""
        self._closing = True
        self._leaving.put(None)
        for name in ("cancel_read", "cancel_write"):
            with contextlib.suppress(*_LOST):
                getattr(self._port, name)()
        for thread in self._threads:
            thread.join(JOIN_WAIT_S)
        with contextlib.suppress(*_LOST):
            self._port.close()
        self._bell.close()
        self._button.close()

    def _read_on(self) -> None:
        """Read until the port is closed or lost."""
        try:
            while not self._closing:
                data = self._port.read(1)
                if data:
                    data += self._port.read(self._port.in_waiting)
                    self._hear(data)
                    time.sleep(GATHER_S)
        except _LOST as error:
            self._lose(error)

    def _hear(self, data: bytes) -> None:
        with self._lock:
            self._arrived += data
        self._ring()

    def _write_on(self) -> None:
        """Write until the port is closed or lost."""
        try:
            while (item := self._leaving.get()) is not None and not self._closing:
                if isinstance(item, int):
                    self._port.flush()
                    time.sleep(ADAPTER_BYTES * 10 / self._port.baudrate)
                    self._port.baudrate = item
                else:
                    self._port.write(item)
                    with self._lock:
                        self._pending_bytes -= len(item)
                    self._ring()
        except _LOST_OR_REFUSED as error:
            self._lose(error)

    def _lose(self, error: Exception) -> None:
        with self._lock:
            self._lost = self._lost or str(error) or type(error).__name__
        self._ring()

    def _ring(self) -> None:
        """Wake the owner; a bell that takes no more has been rung."""
        with contextlib.suppress(OSError):
            self._button.send(b"!")


def _open(name: str, baud: int) -> serial.Serial:
    try:
        return serial.serial_for_url(name, baud, timeout=READ_WAIT_S, exclusive=True)
    except _LOST_OR_REFUSED as error:
        raise PortError(f"cannot open {name}: {_why(error)}", hint=_hint(error)) from error


def _number(error: Exception) -> int | None:
    """Return the error number; on Windows pySerial has it in its words alone."""
    for one in (error, error.__cause__, error.__context__):
        if isinstance(one, _LOST) and one.args and isinstance(one.args[0], int):
            return one.args[0]
    if "FileNotFoundError(" in str(error):
        return errno.ENOENT
    return errno.EBUSY if "PermissionError(" in str(error) else None  # open elsewhere: access is denied


def _why(error: Exception) -> str:
    match _number(error):
        case errno.ENOENT | errno.ENXIO | errno.ENODEV:
            return "there is no such port"
        case errno.EACCES | errno.EPERM:
            return "no permission"
        case errno.EBUSY | errno.EAGAIN:
            return "another program has it open"
        case _:
            return str(error)


def _hint(error: Exception) -> str:
    match _number(error):
        case errno.ENOENT | errno.ENXIO | errno.ENODEV:
            return (
                "see `unobridge ports` for those there are; is the cable plugged in, and does it carry data?"
            )
        case errno.EACCES | errno.EPERM:
            return "on Linux: sudo usermod -aG dialout $USER, then log in again"
        case errno.EBUSY | errno.EAGAIN:
            return "close the serial monitor, the Arduino IDE or the other bridge"
        case _:
            return "name a port such as /dev/ttyACM0, /dev/cu.usbmodem14101 or COM3"
