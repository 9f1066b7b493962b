"""The two modems that a board may find at the far end of its line, behind one small interface."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import serial

from bridge.usb import Cable

WAIT_S = 20.0


class Far(Protocol):
    """The modem, as the board hears it."""

    def write(self, data: bytes) -> None:
        """Say something."""

    def read(self, wait_s: float) -> bytes:
        """Return what the modem has said, waiting for its first byte."""

    def set_baud(self, baud: int) -> None:
        """Go on at another rate."""


class SimulatorFar:
    """`unosim modem`: the board opens the serial device."""

    def __init__(self, link: Path) -> None:
        self._port = serial.Serial(str(link), 115_200, timeout=0)

    def write(self, data: bytes) -> None:
        self._port.write(data)

    def read(self, wait_s: float) -> bytes:
        select.select([self._port], [], [], wait_s)
        return bytes(self._port.read(65_536))

    def set_baud(self, baud: int) -> None:
        self._port.baudrate = baud

    def close(self) -> None:
        self._port.close()


class BridgeFar:
    """`unobridge run`: the board is at the far end of the cable, whose rate is the bridge's."""

    def __init__(self, cable: Cable) -> None:
        self._cable = cable

    def write(self, data: bytes) -> None:
        self._cable.write(data)

    def read(self, wait_s: float) -> bytes:
        return self._cable.read(wait_s)

    def set_baud(self, baud: int) -> None:
        deadline = time.monotonic() + WAIT_S
        while self._cable.bridge_baud != baud:
            assert time.monotonic() < deadline, self._cable.bridge_baud


@contextmanager
def _running(module: str, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ
    ) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(WAIT_S)


@contextmanager
def simulator(folder: Path, profile: str) -> Iterator[Far]:
    link = folder / "esp"
    options = ("--link", str(link), "--profile", profile, "--ssid", "any", "--password", "whatever", "--open")
    with _running("unosim", "modem", *options) as process:
        while not link.is_symlink():
            assert process.poll() is None
            time.sleep(0.01)
        far = SimulatorFar(link)
        try:
            yield far
        finally:
            far.close()


@contextmanager
def bridge(folder: Path, profile: str) -> Iterator[Far]:
    with ExitStack() as stack:
        cable = Cable(folder / "ttyUno")
        stack.callback(cable.unplug)
        stack.enter_context(
            _running("unobridge", "run", "--port", str(cable.link), "--profile", profile, "--baud", "115200")
        )
        yield BridgeFar(cable)


MODEMS: dict[str, Callable[[Path, str], AbstractContextManager[Far]]] = {
    "simulator": simulator,
    "bridge": bridge,
}
