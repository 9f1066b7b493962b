"""The commands of ESP-AT 2 about the module alone: UART, sleep, memory, messages, registers."""

from unosim.modem.commands.basic import set_uart
from unosim.modem.commands.command import Call, Command, flag_parameter, scoped
from unosim.modem.core import Core
from unosim.modem.errors import CommandError
from unosim.modem.replies import OK, Reply, bare, info, line
from unosim.modem.settings import UartFormat

LOWEST_BAUD, HIGHEST_BAUD = 80, 4_500_000
"""Bounds of `AT+UART` on the ESP8266 (ESP-AT user guide)."""
UART_CLOCK_HZ = 80_000_000
"""What the UART's rate is divided from."""
HIGHEST_SLEEP = 3
"""Sleep modes: 0 none, 1 modem sleep by DTIM, 2 light sleep, 3 modem sleep by listen interval."""
RF_POWERS = (40, 82)
RF_LEVELS = (82, 78, 74, 68, 64, 56, 49, 33)
"""The transmitter has these levels, in quarters of a dBm; a value between two means the lower one."""
HIGHEST_WORD = 2**32 - 1
WAKE_BY_TIMER, WAKE_BY_PIN = 0, 2
WAKE_PINS = (0, 15)
"""GPIO16 cannot wake from light sleep (ESP-AT user guide, `AT+SLEEPWKCFG`)."""
WAKE_MS = 2**31 - 1


def _echo(*, on: bool) -> Command:
    def switch(core: Core, _call: Call) -> Reply:
        core.session.echo = on
        return OK

    return Command(execute=switch)


def _commands(core: Core, _call: Call) -> Reply:
    rows = enumerate(core.profile.forms.items())
    lines = (
        f'+CMD:{number},"AT{name}",{",".join(str(int(form in forms)) for form in "TQSE")}'
        for number, (name, forms) in rows
    )
    return b"".join(map(line, lines)) + OK


def _set_uart(core: Core, call: Call) -> Reply:
    return set_uart(core, call, LOWEST_BAUD, HIGHEST_BAUD)


def _uart(core: Core, call: Call) -> Reply:
    """Report the rate that is really divided from the clock, or the number that is stored."""
    uart: UartFormat = core.flash.uart if call.stored else core.running.uart
    baud = uart.baud if call.stored else UART_CLOCK_HZ // (UART_CLOCK_HZ // uart.baud)
    numbers = (baud, uart.data_bits, uart.stop_bits, uart.parity, uart.flow_control)
    return info(f"{call.name}:{','.join(map(str, numbers))}")


def _set_sleep(core: Core, call: Call) -> Reply:
    mode = call.parameters.number(0, HIGHEST_SLEEP)
    call.parameters.end()
    core.session.sleep = mode
    return OK


def _sleep(core: Core, call: Call) -> Reply:
    return info(f"{call.name}:{core.session.sleep}")


def _set_wake_up(_core: Core, call: Call) -> Reply:
    """Check what is to wake the module from light sleep; ours answers at any time."""
    source = call.parameters.number(WAKE_BY_TIMER, WAKE_BY_PIN)
    call.parameters.comma()
    if source == WAKE_BY_TIMER:
        call.parameters.number(0, WAKE_MS)
    elif source == WAKE_BY_PIN:
        call.parameters.number(*WAKE_PINS)
        call.parameters.comma()
        call.parameters.number(0, 1)
    else:
        raise CommandError  # by UART: other chips only
    call.parameters.end()
    return OK


def _power(core: Core, call: Call) -> Reply:
    level = next(level for level in RF_LEVELS if level <= core.running.rf_power)
    return info(f"{call.name}:{level}")


def _set_power(core: Core, call: Call) -> Reply:
    power = call.parameters.number(*RF_POWERS)
    call.parameters.end()
    core.configure(save=False, rf_power=power)
    return OK


def _memory(core: Core, call: Call) -> Reply:
    return bare(f"{call.name}:{core.profile.free_heap_bytes},{core.profile.lowest_heap_bytes}")


def _messages(core: Core, call: Call) -> Reply:
    return bare(f"{call.name}:{core.running.messages}")


def _set_messages(core: Core, call: Call) -> Reply:
    messages = call.parameters.number(0, 7)
    call.parameters.end()
    core.configure(save=call.saves, messages=messages)
    return OK


def _error_codes(core: Core, call: Call) -> Reply:
    return info(f"{call.name}:{core.session.error_codes:d}")


def _set_error_codes(core: Core, call: Call) -> Reply:
    core.session.error_codes = flag_parameter(call)
    return OK


def _store_mode(core: Core, call: Call) -> Reply:
    return info(f"{call.name}:{core.session.stores:d}")


def _set_store_mode(core: Core, call: Call) -> Reply:
    core.session.stores = flag_parameter(call)
    return OK


def _time_stamp(core: Core, call: Call) -> Reply:
    return bare(f"{call.name}:{core.sntp.unix_s}")


def _set_time_stamp(core: Core, call: Call) -> Reply:
    unix_s = call.parameters.number(0, HIGHEST_WORD)
    call.parameters.end()
    core.sntp.set(unix_s)
    return OK


def _register(core: Core, call: Call) -> Reply:
    """Read or write a register; ours are as many words of memory, 0 until they are written."""
    writes = call.parameters.number(0, 1)
    call.parameters.comma()
    address = call.parameters.number(0, HIGHEST_WORD)
    if not writes:
        call.parameters.end()
        return info(f"{call.name}:0x{core.session.registers.get(address, 0):08X}")
    call.parameters.comma()
    value = call.parameters.number(0, HIGHEST_WORD)
    call.parameters.end()
    if len(core.session.registers) >= REGISTERS_MAX and address not in core.session.registers:
        raise CommandError
    core.session.registers[address] = value
    return OK


REGISTERS_MAX = 1_024
"""Words that are kept: more than the ESP8266 has peripheral registers."""


def _roll_back(_core: Core, _call: Call) -> Reply:
    """Refuse: an image for 1 MB of flash has no other one to go back to."""
    raise CommandError


COMMANDS: dict[str, Command] = {
    "E0": _echo(on=False),
    "E1": _echo(on=True),
    "+CMD": Command(query=_commands),
    **scoped("+UART", Command(query=_uart, set=_set_uart)),
    "+SLEEP": Command(query=_sleep, set=_set_sleep),
    "+SLEEPWKCFG": Command(set=_set_wake_up),
    "+RFPOWER": Command(query=_power, set=_set_power),
    "+SYSRAM": Command(query=_memory),
    "+SYSMSG": Command(query=_messages, set=_set_messages),
    "+SYSLOG": Command(query=_error_codes, set=_set_error_codes),
    "+SYSSTORE": Command(query=_store_mode, set=_set_store_mode),
    "+SYSTIMESTAMP": Command(query=_time_stamp, set=_set_time_stamp),
    "+SYSREG": Command(set=_register),
    "+SYSROLLBACK": Command(execute=_roll_back),
}
