"""The live console: what board and modem say to each other, as lines for people or JSON for programs.

Rules: data to standard output. Secrets are masked. Payload is shown once, on its way to and from the network.
Several ports may show at once; a line is printed whole.

What it does not do: keep anything. A recording is the business of `unosim.attrace`.
"""

import json
import os
import sys
import threading
import time
from datetime import UTC, datetime

import click

from unobridge.telling import tell
from unobridge.terminal import inert
from unosim.attrace.meaning import meaning
from unosim.clock import NS_PER_MS, NS_PER_S
from unosim.console import Console
from unosim.modem import NONOS_1_7_4
from unosim.trace import Channel, Entry, masked

ROM_BAUD = NONOS_1_7_4.rom_baud
_OUTPUT = threading.Lock()
_CHANNELS = {"uno": Channel.UNO_TX, "esp": Channel.ESP_TX}


class LiveConsole(Console):
    """Shows one session.

    Args:
        port: the port's name; empty where there is only one and nobody need be told.
        as_json: one JSON object a line: `time`, `ms` since the session began, `port`, `who`, `text`, `means`.
        wall: show the time of day instead of the time since the session began.
    """

    def __init__(self, port: str, *, as_json: bool, wall: bool) -> None:
        super().__init__(host="uno")
        self._port = port
        self._as_json = as_json
        self._wall = wall
        self._began_ns = time.time_ns()

    def show(self, entry: Entry) -> None:
        """Print an entry, once it is a whole line."""
        if entry.baud == ROM_BAUD:
            return  # it is not sent either
        super().show(entry)

    def say(self, text: str) -> None:
        """Print what the bridge itself has to say."""
        now_ns = time.time_ns() - self._began_ns
        self._put(now_ns, "bridge", text, "", "white")

    def _line(self, at_ns: int, who: str, data: bytes, *, fg: str) -> None:
        means = meaning(_CHANNELS[who], data) if who in _CHANNELS else who
        shown = data.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
        self._put(at_ns, who, masked(shown), means, fg)

    def _put(self, at_ns: int, who: str, text: str, means: str, fg: str) -> None:
        moment = datetime.fromtimestamp((self._began_ns + at_ns) / NS_PER_S, UTC)
        if self._as_json:
            fields = {"time": moment.isoformat(timespec="milliseconds"), "ms": at_ns / NS_PER_MS}
            line = json.dumps(fields | {"port": self._port, "who": who, "text": text, "means": means})
        else:
            at = f"{moment.astimezone():%H:%M:%S.%f}"[:-3] if self._wall else f"{at_ns / NS_PER_S:11.3f}"
            line = click.style(f"{at}  {self._port:>{len(self._port)}} {who:>7}  {inert(text)}", fg=fg)
            line += f"   ({means})" if means and means not in {"text", who} else ""
        with _OUTPUT:
            _print(line)


def _print(line: str) -> None:
    """Print a line; once that is not possible (a full disk, a closed pipe), print nothing from then on."""
    try:
        click.echo(line)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the flush at exit would fail, too
        tell(f"the session cannot be shown any more ({error.strerror}): the board is served on")
