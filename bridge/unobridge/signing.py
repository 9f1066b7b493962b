"""The tags of docs/wire-protocol.md: who sent a request, who answered it, how long it was held.

A tag is the first 16 bytes of HMAC-SHA256 (RFC 2104) in base64url without padding (RFC 4648, section 5).
This is a reading of that page of its own; nothing is shared with the server or the firmware.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets

KEY_BYTES = 32
TAG_BYTES = 16
DEVICE = re.compile(r"[A-Za-z0-9._-]{1,32}")
_AUTHORIZATION = re.compile(r"(?i:unolink) +([A-Za-z0-9._-]{1,32}):([A-Za-z0-9_-]{22})")
_KEY = re.compile(r"[A-Za-z0-9_-]{43}")


def new_key() -> bytes:
    """Return a key that nobody can guess."""
    return secrets.token_bytes(KEY_BYTES)


def key_text(key: bytes) -> str:
    """Return a key as it is written: 43 characters."""
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


def parse_key(text: str) -> bytes | None:
    """Return the key that a text of 43 characters writes, or None if it writes none."""
    if not _KEY.fullmatch(text):
        return None
    try:
        key = base64.urlsafe_b64decode(text + "=")
    except binascii.Error:
        return None
    return key if key_text(key) == text else None


def tag(key: bytes, message: bytes) -> str:
    """Return the tag of a message: 22 characters."""
    digest = hmac.new(key, message, hashlib.sha256).digest()[:TAG_BYTES]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def request_tag(key: bytes, device: str, body: bytes) -> str:
    """Return the tag of a device's request."""
    return tag(key, b"POST /v1/readings\n" + device.encode() + b"\n" + body)


def answer_tag(key: bytes, status: int, tag_of_request: str) -> str:
    """Return the tag of an answer."""
    return tag(key, f"{status}\n{tag_of_request}".encode())


def held_tag(key: bytes, held_ms: int, tag_of_request: str) -> str:
    """Return the tag over the time in ms that a gateway held a request."""
    return tag(key, f"held {held_ms}\n{tag_of_request}".encode())


def key_check(key: bytes) -> str:
    """Return what two ends compare to see that they hold the same key: 8 characters."""
    return tag(key, b"key check")[:8]


def authorization(device: str, tag_of_request: str) -> str:
    """Return the value of a request's `Authorization`."""
    return f"Unolink {device}:{tag_of_request}"


def parse_authorization(text: str) -> tuple[str, str] | None:
    """Return device and tag of an `Authorization`, or None if it is of another kind."""
    match = _AUTHORIZATION.fullmatch(text)
    return (match[1], match[2]) if match else None


def same(left: str, right: str) -> bool:
    """Return whether two tags are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(left.encode(), right.encode())
