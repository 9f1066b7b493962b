"""MQTT 3.1.1 packets as a table: each as it stands in the specification's own terms, in and out."""

import pytest

from unosim.modem.errors import RemoteProtocolError
from unosim.modem.mqtt_packets import (
    PACKET_BYTES,
    Decoder,
    Greeting,
    Message,
    Packet,
    Type,
    acknowledge,
    connect,
    parse_publish,
    publish,
    subscribe,
    unsubscribe,
)

ENCODED = [
    (Packet(Type.PINGREQ), b"\xc0\x00"),
    (Packet(Type.DISCONNECT), b"\xe0\x00"),
    (Packet(Type.PUBACK, body=b"\x00\x07"), b"\x40\x02\x00\x07"),
    (acknowledge(Type.PUBREL, 0x1234), b"\x62\x02\x12\x34"),
    (subscribe(10, "a/b", 1), b"\x82\x08\x00\x0a\x00\x03a/b\x01"),
    (unsubscribe(10, "a/b"), b"\xa2\x07\x00\x0a\x00\x03a/b"),
    (publish(Message("t", b"x")), b"\x30\x04\x00\x01tx"),
    (publish(Message("t", b"x", 1, retain=True, identifier=9)), b"\x33\x06\x00\x01t\x00\x09x"),
    (publish(Message("t", b"x", 2, identifier=9)), b"\x34\x06\x00\x01t\x00\x09x"),
    (publish(Message("t", 124 * b"x")), b"\x30\x7f\x00\x01t" + 124 * b"x"),
    (publish(Message("t", 125 * b"x")), b"\x30\x80\x01\x00\x01t" + 125 * b"x"),
    (publish(Message("t", 16_380 * b"x")), b"\x30\xff\x7f\x00\x01t" + 16_380 * b"x"),
    (publish(Message("t", 16_381 * b"x")), b"\x30\x80\x80\x01\x00\x01t" + 16_381 * b"x"),
    (connect(Greeting("c")), b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x78\x00\x01c"),
    (
        connect(Greeting("c", password="never without a name", keepalive_s=1, clean_session=False)),  # noqa: S106  # nobody's
        b"\x10\x0d\x00\x04MQTT\x04\x00\x00\x01\x00\x01c",
    ),
    (
        connect(Greeting("c", "u", "p", will=Message("w", b"\x00", 2, retain=True))),  # nobody's
        b"\x10\x19\x00\x04MQTT\x04\xf6\x00\x78\x00\x01c\x00\x01w\x00\x01\x00\x00\x01u\x00\x01p",
    ),
]


@pytest.mark.parametrize(("packet", "data"), ENCODED)
def test_encoding(packet: Packet, data: bytes) -> None:
    assert packet.encode() == data


@pytest.mark.parametrize(("packet", "data"), ENCODED)
@pytest.mark.parametrize("piece_bytes", [1, 2, 3, 1 << 20])
def test_decoding(packet: Packet, data: bytes, piece_bytes: int) -> None:
    decoder = Decoder()
    stream = data + b"\xd0\x00"
    pieces = [stream[at : at + piece_bytes] for at in range(0, len(stream), piece_bytes)]
    assert [one for piece in pieces for one in decoder.feed(piece)] == [packet, Packet(Type.PINGRESP)]
    assert len(decoder) == 0


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"\x00\x00", "type 0"),
        (b"\xf0\x00", "type 15"),
        (b"\x30\xff\xff\xff\xff", "more than four bytes"),
        (b"\x30\x81\x80\x01", f"at most {PACKET_BYTES}"),
    ],
)
def test_what_is_not_mqtt_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(RemoteProtocolError, match=complaint):
        Decoder().feed(data)


def test_an_incomplete_packet_is_not_refused_early() -> None:
    assert Decoder().feed(b"\x30\xff\xff\xff") == []


@pytest.mark.parametrize(
    "message",
    [
        Message("", b""),
        Message("caf\u00e9/#", b"\x00\xff"),
        Message("t", b"x", 1, identifier=1),
        Message("t", b"", 2, retain=True, identifier=0xFFFF),
    ],
)
def test_messages_survive_the_way(message: Message) -> None:
    assert parse_publish(publish(message)) == message


@pytest.mark.parametrize(
    "packet",
    [
        Packet(Type.PUBLISH),
        Packet(Type.PUBLISH, body=b"\x00"),
        Packet(Type.PUBLISH, body=b"\x00\x05abc"),
        Packet(Type.PUBLISH, 2, b"\x00\x01t\x00"),
        Packet(Type.PUBLISH, 6, b"\x00\x01t\x00\x01"),
    ],
)
def test_malformed_messages_are_refused(packet: Packet) -> None:
    with pytest.raises(RemoteProtocolError, match="malformed PUBLISH"):
        parse_publish(packet)


def test_an_acknowledgement_needs_an_identifier() -> None:
    with pytest.raises(RemoteProtocolError, match="PUBACK of 1 bytes has no identifier"):
        _ = Packet(Type.PUBACK, body=b"x").identifier
