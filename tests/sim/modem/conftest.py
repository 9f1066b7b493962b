"""Reads and replays transcripts; their syntax is documented in tests/transcripts/README.md.

`pytest_generate_tests` gives every test that asks for `case` and `delivery` one run for each case and each
way of cutting what the host says into pieces. `play` replays a case; its `AssertionError` names file and
line, what was expected and got, the simulated time and the delivery with its seed.
"""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest

from unosim.modem import NONOS_1_7_4, AccessPoint, Encryption, Modem, Radio, actions, events

TRANSCRIPTS = Path(__file__).parents[2] / "transcripts"
DELIVERIES = ("whole", "wire", "bytes", "random-1", "random-2")
MS = 1_000_000
TOLERANCE_NS = 1 * MS
SETTLE_NS = 50 * MS
PATIENCE_NS = 60_000 * MS
RADIO = Radio(
    [
        AccessPoint("lab", "secret-key", bssid="02:00:00:00:00:01", channel=6, rssi_dbm=-57),
        AccessPoint("cafe", bssid="02:00:00:00:00:02", channel=1, rssi_dbm=-80),
        AccessPoint("lab", "secret-key", bssid="02:00:00:00:00:03", channel=11, rssi_dbm=-71),
        AccessPoint("office", bssid="02:00:00:00:00:04", channel=3, encryption=Encryption.WPA2_ENTERPRISE),
    ]
)
_LINE = re.compile(r"(?:@\+(?P<time>[\d.]+)(?P<unit>ms|s) )?(?P<kind>[><!*]) (?P<text>.*)")
_ROM = re.compile(r"\\\{rom (\d)\}")
_REPEAT = re.compile(r"\\\{(\d+)\*(.)\}")


@dataclass(frozen=True)
class Line:
    """One line of a transcript; `delay_ns` is None where no time is given."""

    number: int
    kind: str
    text: str
    delay_ns: int | None


@dataclass
class Case:
    """One section of a transcript file."""

    path: Path
    name: str
    options: dict[str, str] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

    @property
    def label(self) -> str:
        return f"{self.path.parent.name}/{self.path.stem}: {self.name}"


def unescape(text: str) -> bytes:
    r"""Return the bytes of a transcript's text: Python's escapes, `\{12*x}` and `\{rom 1}`."""
    if match := _ROM.fullmatch(text):
        return NONOS_1_7_4.rom_text % int(match[1])
    text = _REPEAT.sub(lambda match: int(match[1]) * match[2], text)
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


def parse(path: Path, text: str) -> list[Case]:
    """Return the cases of a transcript file."""
    cases: list[Case] = []
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            fenced = not fenced
        elif fenced:
            match = _LINE.fullmatch(line)
            assert match, f"{path.name}:{number}: not a line of a transcript: {line!r}"
            unit_ns = MS if match["unit"] == "ms" else 1_000 * MS
            delay_ns = round(float(match["time"]) * unit_ns) if match["time"] else None
            cases[-1].lines.append(Line(number, match["kind"], match["text"], delay_ns))
        elif line.startswith("## "):
            cases.append(Case(path, line[3:]))
        elif option := re.fullmatch(r"(after|chunks): (.*)", line):
            cases[-1].options[option[1]] = option[2]
    assert not fenced, f"{path.name}: the last fence is not closed"
    return cases


def load() -> dict[str, Case]:
    """Return every case by its label."""
    cases = [
        case
        for path in sorted(TRANSCRIPTS.glob("*/*.md"))
        for case in parse(path, path.read_text(encoding="utf-8"))
    ]
    labelled = {case.label: case for case in cases}
    assert len(labelled) == len(cases), "two cases of a file have the same name"
    return labelled


CASES = load()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each case in each delivery it allows."""
    if {"case", "delivery"} <= set(metafunc.fixturenames):
        runs = [
            (case, delivery)
            for case in CASES.values()
            for delivery in (("whole",) if case.options.get("chunks") == "whole" else DELIVERIES)
        ]
        metafunc.parametrize("case,delivery", runs, ids=[f"{case.label} [{how}]" for case, how in runs])


class Player:
    """Replays a case, and the cases before it, on a modem of its own."""

    def __init__(self, case: Case, delivery: str) -> None:
        self.modem = Modem(radio=RADIO)
        self.now_ns = 0
        self._case = case
        self._delivery = delivery
        self._random = random.Random(delivery)  # noqa: S311  # repeatable pieces, no secrets
        self._heard: list[tuple[int, bytes | actions.Action]] = []
        self._last_ns = 0

    def play(self) -> None:
        """Replay the whole."""
        chain = [self._case]
        while "after" in chain[0].options:
            folder, here = self._case.path.parent.name, chain[0].options["after"]
            label = f"{folder}/{here}" if ": " in here else f"{folder}/{chain[0].path.stem}: {here}"
            chain.insert(0, CASES[label])
        for case in chain:
            self._case = case
            for line in case.lines:
                self._last_ns = self._step(line)
        self._advance(self.now_ns + SETTLE_NS)
        if self._heard:
            self._fail(self._case.lines[-1], "nothing more", repr(self._heard[0][1]))

    def _step(self, line: Line) -> int:
        """Act on a line, or wait for what it promises; return its instant."""
        if line.kind == "<":
            return self._check_time(line, self._await_output(line, unescape(line.text)))
        if line.kind == "*":
            return self._check_time(line, self._await_action(line))
        self._advance(max(self.now_ns, self._last_ns + (line.delay_ns or 0)))
        if self._heard:
            self._fail(line, "nothing before this line", repr(self._heard[0][1]))
        if line.kind == ">":
            self._say(unescape(line.text))
        else:
            self._take(self._environment(line))
        return self.now_ns

    def _say(self, data: bytes) -> None:
        for wait_characters, piece in self._pieces(data):
            self._advance(self.now_ns + wait_characters * 10_000_000_000 // self.modem.baud)
            self._take(self.modem.receive(piece, self.now_ns))

    def _pieces(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Cut what the host says; yield each piece with the character times before it."""
        if self._delivery == "whole":
            yield 0, data
            return
        while data:
            wait, size = 1, 1
            if self._delivery == "bytes":
                wait = 3
            elif self._delivery.startswith("random"):
                size, wait = self._random.randint(1, 7), self._random.randint(0, 4)
            yield wait, data[:size]
            data = data[size:]

    def _environment(self, line: Line) -> list[actions.Action]:
        """Do what a `!` line says."""
        if line.text == "power on":
            return self.modem.power_on(self.now_ns)
        if match := re.fullmatch(r"radio: (lost|back) (.+)", line.text):
            change = self.modem.access_point_lost if match[1] == "lost" else self.modem.access_point_back
            return change(match[2], self.now_ns)
        for pattern, event in EVENTS.items():
            if match := re.fullmatch(pattern, line.text):
                return self.modem.network(event(match), self.now_ns)
        raise AssertionError(f"{self._case.path.name}:{line.number}: no such event: {line.text!r}")

    def _take(self, taken: list[actions.Action]) -> None:
        for action in taken:
            self._heard.append((self.now_ns, action.data if isinstance(action, actions.Output) else action))

    def _advance(self, until_ns: int) -> None:
        while (due_ns := self.modem.next_deadline()) is not None and due_ns <= until_ns:
            self.now_ns = due_ns
            self._take(self.modem.advance(due_ns))
        self.now_ns = until_ns
        self._take(self.modem.advance(until_ns))

    def _await_something(self, line: Line, expected: str) -> None:
        """Let time pass until the modem has something to say."""
        limit_ns = self.now_ns + PATIENCE_NS
        while not self._heard:
            due_ns = self.modem.next_deadline()
            if due_ns is None or due_ns > limit_ns:
                self._fail(line, expected, "silence")
            self._advance(due_ns)

    def _await_output(self, line: Line, expected: bytes) -> int:
        """Take the expected bytes off what was heard; return the instant of the last of them."""
        offset = 0
        at_ns = self.now_ns
        while offset < len(expected):
            rest = expected[offset:]
            self._await_something(line, repr(rest))
            at_ns, heard = self._heard.pop(0)
            if not isinstance(heard, bytes):
                self._fail(line, repr(rest), repr(heard), offset)
            same = next(
                (at for at, pair in enumerate(zip(heard, rest, strict=False)) if pair[0] != pair[1]), None
            )
            if same is not None:
                self._fail(line, repr(rest[same:]), repr(heard[same:]), offset + same)
            if len(heard) > len(rest):
                self._heard.insert(0, (at_ns, heard[len(rest) :]))
            offset += len(heard)
        return at_ns

    def _await_action(self, line: Line) -> int:
        self._await_something(line, line.text)
        at_ns, heard = self._heard.pop(0)
        got = repr(heard) if isinstance(heard, bytes) else describe(heard)
        send = re.fullmatch(r'send (\d) "(.*)"', line.text)
        expected = describe(actions.Send(int(send[1]), unescape(send[2]))) if send else line.text
        if got != expected:
            self._fail(line, expected, got)
        return at_ns

    def _check_time(self, line: Line, at_ns: int) -> int:
        took_ns = at_ns - self._last_ns
        if line.delay_ns is not None and abs(took_ns - line.delay_ns) > TOLERANCE_NS:
            self._fail(line, f"{line.text!r} after {line.delay_ns / MS} ms", f"it after {took_ns / MS} ms")
        return at_ns

    def _fail(self, line: Line, expected: str, got: str, offset: int = 0) -> NoReturn:
        raise AssertionError(
            f"{self._case.path.name}:{line.number}: expected {expected}, got {got}\n"
            f"at offset {offset} of the line, t = {self.now_ns / MS:.3f} ms, "
            f"delivery {self._delivery}, {self.modem!r}"
        )


def describe(action: actions.Action) -> str:
    """Return an action in the words of a transcript."""
    match action:
        case actions.SetBaud(baud):
            return f"baud {baud}"
        case actions.Connect(link, host, port):
            return f"connect {link} {host}:{port}"
        case actions.Send(link, data):
            return f"send {link} {data!r}"
        case actions.Close(link, abort):
            return f"close {link}" + (" abort" if abort else "")
        case actions.Resolve(host):
            return f"resolve {host}"
        case actions.Ping(host):
            return f"ping {host}"
    raise AssertionError(action)


EVENTS: dict[str, Callable[[re.Match[str]], events.NetworkEvent]] = {
    r"network: connected (\d) ([\d.]+):(\d+) from (\d+)": lambda m: events.Connected(
        int(m[1]), m[2], int(m[3]), int(m[4])
    ),
    r"network: refused (\d)": lambda m: events.ConnectFailed(int(m[1]), events.Failure.REFUSED),
    r"network: timeout (\d)": lambda m: events.ConnectFailed(int(m[1]), events.Failure.TIMEOUT),
    r"network: no name (\d)": lambda m: events.ConnectFailed(int(m[1]), events.Failure.NO_NAME),
    r"network: acknowledged (\d) (\d+)": lambda m: events.Acknowledged(int(m[1]), int(m[2])),
    r'network: received (\d) "(.*)"': lambda m: events.Received(int(m[1]), unescape(m[2])),
    r"network: closed (\d)": lambda m: events.PeerClosed(int(m[1])),
    r"network: resolved (\S+) nothing": lambda m: events.Resolved(m[1], None),
    r"network: resolved (\S+) ([\d.]+)": lambda m: events.Resolved(m[1], m[2]),
    r"network: pong (\S+) never": lambda m: events.Pong(m[1], None),
    r"network: pong (\S+) (\d+)": lambda m: events.Pong(m[1], int(m[2])),
}


@pytest.fixture
def play() -> Callable[[Case, str], None]:
    """Return the function that replays a case in a delivery."""
    return lambda case, delivery: Player(case, delivery).play()


@pytest.fixture
def parse_transcript() -> Callable[[str], list[Case]]:
    """Return the function that reads the cases of a transcript's text."""
    return lambda text: parse(Path("written/here.md"), text)


@pytest.fixture
def said_by_hosts() -> Callable[[], list[bytes]]:
    """Return the function that lists every line that a host says in a transcript."""
    return lambda: [unescape(one.text) for case in CASES.values() for one in case.lines if one.kind == ">"]
