"""A node on the bridge's cable: takes readings, speaks AT, and forgets a reading on a signed 204 alone.

Written from docs/wire-protocol.md and the modem's dialogue, not from the firmware. What it waits for is a
script, a generator that yields how it recognises an answer and how long it waits; bytes and time come from
outside.
"""

import random
import re
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from bridge.device import NAME, body_of_rows, sign, tag_of

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
BATCH_MAX = 10
HOST = "ingest.lan:8080"
Until = Callable[[bytes], bool]
Script = Generator[tuple[Until, float], bool, None]
Identity = tuple[int, int]


class ModuleRestarted(Exception):  # noqa: N818  # it tells what happened
    """The module says that it is ready: everything begins anew."""


@dataclass
class Reading:
    """A reading, and what became of it."""

    boot: int
    seq: int
    taken_ns: int
    value: int
    clocked: bool = True
    """Whether the node still knows its age: not after it has lost power."""
    asked_ns: list[int] = field(default_factory=list)
    """When a request with it was made."""
    acknowledged: bool = False

    @property
    def identity(self) -> Identity:
        return self.boot, self.seq


def ends_with(text: bytes) -> Until:
    return lambda heard: text in heard


def answer_in(heard: bytes) -> bytes:
    """Return what the server said, of what the module told in `+IPD`s."""
    answer = b""
    while found := re.search(rb"\+IPD,(\d+):", heard):
        count = int(found[1])
        answer += heard[found.end() : found.end() + count]
        heard = heard[found.end() + count :]
    return answer


class Node:
    """The node.

    Args:
        chance: decides values, and whether a request is made anew when it is sent again.
        say: takes what it says.
        interval_ns: between two readings.
        keeps: whether readings outlive a power cut.
    """

    def __init__(
        self, chance: random.Random, say: Callable[[bytes], None], *, interval_ns: int, keeps: bool
    ) -> None:
        self.taken: dict[Identity, Reading] = {}
        self.refusals: list[str] = []
        self.boot = 0
        self.on = False
        self.samples = True
        self._chance = chance
        self._say = say
        self._interval_ns = interval_ns
        self._keeps = keeps
        self._waiting: list[Reading] = []
        self._now_ns = 0
        self._heard = b""
        self._script: Script | None = None
        self._until: Until = lambda _heard: False
        self._deadline_ns = 0
        self._sample_ns = 0

    @property
    def is_content(self) -> bool:
        """Whether everything it holds has been acknowledged."""
        return not self._waiting

    @property
    def next_ns(self) -> int:
        """When it next has something to do."""
        return min(self._deadline_ns, self._sample_ns) if self.samples else self._deadline_ns

    def power(self, now_ns: int, *, on: bool) -> None:
        """Give or take its power; giving it again is a reset."""
        self.on, self._now_ns, self._script = on, now_ns, None
        if on:
            self.boot += 1
            for reading in self._waiting:
                reading.clocked = False
            if not self._keeps:
                self._waiting.clear()
            self._heard = b""
            self._seq = 0
            self._sample_ns = now_ns + self._interval_ns
            self._script = self._live()
            self._go(None)

    def hear(self, data: bytes, now_ns: int) -> None:
        if not self.on:
            return
        self._now_ns = now_ns
        self._heard += data
        if self._until(self._heard):
            self._go(True)
        elif b"ready\r\n" in self._heard:
            self._heard = b""
            self._go(ModuleRestarted())

    def wake(self, now_ns: int) -> None:
        """Do what is due."""
        if not self.on:
            return
        self._now_ns = now_ns
        if self.samples and self._sample_ns <= now_ns:
            self._take()
        if self._deadline_ns <= now_ns:
            self._go(False)

    def _take(self) -> None:
        reading = Reading(self.boot, self._seq, self._sample_ns, self._chance.randrange(1024))
        self.taken[reading.identity] = reading
        self._waiting.append(reading)
        self._seq += 1
        self._sample_ns += self._interval_ns

    def _go(self, came: bool | ModuleRestarted | None) -> None:
        assert self._script
        if isinstance(came, ModuleRestarted):
            self._until, wait_s = self._script.throw(came)
        else:
            self._until, wait_s = self._script.send(came)  # type: ignore[arg-type]  # None begins it
        self._deadline_ns = self._now_ns + int(wait_s * NS_PER_S)

    def _pause(self, wait_s: float) -> Script:
        yield lambda _heard: False, wait_s

    def _ask(self, command: bytes, end: bytes, wait_s: float) -> Generator[tuple[Until, float], bool, bytes]:
        """Say something; return what was heard, which contains the end unless the wait was in vain."""
        self._heard = b""
        self._say(command)
        yield ends_with(end), wait_s
        heard, self._heard = self._heard, b""
        return heard

    def _live(self) -> Script:
        while True:
            try:
                yield from self._pause(0.5)  # its boot loader, then its start
                yield from self._speak()
            except ModuleRestarted:
                continue

    def _speak(self) -> Script:
        """Join, then connect again and again; end when the module does not answer."""
        wait_s = 0.5
        while b"OK\r\n" not in (yield from self._ask(b"AT\r\n", b"OK\r\n", wait_s)):
            wait_s = min(2 * wait_s, 8.0)
        for command in (b"AT+CWMODE_CUR=1\r\n", b'AT+CWJAP_CUR="any","whatever"\r\n'):
            if b"OK\r\n" not in (yield from self._ask(command, b"OK\r\n", 20.0)):
                return
        while True:
            host, port = HOST.split(":")
            start = b'AT+CIPSTART="TCP","%s",%s\r\n' % (host.encode(), port.encode())
            heard = yield from self._ask(start, b"OK\r\n", 10.0)
            if b"OK\r\n" not in heard and b"ALREADY" not in heard:
                return
            trouble = yield from self._serve()
            yield from self._ask(b"AT+CIPCLOSE\r\n", b"OK\r\n", 1.0)
            yield from self._pause(trouble)

    def _serve(self) -> Generator[tuple[Until, float], bool, float]:
        """Post until something fails; return how long to leave it alone, in seconds."""
        while True:
            if not self._waiting:
                yield from self._pause(self._interval_ns / NS_PER_S)
                continue
            batch = [one for one in self._waiting if one.boot == self._waiting[0].boot][:BATCH_MAX]
            body = self._body(batch)
            for one in batch:
                one.asked_ns.append(self._now_ns)
            status, is_signed, retry_s = yield from self._post(body)
            if is_signed and status == 204:
                for one in batch:
                    one.acknowledged = True
                self._waiting = [one for one in self._waiting if not one.acknowledged]
            elif status == 503:
                return retry_s
            else:
                if is_signed:  # others may be about what noise made of the request
                    self.refusals.append(f"{status} for {body!r}")
                return 1.0

    def _body(self, batch: list[Reading]) -> bytes:
        rows = [
            [one.seq, (self._now_ns - one.taken_ns) // NS_PER_MS if one.clocked else None, one.value]
            for one in batch
        ]
        return body_of_rows(rows, batch[0].boot)

    def _post(self, body: bytes) -> Generator[tuple[Until, float], bool, tuple[int, bool, float]]:
        """Send a request; return status (0: no answer came), whether it is signed, and seconds to wait."""
        tag = tag_of(body)
        head = (
            f"POST /v1/readings HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Unolink {NAME}:{tag}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        request = head.encode() + body
        if b"> " not in (yield from self._ask(b"AT+CIPSEND=%d\r\n" % len(request), b"> ", 2.0)):
            return 0, False, 0
        self._heard = b""
        self._say(request)
        yield lambda heard: b"\r\n\r\n" in answer_in(heard) or b"CLOSED" in heard, 10.0
        heard, self._heard = self._heard, b""
        answer = answer_in(heard).decode("latin-1")
        found = re.match(r"HTTP/1\.1 (\d{3})", answer)
        if not found:
            return 0, False, 0
        fields = {name.lower(): value for name, value in re.findall(r"(?m)^([\w-]+): ([^\r]*)\r$", answer)}
        expected = sign(f"{found[1]}\n{tag}".encode())
        retry_s = float(fields.get("retry-after", "1"))
        return int(found[1]), fields.get("unolink-tag") == expected, retry_s
