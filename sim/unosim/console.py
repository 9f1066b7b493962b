"""Shows a run on a terminal while it happens: the AT dialogue, the HTTP exchange, the server's log.

Rules: payload is shown once, as HTTP; in the AT dialogue it is only counted. Passwords are masked. This
module decides nothing and keeps nothing that anyone else reads.
"""

import re

import click

from unosim.clock import NS_PER_S
from unosim.trace import Channel, Entry, masked

LINE_BYTES_MAX = 512
"""What has no end of line after so many bytes is shown as it is: longer than any command."""
_SEND_COMMAND = re.compile(rb'AT\+CIPSEND=(?:\d,)?(\d+)(?:,"[^"]*",\d+)?\r\n$')
_PROMPT = b"> "
_DATA_NOTICE = re.compile(rb"\+IPD,(?:\d,)?(\d+):")
_START_LINE = re.compile(rb"[A-Z]+ \S+ HTTP/1\.\d|HTTP/1\.\d \d{3}[^\r\n]*")


class Console:
    """Prints trace entries as they are recorded; give `show` to a `Trace`.

    Args:
        to_stderr: keep standard output free for machine-readable results.
        host: what the modem's host is called.
    """

    def __init__(self, *, to_stderr: bool = False, host: str = "uno") -> None:
        self._to_stderr = to_stderr
        self._host = host
        self._said = bytearray()
        self._replied = bytearray()
        self._announced_bytes = 0
        self._payload_bytes_left = 0

    def show(self, entry: Entry) -> None:
        """Print an entry, once it is a whole line."""
        match entry.channel:
            case Channel.UNO_TX:
                self._show_host(entry)
            case Channel.ESP_TX:
                self._show_module(entry)
            case Channel.NET_TX:
                self._show_http(entry, "request")
            case Channel.NET_RX:
                self._show_http(entry, "answer")

    def log(self, line: str) -> None:
        """Print a line that the server wrote to its log."""
        self._print(f"{'':>13}  {'log':>7}  {line}", fg="magenta")

    def say(self, text: str) -> None:
        """Print what the program itself has to say."""
        self._print(text, bold=True)

    def _show_host(self, entry: Entry) -> None:
        """Collect what the host says, byte by byte, and print whole lines."""
        if self._payload_bytes_left:
            self._payload_bytes_left -= 1
            return
        self._said += entry.data
        if not self._said.endswith(b"\n") and len(self._said) < LINE_BYTES_MAX:
            return
        self._line(entry.at_ns, self._host, bytes(self._said), fg="cyan")
        send = _SEND_COMMAND.search(self._said)
        self._announced_bytes = int(send[1]) if send else 0
        self._said.clear()

    def _show_module(self, entry: Entry) -> None:
        """Collect what the module says and print whole lines; of received payload only the notice."""
        data = bytes(self._replied) + entry.data
        self._replied.clear()
        if data.endswith(_PROMPT):
            self._payload_bytes_left = self._announced_bytes
        notice = _DATA_NOTICE.search(data)
        lines = (data[: notice.end()] if notice else data).splitlines(keepends=True)
        if not (notice or data.endswith((b"\n", _PROMPT)) or len(lines[-1]) >= LINE_BYTES_MAX):
            self._replied += lines.pop()
        for line in lines:
            if line.strip():
                self._line(entry.at_ns, "esp", line, fg="yellow")

    def _show_http(self, entry: Entry, who: str) -> None:
        """Print the start line and the body of a message."""
        head, _, body = entry.data.partition(b"\r\n\r\n")
        start = _START_LINE.match(head)
        self._line(entry.at_ns, who, b"  ".join((start[0], body)) if start else entry.data, fg="green")

    def _line(self, at_ns: int, who: str, data: bytes, *, fg: str) -> None:
        text = masked(_printable(data.rstrip(b"\r\n")))
        self._print(f"{at_ns / NS_PER_S:11.6f} s  {who:>7}  {text}", fg=fg)

    def _print(self, text: str, *, fg: str | None = None, bold: bool = False) -> None:
        click.secho(text, fg=fg, bold=bold, err=self._to_stderr)


def _printable(data: bytes) -> str:
    """Return bytes as text, with everything escaped that a terminal would obey or could not show."""
    text = data.decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
