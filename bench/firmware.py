# noqa: INP001 - a script, not a package
"""What the firmware costs: flash, RAM, stack, bytes on the UART, latency, recovery. From the real images.

Run from the repository: `make bench`. Everything is simulated cycles and counted bytes: the same on any
machine. Below stands what an Arduino library takes for the bare job, without signing, journal, console and
settings; it is quoted, not measured here.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]

from image_budget.report import Image as Measured  # noqa: E402 - only now does the path lead there
from image_budget.report import measure  # noqa: E402

from system.node_bench import make_bench  # noqa: E402
from system.node_costs import batch_bytes, delays_ms, reading_bytes, recovery_s  # noqa: E402
from unosim.board import Image, load_image  # noqa: E402

BINUTILS = ROOT / ".tools" / "debian" / "usr" / "bin"
IMAGES = {"uno": 115_200, "uno_softserial": 9_600}
WIFI_ESP = "WiFiEsp, a bare POST, as quoted: 12.9 KB of flash, 560 B of RAM"


def run_tool(command: list[str]) -> str:
    """Start one of the AVR binutils."""
    program = str(BINUTILS / command[0])
    return subprocess.run([program, *command[1:]], check=True, capture_output=True, text=True).stdout


def row(name: str, image: Image, size: Measured, baud: int) -> str:
    """Measure one image and say it in a line."""
    soft = name == "uno_softserial"
    single = max(reading_bytes(make_bench(image, soft=soft, baud=baud, interval_ms="3000")))
    batch = batch_bytes(make_bench(image, soft=soft, baud=baud))
    delay_ms = max(delays_ms(make_bench(image, soft=soft, baud=baud, interval_ms="2000")))
    back_s = recovery_s(make_bench(image, soft=soft, baud=baud))
    figures = (size.flash_bytes, size.static_bytes, size.stack.stack_bytes, single, batch, delay_ms, back_s)
    return f"{name:15}" + "".join(
        f"{figure:10.4g}" if figure < 1000 else f"{figure:10}" for figure in figures
    )


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Print the table."""
    titles = ("flash B", "RAM B", "stack B", "B/reading", "of ten", "to ack ms", "back s")
    say(" " * 15 + "".join(f"{title:>10}" for title in titles))
    for name, baud in IMAGES.items():
        elf = ROOT / ".pio" / "build" / name / "firmware.elf"
        if not elf.exists():
            raise SystemExit(f"there is no image at {elf.relative_to(ROOT)}: run `make firmware` first")
        say(row(name, load_image(elf), measure(elf, run_tool), baud))
    say(WIFI_ESP)
    say("B/reading: both directions of the UART; to ack: from the conversion; back: after 5 s of 503")


if __name__ == "__main__":
    main()
