"""The command `unobridge doctor`: asks a module or reads a recording, says cause, evidence, next step.

The exit code is 0 if nothing is wrong, and 1 otherwise.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from unobridge.doctor.causes import Finding, diagnose
from unobridge.doctor.evidence import Evidence
from unobridge.doctor.probe import Prober, Wishes
from unobridge.doctor.recorded import read
from unobridge.doctor.serial_line import SerialLine
from unobridge.doctor.trace import write_trace
from unobridge.errors import UsageError, check_writable, reported
from unobridge.keys import DEFAULT_PATH as KEYS_PATH
from unobridge.keys import Keys
from unobridge.options import option
from unobridge.ports import choose
from unobridge.targets import parse_target
from unobridge.terminal import inert
from unosim.attrace import TraceError
from unosim.trace import Entry


def _power_cycle() -> bool:
    """Ask the person to switch the module off and on; without a person it is not possible."""
    if not sys.stdin.isatty():
        return False
    click.echo("Take the module's power away. Press Enter, and give it back at once.", err=True)
    click.getchar()
    return True


def _make_wishes(ssid: str, password: str, server: str, device: str, keys: Path) -> Wishes:
    """Return what is to be tried once the module answers.

    Raises:
        UsageError: something is asked for without what it needs.
    """
    if server and not ssid:
        raise UsageError("--server without --ssid", hint="a module reaches a server through a Wi-Fi: name it")
    if not device:
        return Wishes(ssid, password, parse_target(server) if server else None)
    known = Keys(keys).of(device)
    if not server or not known:
        why = "without --server" if not server else f"{device!r}, of which {keys} holds no key"
        raise UsageError(f"--device {why}", hint="name the server, and the file of keys with --keys")
    return Wishes(ssid, password, parse_target(server), device, known[-1])


def _probe(port: str, baud: int, wishes: Wishes, trace: Path | None, say: Callable[[str], None]) -> Evidence:
    name = port or choose()[0].name
    line = SerialLine(name, baud, _power_cycle)
    try:
        return Prober(line, baud, time.time, say).run(wishes)
    finally:
        line.close()
        if trace:
            _keep(trace, line.said, say)


def _keep(trace: Path, said: list[Entry], say: Callable[[str], None]) -> None:
    """Write the trace; if its disk has become full meanwhile, what was found out counts more."""
    try:
        write_trace(trace, said)
    except TraceError as error:
        say(str(error))
    else:
        say(f"the trace is in {trace}")


def _show(findings: list[Finding], *, as_json: bool) -> None:
    if as_json:
        rows = [
            {
                "cause": one.cause.name.lower(),
                "text": one.cause.text,
                "evidence": one.evidence,
                "next_step": one.cause.next_step,
            }
            for one in findings
        ]
        click.echo(json.dumps({"healthy": findings[0].healthy, "findings": rows}))
        return
    for rank, one in enumerate(findings):
        lead = "" if rank == 0 else "perhaps also: "
        click.secho(f"{lead}{one.cause.text}", fg="green" if one.healthy else "red", bold=rank == 0)
        click.echo(f"  evidence: {inert(one.evidence)}")
        click.echo(f"  next: {one.cause.next_step}")


@click.command()
@click.argument("recording", required=False, type=click.Path(path_type=Path), metavar="[FILE.attrace]")
@option("--port", default="", help="The port that the module is on.  [default: the board on USB]")
@option(
    "--baud",
    type=click.IntRange(300, 5_000_000),
    default=115_200,
    show_default=True,
    help="The rate at which your program speaks to the module.",
)
@option("--ssid", default="", help="Also join this Wi-Fi.")
@option("--password", default="", help="Its password; better in the environment.")
@option("--server", default="", metavar="HOST:PORT", help="Also reach this server, through the Wi-Fi.")
@option("--device", default="", help="Also ask it whether it accepts this device's key.")
@option(
    "--keys",
    type=click.Path(path_type=Path),
    default=KEYS_PATH,
    show_default=True,
    help="The file with the devices' keys.",
)
@option(
    "--trace", type=click.Path(path_type=Path), help="Write everything said to this file, secrets masked."
)
@option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(
    *,
    recording: Path | None,
    port: str,
    baud: int,
    ssid: str,
    password: str,
    server: str,
    device: str,
    keys: Path,
    trace: Path | None,
    as_json: bool,
) -> None:
    """Find out why an ESP-01 does not answer, and say what to do.

    The module is on the port, by way of a USB adapter or of a Uno whose RESET is held to GND. With a file, a
    recorded session is looked at instead.
    """
    with reported():
        if recording:
            evidence = read(recording)
        else:
            if trace:
                check_writable(trace, "--trace")
            wishes = _make_wishes(ssid, password, server, device, keys)
            evidence = _probe(port, baud, wishes, trace, lambda text: click.echo(f"... {text}", err=True))
        findings = diagnose(evidence)
    _show(findings, as_json=as_json)
    raise SystemExit(0 if findings[0].healthy else 1)
