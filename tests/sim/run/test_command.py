"""`unosim run` as a person and a script use it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import serial
from click.testing import CliRunner, Result
from pytest_mock import MockerFixture

from unosim.cli import main
from unosim.run.options import Options
from unosim.run.session import Session

WAIT_S = 30.0

# Says what it finds in an EEPROM byte and raises it; blinks twice and pauses; dims pin 5; echoes.
SKETCH = """
#include <avr/eeprom.h>
#include <avr/wdt.h>
int filler[50];
void setup() {
    MCUSR = 0;
    wdt_disable();
    Serial.begin(115200);
    uint8_t runs = eeprom_read_byte((uint8_t *)3) + 1;
    eeprom_write_byte((uint8_t *)3, runs);
    Serial.print("run "); Serial.println(runs);
    pinMode(13, OUTPUT);
    analogWrite(5, 64);
}
void loop() {
    static uint8_t phase = 0;
    static unsigned long began = 0;
    while (Serial.available()) Serial.write(Serial.read() ^ 32);
    if (millis() - began < 100) return;
    began += 100;
    digitalWrite(13, phase == 0 || phase == 2);
    phase = (phase + 1) % 12;
    filler[phase] = analogRead(A0);
    if (phase == 5) Serial.println(filler[5]);
}
"""

Sketch = Callable[..., Path]


@pytest.fixture
def elf(sketch: Sketch) -> Path:
    return sketch(SKETCH)


@contextmanager
def started(*arguments: str | Path) -> Iterator["subprocess.Popen[str]"]:
    """Run the command as a process, which is gone at the end whatever happens."""
    command = [sys.executable, "-m", "unosim", "run", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["run", *map(str, arguments)])


def test_it_shows_what_the_program_says_and_what_came_of_it(elf: Path) -> None:
    ended = invoke("--firmware", elf, "--for", "2.5", "--part", "volts:A0,volts=2.5", "--part", "led:13")
    assert ended.exit_code == 0
    assert ended.stdout_bytes == b"run 0\r\n512\r\n512\r\n"
    assert re.search(r"^2\.500 simulated seconds in .* \(\d+ times real time\)$", ended.stderr, re.MULTILINE)
    assert re.search(r"^LED D13: 4 flashes, lit 16\.\d% of the time, codes 2 2", ended.stderr, re.MULTILINE)
    assert re.search(r"^RAM: \d+ bytes of variables, \d+ bytes of stack", ended.stderr, re.MULTILINE)


def test_the_eeprom_is_kept_from_run_to_run(elf: Path, tmp_path: Path) -> None:
    file = tmp_path / "eeprom.bin"
    said = [invoke("--firmware", elf, "--for", "0.2", "--eeprom", file).stdout for _ in range(3)]
    assert said == ["run 0\n", "run 1\n", "run 2\n"]
    assert file.read_bytes()[:5] == b"\xff\xff\xff\x02\xff"
    assert len(file.read_bytes()) == 1024


def test_the_profile_adds_up(elf: Path) -> None:
    ended = invoke("--firmware", elf, "--for", "1", "--profile", "--json")
    summary = json.loads(ended.stdout.splitlines()[-1])
    cycles = {row["name"]: row["cycles"] for row in summary["profile"]}
    assert sum(cycles.values()) == pytest.approx(16_000_000, abs=10)
    assert {"main", "loop", "millis", "__vectors"} <= set(cycles)
    assert cycles["__vectors"] % 4 in {0, 1, 2, 3}
    assert "function" in ended.stderr
    assert not any(name.startswith(".") for name in cycles)
    assert summary["simulated_s"] == 1.0
    plain = invoke("--firmware", elf, "--for", "0.5", "--profile").stdout
    shares = [float(share) for share in re.findall(r" (\d+\.\d)%", plain)]
    assert sum(shares) == pytest.approx(100, abs=2)
    assert shares == sorted(shares, reverse=True)


def test_the_memory_that_was_used(sketch: Sketch) -> None:
    deep = """
        volatile byte sink[100];
        __attribute__((noinline)) void dig(byte depth) {
            volatile byte hole[20];
            hole[0] = depth;
            if (depth) dig(depth - 1);
            sink[0] = hole[0];
        }
        void setup() { dig(10); }
        void loop() {}
    """
    ended = invoke("--firmware", sketch(deep), "--for", "0.1", "--json")
    memory = json.loads(ended.stdout.splitlines()[-1])["memory"]
    assert 100 <= memory["data_bytes"] < 130
    assert 11 * 22 < memory["stack_bytes"] < 11 * 30 + 60
    assert memory["between_bytes"] == 2048 - memory["data_bytes"] - memory["stack_bytes"]
    # What a frame reserves and never writes counts as never written.
    assert memory["between_bytes"] <= memory["never_written_bytes"] < memory["between_bytes"] + 11 * 20 + 130


def test_a_watchdog_reset_is_told(sketch: Sketch) -> None:
    text = "#include <avr/wdt.h>\nvoid setup() { MCUSR = 0; wdt_enable(WDTO_500MS); }\nvoid loop() {}\n"
    ended = invoke("--firmware", sketch(text), "--for", "0.9")
    assert re.search(r"^reset by watchdog at 0\.5\d+ s$", ended.stderr, re.MULTILINE)


def test_an_esp01_on_the_uart(sketch: Sketch) -> None:
    text = """
        void setup() {
            Serial.begin(115200);
            delay(1000);
            Serial.print("AT+CWJAP_CUR=\\"home\\",\\"house-key\\"\\r\\n");
        }
        void loop() {}
    """
    ended = invoke(
        *("--firmware", sketch(text), "--for", "6", "--esp01", "--ssid", "home", "--password", "house-key")
    )
    assert ended.exit_code == 0
    assert 'uno  AT+CWJAP_CUR="home","***"' in ended.stdout
    assert "esp  WIFI GOT IP" in ended.stdout
    assert "house-key" not in ended.stdout + ended.stderr


def test_an_esp01_on_a_software_serial_with_its_reset_pin(sketch: Sketch) -> None:
    text = """
        #include <SoftwareSerial.h>
        SoftwareSerial esp(2, 3);
        void setup() {
            esp.begin(9600);
            delay(1000); pinMode(4, OUTPUT); delay(9); pinMode(4, INPUT);
            delay(1000); esp.print("ATE0\\r\\n");
        }
        void loop() {}
    """
    firmware = sketch(text, "SoftwareSerial")
    wired = ("--pins", "2,3", "--baud", "9600", "--reset-pin", "4", "--at", "nonos-1.6.2")
    ended = invoke("--firmware", firmware, "--for", "3", "--esp01", *wired)
    assert ended.stdout.count("ets Jan") == 2
    assert ended.stdout.rstrip().endswith("esp  OK")


def test_the_uart_as_a_serial_port_in_real_time(elf: Path, tmp_path: Path) -> None:
    link = tmp_path / "uno"
    with started("--firmware", elf, "--serial", "pty", "--link", link) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == str(link)
        with serial.Serial(str(link), 115_200, timeout=WAIT_S) as port:
            port.write(b"hello")
            assert port.read_until(b"HELLO").endswith(b"HELLO")
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0
    simulated_s, wall_s = re.findall(r"([\d.]+) simulated seconds in ([\d.]+) s", complaints)[0]
    assert float(simulated_s) <= float(wall_s) + 0.1
    assert not link.is_symlink()


def test_every_pin_is_in_the_vcd_file(elf: Path, tmp_path: Path) -> None:
    file = tmp_path / "pins.vcd"
    assert invoke("--firmware", elf, "--for", "0.5", "--vcd", file, "--part", "dht22:4").exit_code == 0
    head, _, changes = file.read_text().partition("$enddefinitions $end\n")
    names = re.findall(r"\$var wire 1 (.) (\w+) \$end", head)
    assert [name for _, name in names] == [
        *(f"D{n}" for n in range(14)),
        *(f"A{n}" for n in range(6)),
    ]
    identifiers = {name: identifier for identifier, name in names}
    instants = [int(line[1:]) for line in changes.splitlines() if line.startswith("#")]
    assert instants == sorted(set(instants))
    assert instants[-1] == 500_000_000
    wave = edges(changes, identifiers["D13"])
    assert [level for _, level in wave] == [1, 0, 1, 0]
    assert [at_ns / 1e6 for at_ns, _ in wave] == [pytest.approx(ms, abs=10) for ms in (100, 200, 300, 400)]
    assert len(edges(changes, identifiers["D5"])) == pytest.approx(2 * 0.5 * 976, abs=30)
    assert uart(edges(changes, identifiers["D1"]), 115_200) == b"run 0\r\n"


def edges(changes: str, identifier: str) -> list[tuple[int, int]]:
    """(instant in ns, level) of each change after the start."""
    found, now_ns = [], 0
    for line in changes.splitlines():
        if line.startswith("#"):
            now_ns = int(line[1:])
        elif line[1:] == identifier and now_ns:
            found.append((now_ns, int(line[0])))
    return found


def uart(wave: list[tuple[int, int]], baud: int) -> bytes:
    """What a logic analyser's decoder makes of a line."""
    bit_ns, data, index = 1e9 / baud, bytearray(), 0

    def level_at(at_ns: float) -> int:
        return next((level for edge_ns, level in reversed(wave) if edge_ns <= at_ns), 1)

    while index < len(wave):
        start_ns, level = wave[index]
        if level == 0 and level_at(start_ns + 9.5 * bit_ns):
            data.append(sum(level_at(start_ns + (n + 1.5) * bit_ns) << n for n in range(8)))
            while index < len(wave) and wave[index][0] < start_ns + 9.5 * bit_ns:
                index += 1
        else:
            index += 1
    return bytes(data)


def test_a_program_that_ends_asleep_ends_the_run(sketch: Sketch) -> None:
    ended = invoke(
        "--firmware",
        sketch("#include <avr/sleep.h>\nvoid setup() { cli(); sleep_mode(); }\nvoid loop() {}\n"),
    )
    assert ended.exit_code == 0
    assert "the program sleeps for ever at 0.0" in ended.stderr


def test_a_program_that_runs_away_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "bad.hex"
    file.write_text(":02000000FFFF00\n:00000001FF\n")
    assert complaint(invoke("--firmware", file)) == (
        1,
        "the program has run into what is no instruction at 0.000000 s, address 0x0000",
    )


def complaint(ended: Result) -> tuple[int, str]:
    """The exit code and the one line of complaint; the hint below it is there."""
    lines = [line for line in ended.stderr.splitlines() if line]
    assert lines[-1].startswith("hint: ")
    assert lines[-2].startswith("unosim: ")
    return ended.exit_code, lines[-2].removeprefix("unosim: ")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--firmware", "none.elf"], 1, "cannot read firmware 'none.elf'"),
        (["--firmware", __file__], 1, "is neither an ELF nor an Intel HEX file"),
        (["--part", "lamp:3"], 2, "not a part: 'lamp:3': there is no 'lamp'"),
        (["--part", "csv:A0,none.csv"], 1, "cannot read none.csv: No such file or directory"),
        (["--ssid", "home"], 2, "--ssid and --password are of an ESP-01"),
        (["--esp01", "--password", "x"], 2, "1 passwords for 0 access points"),
        (["--esp01", "--at", "nonos-9"], 2, "unknown profile 'nonos-9'"),
        (["--esp01", "--route", "a"], 2, "not a route: 'a'"),
        (["--route", "a:1=127.0.0.1:2"], 2, "--route and --reset-pin are of an ESP-01"),
        (["--reset-pin", "4"], 2, "--route and --reset-pin are of an ESP-01"),
        (["--esp01", "--reset-pin", "40"], 2, "an Uno has no pin '40'"),
        (["--esp01", "--serial", "pty"], 2, "--esp01 and --serial exclude each other"),
        (["--link", "x"], 2, "--link without --serial"),
        (["--pins", "2"], 2, "not two pins: '2'"),
        (["--pins", "2,2"], 2, "not two pins: '2,2'"),
        (["--pins", "2,99"], 2, "an Uno has no pin '99'"),
        (["--serial", "pty", "--link", "/proc/uno"], 1, "cannot make the link /proc/uno"),
        (["--vcd", "/proc/x.vcd"], 1, "cannot write /proc/x.vcd"),
        (["--vcd", "/dev/full"], 1, "cannot write /dev/full: No space left on device"),
        (["--eeprom", "/proc"], 1, "cannot read /proc: Is a directory"),
        (["--eeprom", __file__], 1, f"{__file__} has "),
        (["--eeprom", "/proc/none/eeprom"], 1, "cannot write /proc/none/eeprom"),
    ],
)
def test_what_cannot_be_is_said_in_one_line_with_a_hint(
    elf: Path, arguments: list[str], code: int, said: str
) -> None:
    firmware = [] if "--firmware" in arguments else ["--firmware", str(elf)]
    found = complaint(invoke(*firmware, "--for", "0.2", *arguments))
    assert found[0] == code
    assert said in found[1]


def test_a_debugger_s_port_in_use_is_an_error(elf: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = complaint(invoke("--firmware", elf, "--gdb", str(port)))
    assert found == (1, f"cannot listen on 127.0.0.1:{port}: Address already in use")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_a_summary(elf: Path, number: signal.Signals) -> None:
    with started("--firmware", elf) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "run 0\n"
        process.send_signal(number)
        _, complaints = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0
    assert "simulated seconds" in complaints


def test_time_in_which_a_debugger_holds_the_program_does_not_count(elf: Path, mocker: MockerFixture) -> None:
    """Or a program on a pseudo-terminal would sprint when it is let go."""
    with ExitStack() as stack:
        session = Session(Options(firmware=elf, on_pty=True, gdb_port=0), stack)
        clock = mocker.patch("unosim.run.session.time.monotonic", return_value=1000.0)

        def wait(_wait_s: float) -> None:
            clock.return_value += 60
            if clock.return_value > 1100:
                session.stop()

        mocker.patch.object(session.gdb, "serve", side_effect=wait)
        summary = session.run()
    assert (summary.simulated_s, summary.wall_s) == (0, 0)


def test_a_full_disk_is_told(elf: Path) -> None:
    with Path("/dev/full").open("w", encoding="ascii") as full:
        command = [sys.executable, "-m", "unosim", "run", "--firmware", str(elf), "--for", "1"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "unosim: cannot pass on what the program says: No space left on device",
        "hint: keep standard output open",
    ]


def test_a_reader_who_goes_away_ends_it_without_a_traceback(elf: Path) -> None:
    with started("--firmware", elf) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        complaints = process.stderr.read()
        assert process.wait(WAIT_S) == 1
    assert "Traceback" not in complaints
    assert "hint: " in complaints


def test_every_option_has_its_environment_variable() -> None:
    names = {parameter.name: parameter.envvar for parameter in main.commands["run"].params}
    assert all(isinstance(name, str) and name.startswith("UNOSIM_") for name in names.values()), names
    assert len(set(names.values())) == len(names)
    assert os.environ.get("UNOSIM_FOR") is None
