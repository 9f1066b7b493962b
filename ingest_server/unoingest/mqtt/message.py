"""One MQTT message with one request of a device in it (docs/mqtt.md): its form, and what a wrong one gets.

It carries the request's body as text, byte for byte what the device signed, so nothing here decodes the body.
"""

import msgspec

from unoingest.answers import Asked
from unoingest.problems import BAD_SIGNATURE, BODY_TOO_LARGE, INVALID_READING, MALFORMED_JSON, ProblemError
from unoingest.signature import parse_authorization
from unoingest.signed_posts import SignedHead

PAYLOAD_BYTES_MAX = 131_072
"""Twice the largest body: a JSON text of it doubles each quotation mark."""
LAST_LEVEL = "readings"


class _Message(msgspec.Struct, forbid_unknown_fields=True):
    authorization: str
    body: str
    held_ms: int | None = None
    held_tag: str | None = None


_decoder = msgspec.json.Decoder(_Message)


def topics_of(prefix: str) -> str:
    """Return the filter that matches the topics of all devices."""
    return f"{prefix}/+/{LAST_LEVEL}"


def decode_message(topic: str, payload: bytes) -> tuple[SignedHead, bytes]:
    """Return the request in a message: its head, and its body as signed.

    Args:
        topic: Where it was published; the last but one level is the device.
        payload: As published.

    Raises:
        ProblemError: it is no such message, or the topic is another device's.
    """
    if len(payload) > PAYLOAD_BYTES_MAX:
        raise ProblemError(BODY_TOO_LARGE, f"A payload may have {PAYLOAD_BYTES_MAX} bytes; this one has more")
    try:
        message = _decoder.decode(payload)
    except msgspec.ValidationError as error:
        raise ProblemError(INVALID_READING, str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(MALFORMED_JSON, str(error)) from error
    if (message.held_ms is None) != (message.held_tag is None):
        raise ProblemError(INVALID_READING, "held_ms and held_tag go together")
    signed = parse_authorization(message.authorization)
    if signed is None or signed.device != topic.split("/")[-2]:
        raise ProblemError(BAD_SIGNATURE, "The device of the topic is not that of the authorization")
    held = "" if message.held_ms is None else f"{message.held_ms}:{message.held_tag}"
    body = message.body.encode()
    return SignedHead(Asked("MQTT", topic, ""), message.authorization, held, "", "", ""), body
