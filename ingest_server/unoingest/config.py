"""The settings of `unoingest`, declared once: flag, environment variable, default and help come from here."""

import dataclasses
import os
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from unoingest.log_profile import PROFILES
from unoingest.structured_log import PROFILE_DEFAULT

ENVIRONMENT_PREFIX = "UNOINGEST_"


# with or without a domain (Resource Manager, project identifiers)
_PROJECT_ID = re.compile(r"(?:[a-z0-9.-]{1,63}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]|")


def project_id(text: str) -> str:
    """Return `text` if it is a Google Cloud project id or empty. Raises click.BadParameter."""
    if not _PROJECT_ID.fullmatch(text):
        raise click.BadParameter(f"{text!r} is not a project id")
    return text


def topic_prefix(text: str) -> str:
    """Return `text` if it can begin an MQTT topic. Raises click.BadParameter."""
    if not text or any(character in text for character in "+#\0") or text.startswith("$"):
        raise click.BadParameter(f"{text!r} cannot begin a topic")
    return text


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """What an operator can set. Each field's metadata holds its click type and its documentation."""

    database: Path = field(
        metadata={
            "type": click.Path(dir_okay=False, path_type=Path),
            "doc": "SQLite file with the readings. `serve` creates it if it is missing.",
        }
    )
    host: str = field(
        default="127.0.0.1",
        metadata={"type": str, "doc": "Address to listen at; 0.0.0.0 listens on every IPv4 interface."},
    )
    port: int = field(
        default=8080,
        metadata={
            "type": click.IntRange(0, 65535),
            "doc": "TCP port to listen at; 0 takes a free one, which the `listening` log event names.",
        },
    )
    requests_per_s: float = field(
        default=100.0,
        metadata={
            "type": click.FloatRange(0, 100_000),
            "doc": "How often one device or client may ask, on average over two seconds; 0 for no limit.",
        },
    )
    disk_reserve_mb: int = field(
        default=64,
        metadata={
            "type": click.IntRange(0, 10_000_000),
            "doc": "With less free space, in MB, the server says at /readyz that it is not ready.",
        },
    )
    project: str = field(
        default="",
        metadata={
            "type": project_id,
            "doc": "Google Cloud project that holds the traces; log lines then link to them.",
        },
    )
    outbox: str = field(
        default="off",
        metadata={
            "type": click.Choice(["off", "keep", "send"]),
            "doc": "Entries for Cloud Logging: none, kept in the store for `unoingest send`, or sent, too.",
        },
    )
    emulator: str = field(
        default="",
        metadata={
            "type": str,
            "doc": "HOST:PORT of a Cloud Logging for tests, spoken to without TLS and credentials.",
        },
    )
    keep_days: int = field(
        default=0,
        metadata={
            "type": click.IntRange(0, 100_000),
            "doc": "Delete readings received more days ago than this; 0 keeps them for ever.",
        },
    )
    broker: str = field(
        default="mqtt://127.0.0.1",
        metadata={
            "type": str,
            "doc": "The MQTT broker: mqtt[s]://[USER@]HOST[:PORT]; mqtts is TLS, verified.",
        },
    )
    broker_password_file: Path | None = field(
        default=None,
        metadata={
            "type": click.Path(dir_okay=False, path_type=Path),
            "doc": "File with the password for the broker.",
        },
    )
    broker_ca: Path | None = field(
        default=None,
        metadata={
            "type": click.Path(exists=True, dir_okay=False, path_type=Path),
            "doc": "Certificates to trust for the broker instead of the system's, PEM.",
        },
    )
    client_id: str = field(
        default="unoingest",
        metadata={
            "type": str,
            "doc": "Names our session at the broker; another subscriber must have another one.",
        },
    )
    topic_prefix: str = field(
        default="unolink",
        metadata={"type": topic_prefix, "doc": "First levels of the topics that are subscribed to."},
    )
    log_profile: str = field(
        default=PROFILE_DEFAULT,
        metadata={
            "type": click.Choice(list(PROFILES)),
            "doc": "Who reads the log lines, which decides what their special fields are called.",
        },
    )


def read_config_file(path: Path) -> dict[str, Any]:
    """Return the settings in a TOML file: names of `Config` and their values, no tables.

    Raises:
        click.BadParameter: the file cannot be read, is no TOML, or names what is no setting.
    """
    try:
        settings = tomllib.loads(path.read_text())
    except OSError as error:
        raise click.BadParameter(f"cannot read {str(path)!r}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{str(path)!r} is no TOML: {error}") from error
    names = {setting.name for setting in dataclasses.fields(Config)}
    for name in settings:
        if name not in names:
            raise click.BadParameter(f"{str(path)!r} sets {name!r}, which is no setting")
    return settings


def config_from_environment() -> Config:
    """Return the settings in the environment, for a server that is not started by our command.

    Raises:
        click.BadParameter: a value does not fit, or a required one is missing.
    """
    settings = {}
    for setting in dataclasses.fields(Config):
        variable = environment_variable(setting.name)
        text = os.environ.get(variable)
        if text is None and setting.default is dataclasses.MISSING:
            raise click.BadParameter(f"{variable} is not set: {setting.metadata['doc']}")
        if text is not None:
            settings[setting.name] = click.types.convert_type(setting.metadata["type"])(text)
    return Config(**settings)


def environment_variable(name: str) -> str:
    """Return the environment variable that sets the flag or field `name`."""
    return ENVIRONMENT_PREFIX + name.upper().replace("-", "_")


def config_options(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that gives a click command the options for these fields of `Config`."""
    fields = {setting.name: setting for setting in dataclasses.fields(Config)}

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for name in reversed(names):
            setting = fields[name]
            required = setting.default is dataclasses.MISSING
            command = click.option(
                f"--{name.replace('_', '-')}",
                type=setting.metadata["type"],
                # for click a default of None is a default
                **({"required": True} if required else {"default": setting.default}),
                envvar=environment_variable(name),
                show_envvar=True,
                show_default=not required and setting.default != "",
                help=setting.metadata["doc"],
            )(command)
        return command

    return decorate
