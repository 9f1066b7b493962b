# noqa: INP001 - a script, not a package
"""The speed of the board beside libsimavr and avr8js, on the same image in one run; and that speed is all.

Prints simulated seconds per CPU second, best of three in turn, and the ratios against the bars of the design.
Then runs a minute of simulated time twenty times, with up to three other processes that keep the machine
busy, and compares the hashes of all events and of the memory at the end. Exits with 1 when a bar is missed.
"""

import ctypes
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from unosim.board import Board, Stop, load_image
from unosim.experiments import power_cuts
from unosim.uno import Uno

HERE = Path(__file__).parent
ROOT = HERE.parent
SYSTEM_ROOTS = (ROOT / ".tools" / "debian" / "usr", Path("/usr"))
NODE_FOLDER = ROOT / ".tools" / "node"

CLOCK_HZ = 16_000_000
BUSY_S = 20
SLEEPY_S = 1200
RUNS = 3
HASHED_S = 60
HASHED_RUNS = 20
LOADS = 4
RATIO_TO_SIMAVR_MIN = 3.0
RATIO_TO_AVR8JS_MIN = 10.0
SLEEPY_SPEED_MIN = 500.0
CUTS = 500
CUTS_PER_MINUTE_MIN = 1000.0
REBOOT_S = 0.1
"""Simulated time that each machine runs after its power cut."""

Run = Callable[[bytes, int], float]  # image, cycles -> CPU seconds


def find(*patterns: str) -> Path:
    """Return the first file that matches, of this checkout's tools or of the system.

    Raises:
        FileNotFoundError: nothing matches.
    """
    for root in SYSTEM_ROOTS:
        for pattern in patterns:
            for path in sorted(root.glob(pattern)):
                return path
    raise FileNotFoundError(f"none of {', '.join(patterns)}: make toolchain")


def compile_image(name: str, folder: Path) -> bytes:
    """Compile a program of this folder for the ATmega328P."""
    compiler = find("bin/avr-gcc")
    elf = folder / f"{name}.elf"
    subprocess.run(
        [
            *(str(compiler), "-mmcu=atmega328p", "-DF_CPU=16000000UL", "-std=gnu99", "-Os"),
            *(str(HERE / f"{name}.c"), "-o", str(elf)),
        ],
        check=True,
        env=os.environ | {"PATH": f"{compiler.parent}:{os.environ['PATH']}"},
    )
    return load_image(elf).flash


def run_ours(image: bytes, cycles: int) -> float:
    """Run on our board."""
    board = Board(image)
    started = time.process_time()
    while board.cycle < cycles:
        if board.run(cycles) == Stop.EVENT:
            board.take_events()
    return time.process_time() - started


def simavr(folder: Path) -> Run:
    """Build the driver of libsimavr."""
    library = find("lib/*/libsimavr.so.2", "lib/libsimavr.so.2")
    built = folder / "simavr_run.so"
    subprocess.run(
        [
            *("cc", "-std=gnu11", "-O2", "-shared", "-fPIC", str(HERE / "simavr_run.c"), "-o", str(built)),
            *("-isystem", str(find("include/simavr/sim_avr.h").parent), str(library)),
            *(f"-Wl,-rpath,{library.parent}", "-Wl,--disable-new-dtags"),
        ],
        check=True,
    )
    driver = ctypes.CDLL(str(built))
    driver.simavr_run.restype = ctypes.c_uint64

    def run(image: bytes, cycles: int) -> float:
        started = time.process_time()
        driver.simavr_run(image, len(image), ctypes.c_uint64(cycles))
        return time.process_time() - started

    return run


def avr8js(folder: Path) -> Run:
    """Return the driver of avr8js."""

    def run(image: bytes, cycles: int) -> float:
        file = folder / "image.bin"
        file.write_bytes(image)
        command = [
            str(NODE_FOLDER / "node"),
            str(HERE / "avr8js_run.mjs"),
            str(NODE_FOLDER),
            str(file),
            str(cycles),
        ]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    return run


def speeds(runs: dict[str, Run], image: bytes, seconds: dict[str, int]) -> dict[str, float]:
    """Simulated seconds per CPU second of each simulator, the best of RUNS in turn."""
    best = dict.fromkeys(runs, 0.0)
    for _ in range(RUNS):
        for name, run in runs.items():
            best[name] = max(best[name], seconds[name] / run(image, seconds[name] * CLOCK_HZ))
    return best


def digest(images: dict[str, bytes]) -> str:
    """Hash what a minute of each image tells, and the memory that it leaves."""
    told = hashlib.sha256()
    for image in images.values():
        board = Board(image)
        while board.cycle < HASHED_S * CLOCK_HZ:
            if board.run(HASHED_S * CLOCK_HZ) == Stop.EVENT:
                told.update(repr(board.take_events()).encode())
        told.update(board.snapshot())
    return told.hexdigest()


def digests_under_load(images: dict[str, bytes]) -> set[str]:
    """Hash again and again, beside nothing and beside processes that spin."""
    digests = set()
    for run in range(HASHED_RUNS):
        load = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(run % LOADS)]
        try:
            digests.add(digest(images))
        finally:
            for process in load:
                process.kill()
                process.wait()
    return digests


def cuts_per_minute(image: bytes) -> float:
    """Power cuts, each with a reboot of `REBOOT_S`, in a minute of CPU time; the best of RUNS."""
    best = 0.0
    for _ in range(RUNS):
        started = time.process_time()
        for cut in power_cuts(Uno(Board(image)), range(CLOCK_HZ, 2 * CLOCK_HZ, CLOCK_HZ // CUTS)):
            cut.uno.run_for(REBOOT_S)
        best = max(best, 60 * CUTS / (time.process_time() - started))
    return best


def main() -> int:
    """Measure and print; 1 if a bar is missed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs: dict[str, Run] = {"ours": run_ours, "libsimavr": simavr(folder), "avr8js": avr8js(folder)}
        seconds = {"ours": BUSY_S, "libsimavr": BUSY_S // 2, "avr8js": BUSY_S // 10}
        images = {name: compile_image(name, folder) for name in ("board_busy", "board_sleepy")}
        busy = speeds(runs, images["board_busy"], seconds)
        sleepy = speeds({"ours": run_ours}, images["board_sleepy"], {"ours": SLEEPY_S})
        cuts = cuts_per_minute(images["board_busy"])
    bars = [
        (f"busy, against {name}", busy["ours"] / busy[name], bar, "times as fast")
        for name, bar in (("libsimavr", RATIO_TO_SIMAVR_MIN), ("avr8js", RATIO_TO_AVR8JS_MIN))
    ]
    bars.append(
        ("asleep, tick of 1 kHz", sleepy["ours"], SLEEPY_SPEED_MIN, "simulated seconds per CPU second")
    )
    bars.append(
        ("power cut and reboot", cuts, CUTS_PER_MINUTE_MIN, f"a minute, {REBOOT_S:g} s of busy program each")
    )
    for name, speed in busy.items():
        sys.stdout.write(f"{name:24}{speed:8.1f} simulated seconds per CPU second, busy\n")
    for what, value, bar, unit in bars:
        verdict = "ok" if value >= bar else "MISSED"
        sys.stdout.write(f"{what:24}{value:8.1f} {unit}; bar {bar:g}: {verdict}\n")
    digests = digests_under_load(images)
    what, verdict = f"{HASHED_RUNS} runs of {HASHED_S} s", "ok" if len(digests) == 1 else "MISSED"
    sys.stdout.write(f"{what:24}{len(digests):8} different hashes; bar 1: {verdict}\n")
    return int(any(value < bar for _, value, bar, _ in bars) or len(digests) > 1)


if __name__ == "__main__":
    sys.exit(main())
