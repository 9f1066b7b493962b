"""The options of a gateway, for `unobridge run` and for `unobridge gateway`, and the latter command."""

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from unobridge.errors import BridgeError, reported
from unobridge.journal import BYTES_MAX
from unobridge.keys import DEFAULT_PATH as KEYS_PATH
from unobridge.metrics import Figures, MetricsServer
from unobridge.options import option
from unobridge.outlets import Outlets, Plan
from unobridge.publisher import parse_broker
from unobridge.signals import stopping_on_signals
from unobridge.targets import Address, parse_target
from unobridge.telling import tell

JOURNAL_PATH = Path(click.get_app_dir("unobridge")) / "journal.db"

_OPTIONS = [
    option(
        "--listen",
        metavar="HOST:PORT",
        help="Where devices on the network find the gateway, such as 0.0.0.0:8080.",
    ),
    option("--forward", metavar="URL", help="The server that readings are passed on to: https://HOST."),
    option("--ca", type=click.Path(path_type=Path), help="A PEM file of the authorities that are trusted."),
    option("--mqtt", metavar="URL", help="The broker that readings are published to: mqtts://USER@HOST."),
    option(
        "--mqtt-password-file",
        type=click.Path(path_type=Path),
        help="A file with the password at the broker.",
    ),
    option("--topic-prefix", default="unolink", show_default=True, help="The first level of MQTT topics."),
    option(
        "--bridge-id",
        default=platform.node() or "bridge",
        help="Names this bridge at the broker.  [default: this host's name]",
    ),
    option(
        "--journal",
        type=click.Path(path_type=Path),
        default=JOURNAL_PATH,
        show_default=True,
        help="The SQLite file in which readings wait.",
    ),
    option(
        "--journal-mb",
        type=click.IntRange(1, 1 << 20),
        default=BYTES_MAX >> 20,
        show_default=True,
        help="Its greatest size; a full journal takes nothing more and forgets nothing.",
    ),
    option(
        "--keys",
        type=click.Path(path_type=Path),
        default=KEYS_PATH,
        show_default=True,
        help="The file with the devices' keys.",
    ),
    option("--metrics", metavar="HOST:PORT", help="Serve figures for Prometheus at /metrics."),
]


def gateway_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a gateway."""
    for one in reversed(_OPTIONS):
        command = one(command)
    return command


def make_plan(settings: dict[str, Any], listen: Address) -> Plan:
    """Return what a gateway is to do, of the options' values.

    Raises:
        UsageError: a value is none.
        BridgeError: the folder of the journal cannot be made.
    """
    journal: Path = settings["journal"]
    if journal == JOURNAL_PATH:
        try:
            journal.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BridgeError(
                f"cannot make {journal.parent}: {error.strerror}", hint="name another file: --journal"
            ) from error
    ca = settings["ca"]
    broker = None
    if settings["mqtt"]:
        broker = parse_broker(
            settings["mqtt"],
            password=_password(settings["mqtt_password_file"]),
            prefix=settings["topic_prefix"],
            client_id=settings["bridge_id"],
            ca=str(ca) if ca else None,
        )
    return Plan(
        journal=journal,
        keys=settings["keys"],
        listen=listen,
        forward=settings["forward"] or "",
        ca=ca,
        broker=broker,
        journal_bytes_max=settings["journal_mb"] << 20,
    )


def _password(path: Path | None) -> str:
    """Return what the first line of a file says.

    Raises:
        BridgeError: it cannot be read.
    """
    if path is None:
        return ""
    try:
        return path.read_text().partition("\n")[0]
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise BridgeError(
            f"cannot read {path}: {reason}", hint="name a file with the password: --mqtt-password-file"
        ) from error


@contextmanager
def metrics_at(text: str | None, read: Callable[[], Figures]) -> Iterator[None]:
    """Serve figures at an address, if there is one.

    Raises:
        UsageError: the text is no address.
        BridgeError: it cannot be listened at.
    """
    if text is None:
        yield
        return
    server = MetricsServer(parse_target(text), read)
    tell(f"figures at http://{server.address[0]}:{server.address[1]}/metrics")
    try:
        yield
    finally:
        server.close()


@click.command()
@gateway_options
def gateway(**settings: Any) -> None:
    """Take readings of devices on this network, keep them on disk, and pass them on. Ctrl-C ends it."""
    with reported():
        listen = parse_target(settings["listen"] or "0.0.0.0:8080")
        outlets = Outlets(make_plan(settings, listen), tell)
        try:
            tell(f"the gateway listens on {outlets.address[0]}:{outlets.address[1]}")
            with metrics_at(settings["metrics"], outlets.figures), stopping_on_signals() as is_to_end:
                while not is_to_end():
                    pass
        finally:
            outlets.close()
