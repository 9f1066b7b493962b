"""The `unosim` command."""

import os
import sys
from pathlib import Path

import click

from unosim.attrace.cli import make_replay, vcd
from unosim.demo import DemoError, Options, run_demo
from unosim.errors import reported
from unosim.fronts.cli import modem
from unosim.image_replay.command import replay_firmware
from unosim.run.command import run


@click.group()
@click.version_option(package_name="unolink")
def main() -> None:
    """Simulated hardware: an Arduino Uno, an ESP-01, and the network between them."""


for command in (modem, make_replay("unosim", replay_firmware), run, vcd):
    main.add_command(command)


@main.command()
@click.option(
    "--readings",
    type=click.IntRange(1, 1_000),
    default=5,
    show_default=True,
    envvar="UNOSIM_READINGS",
    help="End after this many acknowledged readings.",
)
@click.option(
    "--firmware",
    type=click.Path(path_type=Path),
    default=Path(".pio/build/uno/firmware.elf"),
    show_default=True,
    envvar="UNOSIM_FIRMWARE",
    help="The image to run: an ELF file with its symbols.",
)
@click.option(
    "--json", "as_json", is_flag=True, envvar="UNOSIM_JSON", help="Print a JSON summary as the last line."
)
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    envvar="UNOSIM_RECORD",
    help="Write the dialogue with the module to an .attrace file, secrets masked.",
)
def demo(readings: int, firmware: Path, *, as_json: bool, record: Path | None) -> None:
    """Send readings from a simulated Uno to a real ingest server, and show the whole path.

    The exit code is 0 only if every acknowledged reading is in the server's store exactly once.
    """
    try:
        with reported():
            run_demo(Options(firmware=firmware, readings=readings, as_json=as_json, record=record))
    except DemoError as error:
        click.secho(f"demo failed: {error}", fg="red", err=True)
        click.echo(f"hint: {error.hint}", err=True)
        raise SystemExit(1) from error
    except OSError as error:  # nowhere to write to: the disk, or whoever read our output
        click.secho(f"demo failed: {error}", fg="red", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the flush at exit would fail again
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
