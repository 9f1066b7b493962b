"""Tags: how a device and its server prove to each other that a message is theirs.

A tag is the first 16 bytes of HMAC-SHA256 (RFC 2104) under the device's key, in base64url without padding
(RFC 4648, section 5). docs/wire-protocol.md says which bytes each tag is made from.
This module knows nothing of HTTP, of where keys are kept, or of which of them count.
"""

import base64
import binascii
import hmac
import re

import msgspec

KEY_BYTES = 32
TAG_BYTES = 16
TAG_CHARS = 22
HELD_DIGITS_MAX = 12
"""More milliseconds (31 years) are no time that a gateway held a request."""

_KEY = re.compile(r"[A-Za-z0-9_-]{43}")
_CREDENTIALS = re.compile(r"(?i:unolink) +([A-Za-z0-9._-]{1,32}):([A-Za-z0-9_-]{22})")
_HELD = re.compile(rf"(0|[1-9][0-9]{{0,{HELD_DIGITS_MAX - 1}}}):([A-Za-z0-9_-]{{22}})")


class Signed(msgspec.Struct, frozen=True, gc=False):
    """What a request says of its sender; nothing of it is proved yet.

    Args:
        device: Device name, 1..32 characters.
        tag: The request's tag as written, 22 characters.
    """

    device: str
    tag: bytes


class Held(msgspec.Struct, frozen=True, gc=False):
    """What a gateway says of a request that it held back.

    Args:
        held_ms: For how long, 0..10^12 - 1.
        tag: 22 characters.
    """

    held_ms: int
    tag: bytes


def parse_authorization(header: str) -> Signed | None:
    """Return the device and tag in `Authorization: Unolink <device>:<tag>`, or None if it is not that."""
    match = _CREDENTIALS.fullmatch(header)
    return Signed(match[1], match[2].encode()) if match else None


def parse_held(header: str) -> Held | None:
    """Return what `Unolink-Held: <milliseconds>:<tag>` says, or None if it is malformed."""
    match = _HELD.fullmatch(header)
    return Held(int(match[1]), match[2].encode()) if match else None


def encode_key(key: bytes) -> str:
    """Return a key of 32 bytes as its 43 characters."""
    return base64.urlsafe_b64encode(key).rstrip(b"=").decode()


def decode_key(text: str) -> bytes:
    """Return the 32 bytes of a key.

    Raises:
        ValueError: `text` is not the 43 characters of a key; the message does not show it.
    """
    if not _KEY.fullmatch(text):
        raise ValueError("a key has 43 characters of A-Z a-z 0-9 - _")
    key = base64.urlsafe_b64decode(text + "=")
    if encode_key(key) != text:
        raise ValueError("the last character of the key cannot be right: two of its bits are beyond the end")
    return key


class Signer:
    """Makes the tags of one key. Safe to use from several threads.

    The key's own share of the HMAC is worked out once: going on from a copy of it takes half the time of
    `hmac.digest`, and short messages do not give up the interpreter's lock.

    Args:
        key: 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        self._begun = hmac.new(key, digestmod="sha256")

    def request_tag(self, device: str, body: bytes) -> bytes:
        """Return the tag of a request to `POST /v1/readings`."""
        return self._tag(_request_prefix(device) + body)

    def begin_request(self, device: str) -> hmac.HMAC:
        """Return the HMAC of a request whose body is still to come, for `tag_of_digest`."""
        begun = self._begun.copy()
        begun.update(_request_prefix(device))
        return begun

    def answer_tag(self, status: int, tag_of_request: bytes) -> bytes:
        """Return the tag of the answer with this status to the request with this tag."""
        return self._tag(b"%d\n%b" % (status, tag_of_request))

    def held_tag(self, held_ms: int, tag_of_request: bytes) -> bytes:
        """Return the tag of a gateway's word that it held the request with this tag for so long."""
        return self._tag(b"held %d\n%b" % (held_ms, tag_of_request))

    def _tag(self, message: bytes) -> bytes:
        begun = self._begun.copy()
        begun.update(message)
        return tag_of_digest(begun.digest())


def _request_prefix(device: str) -> bytes:
    return b"POST /v1/readings\n" + device.encode() + b"\n"


def tag_of_digest(digest: bytes) -> bytes:
    """Return the tag in an HMAC-SHA256 of 32 bytes."""
    return binascii.b2a_base64(digest[:TAG_BYTES], newline=False).translate(_URL_SAFE)[:TAG_CHARS]


_URL_SAFE = bytes.maketrans(b"+/", b"-_")
