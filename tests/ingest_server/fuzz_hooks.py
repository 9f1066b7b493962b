"""For the third run of fuzz.py: signs each generated request as a device, by docs/wire-protocol.md."""

import base64
import hashlib
import hmac
from typing import Any

import requests
import schemathesis

KEY = bytes(range(32))


class _Signature(requests.auth.AuthBase):
    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        assert isinstance(body, bytes)
        digest = hmac.new(KEY, b"POST /v1/readings\ndevice\n" + body, hashlib.sha256).digest()[:16]
        tag = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        request.headers["Authorization"] = f"Unolink device:{tag}"
        return request


@schemathesis.hook
def before_call(_context: Any, _case: Any, kwargs: dict[str, Any]) -> None:
    kwargs["auth"] = _Signature()
