"""The frames of the GDB Remote Serial Protocol: `$payload#checksum`, acknowledged with + or -.

Source: "Debugging with GDB", appendix "GDB Remote Serial Protocol", sections Overview and Packet
Acknowledgment.

Rules: bytes in, payloads out, in any chunks. A damaged packet is asked for again. Ctrl-C is the byte 0x03
outside a packet. A client that sends a packet beyond `PACKET_BYTES_MAX` is no debugger.
"""

from enum import Enum, auto

PACKET_BYTES_MAX = 4_096
"""The longest payload, either way: as announced to the debugger."""

_ESCAPED = 0x7D
_ESCAPE_MASK = 0x20


class Interrupt(Enum):
    """What is no packet."""

    CTRL_C = auto()


class ProtocolError(Exception):
    """Whoever is connected does not speak the protocol."""


class Packets:
    """One connection's frames."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._last = b""
        self._reply = bytearray()
        self.acknowledges = True
        """Whether packets are acknowledged; a debugger may do without."""

    def receive(self, data: bytes) -> list[bytes | Interrupt]:
        """Take bytes; return the payloads and interrupts they complete.

        Raises:
            ProtocolError: they can be no packets.
        """
        self._received += data
        found: list[bytes | Interrupt] = []
        while self._received:
            first = self._received[0]
            if first == ord("$"):
                payload = self._packet()
                if payload is None:
                    break
                found += payload
            else:
                del self._received[0]
                if first == 0x03:
                    found.append(Interrupt.CTRL_C)
                elif first == ord("-"):
                    self._reply += self._last
                elif first != ord("+"):
                    raise ProtocolError(f"a packet begins with '$', not with {bytes([first])!r}")
        return found

    def send(self, payload: bytes) -> None:
        """Queue a payload; bytes that mean something to the protocol are escaped."""
        escaped = bytearray()
        for byte in payload:
            if byte in b"#$}*":
                escaped += bytes([_ESCAPED, byte ^ _ESCAPE_MASK])
            else:
                escaped.append(byte)
        self._last = b"$%b#%02x" % (bytes(escaped), sum(escaped) & 0xFF)
        self._reply += self._last

    def take(self) -> bytes:
        """Return and forget what is to be sent."""
        reply = bytes(self._reply)
        self._reply.clear()
        return reply

    def _packet(self) -> list[bytes] | None:
        """Return the payload at the front, none if it is damaged; None if it is not complete."""
        end = self._received.find(b"#")
        if end < 0 or len(self._received) < end + 3:
            if len(self._received) > PACKET_BYTES_MAX + 4:
                raise ProtocolError(f"a packet of more than {PACKET_BYTES_MAX} bytes")
            return None
        body = bytes(self._received[1:end])
        checksum = bytes(self._received[end + 1 : end + 3])
        del self._received[: end + 3]
        if checksum.lower() != b"%02x" % (sum(body) & 0xFF):
            self._reply += b"-"
            return []
        if self.acknowledges:
            self._reply += b"+"
        return [_unescaped(body)]


def _unescaped(body: bytes) -> bytes:
    payload = bytearray()
    escape = False
    for byte in body:
        if byte == _ESCAPED and not escape:
            escape = True
            continue
        payload.append(byte ^ _ESCAPE_MASK if escape else byte)
        escape = False
    return bytes(payload)
