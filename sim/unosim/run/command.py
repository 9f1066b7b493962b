"""The command `unosim run`."""

import json
from contextlib import ExitStack
from pathlib import Path

import click

from unosim.errors import UsageError, reported
from unosim.esp01 import Module, choose, parse_routes
from unosim.modem import NONOS_1_7_4
from unosim.parts.catalogue import CATALOGUE, parse_part
from unosim.pins import pin_at
from unosim.run.options import Options, parse_pins
from unosim.run.profile import table
from unosim.run.session import Session, handing_on
from unosim.signals import stopped_by_signal

_PARTS = "; ".join(f"{name}: {entry.what}" for name, entry in CATALOGUE.items())


@click.command()
@click.option(
    "--firmware",
    type=click.Path(path_type=Path),
    default=Path(".pio/build/uno/firmware.elf"),
    show_default=True,
    envvar="UNOSIM_FIRMWARE",
    help="The image: an ELF file (with names for --profile and avr-gdb) or Intel HEX.",
)
@click.option(
    "--for",
    "seconds",
    type=click.FloatRange(min=0, min_open=True),
    envvar="UNOSIM_FOR",
    help="End after so many simulated seconds.  [default: Ctrl-C]",
)
@click.option(
    "--part",
    "parts",
    multiple=True,
    metavar="NAME:PIN,...",
    envvar="UNOSIM_PART",
    help=f"A part on a pin, such as dht22:4,temperature=21.5; repeatable. {_PARTS}; csv: PIN,FILE.",
)
@click.option("--esp01", is_flag=True, envvar="UNOSIM_ESP01", help="An ESP-01 on the UART.")
@click.option(
    "--at",
    "profile",
    default=NONOS_1_7_4.name,
    show_default=True,
    envvar="UNOSIM_PROFILE",
    help="Its AT firmware version.",
)
@click.option("--ssid", "ssids", multiple=True, envvar="UNOSIM_SSID", help="An access point it hears.")
@click.option("--password", "passwords", multiple=True, envvar="UNOSIM_PASSWORD", help="Its password.")
@click.option(
    "--route",
    "routes",
    multiple=True,
    metavar="HOST:PORT=HOST:PORT",
    envvar="UNOSIM_ROUTE",
    help="What the ESP-01 can reach, and where on this machine that is; repeatable.",
)
@click.option("--reset-pin", metavar="PIN", envvar="UNOSIM_RESET_PIN", help="The pin on the ESP-01's RST.")
@click.option(
    "--serial",
    type=click.Choice(["pty"]),
    envvar="UNOSIM_SERIAL",
    help="The UART as a pseudo-terminal, in real time.",
)
@click.option(
    "--link", type=click.Path(path_type=Path), envvar="UNOSIM_LINK", help="Also make a symbolic link to it."
)
@click.option(
    "--pins",
    default="0,1",
    show_default=True,
    metavar="RX,TX",
    envvar="UNOSIM_PINS",
    help="Where that is wired: the UART's pins, or those of a SoftwareSerial.",
)
@click.option(
    "--baud",
    type=click.IntRange(300, 1_000_000),
    default=115_200,
    show_default=True,
    envvar="UNOSIM_BAUD",
    help="Its rate; a pseudo-terminal has that of the program that opens it.",
)
@click.option(
    "--eeprom",
    type=click.Path(path_type=Path),
    envvar="UNOSIM_EEPROM",
    help="A file that keeps the EEPROM from run to run.",
)
@click.option(
    "--profile", "cycles", is_flag=True, envvar="UNOSIM_RUN_PROFILE", help="Show the cycles by function."
)
@click.option(
    "--vcd",
    type=click.Path(path_type=Path),
    envvar="UNOSIM_VCD",
    help="Write all pins to a file for GTKWave or PulseView.",
)
@click.option(
    "--gdb",
    "gdb_port",
    type=click.IntRange(0, 65_535),
    metavar="PORT",
    envvar="UNOSIM_GDB",
    help="Wait for avr-gdb on a port, 0 for any: target remote :PORT.",
)
@click.option(
    "--json", "as_json", is_flag=True, envvar="UNOSIM_JSON", help="Print a JSON summary as the last line."
)
def run(
    *,
    firmware: Path,
    seconds: float | None,
    parts: tuple[str, ...],
    esp01: bool,
    profile: str,
    ssids: tuple[str, ...],
    passwords: tuple[str, ...],
    routes: tuple[str, ...],
    reset_pin: str | None,
    serial: str | None,
    link: Path | None,
    pins: str,
    baud: int,
    eeprom: Path | None,
    cycles: bool,
    vcd: Path | None,
    gdb_port: int | None,
    as_json: bool,
) -> None:
    """Run an image on a simulated Uno, and show what it says. Ctrl-C ends it."""
    with reported(), ExitStack() as stack:
        module: Module | None = choose(profile=profile, ssids=ssids, passwords=passwords)
        if not esp01:
            if ssids or passwords:
                raise UsageError("--ssid and --password are of an ESP-01", hint="add --esp01")
            module = None
        options = Options(
            firmware=firmware,
            seconds=seconds,
            parts=tuple(map(parse_part, parts)),
            module=module,
            routes=parse_routes(routes),
            reset_pin=_checked(reset_pin),
            on_pty=serial is not None,
            link=link,
            pins=parse_pins(pins),
            baud=baud,
            eeprom=eeprom,
            profile=cycles,
            vcd=vcd,
            gdb_port=gdb_port,
            as_json=as_json,
        )
        _run(Session(options, stack), options)


def _run(session: Session, options: Options) -> None:
    """Run until the end or a signal, and print what came of it."""
    if session.port:
        click.echo(session.port.name)
    if session.gdb:
        click.echo(f"waiting for a debugger: avr-gdb -ex 'target remote :{session.gdb.port}'", err=True)
    with stopped_by_signal(session.stop):
        summary = session.run()
    if session.port and session.port.lost_bytes:
        click.echo(f"{session.port.lost_bytes} bytes of the Uno were lost: nobody read them", err=True)
    for line in summary.lines():
        click.secho(line, bold=True, err=True)
    with handing_on():
        if options.profile:
            click.echo(table(summary.profile), err=options.as_json)
        if options.as_json:
            click.echo(json.dumps(summary.json()))


def _checked(pin: str | None) -> str | None:
    """Return the name of a pin that an Uno has.

    Raises:
        UsageError: it is none.
    """
    if pin is not None:
        try:
            pin_at(pin)
        except ValueError as error:
            raise UsageError(str(error), hint="write --reset-pin 4, for example") from error
    return pin
