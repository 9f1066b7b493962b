"""The command `unobridge backlog`: what waits in a gateway's journal, also while the gateway runs."""

import json
from pathlib import Path

import click

from unobridge.errors import reported
from unobridge.gateway_cli import JOURNAL_PATH
from unobridge.journal import Reader
from unobridge.options import option
from unobridge.terminal import inert


@click.command()
@option(
    "--journal",
    type=click.Path(path_type=Path),
    default=JOURNAL_PATH,
    show_default=True,
    help="The SQLite file in which readings wait.",
)
@option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@option(
    "--refused", "show_refused", is_flag=True, help="Print what an outlet has refused for good, a line each."
)
def backlog(*, journal: Path, as_json: bool, show_refused: bool) -> None:
    """Show how many requests wait in the journal, and for how long."""
    with reported():
        reader = Reader(journal)
        try:
            waiting, refused = reader.backlog(), reader.refused()
        finally:
            reader.close()
    if show_refused:
        for outlet, device, reason, body in refused:
            click.echo("\t".join((outlet, device, inert(reason), inert(body.decode(errors="replace")))))
    elif as_json:
        outlets = {
            name: {"requests": one.requests, "oldest_s": round(one.oldest_s, 3)}
            for name, one in waiting.items()
        }
        click.echo(json.dumps({"outlets": outlets, "refused": len(refused)}))
    else:
        for name, one in sorted(waiting.items()):
            click.echo(f"{name}: {one.requests} requests wait, the oldest for {one.oldest_s:.0f} s")
        click.echo(f"{len(refused)} refused for good" if refused else "nothing was refused for good")
