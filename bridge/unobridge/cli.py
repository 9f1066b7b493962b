"""The `unobridge` command.

Data goes to standard output and everything else to standard error. Exit codes: 0 done, 1 failed, 2 wrong
usage. A failure is one line of what happened and one of what to do.
"""

import click

from unobridge.backlog import backlog
from unobridge.doctor.command import doctor
from unobridge.flash import flash
from unobridge.gateway_cli import gateway
from unobridge.ports import found
from unobridge.provision import provision
from unobridge.replay import replay_firmware
from unobridge.run import run
from unosim.attrace.cli import make_replay


@click.group()
@click.version_option(package_name="unolink", prog_name="unobridge")
def main() -> None:
    """A laptop that plays the ESP-01 for an Arduino Uno on its USB cable."""


@main.command()
def ports() -> None:
    """List the serial ports of this computer, Unos first."""
    listed = found()
    for port in listed:
        click.echo("\t".join([port.name, port.board or "-"]))
    if not listed:
        click.echo("no serial ports", err=True)


for command in (run, gateway, backlog, doctor, provision, flash, make_replay("unobridge", replay_firmware)):
    main.add_command(command)
