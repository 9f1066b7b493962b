# noqa: INP001 - a script, not a package
"""The modem's numbers: byte rate in virtual time, memory of a thousand, latency over the pseudo-terminal.

- Rate: bytes on the UART per CPU second, as a multiple of what a 115200 line carries in one direction, with
  the wire, the engine and the virtual network in the way; the slower of upload and download.
- Memory: growth of the resident set per thousand modems, each joined and holding an open link.
- Latency: from a command handed to the pseudo-terminal to the last byte of its answer, less what the
  profile and the baud rate ask for. Beside it the round trip of a pseudo-terminal with a bare echo behind it,
  taken in turn with the others, because that is the operating system's share; the bar is for the rest.

Exits with 1 when a bar is missed.
"""

import os
import resource
import statistics
import subprocess
import sys
import time
import tty
from collections.abc import Iterable
from pathlib import Path

from unosim.clock import NS_PER_S
from unosim.esp01 import Module
from unosim.network import Latency, Reply, VirtualNetwork
from unosim.wire import WiredModem

RATE_MIN = 50.0
MEMORY_MB_MAX = 200.0
LATENCY_US_MAX = 87.0

LINE_BYTES_PER_S = 11_520
MODEMS = 1_000
ROUNDS = 400
SEND_BYTES = 2_048
SENDS = 60
S = NS_PER_S
STEP_NS = S // 100
SERVER = ("server.lan", 80)
ANSWER = b"AT\r\n\r\nOK\r\n"
# 4 characters in, 2 of silence, 1 ms of profile; the echo is out by then, and 6 characters of OK follow
ASKED_US = 1_000 + 12 * 10e6 / 115_200


class Mirror:
    """A peer that answers each request with as many bytes as its factor says."""

    def __init__(self, factor: int) -> None:
        self._factor = factor

    def receive(self, data: bytes, now_ns: int) -> Iterable[Reply]:
        """Answer a request."""
        del now_ns
        if self._factor:
            yield Reply(data * self._factor)


class Host:
    """A module in virtual time, joined and connected, and whoever speaks to it."""

    def __init__(self, factor: int) -> None:
        network = VirtualNetwork({SERVER: lambda: Mirror(factor)}, latency=Latency(round_trip_ns=200_000))
        self.wired = WiredModem(Module().make(), network, lambda _entry: None)
        self.wired.power_on(0)
        self.heard_bytes = self.said_bytes = 0
        self.wait(b"ready\r\n")
        self.ask(b"ATE0\r\n")
        self.ask(b'AT+CWJAP_CUR="lab","secret-key"\r\n')
        self.ask(b'AT+CIPSTART="TCP","server.lan",80\r\n')

    def ask(self, data: bytes, until: bytes = b"OK\r\n") -> None:
        """Say something, and wait for its answer."""
        self.said_bytes += len(data)
        self.wired.say(data, 115_200, self.wired.now_ns)
        self.wait(until)

    def wait(self, until: bytes) -> None:
        """Let time pass until something has been heard."""
        heard = bytearray()
        while until not in heard:
            self.wired.run(self.wired.now_ns + STEP_NS)
            heard += self.wired.heard(115_200, self.wired.now_ns)
        self.heard_bytes += len(heard)


def rate(factor: int) -> float:
    """Return the multiple of a line's byte rate that a module carries, with answers so many times as long."""
    host = Host(factor)
    host.said_bytes = host.heard_bytes = 0
    started_s = time.process_time()
    for _ in range(SENDS):
        host.ask(b"AT+CIPSEND=%d\r\n" % SEND_BYTES, b"> ")
        host.ask(bytes(SEND_BYTES), b"SEND OK\r\n")
    host.wired.run(host.wired.now_ns + 60 * S)
    host.heard_bytes += len(host.wired.heard(115_200, host.wired.now_ns))
    carried_bytes = max(host.said_bytes, host.heard_bytes)
    return carried_bytes / (time.process_time() - started_s) / LINE_BYTES_PER_S


def memory_mb() -> float:
    """Return what a thousand connected modems occupy, in MB of resident memory."""
    Host(0)
    before = _resident_mb()
    hosts = [Host(0) for _ in range(MODEMS)]
    grown = _resident_mb() - before
    if any("links OFFFF" not in repr(host.wired.modem) for host in hosts):
        raise AssertionError("a modem lost its link")
    return grown


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def _echo_us(descriptor: int, said: bytes, answer_bytes: int) -> float:
    started_ns = time.monotonic_ns()
    os.write(descriptor, said)
    heard = b""
    while len(heard) < answer_bytes:
        heard += os.read(descriptor, 4_096)
    return (time.monotonic_ns() - started_ns) / 1_000


def latencies() -> tuple[float, float]:
    """Return the medians in us of the bare pseudo-terminal and of the module beyond what is asked for."""
    ours, device = os.openpty()
    tty.setraw(device)
    echo = f"import os\nwhile True: os.write({ours}, os.read({ours}, 4096))"
    module = "import unosim.cli; unosim.cli.main()"
    bare, beyond = [], []
    with (
        subprocess.Popen([sys.executable, "-c", echo], pass_fds=[ours]) as echoing,
        subprocess.Popen([sys.executable, "-c", module, "modem"], stdout=subprocess.PIPE, text=True) as modem,
    ):
        if modem.stdout is None:
            raise AssertionError("no standard output")
        port = os.open(modem.stdout.readline().strip(), os.O_RDWR | os.O_NOCTTY)
        heard = b""
        while not heard.endswith(b"ready\r\n"):
            heard += os.read(port, 4_096)
        for _ in range(ROUNDS):
            time.sleep(0.005)
            bare.append(_echo_us(device, b"A", 1))
            time.sleep(0.005)
            beyond.append(_echo_us(port, b"AT\r\n", len(ANSWER)) - ASKED_US)
        modem.terminate()
        echoing.terminate()
    return statistics.median(bare), statistics.median(beyond)


def main() -> int:
    """Measure and print; 1 if a bar is missed."""
    slowest = min(rate(0), rate(4))
    bare_us, beyond_us = latencies()
    added_us, resident_mb = beyond_us - bare_us, memory_mb()
    unit = "times a 115200 line, one core, virtual time"
    rows = [
        ("byte rate", slowest, RATE_MIN, unit, slowest >= RATE_MIN),
        ("1,000 linked modems", resident_mb, MEMORY_MB_MAX, "MB", resident_mb <= MEMORY_MB_MAX),
        ("pty latency added", added_us, LATENCY_US_MAX, "us, median", added_us <= LATENCY_US_MAX),
    ]
    sys.stdout.write(f"{'bare pty, round trip':24}{bare_us:8.1f} us, median\n")
    sys.stdout.write(f"{'pty with module':24}{beyond_us:8.1f} us beyond the profile, median\n")
    for what, value, bar, unit, held in rows:
        sys.stdout.write(f"{what:24}{value:8.1f} {unit}; bar {bar:g}: {'ok' if held else 'MISSED'}\n")
    return int(not all(held for *_, held in rows))


if __name__ == "__main__":
    sys.exit(main())
