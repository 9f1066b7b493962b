"""The commands of the pins, which an ESP-01 mostly lacks: function, direction, level.

A pin is a GPIO if its function is the one that its row of the ESP8266 pin list calls GPIO: 0 for GPIO0, 2, 4
and 5, 3 for the others. GPIO6 to 11 are the flash memory's. Nothing is connected: an input reads 1 if its
pull-up is on, else 0.
"""

from unosim.modem.commands.command import Call, Command
from unosim.modem.core import Core
from unosim.modem.errors import CommandError
from unosim.modem.replies import OK, Reply, info
from unosim.modem.settings import Pin

HIGHEST_PIN = 15
HIGHEST_FUNCTION = 4
FLASH_PINS = range(6, 12)
_FUNCTION_0_PINS = {0, 2, 4, 5}


def _pin_parameter(call: Call) -> int:
    number = call.parameters.number(0, HIGHEST_PIN)
    if number in FLASH_PINS:
        raise CommandError
    return number


def _pin(core: Core, number: int) -> Pin:
    return core.session.pins.setdefault(number, Pin())


def _gpio(core: Core, number: int) -> Pin:
    pin = _pin(core, number)
    if pin.function != (0 if number in _FUNCTION_0_PINS else 3):
        raise CommandError("NOT GPIO MODE!")
    return pin


def _set_function(core: Core, call: Call) -> Reply:
    number = _pin_parameter(call)
    call.parameters.comma()
    function = call.parameters.number(0, HIGHEST_FUNCTION)
    call.parameters.comma()
    pull_up = bool(call.parameters.number(0, 1))
    call.parameters.end()
    pin = _pin(core, number)
    pin.function, pin.pull_up = function, pull_up
    return OK


def _function(core: Core, call: Call) -> Reply:
    number = _pin_parameter(call)
    call.parameters.end()
    pin = _pin(core, number)
    return info(f"{call.name}:{number},{pin.function},{pin.pull_up:d}")


def _set_direction(core: Core, call: Call) -> Reply:
    number = _pin_parameter(call)
    call.parameters.comma()
    output = bool(call.parameters.number(0, 1))
    call.parameters.end()
    _gpio(core, number).output = output
    return OK


def _write(core: Core, call: Call) -> Reply:
    number = _pin_parameter(call)
    call.parameters.comma()
    level = call.parameters.number(0, 1)
    call.parameters.end()
    pin = _gpio(core, number)
    if not pin.output:
        raise CommandError("NOT OUTPUT!")
    pin.level = level
    return OK


def _read(core: Core, call: Call) -> Reply:
    number = _pin_parameter(call)
    call.parameters.end()
    pin = _gpio(core, number)
    level = pin.level if pin.output else int(pin.pull_up)
    return info(f"{call.name}:{number},{pin.output:d},{level}")


def _wake_up(_core: Core, call: Call) -> Reply:
    """Check what wakes the module from light sleep; our module answers at any time."""
    parameters = call.parameters
    if parameters.number(0, 1):
        for highest in (HIGHEST_PIN, 1):
            parameters.comma()
            parameters.number(0, highest)
        if parameters.more():
            parameters.number(0, HIGHEST_PIN)
            parameters.comma()
            parameters.number(0, 1)
    parameters.end()
    return OK


COMMANDS: dict[str, Command] = {
    "+SYSIOSETCFG": Command(set=_set_function),
    "+SYSIOGETCFG": Command(set=_function),
    "+SYSGPIODIR": Command(set=_set_direction),
    "+SYSGPIOWRITE": Command(set=_write),
    "+SYSGPIOREAD": Command(set=_read),
    "+WAKEUPGPIO": Command(set=_wake_up),
}
