"""Why a module does not do what it should: the causes, their signs, and what to do next.

The causes are those that people report again and again. `diagnose` goes through `RULES` from top to bottom; a
rule that sees its sign says which cause and by what evidence. What stands higher explains what stands lower:
a module that resets while it joins has not got a wrong password.

Rules: no I/O. A module is healthy only if it answered at the expected rate, every time, and nothing that was
asked for went wrong.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from unobridge.doctor.evidence import Evidence, Step, readable


class Cause(Enum):
    """What may be the matter, and the next step."""

    RATE = (
        "the rates differ, or the rate is too high for this line",
        "use one rate on both sides, 9600 with SoftwareSerial: AT+UART_DEF=9600,8,1,0,0 sets it",
    )
    BOOT_LOG = (
        "nothing is wrong: the garbage after a reset is the ROM's text at 74880 baud",
        "ignore what comes before `ready`; wait for it before the first command",
    )
    CROSSED = (
        "TX and RX are swapped, or the module is not connected or not powered",
        "swap the two wires, join the grounds; then check that VCC and CH_PD (EN) are at 3.3 V",
    )
    LINE_END = (
        "commands do not end with CR LF",
        "end each command with \\r\\n; in the Arduino serial monitor choose `Both NL & CR`",
    )
    SUPPLY = (
        "the module restarts by itself: the supply is too weak",
        "feed it from a 3.3 V regulator for 500 mA with 100 uF at the module, not from the Uno's pin",
    )
    PINS = (
        "the module is in its boot loader: GPIO0 is low, or CH_PD (EN) is not high",
        "leave GPIO0 open or at 3.3 V, put CH_PD (EN) to 3.3 V, and switch the power off and on",
    )
    FIRMWARE = (
        "there is no AT firmware that fits: none, for another flash, or one on other pins",
        "flash AT 1.7.4 for 1 MB (512+512 KB map); AT 2.x talks on pins that an ESP-01 lacks",
    )
    OLD_VERSION = (
        "the AT firmware is of before 1.0, which libraries do not understand",
        "flash AT 1.7.4 for 1 MB (512+512 KB map)",
    )
    BUSY = (
        "commands come while the module is still busy with the one before",
        "wait for OK or ERROR before the next command, and send nothing behind its CR LF",
    )
    CUT = (
        "answers are cut: something between here and the module holds no more than a few dozen bytes",
        "turn the echo off (ATE0), read while you wait, use 9600 baud or a bigger receive buffer",
    )
    WIFI = (
        "the module does not get into the Wi-Fi",
        "check name and password; it must be 2.4 GHz, WPA2 personal, with DHCP, and near enough",
    )
    SERVER = (
        "the server is not reached from the module",
        "check name and port, that the server listens on more than 127.0.0.1, and the firewall",
    )
    NOISE = (
        "nothing but garbage, or an unusual rate was stored: by AT+IPR or AT+UART, or by a brown-out",
        "set the rate anew with AT+UART_DEF=115200,8,1,0,0; if nothing helps, erase and flash the module",
    )
    KEY = (
        "the server does not accept the device's key",
        "register the device with the key it holds: see `unobridge provision`",
    )
    ANSWER = (
        "something else than an ingest server answers there",
        "check host and port of the server; a captive portal answers in its place",
    )
    CLOCK = (
        "this computer's clock and the server's differ",
        "set the clock: readings are dated by the server",
    )
    UNKNOWN = (
        "the module does not answer as it should, in a way that is not known",
        "attach the trace to a report",
    )

    @property
    def text(self) -> str:
        """What is the matter."""
        return self.value[0]

    @property
    def next_step(self) -> str:
        """What to do."""
        return self.value[1]


@dataclass(frozen=True)
class Finding:
    """A cause and what speaks for it."""

    cause: Cause
    evidence: str

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong."""
        return self.cause is Cause.BOOT_LOG


USUAL_RATES = (115_200, 9_600)
"""Rates at which modules are delivered."""
SERVER_CLOCK_OFF_S_MAX = 300.0
_REFUSED_JOIN = {
    b"1": "time-out",
    b"2": "wrong password",
    b"3": "no such network in range",
    b"4": "the network refuses it",
}
"""`+CWJAP:<n>` (Espressif AT instruction set)."""


def _shown(data: bytes) -> str:
    """Return the beginning of what was heard, for people."""
    text = repr(data[:40])[2:-1]
    return f"`{text}`" + (" ..." if len(data) > 40 else "")


def _line_end(evidence: Evidence) -> str | None:
    said = [one.sent for one in evidence.of(Step.SAID) if b"AT" in one.sent]
    wrong = [one for one in said if one.rstrip(b"\r\n") != one and not one.endswith(b"\r\n")]
    bare = [one for one in said if not one.endswith((b"\r", b"\n"))]
    if len(wrong) + len(bare) > len(said) / 2:
        bad = wrong + bare
        return f"{len(bad)} of {len(said)} commands end otherwise, such as {_shown(bad[0])}"
    return None


def _supply(evidence: Evidence) -> str | None:
    restarts = evidence.restarts
    resets = re.findall(rb"rst cause:(\d)", evidence.heard(Step.BOOT))
    if restarts or len(resets) > 1 or len(re.findall(rb"ready\r\n", evidence.heard(Step.BOOT))) > 1:
        return f"it started again {max(restarts, len(resets) - 1, 1)} times without being asked to"
    return None


def _pins(evidence: Evidence) -> str | None:
    boot = re.search(rb"boot mode:\((\d),", evidence.heard())
    return f"its ROM says `boot mode:({boot[1].decode()},...)`" if boot and boot[1] != b"3" else None


def _firmware(evidence: Evidence) -> str | None:
    heard = evidence.heard()
    for sign in (b"flash read err", b"MEM CHECK FAIL", b"csum err", b"ets_main.c"):
        if sign in heard:
            return f"it says `{sign.decode()}`"
    lives = b"ready" in heard or b"busy" in heard
    if evidence.found_baud is None and b"rst cause" in heard and not lives:
        return "its ROM starts, but no `ready` follows and no command is answered"
    return None


def _busy(evidence: Evidence) -> str | None:
    count = evidence.heard().count(b"busy p...") + evidence.heard().count(b"busy s...")
    return f"`busy` came {count} times" if count else None


def _rate(evidence: Evidence) -> str | None:
    found = evidence.found_baud
    if found is not None and found != evidence.expected_baud and found in USUAL_RATES:
        return f"it answers at {found} baud, and {evidence.expected_baud} was expected"
    steady = evidence.of(Step.STEADY)
    bad = [one for one in steady if not one.ok]
    if found is not None and bad and any(one.heard for one in bad):
        example = _shown(bad[0].heard)
        return f"{len(bad)} of {len(steady)} answers at {found} baud were garbled, such as {example}"
    return None


def _noise(evidence: Evidence) -> str | None:
    found = evidence.found_baud
    if found is not None:
        if found != evidence.expected_baud:
            return f"it answers at {found} baud, where modules are not delivered"
        return None
    heard = [one for one in evidence.of(Step.SEARCH) if one.heard]
    if heard and not any(readable(one.heard) for one in heard):
        return f"garbage at {len({one.baud for one in heard})} rates, such as {_shown(heard[0].heard)}"
    return None


def _crossed(evidence: Evidence) -> str | None:
    if evidence.found_baud is None and not evidence.heard():
        more = ", nor when power came back" if evidence.power_cycled else ""
        return f"not one byte came at any of {len({one.baud for one in evidence.exchanges})} rates{more}"
    return None


def _old_version(evidence: Evidence) -> str | None:
    heard = evidence.heard(Step.VERSION)
    old = re.search(rb"AT version:0\.\d+[^\r\n(]*", heard) or re.search(rb"(?m)^00[12]\d{7}[^\r\n]*", heard)
    return f"AT+GMR says `{old[0].decode('ascii', 'replace')}`" if old else None


def _cut(evidence: Evidence) -> str | None:
    for one in evidence.of(Step.VERSION):
        if not one.ok and readable(one.heard) and b"ERROR" not in one.heard and len(one.heard) > 8:
            return f"of the answer to AT+GMR {len(one.heard)} bytes came, and its end did not"
    return None


def _wifi(evidence: Evidence) -> str | None:
    for one in evidence.of(Step.JOIN):
        if reason := re.search(rb"\+CWJAP(?:_CUR|_DEF)?:(\d)\r\n", one.heard):
            return f"joining failed: {_REFUSED_JOIN.get(reason[1], 'reason ' + reason[1].decode())}"
        if b"DHCP TIMEOUT" in one.heard:
            return "no DHCP server gives it an address"
        if not one.ok:
            return (
                f"joining ended with {_shown(one.heard[-40:])}" if one.heard else "joining was not answered"
            )
    return None


def _server(evidence: Evidence) -> str | None:
    for one in evidence.of(Step.RESOLVE):
        if not one.ok:
            return "the name does not resolve (DNS)"
    for one in evidence.of(Step.CONNECT):
        if b"DNS" in one.heard:
            return "the name does not resolve (DNS)"
        if not one.ok and b"CONNECT" not in one.heard:
            return f"no TCP connection: {_shown(one.heard[-40:])}"
    for one in evidence.of(Step.REQUEST):
        if b"HTTP/1." not in one.heard:
            return "the connection is there, but no HTTP answer comes"
    return None


def _key(evidence: Evidence) -> str | None:
    answer = evidence.http
    if answer and evidence.signed_request and answer.status in {401, 403}:
        return f"a request signed with it was answered {answer.status}"
    return None


def _answer(evidence: Evidence) -> str | None:
    answer = evidence.http
    if answer and evidence.signed_request and not answer.signed:
        return f"status {answer.status} without a right signature"
    return None


def _clock(evidence: Evidence) -> str | None:
    off_s = evidence.http.clock_off_s if evidence.http else None
    if off_s is not None and abs(off_s) > SERVER_CLOCK_OFF_S_MAX:
        return f"they are {abs(off_s):.0f} s apart"
    return None


def _healthy(evidence: Evidence) -> str | None:
    steady = evidence.of(Step.STEADY)
    asked = [
        one for one in evidence.exchanges if one.step in {Step.VERSION, Step.JOIN, Step.RESOLVE, Step.CONNECT}
    ]
    if (
        evidence.found_baud != evidence.expected_baud
        or not steady
        or not all(one.ok for one in steady + asked)
    ):
        return None
    boots = evidence.heard(Step.BOOT)
    noise = boots.partition(b"ready")[0].strip()
    garbage = f"; after a reset it said {len(noise)} bytes of garbage and then `ready`" if noise else ""
    return f"{len(steady)} commands in a row were answered at {evidence.found_baud} baud{garbage}"


Rule = Callable[[Evidence], str | None]
RULES: tuple[tuple[Cause, Rule], ...] = (
    (Cause.LINE_END, _line_end),
    (Cause.PINS, _pins),
    (Cause.FIRMWARE, _firmware),
    (Cause.SUPPLY, _supply),
    (Cause.CROSSED, _crossed),
    (Cause.OLD_VERSION, _old_version),
    (Cause.BUSY, _busy),
    (Cause.RATE, _rate),
    (Cause.NOISE, _noise),
    (Cause.CUT, _cut),
    (Cause.WIFI, _wifi),
    (Cause.SERVER, _server),
    (Cause.KEY, _key),
    (Cause.ANSWER, _answer),
    (Cause.CLOCK, _clock),
    (Cause.BOOT_LOG, _healthy),
)
"""From what explains most to what is left when nothing else holds."""


def diagnose(evidence: Evidence) -> list[Finding]:
    """Return what is the matter, the most likely first; at least one finding."""
    findings = [Finding(cause, sign) for cause, rule in RULES if (sign := rule(evidence))]
    if not findings:
        heard = evidence.heard()
        return [Finding(Cause.UNKNOWN, f"heard {_shown(heard)}" if heard else "nothing was heard")]
    wrong = [one for one in findings if not one.healthy]
    return wrong or findings
