"""The command `unobridge provision`: sets a node up over its cable, and makes its key known.

Rules: the key is drawn here, because a Uno has nothing random. It is in the file of keys and at the server
before the node uses it, so that no reading is signed with a key that nobody knows. It is shown once at most,
if asked for.
"""

import re
import subprocess
import sys
from pathlib import Path

import click

from unobridge.doctor.serial_line import SerialLine
from unobridge.errors import BridgeError, UsageError, reported
from unobridge.keys import DEFAULT_PATH as KEYS_PATH
from unobridge.keys import Keys
from unobridge.node_console import BAUD, ConsoleError, NodeConsole
from unobridge.options import option
from unobridge.ports import choose
from unobridge.signing import DEVICE, key_check, key_text, new_key
from unobridge.targets import parse_target

REGISTER_WAIT_S = 60.0


def _register(database: Path, device: str, key: bytes) -> None:
    """Make a key known to the ingest server whose store is on this computer, by its own command.

    Raises:
        BridgeError: the command fails.
    """
    complaints = []
    for verb in ("add", "rotate"):  # a device that the server knows gets a second key
        done = subprocess.run(
            [
                *(sys.executable, "-m", "unoingest", "devices", verb, device, "--key-from-stdin"),
                *("--database", str(database)),
            ],
            input=key_text(key) + "\n",
            capture_output=True,
            text=True,
            timeout=REGISTER_WAIT_S,
            check=False,
        )
        if done.returncode == 0:
            return
        complaints += done.stderr.strip().splitlines()[:1]
    raise BridgeError(
        f"the server does not take the key: {complaints[-1].removeprefix('Error: ')}",
        hint="name the file that `unoingest serve` was given: --database",
    )


def _check(console: NodeConsole, wished: dict[str, str], key: bytes) -> None:
    """Read the settings back.

    Raises:
        ConsoleError: the node holds others.
    """
    shown = console.settings()
    expected = wished | {"key": f"check {key_check(key)}"}
    if wished["wifi-password"]:
        expected["wifi-password"] = "********"  # what stands in its place
    wrong = [name for name, value in expected.items() if shown.get(name) != value]
    if wrong:
        raise ConsoleError(f"the node holds another {wrong[0]} than was written", hint="try again")


@click.command()
@option("--port", default="", help="The port of the Uno.  [default: the board on USB]")
@option("--device", required=True, help="The node's name: letters, digits, dot, dash, underscore.")
@option("--wifi-ssid", required=True, help="The Wi-Fi it is to join; any name where it is served by `run`.")
@option(
    "--wifi-password",
    prompt="Password of the Wi-Fi (empty for an open one)",
    prompt_required=True,
    hide_input=True,
    default="",
    help="Its password; asked for if it is not given.",
)
@option("--server", required=True, metavar="HOST:PORT", help="Where it sends its readings.")
@option("--interval-ms", type=click.IntRange(100, 86_400_000), help="Time between two readings.")
@option("--channels", default="", help="What it measures, separated by commas.")
@option(
    "--keys",
    type=click.Path(path_type=Path),
    default=KEYS_PATH,
    show_default=True,
    help="The file with the devices' keys, to which this one is added.",
)
@option(
    "--database",
    type=click.Path(path_type=Path),
    help="Also register the device with the server whose store this is.",
)
@option("--show-key", is_flag=True, help="Print the key, once, to register it elsewhere.")
def provision(
    *,
    port: str,
    device: str,
    wifi_ssid: str,
    wifi_password: str,
    server: str,
    interval_ms: int | None,
    channels: str,
    keys: Path,
    database: Path | None,
    show_key: bool,
) -> None:
    """Set up the node on the cable: Wi-Fi, server, name, and a new key."""
    with reported():
        if not DEVICE.fullmatch(device):
            raise UsageError(
                f"not a device's name: {device!r}", hint="1 to 32 letters, digits, dots, dashes, underscores"
            )
        host, number = parse_target(server)
        if re.fullmatch(r"[A-Za-z0-9.-]{1,64}", host) is None or not number:
            raise UsageError(
                f"not a target for a node: {server!r}", hint="a host name or IPv4 address, and a port"
            )
        wished = {
            "wifi-ssid": wifi_ssid,
            "wifi-password": wifi_password,
            "server-host": host,
            "server-port": str(number),
            "device": device,
        }
        wished |= {"interval-ms": str(interval_ms)} if interval_ms else {}
        wished |= {"channels": channels} if channels else {}
        known = Keys(keys)
        key = new_key()
        line = SerialLine(port or choose()[0].name, BAUD, lambda: False)
        try:
            _set_up(NodeConsole(line), wished, key, known, database)
        finally:
            line.close()
    click.echo(f"{device} is set up; its key has the check {key_check(key)} and is in {keys}", err=True)
    if show_key:
        click.echo(key_text(key))
    elif database is None:
        click.echo(
            "a server other than a gateway with this file has yet to learn it: see --database", err=True
        )


def _set_up(
    console: NodeConsole, wished: dict[str, str], key: bytes, known: Keys, database: Path | None
) -> None:
    """Write the settings, make the key known, and put them in force."""
    for name, value in wished.items():
        console.set(name, value)
    console.set("key", key_text(key))
    known.add(wished["device"], key)
    if database:
        _register(database, wished["device"], key)
    console.command("save")
    _check(console, wished, key)
    console.command("restart")
