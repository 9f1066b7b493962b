"""The `AT+SYS...` commands: memory, the analog pin, and the choice of messages."""

from unosim.modem.commands.command import Call, Command
from unosim.modem.core import Core
from unosim.modem.replies import OK, Reply, info


def _memory(core: Core, _call: Call) -> Reply:
    return info(f"+SYSRAM:{core.profile.free_heap_bytes}")


def _adc(core: Core, _call: Call) -> Reply:
    return info(f"+SYSADC:{core.profile.adc_reading}")


def _messages(core: Core, call: Call) -> Reply:
    source = core.flash if call.stored else core.running
    return info(f"{call.name}:{source.messages}")


def _set_messages(core: Core, call: Call) -> Reply:
    messages = call.parameters.number(0, 3)
    call.parameters.end()
    core.configure(save=call.saves, messages=messages)
    return OK


_MESSAGES = Command(query=_messages, set=_set_messages)

COMMANDS: dict[str, Command] = {
    "+SYSRAM": Command(query=_memory),
    "+SYSADC": Command(query=_adc),
    "+SYSMSG": _MESSAGES,
    "+SYSMSG_CUR": _MESSAGES,
    "+SYSMSG_DEF": _MESSAGES,
}
