"""The commands on recordings: `unosim replay` and `unosim vcd`."""

from collections.abc import Callable
from pathlib import Path

import click

from unosim.attrace.format import TraceError, load
from unosim.attrace.replay import replay as find_difference
from unosim.attrace.vcd import export
from unosim.errors import UsageError, reported

_RECORDING = click.argument("recording", type=click.Path(path_type=Path), metavar="FILE.attrace")


AgainstFirmware = Callable[[Path, Path, Path | None], None]
"""Gives a recording to an image with an EEPROM, or None for one that fits; a difference ends the program."""


def make_replay(program: str, against_firmware: AgainstFirmware) -> click.Command:
    """Return the command `replay` of a program.

    Args:
        program: its name, which stands before what it complains of.
        against_firmware: what `--firmware` does; here nothing knows of boards.
    """

    @click.command()
    @_RECORDING
    @click.option(
        "--firmware",
        type=click.Path(path_type=Path),
        envvar=f"{program.upper()}_FIRMWARE",
        help="Give the module's side to this image of unolink's firmware instead.",
    )
    @click.option(
        "--eeprom",
        type=click.Path(path_type=Path),
        envvar=f"{program.upper()}_EEPROM",
        help="What its node has been told, a file of unosim run; by default what the recording shows.",
    )
    def replay(recording: Path, firmware: Path | None, eeprom: Path | None) -> None:
        """Give a recorded session to the modem again; exit with 1 at the first difference."""
        with reported(program):
            if eeprom and not firmware:
                raise UsageError("--eeprom is of an Uno", hint="add --firmware")
            if firmware:
                against_firmware(recording, firmware, eeprom)
                return
            loaded = load(recording)
            difference = find_difference(loaded)
        if difference:
            click.secho(f"different at {difference}", fg="red")
            raise SystemExit(1)
        click.echo(f"the same: {len(loaded.records)} lines")

    return replay


@click.command()
@_RECORDING
@click.argument("output", type=click.Path(path_type=Path), metavar="OUT.vcd")
def vcd(recording: Path, output: Path) -> None:
    """Export the UART of a recorded session, bit by bit, for logic analyser software."""
    with reported():
        loaded = load(recording)
        try:
            with output.open("w", encoding="ascii") as file:
                count = export(loaded, file)
        except OSError as error:
            raise TraceError(
                f"cannot write {output}: {error.strerror}", hint="name a file in a folder you may write to"
            ) from error
    click.echo(f"{count} bytes in {output}")
