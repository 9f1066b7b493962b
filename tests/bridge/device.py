"""A device of the tests, written from docs/wire-protocol.md: signs, and checks the answers."""

import base64
import hashlib
import hmac
import http.client
import json
from collections.abc import Sequence

KEY = bytes(range(32))
KEY_TEXT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
NAME = "uno-7f3a"
WAIT_S = 20.0
Address = tuple[str, int]


def sign(text: bytes, key: bytes = KEY) -> str:
    return base64.urlsafe_b64encode(hmac.new(key, text, hashlib.sha256).digest()[:16]).decode().rstrip("=")


def body_of(seqs: list[int], boot: int = 1, **members: object) -> bytes:
    return body_of_rows([[seq, 0, 100 + seq] for seq in seqs], boot, **members)


def body_of_rows(rows: Sequence[Sequence[int | None]], boot: int = 1, **members: object) -> bytes:
    batch = {"boot": boot, "channels": ["a0"], "readings": rows}
    return json.dumps(batch | members, separators=(",", ":")).encode()


def tag_of(body: bytes, name: str = NAME, key: bytes = KEY) -> str:
    return sign(b"POST /v1/readings\n" + name.encode() + b"\n" + body, key)


class Device:
    """Posts over one kept connection."""

    def __init__(self, address: Address, name: str = NAME, key: bytes = KEY) -> None:
        self.name = name
        self._key = key
        self._connection = http.client.HTTPConnection(*address, timeout=WAIT_S)

    def post(self, body: bytes, **fields: str) -> tuple[int, bool, dict[str, str]]:
        """Return the status, whether the answer's tag is right, and the answer's fields."""
        tag = tag_of(body, self.name, self._key)
        headers = {"Authorization": f"Unolink {self.name}:{tag}"} | fields
        self._connection.request("POST", "/v1/readings", body, headers)
        answer = self._connection.getresponse()
        answer.read()
        got = {name.lower(): value for name, value in answer.getheaders()}
        signed = got.get("unolink-tag") == sign(f"{answer.status}\n{tag}".encode(), self._key)
        return answer.status, signed, got

    def close(self) -> None:
        self._connection.close()
