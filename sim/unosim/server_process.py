"""The real ingest server as a process of its own on loopback, for as long as a run needs it.

Rules: the server is started through its command line and known by its HTTP interface, its standard output
and its exit code alone; nothing of it is imported.
"""

import contextlib
import json
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

START_WAIT_S = 20.0
STOP_WAIT_S = 10.0
ABANDON_WAIT_S = 2.0
"""What a server gets for its last words when nobody needs them any more."""


class ServerError(Exception):
    """The server did not start, or ended before it was asked to."""


class ServerProcess:
    """Starts `unoingest serve` on entering, stops it on leaving.

    Args:
        database: the store's file; created by the server.
    """

    def __init__(self, database: Path) -> None:
        self.database = database
        self.address = ("127.0.0.1", 0)
        self._lines: queue.Queue[str] = queue.Queue()
        self._errors: list[str] = []
        self._started = threading.Event()

    def __enter__(self) -> Self:
        """Start the server on a port of its choice and wait until it listens."""
        tethered = [sys.executable, "-m", "unosim.tether", "unoingest"]  # it ends with us, come what may
        serve = [*tethered, "serve", "--host", self.address[0], "--port", "0"]
        self._process = subprocess.Popen(
            [*serve, "--database", str(self.database)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._readers = [
            threading.Thread(target=self._read_log, args=[self._process.stdout], daemon=True),
            threading.Thread(target=self._read_errors, args=[self._process.stderr], daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        try:
            self._wait_until_listening()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """End the server."""
        self._end()

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    def check(self) -> None:
        """Raise ServerError if the server has ended."""
        code = self._process.poll()
        if code is not None:
            how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            raise ServerError(": ".join([f"the ingest server ended ({how})", *self._errors]))

    def log_lines(self) -> Iterator[str]:
        """Yield the lines that the server has written to standard output since the last call."""
        with contextlib.suppress(queue.Empty):
            while True:
                yield self._lines.get_nowait()

    def stop(self) -> None:
        """Ask the server to end, and wait; after this, `log_lines` yields all that is left.

        Raises:
            ServerError: it had ended already, or did not end in time.
        """
        self.check()
        self._process.terminate()
        try:
            code = self._process.wait(STOP_WAIT_S)
        except subprocess.TimeoutExpired as error:
            raise ServerError(
                f"the ingest server did not end within {STOP_WAIT_S:.0f} s of SIGTERM"
            ) from error
        if code != 0:
            raise ServerError(f"the ingest server ended with exit code {code} when it was asked to stop")
        self._join_readers()

    def _wait_until_listening(self) -> None:
        if not self._started.wait(START_WAIT_S):
            raise ServerError(f"the ingest server did not listen within {START_WAIT_S:.0f} s")
        if self.address[1] == 0:  # its log has ended, and so does it
            self._process.wait(STOP_WAIT_S)
            self.check()

    def _read_log(self, stream: Iterable[str]) -> None:
        """Collect the structured log, one reading a line."""
        for line in stream:
            self._lines.put(line.rstrip("\n"))

    def _read_errors(self, stream: Iterable[str]) -> None:
        """Collect what went wrong from the service's own log, whose first line tells where it listens."""
        for line in stream:
            try:
                event = json.loads(line)
            except ValueError:
                self._errors.append(line.strip())  # the command line's last words are plain text
                continue
            if event.get("event") == "listening":
                self.address = (event["host"], event["port"])
                self._started.set()
            elif event.get("severity") == "ERROR":
                self._errors.append(event["message"])
        self._started.set()  # it has ended: nobody need wait any longer

    def _join_readers(self) -> None:
        for reader in self._readers:
            reader.join(STOP_WAIT_S)

    def _end(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(ABANDON_WAIT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._join_readers()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream:
                stream.close()
