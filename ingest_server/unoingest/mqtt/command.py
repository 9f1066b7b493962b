"""`unoingest mqtt`: a subscriber over a store of its own or of a running server."""

import contextlib
import signal
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click

from unoingest.config import Config
from unoingest.errors import ServeError
from unoingest.key_file import key_path
from unoingest.key_ring import KeyRing
from unoingest.mqtt.subscriber import Broker, Subscriber
from unoingest.service import Service
from unoingest.serving_store import open_serving_store

_PORTS = {"mqtt": 1883, "mqtts": 8883}


def broker_of(config: Config) -> Broker:
    """Return the broker that the configuration names.

    Raises:
        click.UsageError: the URL is none.
        ServeError: the file with the password cannot be read.
    """
    try:
        url = urlsplit(config.broker)
        port = url.port
    except ValueError as error:
        raise click.UsageError(f"--broker: {error}") from error
    if url.scheme not in _PORTS or not url.hostname or url.path.strip("/") or url.query:
        raise click.UsageError(f"--broker: expected mqtt[s]://[USER@]HOST[:PORT], not {config.broker!r}")
    if url.password is not None:
        # a URL is seen in the list of processes
        raise click.UsageError("--broker: put the password into a file and name it: --broker-password-file")
    return Broker(
        url.hostname,
        port or _PORTS[url.scheme],
        unquote(url.username or ""),
        _password(config.broker_password_file),
        url.scheme == "mqtts",
        config.broker_ca,
        config.client_id,
        config.topic_prefix,
    )


def run(config: Config) -> None:
    """Take messages until SIGTERM or SIGINT.

    Raises:
        StoreError: the store cannot be opened.
        ServeError: the broker cannot be reached at the start, or refuses us.
    """
    broker = broker_of(config)
    with (
        open_serving_store(config) as behind,
        contextlib.closing(KeyRing(key_path(config.database))) as keys,
    ):
        service = Service(
            behind.store,
            keys,
            project=config.project,
            encode_frame=behind.encode_frame,
            # after an outage a broker hands over a day of messages at once
            requests_per_s=0,
        )
        subscriber = Subscriber(broker, service)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: subscriber.stop())
        subscriber.run()


def _password(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ServeError(
            f"cannot read the password from {str(file)!r}: {error}", "Correct the path."
        ) from error
