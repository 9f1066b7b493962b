"""What a command that runs for months has to say to the person who watches, on standard error."""

import contextlib

import click

from unobridge.terminal import inert


def tell(text: str) -> None:
    """Say something in one line; where nobody can be told, as on a full disk, go on without."""
    with contextlib.suppress(OSError):
        click.echo(f"unobridge: {inert(text)}", err=True)
