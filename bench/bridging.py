"""Measures the bridge: what it adds to an answer, what a saturated line costs, how soon a port is open again.

usage: bench/bridging.py

All figures come from one run on this machine, over a pseudo-terminal, which has no rate of its own. Latency
is the time from a request's last byte to the first byte of the answer, less the same over a direct loopback
connection and less the module's own time from data to `Recv` (`Profile.received_line_ns`). The line is kept
at 115200 baud in both directions. A port is away for random times; it is open again when its rate is set.
"""
# ruff: noqa: INP001, T201 - a script that talks to the person who ran it

import os
import random
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from bridge.usb import Cable
from unosim.modem import NONOS_1_7_4

ROUNDS = 300
BYTES_PER_S = 11_520
LOAD_S = 10.0
RECONNECTS = 20
BRIDGE_BAUD = 115_200
"""A new pseudo-terminal has another rate."""


def echo(listener: socket.socket) -> None:
    """Repeat what every connection says."""
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=repeat, args=[connection], daemon=True).start()


def repeat(connection: socket.socket) -> None:
    """Repeat what one connection says."""
    while data := connection.recv(65_536):
        connection.sendall(data)


def direct_us(port: int) -> float:
    """Return the median answer time over a plain connection, in us."""
    times = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(ROUNDS):
            began = time.perf_counter()
            connection.sendall(b"ping")
            connection.recv(16)
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1e6


def bridged_us(cable: Cable) -> float:
    """Return the median answer time through the bridge, in us."""
    times = []
    for _ in range(ROUNDS):
        cable.ask(b"AT+CIPSEND=4\r\n", b"> ")
        began = time.perf_counter()
        cable.write(b"ping")
        cable.read_until(b"+IPD,4:")
        times.append(time.perf_counter() - began)
        cable.rest()
    return statistics.median(times) * 1e6


def saturate(cable: Cable) -> tuple[int, int]:
    """Keep the line busy in both directions, in pass-through mode; return bytes sent and bytes back."""
    cable.ask(b"AT+CIPMODE=1\r\n")
    cable.ask(b"AT+CIPSEND\r\n", b">")
    sent = heard = 0
    began = time.monotonic()
    while (elapsed := time.monotonic() - began) < LOAD_S:
        due = int(elapsed * BYTES_PER_S) - sent
        if due > 0:
            cable.write(b"u" * due)
            sent += due
        select.select([cable.far], [], [], 0.001)
        heard += len(cable.read())
    while data := cable.read(1.0):
        heard += len(data)
    return sent, heard


def reconnect_ms(cable: Cable) -> list[float]:
    """Unplug and plug in again and again; return how long each port was there before it was opened, in ms."""
    times = []
    chance = random.Random(1)  # noqa: S311  # repeatable, no secret
    for _ in range(RECONNECTS):
        cable.unplug()
        time.sleep(chance.uniform(0.3, 1.3))
        cable.plug_in()
        began = time.perf_counter()
        while cable.bridge_baud != BRIDGE_BAUD:
            time.sleep(0.001)
        times.append((time.perf_counter() - began) * 1e3)
        cable.read_until(b"ready\r\n")
    return times


def cpu_s(process: "subprocess.Popen[bytes]") -> float:
    """Return the CPU time that a process has used, in seconds (proc(5))."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    threading.Thread(target=echo, args=[listener], daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        cable = Cable(Path(folder) / "ttyUno")
        command = [
            sys.executable,
            "-m",
            "unobridge",
            "run",
            "--port",
            str(cable.link),
            "--quiet",
            "--baud",
            "115200",
        ]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            cable.read_until(b"ready\r\n")
            cable.ask(b'AT+CWJAP_CUR="any","x"\r\n')
            cable.ask(b'AT+CIPSTART="TCP","127.0.0.1",%d\r\n' % port)
            direct, bridged = direct_us(port), bridged_us(cable)
            own = NONOS_1_7_4.received_line_ns / 1e3
            print(f"answer, median: direct {direct:.0f} us, through the bridge {bridged:.0f} us")
            print(
                f"added beyond the module's own {own:.0f} us: {bridged - direct - own:.0f} us (bar: 2000 us)"
            )
            before = cpu_s(process)
            sent, heard = saturate(cable)
            share = (cpu_s(process) - before) / LOAD_S
            print(f"saturated {LOAD_S:.0f} s at 115200 both ways: {sent} bytes sent, {heard} back")
            print(f"CPU: {share:.1%} of one core (bar: 10 %)")
            times = reconnect_ms(cable)
            print(
                f"open again, {RECONNECTS} times: median {statistics.median(times):.0f} ms,"
                f" longest {max(times):.0f} ms (bar: 1000 ms)"
            )
            process.terminate()
        cable.unplug()


if __name__ == "__main__":
    main()
