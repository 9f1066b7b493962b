"""Control packets of MQTT 3.1.1 as bytes, as far as a client needs them (OASIS MQTT 3.1.1).

Rules: what a broker sends is checked as far as we look at it; `RemoteProtocolError` ends the connection. A
packet that is longer than `PACKET_BYTES` is refused before it is gathered.
"""

import enum
from dataclasses import dataclass, field

from unosim.modem.errors import RemoteProtocolError

PACKET_BYTES = 16_384
"""The longest packet that is taken. The module's own buffer has 512 bytes and hands longer messages over in
parts; we print them whole, up to here."""
_LENGTH_BYTES = 4
"""A remaining length has at most this many (section 2.2.3)."""


class Type(enum.IntEnum):
    """Control packet types (section 2.2.1)."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    PUBREC = 5
    PUBREL = 6
    PUBCOMP = 7
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


@dataclass(frozen=True)
class Packet:
    """A control packet: its type, the low half of its first byte, and what follows the length."""

    type: Type
    flags: int = 0
    body: bytes = b""

    @property
    def identifier(self) -> int:
        """Return the packet identifier that an acknowledgement begins with."""
        if len(self.body) < 2:
            raise RemoteProtocolError(f"{self.type.name} of {len(self.body)} bytes has no identifier")
        return int.from_bytes(self.body[:2], "big")

    def encode(self) -> bytes:
        """Return the packet as it is sent."""
        head = bytearray([self.type << 4 | self.flags])
        left = len(self.body)
        while True:
            left, digit = divmod(left, 128)
            head.append(digit | 128 * bool(left))
            if not left:
                return bytes(head) + self.body


@dataclass(frozen=True)
class Message:
    """What a PUBLISH carries."""

    topic: str
    payload: bytes
    qos: int = 0
    """0 at most once, 1 at least once, 2 exactly once."""
    retain: bool = False
    identifier: int = 0
    """0 for none, as QoS 0 has it."""


@dataclass(frozen=True)
class Greeting:
    """What a CONNECT says (section 3.1)."""

    client_id: str
    username: str = ""
    password: str = field(default="", repr=False)
    keepalive_s: int = 120
    clean_session: bool = True
    will: Message | None = None


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    return len(data).to_bytes(2, "big") + data


def connect(greeting: Greeting) -> Packet:
    """Return a CONNECT; empty user name and password are left out."""
    flags = greeting.clean_session << 1
    payload = _text(greeting.client_id)
    if greeting.will:
        flags |= 4 | greeting.will.qos << 3 | greeting.will.retain << 5
        payload += _text(greeting.will.topic)
        payload += len(greeting.will.payload).to_bytes(2, "big") + greeting.will.payload
    if greeting.username:
        flags |= 128
        payload += _text(greeting.username)
        if greeting.password:  # only together with a user name (section 3.1.2.9)
            flags |= 64
            payload += _text(greeting.password)
    head = _text("MQTT") + bytes([4, flags]) + greeting.keepalive_s.to_bytes(2, "big")
    return Packet(Type.CONNECT, body=head + payload)


def publish(message: Message) -> Packet:
    """Return a PUBLISH."""
    identifier = message.identifier.to_bytes(2, "big") if message.qos else b""
    body = _text(message.topic) + identifier + message.payload
    return Packet(Type.PUBLISH, message.qos << 1 | message.retain, body)


def subscribe(identifier: int, topic: str, qos: int) -> Packet:
    """Return a SUBSCRIBE for one topic filter."""
    return Packet(Type.SUBSCRIBE, 2, identifier.to_bytes(2, "big") + _text(topic) + bytes([qos]))


def unsubscribe(identifier: int, topic: str) -> Packet:
    """Return an UNSUBSCRIBE for one topic filter."""
    return Packet(Type.UNSUBSCRIBE, 2, identifier.to_bytes(2, "big") + _text(topic))


def acknowledge(kind: Type, identifier: int) -> Packet:
    """Return a PUBACK, PUBREC, PUBREL or PUBCOMP."""
    return Packet(kind, 2 if kind is Type.PUBREL else 0, identifier.to_bytes(2, "big"))


def parse_publish(packet: Packet) -> Message:
    """Return what a PUBLISH carries.

    Raises:
        RemoteProtocolError: it is cut short, or its quality of service does not exist.
    """
    qos = packet.flags >> 1 & 3
    topic_end = 2 + int.from_bytes(packet.body[:2], "big")
    payload_start = topic_end + 2 * bool(qos)
    if len(packet.body) < max(2, payload_start) or qos > 2:
        raise RemoteProtocolError(f"malformed PUBLISH of {len(packet.body)} bytes, flags {packet.flags}")
    topic = packet.body[2:topic_end].decode("utf-8", "surrogateescape")
    identifier = int.from_bytes(packet.body[topic_end:payload_start], "big")
    return Message(topic, packet.body[payload_start:], qos, bool(packet.flags & 1), identifier)


class Decoder:
    """Gathers bytes into packets."""

    def __init__(self) -> None:
        self._gathered = bytearray()

    def __len__(self) -> int:
        """Return the number of bytes that wait for the rest of their packet."""
        return len(self._gathered)

    def feed(self, data: bytes) -> list[Packet]:
        """Take bytes; return the packets they complete.

        Raises:
            RemoteProtocolError: what arrives is not MQTT, or too long.
        """
        self._gathered += data
        packets: list[Packet] = []
        while packet := self._next():
            packets.append(packet)
        return packets

    def _next(self) -> Packet | None:
        length = self._length()
        if length is None:
            return None
        head_bytes, body_bytes = length
        if body_bytes > PACKET_BYTES:
            raise RemoteProtocolError(f"packet of {body_bytes} bytes; at most {PACKET_BYTES}")
        if len(self._gathered) < head_bytes + body_bytes:
            return None
        kind, flags = divmod(self._gathered[0], 16)
        if kind not in set(Type):
            raise RemoteProtocolError(f"packet of type {kind}, which does not exist")
        body = bytes(self._gathered[head_bytes : head_bytes + body_bytes])
        del self._gathered[: head_bytes + body_bytes]
        return Packet(Type(kind), flags, body)

    def _length(self) -> tuple[int, int] | None:
        """Return the lengths of the fixed header and of the rest; None while the header is incomplete."""
        value = 0
        for at, digit in enumerate(self._gathered[1 : 1 + _LENGTH_BYTES]):
            value |= (digit & 127) << 7 * at
            if digit < 128:
                return at + 2, value
        if len(self._gathered) > _LENGTH_BYTES:
            raise RemoteProtocolError("remaining length of more than four bytes")
        return None
