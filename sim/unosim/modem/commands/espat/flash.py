"""`AT+SYSFLASH`: the user partitions, which hold certificates and keys. `AT+RESTORE` erases them.

Flash can only be cleared bit by bit: what is written over something that is not erased is the AND of both.
"""

from unosim.modem.commands.command import Call, Command
from unosim.modem.core import Core
from unosim.modem.errors import CommandError
from unosim.modem.parameters import Parameters
from unosim.modem.replies import OK, PENDING, Reply, line

SECTOR_BYTES = 4_096
DATA_TYPE = 0x40
PARTITIONS = {
    "factory_param": (8, 0x19000),
    "client_cert": (5, 0x1A000),
    "client_key": (6, 0x1B000),
    "client_ca": (7, 0x1C000),
    "mqtt_cert": (11, 0x1D000),
    "mqtt_key": (12, 0x1E000),
    "mqtt_ca": (13, 0x1F000),
}
"""Subtype and address by name; each has one sector (esp-at, module_config/module_esp8266_1mb)."""
ERASE, WRITE, READ = range(3)
NAME_BYTES = 16
_ERASED = b"\xff" * SECTOR_BYTES


def _content(core: Core, name: str) -> bytes:
    return dict(core.flash.partitions).get(name, _ERASED)


def _put(core: Core, name: str, content: bytes) -> None:
    """Store a partition; an erased one needs no place."""
    others = dict(core.flash.partitions)
    others.pop(name, None)
    if content != _ERASED:
        others[name] = content
    core.configure(save=True, partitions=tuple(others.items()))


def _list(_core: Core, call: Call) -> Reply:
    rows = (
        f'{call.name}:"{name}",{DATA_TYPE},{subtype},0x{address:x},0x{SECTOR_BYTES:x}'
        for name, (subtype, address) in PARTITIONS.items()
    )
    return b"".join(map(line, rows)) + OK


def _operate(core: Core, call: Call) -> Reply:
    parameters = call.parameters
    operation = parameters.number(ERASE, READ)
    parameters.comma()
    name = parameters.string(NAME_BYTES)
    if name not in PARTITIONS:
        raise CommandError
    if operation == ERASE:
        return _erase(core, parameters, name)
    parameters.comma()
    offset = parameters.number(0, SECTOR_BYTES - 1)
    parameters.comma()
    count = parameters.number(1, SECTOR_BYTES - offset)
    parameters.end()
    if operation == READ:
        data = _content(core, name)[offset : offset + count]
        return f"{call.name}:{count},".encode() + data + b"\r\n" + OK

    def write(data: bytes) -> None:
        content = bytearray(_content(core, name))
        for at, byte in enumerate(data, offset):
            content[at] &= byte
        _put(core, name, bytes(content))
        core.finish(OK)

    core.expect(count, write)
    return PENDING


def _erase(core: Core, parameters: Parameters, name: str) -> Reply:
    """Erase whole sectors; a partition has one."""
    if parameters.given():
        parameters.number(0, 0)
        parameters.comma()
        parameters.number(SECTOR_BYTES, SECTOR_BYTES)
    parameters.end()
    _put(core, name, _ERASED)
    return OK


COMMANDS: dict[str, Command] = {"+SYSFLASH": Command(query=_list, set=_operate)}
