"""Asks a module on a serial line: rate by rate for a sign of life, then step by step up to the server.

Rules: the line is the only thing it touches, and time passes in it alone, so that a simulated line needs no
time. Nothing is stored in the module: it joins with `AT+CWJAP_CUR`. Every step that fails ends the probe;
what it means is `causes`' business.
"""

import email.utils
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from unobridge.doctor.evidence import ROM_BAUD, Evidence, Exchange, HttpAnswer, Step
from unobridge.signing import answer_tag, authorization, request_tag, same
from unobridge.targets import Address

SEARCH_RATES = (115_200, 9_600, 57_600, 38_400, 19_200, ROM_BAUD)
RARE_RATES = (230_400, 460_800, 921_600, 4_800, 2_400, 1_200)
"""Tried only when there was garbage but no answer."""
SEARCH_TRIES = 2
STEADY_TRIES = 20
ANSWER_MS = 400
"""A module answers `AT` within 5 ms; at 1200 baud the answer takes 92 ms."""
BOOT_MS = 3_000
JOIN_MS = 25_000
RESOLVE_MS = 10_000
CONNECT_MS = 20_000
REQUEST_MS = 15_000
PROBE_BODY = b"{}"
"""A body that every server refuses with 400, and so stores nothing."""


class ProbeLine(Protocol):
    """A serial line to a module."""

    def set_baud(self, baud: int) -> None:
        """Speak and listen at a rate in bits per second."""

    def write(self, data: bytes) -> None:
        """Say something."""

    def listen(self, wait_ms: int, until: Callable[[bytes], bool]) -> bytes:
        """Return what is heard within a time in ms, or until it is enough."""

    def power_cycle(self) -> bool:
        """Take the module's power away and give it back; return whether that was possible."""


@dataclass(frozen=True)
class Wishes:
    """What is to be tried once the module answers."""

    ssid: str = ""
    password: str = ""
    server: Address | None = None
    device: str = ""
    key: bytes | None = None


class Prober:
    """Gathers evidence.

    Args:
        line: the line to the module.
        expected_baud: the rate in bits per second at which the user's program speaks.
        wall_s: the time of day, in seconds since 1970.
        progress: is told what is being tried.
    """

    def __init__(
        self,
        line: ProbeLine,
        expected_baud: int,
        wall_s: Callable[[], float],
        progress: Callable[[str], None],
    ) -> None:
        self.evidence = Evidence(expected_baud)
        self._line = line
        self._baud = expected_baud
        self._wall_s = wall_s
        self._progress = progress

    def run(self, wishes: Wishes) -> Evidence:
        """Try everything; return what was heard."""
        expected = self.evidence.expected_baud
        rates = [expected, *(rate for rate in SEARCH_RATES if rate != expected)]
        found = self._search(rates)
        if not found and self.evidence.heard():
            found = self._search([rate for rate in RARE_RATES if rate != expected])
        if found:
            self._progress(f"it answers at {self._baud} baud")
            if self._examine():
                self._go_out(wishes)
        else:
            self._listen_to_boot()
        return self.evidence

    def _search(self, rates: list[int]) -> bool:
        """Look for the rate at which the module answers."""
        for rate in rates:
            self._progress(f"AT at {rate} baud")
            self._baud = rate
            self._line.set_baud(rate)
            for _ in range(SEARCH_TRIES):
                if self._ask(Step.SEARCH, b"AT\r\n", ANSWER_MS).ok:
                    self.evidence.found_baud = rate
                    return True
        return False

    def _listen_to_boot(self) -> None:
        """Hear what the ROM says, if the module's power can be switched."""
        self._baud = ROM_BAUD
        self._line.set_baud(ROM_BAUD)
        self.evidence.power_cycled = self._line.power_cycle()
        if self.evidence.power_cycled:
            self._progress(f"listening at {ROM_BAUD} baud while it starts")
            heard = self._line.listen(BOOT_MS, lambda _heard: False)
            self.evidence.exchanges.append(Exchange(Step.BOOT, ROM_BAUD, b"", heard))

    def _examine(self) -> bool:
        """Look whether it answers every time, what it is, and how it starts."""
        for _ in range(STEADY_TRIES):
            self._ask(Step.STEADY, b"AT\r\n", ANSWER_MS)
        version = self._ask(Step.VERSION, b"AT+GMR\r\n", ANSWER_MS)
        if not version.ok:
            return False
        self._progress("restarting it")
        self._line.write(b"AT+RST\r\n")
        heard = self._line.listen(BOOT_MS, lambda heard: b"ready\r\n" in heard)
        heard += self._line.listen(ANSWER_MS, lambda _heard: False)
        answer = heard.find(b"OK\r\n") + len(b"OK\r\n")
        self.evidence.exchanges.append(Exchange(Step.BOOT, self._baud, b"AT+RST\r\n", heard[answer:]))
        return self._ask(Step.STEADY, b"AT\r\n", ANSWER_MS).ok

    def _go_out(self, wishes: Wishes) -> None:
        """Join, resolve, connect and ask, as far as that was wished for."""
        if not wishes.ssid:
            return
        self._progress(f"joining {wishes.ssid}")
        self._ask(Step.STEADY, b"AT+CWMODE_CUR=1\r\n", ANSWER_MS)
        join = b'AT+CWJAP_CUR="%s","%s"\r\n' % (_quoted(wishes.ssid), _quoted(wishes.password))
        if not self._ask(Step.JOIN, join, JOIN_MS).ok or wishes.server is None:
            return
        host, port = wishes.server
        if not re.fullmatch(r"[\d.]+", host):
            self._progress(f"resolving {host}")
            if not self._ask(Step.RESOLVE, b'AT+CIPDOMAIN="%s"\r\n' % _quoted(host), RESOLVE_MS).ok:
                return
        self._progress(f"connecting to {host}:{port}")
        connect = b'AT+CIPSTART="TCP","%s",%d\r\n' % (_quoted(host), port)
        if self._ask(Step.CONNECT, connect, CONNECT_MS).ok:
            self._request(wishes)

    def _request(self, wishes: Wishes) -> None:
        """Send a request that stores nothing, signed if there is a key."""
        host, port = wishes.server or ("", 0)
        tag = request_tag(wishes.key, wishes.device, PROBE_BODY) if wishes.key else ""
        lines = ["POST /v1/readings HTTP/1.1", f"Host: {host}:{port}", f"Content-Length: {len(PROBE_BODY)}"]
        if tag:
            lines.append(f"Authorization: {authorization(wishes.device, tag)}")
        request = "\r\n".join([*lines, "Connection: close", "", ""]).encode() + PROBE_BODY
        self._progress("asking the server")
        self._ask(Step.STEADY, b"AT+CIPSEND=%d\r\n" % len(request), ANSWER_MS, lambda heard: b"> " in heard)
        heard = self._ask(Step.REQUEST, request, REQUEST_MS, lambda heard: b"CLOSED\r\n" in heard).heard
        answer = b"".join(re.split(rb"\r\n\+IPD,\d+:", heard)[1:])
        status = re.match(rb"HTTP/1\.\d (\d{3})", answer)
        if status:
            number = int(status[1])
            self.evidence.signed_request = bool(tag)
            self.evidence.http = HttpAnswer(
                number,
                signed=bool(wishes.key)
                and same(_field(answer, "unolink-tag"), answer_tag(wishes.key or b"", number, tag)),
                clock_off_s=self._clock_off_s(answer),
            )

    def _clock_off_s(self, answer: bytes) -> float | None:
        date = _field(answer, "date")
        try:
            return email.utils.parsedate_to_datetime(date).timestamp() - self._wall_s()
        except ValueError:
            return None

    def _ask(
        self, step: Step, sent: bytes, wait_ms: int, until: Callable[[bytes], bool] | None = None
    ) -> Exchange:
        """Say something and take what is heard until the answer is complete."""
        self._line.write(sent)
        heard = self._line.listen(wait_ms, until or _complete)
        exchange = Exchange(step, self._baud, sent, heard)
        self.evidence.exchanges.append(exchange)
        return exchange


_COMPLETE = re.compile(rb"(?:^|\n)\r?(?:OK|ERROR|FAIL|SEND OK|SEND FAIL)\r\n")


def _complete(heard: bytes) -> bool:
    return bool(_COMPLETE.search(heard))


def _quoted(text: str) -> bytes:
    r"""Return a text as it stands within quotes: `\` before `,`, `"` and itself (AT instruction set)."""
    return re.sub(r'([\\,"])', r"\\\1", text).encode()


def _field(answer: bytes, name: str) -> str:
    """Return the value of a field of an HTTP answer, or nothing."""
    found = re.search(rb"(?im)^" + name.encode() + rb":[ \t]*([^\r\n]*)", answer)
    return found[1].decode("latin-1").strip() if found else ""
