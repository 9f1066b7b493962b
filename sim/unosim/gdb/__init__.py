"""A remote for avr-gdb: the GDB Remote Serial Protocol over TCP, on a simulated Uno.

`packets` frames and acknowledges, `stub` answers commands, `target` is the machine, `server` has the socket.
"""

from unosim.gdb.server import GdbServer
from unosim.gdb.stub import Stub
from unosim.gdb.target import Target

__all__ = ["GdbServer", "Stub", "Target"]
