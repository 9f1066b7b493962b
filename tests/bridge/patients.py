"""Modules with a trouble each, on a simulated line: what the doctor is tried on. Time passes there alone."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bridge.device import KEY, NAME
from unobridge.doctor.causes import Cause
from unobridge.doctor.evidence import ROM_BAUD
from unobridge.doctor.probe import Wishes
from unosim.clock import NS_PER_MS
from unosim.faults import BusyStorm, FaultyModem, FlipBit, Injection, Plan, Wire
from unosim.modem import PROFILES, AccessPoint, Crash, Modem, Radio, Settings, UartFormat
from unosim.network import VirtualNetwork, WsgiPeer
from unosim.uart import sample
from unosim.wire import WiredModem

Chance = random.Random
TICK_NS = NS_PER_MS
SSID, PASSWORD = "home", "house-key"
SERVER = ("ingest.lan", 8080)


class Line:
    """A host's side of the wire to a simulated module."""

    def __init__(self, modem: Modem | FaultyModem, network: VirtualNetwork) -> None:
        self.modem = modem
        self._wired = WiredModem(modem, network, lambda _entry: None)
        self._wired.power_on(0)
        self._baud = 115_200
        self._now_ns = 0
        self._pass(1_000)

    def set_baud(self, baud: int) -> None:
        self._baud = baud
        self._hear()

    def write(self, data: bytes) -> None:
        self._wired.say(data, self._baud, self._now_ns)

    def listen(self, wait_ms: int, until: Callable[[bytes], bool]) -> bytes:
        heard = bytearray()
        for _ in range(wait_ms):
            heard += self._pass(1)
            if heard and until(bytes(heard)):
                break
        return bytes(heard)

    def power_cycle(self) -> bool:
        self._wired.power_on(self._now_ns)
        return True

    def _pass(self, ms: int) -> bytes:
        heard = bytearray()
        for _ in range(ms):
            self._now_ns += TICK_NS
            self._wired.run(self._now_ns)
            heard += self._hear()
        return bytes(heard)

    def _hear(self) -> bytes:
        return self._wired.heard(self._baud, self._now_ns)


class ResetsWhenItJoins(Line):
    """The supply breaks down when the radio is switched on."""

    def write(self, data: bytes) -> None:
        super().write(data)
        if b"CWJAP" in data:
            self._pass(400)
            end = self._wired._end
            end.apply(self.modem.crash(Crash.BROWN_OUT, self._now_ns), self._now_ns)


class Cut(Line):
    """A buffer in between holds so many bytes, and nobody reads it in time."""

    def __init__(self, modem: Modem, network: VirtualNetwork, holds_bytes: int) -> None:
        self._holds_bytes = holds_bytes
        super().__init__(modem, network)

    def listen(self, wait_ms: int, until: Callable[[bytes], bool]) -> bytes:
        heard = bytearray()
        for _ in range(wait_ms):
            heard = bytearray((bytes(heard) + self._pass(1))[: self._holds_bytes])
            if heard and until(bytes(heard)):
                break
        return bytes(heard)


@dataclass
class Scripted:
    """A module that has no AT firmware running: it says something at power-on, or always, unasked."""

    at_power_on: bytes = b""
    baud: int = ROM_BAUD
    noise: Chance | None = None
    _host_baud: int = 115_200
    _waiting: bytes = field(default=b"")

    def set_baud(self, baud: int) -> None:
        self._host_baud = baud

    def write(self, data: bytes) -> None:
        if self.noise:
            self._waiting += bytes(self.noise.choice((0, 0xFF, self.noise.randrange(256))) for _ in data * 2)

    def listen(self, wait_ms: int, until: Callable[[bytes], bool]) -> bytes:
        del wait_ms, until
        said, self._waiting = self._waiting, b""
        if self.noise:
            return said
        return bytes(sample(byte, self._host_baud, self.baud)[0] for byte in said)

    def power_cycle(self) -> bool:
        self._waiting += self.at_power_on
        return True


ROM = (
    b"\r\n ets Jan  8 2013,rst cause:1, boot mode:(%d,%d)\r\n\r\n"
    b"load 0x40100000, len 1856, room 16 \r\ntail 0\r\nchksum 0x63\r\n"
)


@dataclass(frozen=True)
class Case:
    """A patient, what is wished for, the rate that its owner expects, and what is the matter."""

    line: Line | Scripted
    cause: Cause
    expected_baud: int = 115_200
    wishes: Wishes = field(default_factory=Wishes)


JOINING = Wishes(SSID, PASSWORD)


def network(*, servers: bool = True) -> VirtualNetwork:
    def application(
        environ: object, start_response: Callable[[str, list[tuple[str, str]]], object]
    ) -> list[bytes]:
        del environ
        start_response("401 Unauthorized", [("Content-Length", "0")])
        return [b""]

    return VirtualNetwork({SERVER: lambda: WsgiPeer(application)} if servers else {})


def modem(chance: Chance, *, baud: int = 115_200, **access_point: object) -> Modem:
    point = replace(AccessPoint(SSID, PASSWORD), **access_point)  # type: ignore[arg-type]
    profile = PROFILES[chance.choice(["nonos-1.7.4", "nonos-1.6.2"])]
    return Modem(profile, radio=Radio([point]), settings=Settings(uart=UartFormat(baud=baud)))


def rate(chance: Chance) -> Case:
    match chance.randrange(3):
        case 0:
            return Case(Line(modem(chance), network()), Cause.RATE, expected_baud=9_600)
        case 1:
            return Case(Line(modem(chance, baud=9_600), network()), Cause.RATE)
        case _:
            plan = Plan(
                (FlipBit(Wire.TO_UNO, chance=chance.uniform(0.02, 0.06)),), seed=chance.randrange(10**6)
            )
            return Case(Line(Injection(plan).modem(modem(chance), [SSID]), network()), Cause.RATE)


def boot_log(chance: Chance) -> Case:
    return Case(Line(modem(chance), network()), Cause.BOOT_LOG, wishes=chance.choice([Wishes(), JOINING]))


def crossed(chance: Chance) -> Case:
    del chance
    return Case(Scripted(), Cause.CROSSED)


def supply(chance: Chance) -> Case:
    return Case(ResetsWhenItJoins(modem(chance), network()), Cause.SUPPLY, wishes=JOINING)


def pins(chance: Chance) -> Case:
    return Case(Scripted(ROM % (1, chance.randrange(8))), Cause.PINS)


def firmware(chance: Chance) -> Case:
    after = chance.choice(
        [b"flash read err, 1000\r\n", b"ets_main.c 309 \r\n", b"csum err\r\nets_main.c 309\r\n", b""]
    )
    return Case(Scripted(ROM % (3, chance.randrange(8)) + after), Cause.FIRMWARE)


def old_version(chance: Chance) -> Case:
    said = chance.choice([b"0018000902-AI03", b"0020000903", b"AT version:0.21.0.0\r\nSDK version:0.9.5"])
    profile = replace(PROFILES["nonos-1.2"], version_text=said)
    old = Modem(
        profile, radio=Radio(), settings=Settings(uart=UartFormat(baud=chance.choice([9_600, 115_200])))
    )
    return Case(Line(old, network()), Cause.OLD_VERSION, expected_baud=chance.choice([9_600, 115_200]))


def busy(chance: Chance) -> Case:
    plan = Plan((BusyStorm(Wire.TO_ESP, at=chance.randrange(4), seconds=chance.uniform(30, 900)),))
    return Case(Line(Injection(plan).modem(modem(chance), [SSID]), network()), Cause.BUSY)


def cut(chance: Chance) -> Case:
    return Case(Cut(modem(chance), network(), chance.choice([63, 64, 100])), Cause.CUT)


def wifi(chance: Chance) -> Case:
    match chance.randrange(3):
        case 0:
            return Case(Line(modem(chance), network()), Cause.WIFI, wishes=Wishes(SSID, "wrong-key"))
        case 1:
            return Case(Line(modem(chance), network()), Cause.WIFI, wishes=Wishes("elsewhere", PASSWORD))
        case _:
            mute = modem(chance, dhcp_answers=False)
            return Case(Line(mute, network()), Cause.WIFI, wishes=JOINING)


def server(chance: Chance) -> Case:
    asked = chance.choice([("absent.lan", 8080), ("ingest.lan", 81), ("192.168.1.77", 80)])
    wishes = Wishes(SSID, PASSWORD, asked)
    return Case(Line(modem(chance), network()), Cause.SERVER, wishes=wishes)


def noise(chance: Chance) -> Case:
    if chance.randrange(2):
        return Case(Scripted(noise=chance), Cause.NOISE)
    odd = chance.choice([57_600, 38_400, 19_200, 230_400, 4_800])
    return Case(Line(modem(chance, baud=odd), network()), Cause.NOISE)


def key(chance: Chance) -> Case:
    wishes = Wishes(SSID, PASSWORD, SERVER, NAME, KEY)
    return Case(Line(modem(chance), network()), Cause.KEY, wishes=wishes)


CASES: dict[str, Callable[[Chance], Case]] = {
    one.__name__: one
    for one in (
        rate, boot_log, crossed, supply, pins, firmware, old_version, busy, cut, wifi, server, noise, key
    )
}  # fmt: skip
