"""The demo as a person types it, and the demo when something goes wrong on the way."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from unosim.board import Image

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("image")]
DEMO = [sys.executable, "-m", "unosim", "demo"]
WAIT_S = 120


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*DEMO, *arguments], capture_output=True, text=True, timeout=WAIT_S, check=False)


def test_the_summary_is_the_only_line_on_standard_output() -> None:
    result = demo("--readings", "3", "--json")
    assert result.returncode == 0, result.stderr
    (line,) = result.stdout.splitlines()
    summary = json.loads(line)
    assert list(summary) == ["sampled", "acked", "stored", "simulated_s", "wall_s"]
    assert summary["acked"] == summary["stored"] >= 3
    assert summary["sampled"] >= summary["acked"]


def test_a_person_sees_the_dialogue_the_exchange_and_the_log() -> None:
    result = demo("--readings", "2")
    assert result.returncode == 0, result.stderr
    for part in (
        r"\d\.\d{6} s +uno  AT\+CIPSTART=4,\"TCP\",\"ingest\.lan\",8080\n",
        r"\d\.\d{6} s +esp  SEND OK\n",
        r"\d\.\d{6} s +request  POST /v1/readings HTTP/1\.1  \{\"boot\":2,\"channels\":",
        r"\d\.\d{6} s +answer  HTTP/1\.1 204 No Content  \n",
        r"  log  \{.*\"logging\.googleapis\.com/insertId\":",
        r"\n\d+ readings sampled, 5 acknowledged, 5 stored; ",
    ):
        assert re.search(part, result.stdout), part
    assert 'simulated"' not in result.stdout, "the Wi-Fi password is shown"


def test_killing_the_server_fails_the_demo_loudly() -> None:
    with subprocess.Popen(
        [*DEMO, "--readings", "1000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pid = None
        for line in process.stdout:
            started = re.match(r"ingest server: process (\d+) ", line)
            pid = int(started[1]) if started else pid
            if pid and "204 No Content" in line:
                os.kill(pid, signal.SIGKILL)
                break
        _, errors = process.communicate(timeout=WAIT_S)
        assert process.returncode == 1
    assert errors.startswith("demo failed: the ingest server ended (killed by SIGKILL)")
    assert "hint: " in errors


def test_a_demo_that_is_killed_takes_its_server_with_it() -> None:
    with subprocess.Popen([*DEMO, "--readings", "1000"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        children: set[int] = set()
        for line in process.stdout:
            started = re.match(r"ingest server: process (\d+) ", line)
            if started:
                children = {int(started[1])}
            if children and "204 No Content" in line:
                children |= descendants(min(children))
                process.kill()
                break
        process.stdout.read()  # ends when the last process that could write to it has ended
        process.wait(WAIT_S)
    assert children
    give_up_s = time.monotonic() + WAIT_S
    while alive := {pid for pid in children if is_alive(pid)}:
        assert time.monotonic() < give_up_s, f"still there: {alive}"
        time.sleep(0.05)


def descendants(pid: int) -> set[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child) for child in children}.union(*(descendants(int(child)) for child in children))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_recorded_demo_replays_without_a_difference(tmp_path: Path) -> None:
    recording = tmp_path / "demo.attrace"
    result = demo("--readings", "2", "--record", str(recording))
    assert result.returncode == 0, result.stderr
    assert "simulated" not in recording.read_text(), "the Wi-Fi password is in the recording"
    replayed = [sys.executable, "-m", "unosim", "replay", str(recording)]
    done = subprocess.run(replayed, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("the same: ")


def test_a_recording_that_cannot_be_written_gets_one_line_and_a_hint() -> None:
    result = demo("--record", "/proc/demo.attrace")
    assert result.returncode == 1
    first, second = result.stderr.splitlines()
    assert first.startswith("unosim: cannot write /proc/demo.attrace")
    assert second.startswith("hint: ")


def test_a_result_that_cannot_be_written_is_an_error_of_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [*DEMO, "--readings", "1", "--json"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == "demo failed: [Errno 28] No space left on device"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "No such file"), (b"", "ELF"), (b"\x7fELF but not really", "ELF")],
)
def test_an_image_that_is_none_gets_one_line_and_a_hint(
    tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    path = tmp_path / "firmware.elf"
    if content is not None:
        path.write_bytes(content)
    result = demo("--firmware", str(path))
    assert result.returncode == 1
    assert complaint in result.stderr
    assert result.stderr.splitlines()[-1] == "hint: build the firmware first: make firmware"
    assert "Traceback" not in result.stderr


def test_a_foreign_image_is_refused(image: Image, tmp_path: Path) -> None:
    """An image that runs, but is not ours, has no counters to look at."""
    data = bytearray(image.flash[:64])
    path = tmp_path / "foreign.hex"
    line = bytes([len(data[:16]), 0, 0, 0]) + data[:16]
    path.write_text(f":{line.hex()}{-sum(line) & 0xFF:02x}\n:00000001ff\n")
    result = demo("--firmware", str(path))
    assert result.returncode == 1
    assert result.stderr.startswith(f"demo failed: {path} has no symbol unolink_counters")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "arguments", [["--readings", "0"], ["--readings", "1001"], ["--readings", "x"], ["--no-such-option"]]
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    result = demo(*arguments)
    assert result.returncode == 2
    assert "Usage: " in result.stderr
