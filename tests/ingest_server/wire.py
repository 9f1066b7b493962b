"""A second reading of docs/wire-protocol.md, for tests: what a device does to sign and to believe."""

import base64
import hashlib
import hmac
import json
from typing import Any

KEY = bytes(range(32))
DEVICE = "uno-7f3a"
BODY = b'{"boot":3,"channels":["a0","a1"],"readings":[[17,0,512,1023]]}'


def tag(key: bytes, text: bytes) -> str:
    digest = hmac.new(key, text, hashlib.sha256).digest()[:16]
    return base64.b64encode(digest, b"-_").decode().rstrip("=")


def tag_of(body: bytes, key: bytes = KEY, device: str = DEVICE) -> str:
    return tag(key, b"POST /v1/readings\n" + device.encode() + b"\n" + body)


def signed(body: bytes, key: bytes = KEY, device: str = DEVICE) -> dict[str, str]:
    return {"Authorization": f"Unolink {device}:{tag_of(body, key, device)}"}


def held(milliseconds: int, body: bytes, key: bytes = KEY) -> dict[str, str]:
    text = f"held {milliseconds}\n{tag_of(body, key)}"
    return {"Unolink-Held": f"{milliseconds}:{tag(key, text.encode())}"}


def answer_tag(status: int, body: bytes, key: bytes = KEY, device: str = DEVICE) -> str:
    return tag(key, f"{status}\n{tag_of(body, key, device)}".encode())


def rows(*readings: list[Any], channels: tuple[str, ...] = ("a0", "a1"), **members: Any) -> bytes:
    return json.dumps({"boot": 3, "channels": channels, "readings": readings, **members}).encode()
