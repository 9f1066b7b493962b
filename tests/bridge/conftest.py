"""The bridge as its command, and what is around it: a cable, a board, servers. Loopback only."""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bridge.usb import WAIT_S, Cable
from unosim.board import Image, load_image

IMAGE = Path(__file__).parents[2] / ".pio/build/uno/firmware.elf"


class Command:
    """`unobridge ...` as a process; its lines are there as they come."""

    def __init__(
        self,
        *arguments: str,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
        **environment: str,
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "unobridge", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
            env=os.environ | environment,
        )
        self.shown: list[str] = []
        self.said: list[str] = []
        self._news: queue.Queue[str] = queue.Queue()
        streams = [(self.process.stdout, self.shown), (self.process.stderr, self.said)]
        self._threads = [
            threading.Thread(target=self._gather, args=one) for one in streams if one[0] is not None
        ]
        for thread in self._threads:
            thread.start()

    def _gather(self, stream: "Iterator[str]", lines: list[str]) -> None:
        for line in stream:
            lines.append(line.rstrip("\n"))
            self._news.put(line.rstrip("\n"))

    def wait_for(self, text: str, wait_s: float = WAIT_S) -> str:
        """Return the next line, on either stream, that contains a text."""
        while True:
            try:
                line = self._news.get(timeout=wait_s)
            except queue.Empty:
                raise AssertionError(f"no {text!r} in {self.shown[-20:]} or {self.said[-20:]}") from None
            if text in line:
                return line

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send a signal, if it still runs, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            for thread in self._threads:
                thread.join(WAIT_S)
            for stream in (self.process.stdout, self.process.stderr):
                if stream:
                    stream.close()
        return code


Start = Callable[..., Command]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a command, which is ended with the test."""
    with ExitStack() as stack:

        def run(*arguments: str, **settings: Any) -> Command:
            command = Command(*arguments, **settings)
            stack.callback(lambda: command.process.poll() is None and command.end(signal.SIGKILL))
            return command

        yield run


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    cable = Cable(tmp_path / "ttyUno")
    yield cable
    if cable._far is not None:
        cable.unplug()


@pytest.fixture(scope="session")
def image() -> Image:
    assert IMAGE.exists(), f"no image at {IMAGE}: run make firmware"
    return load_image(IMAGE)
