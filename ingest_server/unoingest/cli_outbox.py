"""The commands that look after what is stored and what is to be delivered: `send`, `outbox`, `check`."""

import contextlib
import sqlite3
import sys
from typing import Any

import click
import msgspec

from unoingest.config import Config, config_options
from unoingest.errors import StoreError
from unoingest.outbox import Backlog, DeadLetter, read_backlog, read_dead_letters, requeue_dead_letters
from unoingest.sqlite_file import connect_reader
from unoingest.store import SqliteStore
from unoingest.store_check import Tally, check_store, rows_to_check
from unoingest.structured_log import use_profile
from unoingest.timestamps import rfc3339


@click.command("send")
@config_options("database", "project", "emulator", "log_profile")
@click.option("--drain", is_flag=True, help="End when the outbox is empty.")
def send_command(drain: bool, **settings: Any) -> None:
    """Deliver the outbox to Cloud Logging until SIGTERM or Ctrl-C.

    Run it beside `unoingest serve --outbox keep`. It takes its credentials from the environment, as all of
    Google's clients do, and writes its own events as JSON lines to stderr.
    """
    config = Config(**settings)
    if not config.project:
        raise click.UsageError("Missing option '--project': entries belong to a project.")
    use_profile(config.log_profile)
    # Google's client is 0.3 s and 40 MB that no other command shall pay for
    from unoingest.delivery.command import run  # noqa: PLC0415

    run(database=config.database, project=config.project, emulator=config.emulator, is_draining=drain)


@click.command("mqtt")
@config_options(
    *("database", "project", "outbox", "emulator", "log_profile"),
    *("broker", "broker_password_file", "broker_ca", "client_id", "topic_prefix"),
)
def mqtt_command(**settings: Any) -> None:
    """Take signed readings from an MQTT broker until SIGTERM or Ctrl-C.

    A message is acknowledged to the broker when its readings are on disk. Each stored reading is one JSON
    line on stdout; the program's own events are JSON lines on stderr. docs/mqtt.md describes the messages.
    """
    config = Config(**settings)
    require_project(config)
    use_profile(config.log_profile)
    # an MQTT library, which no other command shall pay for
    from unoingest.mqtt.command import run  # noqa: PLC0415

    run(config)


def require_project(config: Config) -> None:
    """Refuse an outbox without a project. Raises click.UsageError."""
    if config.outbox != "off" and not config.project:
        raise click.UsageError("Missing option '--project': entries in an outbox belong to a project.")


@click.command("outbox")
@config_options("database")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--dead-letters", "as_letters", is_flag=True, help="Print each dead letter, entry and all, as JSON."
)
@click.option("--requeue", is_flag=True, help="Put the dead letters back into the outbox, to be tried again.")
def outbox_command(as_json: bool, as_letters: bool, requeue: bool, **settings: Any) -> None:
    """Show what waits for Cloud Logging and what it would not take; a server may be running."""
    if as_json + as_letters + requeue > 1:
        raise click.UsageError("--json, --dead-letters and --requeue exclude each other.")
    config = Config(**settings)
    # a missing store is a mistake in the path, and is not created
    with contextlib.closing(connect_reader(config.database)) as connection:
        if requeue:
            with contextlib.closing(SqliteStore(config.database)) as store:
                click.echo(f"{requeue_dead_letters(store.commits)} dead letters are back in the outbox")
            return
        try:
            if as_letters:
                for letter in read_dead_letters(connection):
                    click.echo(_letter_as_json(letter))
                return
            backlog = read_backlog(connection)
        except sqlite3.Error as error:
            raise StoreError(
                f"cannot read {str(config.database)!r}: {error}", "`unoingest check` lists what is damaged."
            ) from error
    click.echo(_as_json(backlog) if as_json else _as_text(backlog))


def _as_json(backlog: Backlog) -> bytes:
    oldest_ns = backlog.oldest_received_at_ns
    return msgspec.json.encode(
        {
            "requests": backlog.requests,
            "entries": backlog.entries,
            "bytes": backlog.frames_bytes,
            "oldest_received_at": None if oldest_ns is None else rfc3339(oldest_ns),
            "dead_letters": backlog.dead_letters,
        }
    )


def _as_text(backlog: Backlog) -> str:
    oldest_ns = backlog.oldest_received_at_ns
    waiting = (
        "nothing waits"
        if oldest_ns is None
        else f"{backlog.entries} entries of {backlog.requests} requests wait ({backlog.frames_bytes} bytes),"
        f" the oldest since {rfc3339(oldest_ns)}"
    )
    dead = f"{backlog.dead_letters} dead letters"
    return f"{waiting}\n{dead}" + ("; --dead-letters shows why" if backlog.dead_letters else "")


def _letter_as_json(letter: DeadLetter) -> bytes:
    # the only way to read a frame, and costly to import
    from unoingest.cloud_entry import entry_of_frame  # noqa: PLC0415

    return msgspec.json.encode(
        {
            "id": letter.letter_id,
            "reason": letter.reason,
            "received_at": rfc3339(letter.received_at_ns),
            "failed_at": rfc3339(letter.failed_at_ns),
            "entry": entry_of_frame(letter.frame),
        }
    )


@click.command("check")
@config_options("database")
def check_command(**settings: Any) -> None:
    """Verify a store: its structure, and the checksum of each reading and each entry that waits.

    Each damage is one line on stdout. A server may be running.
    """
    config = Config(**settings)
    tally = Tally()
    damages = 0
    with click.progressbar(
        length=rows_to_check(config.database), label="checking", file=sys.stderr
    ) as progress:
        for damage in check_store(config.database, tally, lambda: progress.update(1)):
            damages += 1
            click.echo(damage)
    if damages:
        raise StoreError(
            f"{damages} damages in {str(config.database)!r}",
            "Restore the file from a backup; `unoingest readings` still prints what is sound.",
        )
    click.echo(f"sound: {tally.readings} readings, {tally.outbox_rows} requests in the outbox")
