"""The commands that ESP-AT 2 has of its own, or in its own form."""

from unosim.modem.commands.command import Command
from unosim.modem.commands.espat import addresses, flash, http, links, mqtt, ssl_client, system, wifi

COMMANDS: dict[str, Command] = {
    **system.COMMANDS,
    **flash.COMMANDS,
    **wifi.COMMANDS,
    **addresses.COMMANDS,
    **links.COMMANDS,
    **ssl_client.COMMANDS,
    **http.COMMANDS,
    **mqtt.COMMANDS,
}
