"""A real MQTT broker for tests: Debian's Mosquitto on loopback, which can be killed and started again."""

import os
import platform
import signal
import socket
import subprocess
import time
from pathlib import Path

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

DEBIAN = Path(__file__).parents[1] / ".tools" / "debian"
PROGRAM = DEBIAN / "usr" / "sbin" / "mosquitto"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Broker:
    """Mosquitto on a port of its own, with its memory in a folder of its own.

    Args:
        folder: An empty folder.
        settings: Further lines of its configuration, in place of `allow_anonymous true`.
    """

    def __init__(self, folder: Path, *settings: str) -> None:
        self.port = free_port()
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        user = Path("/proc/self").owner()
        lines = (
            f"listener {self.port} 127.0.0.1",
            f"user {user}",
            "persistence true",
            # what it takes is in its database at once, and not after half an hour
            "autosave_interval 1",
            "autosave_on_changes true",
            f"persistence_location {folder}/",
            *(settings or ["allow_anonymous true"]),
        )
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None
        self.is_frozen = False
        self.start()

    @property
    def runs(self) -> bool:
        """Whether it has been started and not stopped."""
        return self._process is not None

    def start(self) -> None:
        """Start it, unless it runs, with what it remembers, and wait until it listens."""
        if self.runs:
            return
        library = DEBIAN / "usr" / "lib" / f"{platform.machine()}-linux-gnu"
        command = [str(PROGRAM), "-c", str(self._folder / "mosquitto.conf")]
        with (self._folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env={**os.environ, "LD_LIBRARY_PATH": str(library)}, stdout=log, stderr=log
            )
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                assert self._process.poll() is None, (self._folder / "mosquitto.log").read_text()
                time.sleep(0.01)
            else:
                return
        raise AssertionError((self._folder / "mosquitto.log").read_text())

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it, gently or with SIGKILL."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.send_signal(signal.SIGCONT)  # one that stands still would not heed the other
            self._process.wait(timeout=20)
            self._process = None
            self.is_frozen = False

    def settle(self) -> None:
        """Wait until all that it has acknowledged is on its disk, which may be later."""
        token = os.urandom(8).hex()
        client = Client(CallbackAPIVersion.VERSION2)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        client.publish("settled", token, qos=1, retain=True).wait_for_publish(timeout=20)
        client.disconnect()
        client.loop_stop()
        memory = self._folder / "mosquitto.db"
        for _ in range(1_000):
            # it is written whole, under another name
            if memory.exists() and token.encode() in memory.read_bytes():
                return
            time.sleep(0.01)
        raise AssertionError((self._folder / "mosquitto.log").read_text())

    def freeze(self) -> None:
        """Let it stand still: connections stay, and nothing is answered."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)
            self.is_frozen = True

    def thaw(self) -> None:
        """Let it go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
        self.is_frozen = False

    def forget(self) -> None:
        """Take away what it remembers; it must have been stopped."""
        (self._folder / "mosquitto.db").unlink(missing_ok=True)
