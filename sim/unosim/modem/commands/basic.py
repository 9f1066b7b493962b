"""The commands without Wi-Fi: attention, echo, restart, version, sleep, and the UART."""

from unosim.modem.commands.command import Call, Command, Handler, say_ok, scoped
from unosim.modem.core import Core
from unosim.modem.errors import CommandError
from unosim.modem.replies import NOTHING, OK, PENDING, Reply, bare, info
from unosim.modem.settings import UartFormat

LOWEST_BAUD = 110
HIGHEST_BAUD = 5_000_000
"""Bounds of `AT+UART` (Espressif AT instruction set; the AT library checks the upper one)."""
DEEP_SLEEP_MS = 2**31 - 1
"""The most a parameter of `AT+GSLP` holds."""
HIGHEST_SLEEP = 2
"""Sleep modes: 0 none, 1 light sleep, 2 modem sleep."""


def _echo(core: Core, call: Call) -> Reply:
    digit = {"0": False, "1": True}.get(call.separator)
    if digit is None:
        raise CommandError
    call.parameters.end()
    core.session.echo = digit
    return OK


def _restart(core: Core, _call: Call) -> Reply:
    core.restart()
    return PENDING


def _restore(core: Core, _call: Call) -> Reply:
    core.flash = core.profile.factory
    core.restart()
    return PENDING


def _version(core: Core, _call: Call) -> Reply:
    return core.profile.version_text + OK


def _deep_sleep(core: Core, call: Call) -> Reply:
    call.parameters.number(0, DEEP_SLEEP_MS)
    call.parameters.end()
    core.sleep_deeply()
    return PENDING


def _set_sleep(core: Core, call: Call) -> Reply:
    mode = call.parameters.number(0, HIGHEST_SLEEP)
    call.parameters.end()
    core.session.sleep = mode
    return OK


def _sleep(core: Core, _call: Call) -> Reply:
    return info(f"+SLEEP:{core.session.sleep}")


def set_uart(core: Core, call: Call, lowest_baud: int, highest_baud: int) -> Reply:
    """Answer at the old rate, then switch."""
    parameters = call.parameters
    values = [parameters.number(lowest_baud, highest_baud)]
    for lowest, highest in ((5, 8), (1, 3), (0, 2), (0, 3)):
        parameters.comma()
        values.append(parameters.number(lowest, highest))
    parameters.end()
    uart = UartFormat(*values)
    core.kernel.write(OK)
    core.configure(save=not call.current_only, uart=uart)
    core.set_baud(uart.baud)
    return NOTHING


def _set_uart(core: Core, call: Call) -> Reply:
    return set_uart(core, call, LOWEST_BAUD, HIGHEST_BAUD)


def _uart(core: Core, call: Call) -> Reply:
    uart = core.flash.uart if call.stored else core.running.uart
    numbers = (uart.baud, uart.data_bits, uart.stop_bits, uart.parity, uart.flow_control)
    return bare(f"{call.name}:{','.join(map(str, numbers))}")


def _set_rate(core: Core, call: Call) -> Reply:
    """Switch, then answer at the new rate."""
    baud = call.parameters.number(LOWEST_BAUD, HIGHEST_BAUD)
    call.parameters.end()
    core.configure(save=True, uart=UartFormat(baud))
    core.set_baud(baud)
    return OK


def _range_check(lowest: int, highest: int, diagnosis: str = "") -> Handler:
    """Return a set command that checks its number and has no effect on the dialogue."""

    def check(_core: Core, call: Call) -> Reply:
        call.parameters.number(lowest, highest, diagnosis)
        call.parameters.end(diagnosis)
        return OK

    return check


def _supply(core: Core, _call: Call) -> Reply:
    return info(f"+RFVDD:{core.profile.supply_mv}")


COMMANDS: dict[str, Command] = {
    "": Command(execute=say_ok),
    "E": Command(set=_echo),
    "+RST": Command(execute=_restart),
    "+GMR": Command(execute=_version),
    "+RESTORE": Command(execute=_restore),
    "+GSLP": Command(set=_deep_sleep),
    "+SLEEP": Command(query=_sleep, set=_set_sleep),
    "+RFPOWER": Command(set=_range_check(0, 82)),
    "+RFVDD": Command(query=_supply, set=_range_check(1900, 3300, "range:1900~3300"), execute=say_ok),
    **scoped("+UART", Command(query=_uart, set=_set_uart)),
    "+IPR": Command(set=_set_rate),
}
