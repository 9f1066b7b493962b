"""`unoingest devices`: who may post, and with which keys.

A key is shown once, on stdout, when it is drawn; nothing shows it again. A server that is running sees each
change at its next request.
"""

import re
import sys
import time
from collections.abc import Sequence
from typing import Any

import click
import msgspec

from unoingest.config import Config, config_options
from unoingest.key_file import KeyFile, Kind, StoredKey, key_path
from unoingest.sent import DEVICE_PATTERN
from unoingest.signature import decode_key
from unoingest.timestamps import rfc3339

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
STDIN_KEY = click.option(
    "--key-from-stdin",
    is_flag=True,
    help="Take a key that was drawn elsewhere, one line, instead of drawing one.",
)


def _name(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    """Return a valid name. Raises click.BadParameter."""
    if not re.match(DEVICE_PATTERN, text):
        raise click.BadParameter(f"{text!r} is no name: 1 to 32 of A-Z a-z 0-9 . _ -")
    return text


NAME = click.argument("name", callback=_name)


@click.group("devices")
def devices_command() -> None:
    """Manage the keys of devices and clients; a running server sees each change at once."""


@devices_command.command()
@NAME
@click.option(
    "--bearer",
    "kind",
    flag_value=Kind.BEARER,
    type=click.UNPROCESSED,
    help="For software: the key is a bearer token that posts in this name.",
)
@click.option(
    "--reader",
    "kind",
    flag_value=Kind.READER,
    type=click.UNPROCESSED,
    help="For software: the key is a bearer token that reads what everybody posted.",
)
@STDIN_KEY
@JSON
@config_options("database")
def add(name: str, kind: Kind | None, key_from_stdin: bool, as_json: bool, **settings: Any) -> None:
    """Give NAME its first key and print it, once. Without a flag NAME is a device that signs."""
    kind = kind or Kind.DEVICE
    key = _read_key() if key_from_stdin else None
    _show_new(*_file(settings).add(name, kind, time.time_ns(), key), as_json=as_json, drawn=key is None)


@devices_command.command()
@NAME
@STDIN_KEY
@JSON
@config_options("database")
def rotate(name: str, key_from_stdin: bool, as_json: bool, **settings: Any) -> None:
    """Give NAME a second key and print it, once; the old one stays valid until it is revoked."""
    key = _read_key() if key_from_stdin else None
    _show_new(*_file(settings).rotate(name, time.time_ns(), key), as_json=as_json, drawn=key is None)


@devices_command.command()
@NAME
@click.option("--key", "key_id", metavar="ID", help="Revoke this key only; `devices list` shows the ids.")
@config_options("database")
def revoke(name: str, key_id: str | None, **settings: Any) -> None:
    """Revoke the keys of NAME, from the next request on."""
    for key in _file(settings).revoke(name, time.time_ns(), key_id):
        click.echo(f"revoked key {key.key_id} of {key.name}")


@devices_command.command("list")
@JSON
@config_options("database")
def list_command(as_json: bool, **settings: Any) -> None:
    """List every name with its keys; the keys themselves are not shown."""
    keys: Sequence[StoredKey] = _file(settings).read_all()
    if as_json:
        for key in keys:
            click.echo(msgspec.json.encode(_public(key)))
    else:
        _show_table(keys)


def _file(settings: dict[str, Any]) -> KeyFile:
    return KeyFile(key_path(Config(**settings).database))


def _read_key() -> bytes:
    try:
        return decode_key(sys.stdin.readline().strip())
    except ValueError as error:
        raise click.UsageError(f"--key-from-stdin: {error}") from error


def _show_new(key: StoredKey, text: str, *, as_json: bool, drawn: bool) -> None:
    shown = {**_public(key), "key": text} if drawn else _public(key)
    if as_json:
        click.echo(msgspec.json.encode(shown))
    elif drawn:
        click.echo(text)
        click.echo(f"That is key {key.key_id} of {key.name}. It is not shown again.", err=True)
    else:
        click.echo(f"Took key {key.key_id} for {key.name}.", err=True)


def _public(key: StoredKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "kind": key.kind.value,
        "key_id": key.key_id,
        "created_at": rfc3339(key.created_at_ns),
        "revoked_at": None if key.revoked_at_ns is None else rfc3339(key.revoked_at_ns),
    }


def _show_table(keys: Sequence[StoredKey]) -> None:
    for key in keys:
        state = "live" if key.revoked_at_ns is None else f"revoked {rfc3339(key.revoked_at_ns)}"
        click.echo(f"{key.name:32}  {key.kind.value:6}  {key.key_id}  {rfc3339(key.created_at_ns)}  {state}")
