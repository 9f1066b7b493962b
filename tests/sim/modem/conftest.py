"""Replays transcripts (`transcripts.reader`); their syntax is documented in tests/transcripts/README.md.

`pytest_generate_tests` gives every test that asks for `case` and `delivery` one run for each case and each
way of cutting what the host says into pieces. `play` replays a case; its `AssertionError` names file and
line, what was expected and got, the simulated time and the delivery with its seed.
"""

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from transcripts.reader import CASES, MS, Case, Line, parse, unescape
from unosim.modem import AccessPoint, Crash, Encryption, Modem, Radio, actions, events

DELIVERIES = ("whole", "wire", "bytes", "random-1", "random-2")
DELIVERIES_INHERITED = ("whole", "random-1")
"""For cases that another profile has in its own folder, where they are delivered in every way."""
TOLERANCE_NS = 1 * MS
SETTLE_NS = 50 * MS
PATIENCE_NS = 60_000 * MS
RADIO = Radio(
    [
        AccessPoint("lab", "secret-key", bssid="02:00:00:00:00:01", channel=6, rssi_dbm=-57),
        AccessPoint("cafe", bssid="02:00:00:00:00:02", channel=1, rssi_dbm=-80),
        AccessPoint("lab", "secret-key", bssid="02:00:00:00:00:03", channel=11, rssi_dbm=-71),
        AccessPoint("office", bssid="02:00:00:00:00:04", channel=3, encryption=Encryption.WPA2_ENTERPRISE),
        AccessPoint("mute", bssid="02:00:00:00:00:05", channel=9, rssi_dbm=-90, dhcp_answers=False),
    ]
)


def deliveries(case: Case) -> tuple[str, ...]:
    """Return the ways in which a case is replayed."""
    if case.options.get("chunks") == "whole":
        return ("whole",)
    return DELIVERIES_INHERITED if case.inherited else DELIVERIES


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each case in each delivery it allows."""
    if {"case", "delivery"} <= set(metafunc.fixturenames):
        runs = [
            (case, delivery)
            for cases in CASES.values()
            for case in cases.values()
            for delivery in deliveries(case)
        ]
        metafunc.parametrize("case,delivery", runs, ids=[f"{case.label} [{how}]" for case, how in runs])


class Player:
    """Replays a case, and the cases before it, on a modem of its own."""

    def __init__(self, case: Case, delivery: str) -> None:
        self.modem = Modem(case.profile, radio=RADIO)
        self.now_ns = 0
        self._case = case
        self._delivery = delivery
        self._random = random.Random(delivery)  # noqa: S311  # repeatable pieces, no secrets
        self._heard: list[tuple[int, bytes | actions.Action]] = []
        self._last_ns = 0

    def play(self) -> None:
        """Replay the whole."""
        chain = [self._case]
        while before := chain[0].before:
            chain.insert(0, CASES[self._case.profile.name][before])
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
            return self._check_time(line, self._await_output(line, unescape(line.text, self._case.profile)))
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
            idle = self._case.profile.chunk_idle_characters
            if self._delivery == "bytes":
                wait = idle + 1
            elif self._delivery.startswith("random"):
                size, wait = self._random.randint(1, 7), self._random.randint(0, idle + 2)
            yield wait, data[:size]
            data = data[size:]

    def _environment(self, line: Line) -> list[actions.Action]:
        """Do what a `!` line says."""
        for pattern, happen in WORLD.items():
            if match := re.fullmatch(pattern, line.text):
                return happen(self.modem, match, self.now_ns)
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
        send = re.fullmatch(r'send (\d) "(.*)"(.*)', line.text)
        expected = describe(actions.Send(int(send[1]), unescape(send[2]))) + send[3] if send else line.text
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
            f"delivery {self._delivery}, {self.modem!r}, case {self._case.label}"
        )


WORDS: dict[type[actions.Action], str] = {
    actions.SetBaud: "baud {baud}",
    actions.Send: "send {link} {data!r}",
    actions.Close: "close {link}",
    actions.Resolve: "resolve {host}",
    actions.Ping: "ping {host}",
    actions.Listen: "listen {port}",
    actions.StopListening: "stop listening",
    actions.Accept: "accept {connection} as {link}",
    actions.Refuse: "refuse {connection}",
    actions.SyncTime: "ask time",
}


def describe(action: actions.Action) -> str:
    """Return an action in the words of a transcript."""
    if isinstance(action, actions.Connect):
        return describe_connect(action)
    words = WORDS[type(action)].format(**vars(action))
    match action:
        case actions.Send(_, _, (address, port)):
            return f"{words} to {address}:{port}"
        case actions.Close(_, abort=True):
            return f"{words} abort"
        case actions.SyncTime(servers):
            return " ".join([words, *servers])
    return words


def describe_connect(action: actions.Connect) -> str:
    words = [f"connect {action.link} {action.host}:{action.port}"]
    if action.kind is not actions.Kind.TCP:
        words.append(action.kind.value.lower())
    if action.local_port:
        words.append(f"from {action.local_port}")
    words += ["verify"] * action.verify_server + ["certificate"] * action.present_certificate
    return " ".join(words)


WORLD: dict[str, Callable[[Modem, re.Match[str], int], list[actions.Action]]] = {
    r"power on": lambda modem, _, now_ns: modem.power_on(now_ns),
    r"radio: lost (.+)": lambda modem, m, now_ns: modem.access_point_lost(m[1], now_ns),
    r"radio: back (.+)": lambda modem, m, now_ns: modem.access_point_back(m[1], now_ns),
    r"guest: joined (.+)": lambda modem, m, now_ns: modem.guest_joined(m[1], now_ns),
    r"guest: left (.+)": lambda modem, m, now_ns: modem.guest_left(m[1], now_ns),
    r"button: (.+)": lambda modem, m, now_ns: modem.wps_button_pushed(m[1], now_ns),
    r"telephone: (\S+) (\S+)": lambda modem, m, now_ns: modem.smart_config(m[1], m[2], now_ns),
    r"crash: (.+)": lambda modem, m, now_ns: modem.crash(Crash[m[1].upper().replace(" ", "_")], now_ns),
}
EVENTS: dict[str, Callable[[re.Match[str]], events.NetworkEvent]] = {
    r"network: connected (\d) ([\d.]+):(\d+) from (\d+)": lambda m: events.Connected(
        int(m[1]), m[2], int(m[3]), int(m[4])
    ),
    r"network: (refused|timeout|no name|handshake|unsupported) (\d)": lambda m: events.ConnectFailed(
        int(m[2]), events.Failure[m[1].upper().replace(" ", "_")]
    ),
    r"network: acknowledged (\d) (\d+)": lambda m: events.Acknowledged(int(m[1]), int(m[2])),
    r'network: received (\d) "(.*)"': lambda m: events.Received(int(m[1]), unescape(m[2])),
    r'network: received (\d) "(.*)" from ([\d.]+):(\d+)': lambda m: events.Received(
        int(m[1]), unescape(m[2]), (m[3], int(m[4]))
    ),
    r"network: closed (\d)": lambda m: events.PeerClosed(int(m[1])),
    r"network: incoming (\d) ([\d.]+):(\d+) to (\d+)": lambda m: events.Incoming(
        int(m[1]), m[2], int(m[3]), int(m[4])
    ),
    r"network: time (\d+)": lambda m: events.TimeTold(int(m[1])),
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
