"""The commands of ESP-AT 2 that set how each link does SSL as a client.

What of it our networks need is whether certificates are shown and verified; the rest is kept and reported.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from unosim.modem.commands.command import Call, Command
from unosim.modem.commands.espat.links import chosen_links
from unosim.modem.core import Core
from unosim.modem.parameters import Parameters
from unosim.modem.replies import OK, Reply, line
from unosim.modem.settings import LINKS, SslOptions

NAME_BYTES = 64
KEY_BYTES = 32
PROTOCOLS_MAX = 5
"""Bounds of the parameters (ESP-AT user guide, TCP/IP commands)."""

Parse = Callable[[Parameters], dict[str, Any]]
Show = Callable[[SslOptions], str]


def _option(parse: Parse, show: Show) -> Command:
    """Return a command that keeps a part of every link's SSL options."""

    def query(core: Core, call: Call) -> Reply:
        options = core.running.ssl_options[: LINKS if core.session.multiple_links else 1]
        return b"".join(line(f"{call.name}:{number},{show(one)}") for number, one in enumerate(options)) + OK

    def put(core: Core, call: Call) -> Reply:
        links = chosen_links(core, call.parameters)
        changes = parse(call.parameters)
        call.parameters.end()
        numbers = {link.number for link in links}
        options = tuple(
            replace(one, **changes) if number in numbers else one
            for number, one in enumerate(core.running.ssl_options)
        )
        core.configure(save=call.saves, ssl_options=options)
        return OK

    return Command(query=query, set=put)


def _parse_checks(parameters: Parameters) -> dict[str, Any]:
    checks = parameters.number(0, 3)
    certificate = parameters.optional_number(0, 0, 0)
    return {"checks": checks, "certificate": certificate, "authority": parameters.optional_number(0, 0, 0)}


def _parse_common_name(parameters: Parameters) -> dict[str, Any]:
    return {"common_name": parameters.string(NAME_BYTES)}


def _parse_server_name(parameters: Parameters) -> dict[str, Any]:
    return {"server_name": parameters.string(NAME_BYTES)}


def _parse_protocols(parameters: Parameters) -> dict[str, Any]:
    count = parameters.number(0, PROTOCOLS_MAX)
    protocols: list[str] = []
    while len(protocols) < count:
        parameters.comma()
        protocols.append(parameters.string(NAME_BYTES))
    return {"protocols": tuple(protocols)}


def _parse_key(parameters: Parameters) -> dict[str, Any]:
    key = parameters.string(KEY_BYTES)
    parameters.comma()
    return {"key": key, "key_hint": parameters.string(KEY_BYTES)}


def _show_protocols(options: SslOptions) -> str:
    return ",".join(f'"{one}"' for one in options.protocols or ("",))


COMMANDS: dict[str, Command] = {
    "+CIPSSLCCONF": _option(_parse_checks, lambda one: f"{one.checks},{one.certificate},{one.authority}"),
    "+CIPSSLCCN": _option(_parse_common_name, lambda one: f'"{one.common_name}"'),
    "+CIPSSLCSNI": _option(_parse_server_name, lambda one: f'"{one.server_name}"'),
    "+CIPSSLCALPN": _option(_parse_protocols, _show_protocols),
    "+CIPSSLCPSK": _option(_parse_key, lambda one: f'"{one.key}","{one.key_hint}"'),
}
