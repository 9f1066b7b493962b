"""The signatures of docs/wire-protocol.md, as somebody on the wire who holds the key can check them.

A reading of that page of its own: neither the firmware nor the server is asked.
"""

import base64
import hashlib
import hmac
import json
import re
from typing import Any, NamedTuple

_REQUEST = re.compile(rb"(?i)\r\nAuthorization: Unolink ([A-Za-z0-9._-]+):([\w-]{22})\r\n")
_TAG_BYTES = 16


class Post(NamedTuple):
    """One signed request: who says that it sent it, the tag, and the body."""

    device: str
    tag: str
    body: bytes

    def readings(self) -> dict[tuple[str, int, int], dict[str, Any]]:
        """Return the values by channel of each reading, by its identity (device, boot, seq)."""
        message = json.loads(self.body)
        return {
            (self.device, message["boot"], row[0]): dict(zip(message["channels"], row[2:], strict=True))
            for row in message["readings"]
        }


def parse_post(data: bytes) -> Post | None:
    """Return what a whole HTTP request says, or None if it is not a signed one."""
    head, _, body = data.partition(b"\r\n\r\n")
    found = _REQUEST.search(head + b"\r\n")
    return Post(found[1].decode(), found[2].decode(), body) if found else None


def tag_of(key: bytes, text: bytes) -> str:
    """Return the tag of a text under a key: 22 characters."""
    digest = hmac.new(key, text, hashlib.sha256).digest()[:_TAG_BYTES]
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def request_tag(key: bytes, device: str, body: bytes) -> str:
    """Return the tag that a device puts on a body."""
    return tag_of(key, b"POST /v1/readings\n" + device.encode() + b"\n" + body)


def answer_tag(key: bytes, status: int, tag: str) -> str:
    """Return the tag that a server puts on its answer to a request with this tag."""
    return tag_of(key, f"{status}\n{tag}".encode())
