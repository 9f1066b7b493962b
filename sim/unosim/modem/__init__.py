"""The ESP8266 AT modem as a protocol engine without I/O.

`Modem` takes bytes, network events and instants, and returns what its caller is to do. The simulator gives it
a simulated UART and network; the bridge gives it a serial port and real sockets. This package imports nothing
else of unosim.
"""

from unosim.modem.crashes import Crash
from unosim.modem.engine import Modem
from unosim.modem.errors import LocalProtocolError, ModemError, RemoteProtocolError
from unosim.modem.profile import Profile
from unosim.modem.profiles import ESPAT_2_2, NONOS_1_2, NONOS_1_3, NONOS_1_6_2, NONOS_1_7_4, PROFILES
from unosim.modem.radio import AccessPoint, Encryption, Radio
from unosim.modem.settings import Settings, StationAddress, UartFormat

__all__ = [
    "ESPAT_2_2",
    "NONOS_1_2",
    "NONOS_1_3",
    "NONOS_1_6_2",
    "NONOS_1_7_4",
    "PROFILES",
    "AccessPoint",
    "Crash",
    "Encryption",
    "LocalProtocolError",
    "Modem",
    "ModemError",
    "Profile",
    "Radio",
    "RemoteProtocolError",
    "Settings",
    "StationAddress",
    "UartFormat",
]
