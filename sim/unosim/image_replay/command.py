"""`unosim replay --firmware`: puts the Uno together, runs it, and prints what came of it."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import click

from unosim.attrace.format import load
from unosim.board import ImageError, load_image
from unosim.board.board import EEPROM_BYTES
from unosim.cable import CableError, set_up
from unosim.errors import UserError
from unosim.image_replay.compare import Difference, recorded_uno, replay_image
from unosim.image_replay.dialogue import Piece
from unosim.lab import KEY_TEXT, SETTINGS
from unosim.simulation import SimulationError

_JOIN = re.compile(rb'AT\+CWJAP\w*="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(rb"\\(.)")
_CONNECT = re.compile(rb'AT\+CIPSTART=\d,"TCP","([^"]+)",(\d+)')


class ImageReplayError(UserError):
    """The image or its EEPROM is of no use for a replay."""


def replay_firmware(file: Path, firmware: Path, eeprom: Path | None) -> None:
    """Give a recording to an image and print the outcome; a difference ends the program with 1.

    Args:
        file: the recording.
        firmware: an ELF or Intel HEX file of unolink's firmware.
        eeprom: a file with what its node has been told; None for what the recording shows of that.

    Raises:
        UserError: one of them is of no use.
    """
    recording = load(file)
    uno = recorded_uno(recording)
    try:
        flash = load_image(firmware).flash
    except ImageError as error:
        raise ImageReplayError(str(error), hint="name the ELF or Intel HEX file that you flash") from error
    try:
        if eeprom:
            content = set_up(flash, {"key": KEY_TEXT}, _read(eeprom))
        else:
            content = set_up(flash, SETTINGS | told(uno.pieces))
    except CableError as error:
        hint = "name an image of unolink's firmware, and settings that it takes: --eeprom FILE"
        raise ImageReplayError(f"{firmware}: {error}", hint=hint) from error
    try:
        outcome = replay_image(recording, flash, content, _progress(len(uno.pieces)))
    except SimulationError as error:
        raise ImageReplayError(str(error), hint="the image cannot go on there: step it in avr-gdb") from error
    if isinstance(outcome, Difference):
        click.secho(str(outcome), fg="red")
        raise SystemExit(1)
    click.echo(str(outcome))


def told(pieces: list[Piece]) -> dict[str, str]:
    """Return what a recording shows of a node's settings, by the names of docs/provisioning.md."""
    settings: dict[str, str] = {}
    for piece in pieces:
        if joined := _JOIN.match(piece.data):
            settings.setdefault("wifi-ssid", _ESCAPED.sub(rb"\1", joined[1]).decode("utf-8", "replace"))
        elif connected := _CONNECT.match(piece.data):
            settings.setdefault("server-host", connected[1].decode("latin-1"))
            settings.setdefault("server-port", connected[2].decode())
        elif piece.is_request and "channels" not in settings:
            try:
                channels = json.loads(piece.data.partition(b"\r\n\r\n")[2])["channels"]
                settings["channels"] = ",".join(channels)
            except (ValueError, LookupError, TypeError):
                continue  # broken off; a later one tells
    return settings


def _progress(total: int) -> Callable[[int], None]:
    """Return what shows how many commands of how many are compared, if somebody looks."""
    shown = -1

    def show(done: int) -> None:
        nonlocal shown
        if done != shown:
            shown = done
            click.echo(f"\r{done} of {total} commands" + "\n" * (done == total), nl=False, err=True)

    return show if sys.stderr.isatty() else lambda _: None


def _read(eeprom: Path) -> bytes:
    try:
        content = eeprom.read_bytes()
    except OSError as error:
        raise ImageReplayError(
            f"cannot read {eeprom}: {error.strerror}", hint="name a file that unosim run --eeprom has written"
        ) from error
    if len(content) != EEPROM_BYTES:
        raise ImageReplayError(
            f"{eeprom} has {len(content)} bytes; an EEPROM has {EEPROM_BYTES}",
            hint="name a file that unosim run --eeprom has written",
        )
    return content
