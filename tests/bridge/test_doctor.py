"""The doctor against modules that have each of the troubles: right cause first, no wrong all-clear."""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.conftest import Start
from bridge.patients import CASES, Case
from bridge.usb import WAIT_S
from unobridge.doctor.causes import Cause, diagnose
from unobridge.doctor.probe import Prober
from unobridge.doctor.recorded import read
from unosim.attrace import Recorder, load
from unosim.clock import NS_PER_MS
from unosim.esp01 import Module
from unosim.network import VirtualNetwork
from unosim.wire import WiredModem

RANDOM_CASES = int(os.environ.get("UNOBRIDGE_DOCTOR_CASES", "130"))
"""A sample; `make doctor` runs 1,300."""


def examine(case: Case) -> list[Cause]:
    prober = Prober(case.line, case.expected_baud, lambda: 0.0, lambda _text: None)
    return [one.cause for one in diagnose(prober.run(case.wishes))]


@pytest.mark.parametrize("name", CASES)
def test_the_clean_cases(name: str) -> None:
    case = CASES[name](random.Random(1))  # noqa: S311  # repeatable, no secret
    assert examine(case)[0] is case.cause


def test_random_cases() -> None:
    names = list(CASES)
    wrong: Counter[str] = Counter()
    for number in range(RANDOM_CASES):
        name = names[number % len(names)]
        case = CASES[name](random.Random(number))  # noqa: S311  # repeatable, no secret
        causes = examine(case)
        if case.cause is not Cause.BOOT_LOG:
            assert Cause.BOOT_LOG not in causes, (name, number)
        if causes[0] is not case.cause:
            wrong[f"{name} {number}: {causes}"] += 1
    assert sum(wrong.values()) <= RANDOM_CASES * 0.05, wrong


@pytest.fixture
def module(tmp_path: Path) -> Iterator[Path]:
    """A healthy module on a serial port."""
    link = tmp_path / "esp"
    with subprocess.Popen(
        [sys.executable, "-m", "unosim", "modem", "--link", str(link)], stdout=subprocess.DEVNULL
    ) as process:
        while not link.is_symlink():
            assert process.poll() is None
            time.sleep(0.01)
        yield link
        process.terminate()


def test_a_module_on_a_port(start: Start, module: Path, tmp_path: Path) -> None:
    trace = tmp_path / "doctor.attrace"
    command = start(
        "doctor",
        "--port",
        str(module),
        "--json",
        "--trace",
        str(trace),
        "--ssid",
        "lab",
        "--password",
        "secret-key",
    )
    assert command.process.wait(WAIT_S) == 0
    command.end()
    report = json.loads(command.shown[0])
    assert report["healthy"]
    assert report["findings"][0]["cause"] == "boot_log"
    said = "".join(record.text for record in load(trace).records)
    assert "AT+GMR\r\n" in said
    assert "secret-key" not in trace.read_text()


def test_a_wrong_rate_on_a_port(start: Start, module: Path) -> None:
    command = start("doctor", "--port", str(module), "--baud", "9600")
    assert command.process.wait(WAIT_S) == 1
    command.end()
    assert command.shown[:2] == [
        "the rates differ, or the rate is too high for this line",
        "  evidence: it answers at 115200 baud, and 9600 was expected",
    ]
    assert command.shown[2].startswith("  next: use one rate on both sides")


def record(path: Path, *said: bytes) -> None:
    """Record a session in which a host says something."""
    module = Module()
    modem = module.make()
    recorder = Recorder(path, modem, module)
    wired = WiredModem(modem, recorder.network(VirtualNetwork({})), recorder.watch)
    wired.power_on(0)
    now_ns = 1_000 * NS_PER_MS
    wired.run(now_ns)
    for words in said:
        wired.say(words, 115_200, now_ns)
        now_ns += 100 * NS_PER_MS
        wired.run(now_ns)
    recorder.close()


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ([b"AT\n", b"AT+GMR\n", b"AT+CWMODE?\n"], Cause.LINE_END),
        ([b"AT\r", b"AT+GMR\r"], Cause.LINE_END),
        ([b"AT\r\n", b'AT+CWJAP="lab","secret-key"\r\n', b"AT\r\n", b"AT+CIFSR\r\n"], Cause.BUSY),
        ([b"AT\r\n", b"AT+GMR\r\n"], Cause.BOOT_LOG),
    ],
)
def test_recorded_sessions(tmp_path: Path, said: list[bytes], cause: Cause) -> None:
    record(tmp_path / "x.attrace", *said)
    assert diagnose(read(tmp_path / "x.attrace"))[0].cause is cause


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["--port", "/dev/ttyACM99"], 1, "cannot open /dev/ttyACM99: there is no such port"),
        (["--port", "x", "--server", "a:1"], 2, "--server without --ssid"),
        (["--port", "x", "--ssid", "s", "--server", "a"], 2, "not a target: 'a'"),
        (["--port", "x", "--device", "d"], 2, "--device without --server"),
        (["/absent.attrace"], 1, "cannot read /absent.attrace"),
        (["/dev/null"], 1, "/dev/null is empty"),
    ],
)
def test_bad_input_gets_one_line_and_one_hint(
    start: Start, tmp_path: Path, arguments: list[str], code: int, complaint: str
) -> None:
    command = start("doctor", *arguments, "--keys", str(tmp_path / "keys"))
    assert command.process.wait(WAIT_S) == code
    command.end()
    assert command.said[-2].startswith(f"unobridge: {complaint}")
    assert command.said[-1].startswith("hint: ")
