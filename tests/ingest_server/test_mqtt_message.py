"""The form of an MQTT message, as a table, and the vectors of the wire protocol within it."""

import json
from typing import Any

import pytest

from unoingest.mqtt.message import PAYLOAD_BYTES_MAX, decode_message, topics_of
from unoingest.problems import ProblemError

# docs/wire-protocol.md, "Test vectors"
BODY = '{"boot":3,"channels":["a0","a1"],"readings":[[17,0,512,1023]]}'
AUTHORIZATION = "Unolink uno-7f3a:MhH7_h0uPUAaLcX4_EyDsQ"
HELD_TAG = "cRDvtfoXfYxacX_JzQHXZw"
TOPIC = "unolink/uno-7f3a/readings"


def payload(**changes: Any) -> bytes:
    members = {"authorization": AUTHORIZATION, "body": BODY, **changes}
    return json.dumps({name: value for name, value in members.items() if value is not ...}).encode()


def test_a_message_in_full() -> None:
    head, body = decode_message(TOPIC, payload(held_ms=86400000, held_tag=HELD_TAG))
    assert body == BODY.encode()
    assert (head.authorization, head.held) == (AUTHORIZATION, f"86400000:{HELD_TAG}")
    assert (head.asked.method, head.asked.path) == ("MQTT", TOPIC)


def test_a_message_that_was_not_held() -> None:
    head, _ = decode_message(f"site/7/{TOPIC}", payload())
    assert head.held == ""


@pytest.mark.parametrize("text", ['"', "\\", "\n", "ü", "😀", "\x00", " "])
def test_the_body_is_the_bytes_that_were_signed(text: str) -> None:
    assert decode_message(TOPIC, payload(body=text))[1] == text.encode()


@pytest.mark.parametrize(
    ("topic", "content", "code"),
    [
        (TOPIC, b"", "malformed_json"),
        (TOPIC, b"{", "malformed_json"),
        (TOPIC, b'{"authorization":"\xff"}', "malformed_json"),
        (TOPIC, payload().replace(b'"Unolink', b'"\\ud800Unolink'), "malformed_json"),
        (TOPIC, b"[" * 60_000, "invalid_reading"),
        (TOPIC, b"{}", "invalid_reading"),
        (TOPIC, b"[]", "invalid_reading"),
        (TOPIC, payload(body=...), "invalid_reading"),
        (TOPIC, payload(body={}), "invalid_reading"),
        (TOPIC, payload(authorization=5), "invalid_reading"),
        (TOPIC, payload(boddy=""), "invalid_reading"),
        (TOPIC, payload(held_ms=5), "invalid_reading"),
        (TOPIC, payload(held_tag=HELD_TAG), "invalid_reading"),
        (TOPIC, payload(held_ms="5", held_tag=HELD_TAG), "invalid_reading"),
        (TOPIC, payload(authorization="Bearer x"), "bad_signature"),
        (TOPIC, payload(authorization=AUTHORIZATION[:-1]), "bad_signature"),
        ("unolink/uno-8/readings", payload(), "bad_signature"),
        (TOPIC, b" " * (PAYLOAD_BYTES_MAX + 1), "body_too_large"),
    ],
)
def test_messages_that_are_none(topic: str, content: bytes, code: str) -> None:
    with pytest.raises(ProblemError) as caught:
        decode_message(topic, content)
    assert caught.value.kind.code == code


def test_the_topics_of_all_devices() -> None:
    assert topics_of("site/7/unolink") == "site/7/unolink/+/readings"
