"""The commands on recordings: `unosim replay` and `unosim vcd`."""

from pathlib import Path

import click

from unosim.attrace.format import TraceError, load
from unosim.attrace.replay import replay as find_difference
from unosim.attrace.vcd import export
from unosim.errors import reported

_RECORDING = click.argument("recording", type=click.Path(path_type=Path), metavar="FILE.attrace")


def make_replay(program: str) -> click.Command:
    """Return the command `replay` of a program, whose name stands before what it complains of."""

    @click.command()
    @_RECORDING
    def replay(recording: Path) -> None:
        """Give a recorded session to the modem again; exit with 1 at the first difference."""
        with reported(program):
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
