"""The command `unobridge flash`: uploads a firmware image to the Uno on the cable, with avrdude.

avrdude speaks to the Uno's boot loader (Optiboot, STK500 version 1 at 115200 baud; Arduino's boards.txt:
`uno.upload`).

What it does not do: write the fuses or the boot loader, which needs a programmer.
"""

import shutil
import subprocess
from pathlib import Path

import click

from unobridge.errors import BridgeError, reported
from unobridge.options import option
from unobridge.ports import choose

UPLOAD_BAUD = 115_200
FORMATS = {".hex": "i", ".elf": "e"}
"""avrdude's letters for Intel hex and ELF."""
UPLOAD_WAIT_S = 120.0
"""A full flash takes some 10 s."""


def _find_avrdude(named: str) -> str:
    """Return the program.

    Raises:
        BridgeError: there is none.
    """
    program = shutil.which(named)
    if program is None:
        raise BridgeError(
            f"there is no {named}",
            hint="apt install avrdude, or brew install avrdude, or name it with --avrdude",
        )
    return program


@click.command()
@click.argument("image", type=click.Path(path_type=Path))
@option("--port", default="", help="The port of the Uno.  [default: the board on USB]")
@option("--avrdude", default="avrdude", show_default=True, help="The program that uploads.")
def flash(*, image: Path, port: str, avrdude: str) -> None:
    """Upload a firmware IMAGE (.hex or .elf) to the Uno, and verify it. Its settings and key stay."""
    with reported():
        if not image.is_file():
            raise BridgeError(f"there is no image at {image}", hint="build one: make firmware")
        if image.suffix not in FORMATS:
            raise BridgeError(f"not an image: {image}", hint="name a .hex or .elf file")
        program = _find_avrdude(avrdude)
        name = port or choose()[0].name
        command = [program, "-q", "-p", "atmega328p", "-c", "arduino", "-b", str(UPLOAD_BAUD), "-D"]
        command += ["-P", name, "-U", f"flash:w:{image}:{FORMATS[image.suffix]}"]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=UPLOAD_WAIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise BridgeError(
                f"avrdude did not end within {UPLOAD_WAIT_S:.0f} s", hint="unplug the board, and try again"
            ) from error
        if done.returncode != 0:
            said = [line for line in done.stderr.splitlines() if line.startswith("avrdude")]
            why = said[0].removeprefix("avrdude").lstrip(": ") if said else f"exit code {done.returncode}"
            raise BridgeError(
                f"the upload to {name} failed: {why}",
                hint="is it a Uno, has no other program its port, and is the ESP-01 off pins 0 and 1?",
            )
    click.echo(f"{image} is on {name}, verified")
