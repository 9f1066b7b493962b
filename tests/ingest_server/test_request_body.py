"""Reading a body from a WSGI environment: lengths, limits, media types."""

import io
from typing import Any

import pytest

from unoingest.problems import ProblemError
from unoingest.request_body import BODY_BYTES_MAX, DISCARD_BYTES_MAX, read_json_body


class Trickle(io.BytesIO):
    """An input that hands out at most seven bytes a read, as sockets do."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(7 if size is None or size < 0 else min(size, 7))


def environ(content: bytes, length: str | None = None, /, **more: Any) -> dict[str, Any]:
    result = {"wsgi.input": io.BytesIO(content), "CONTENT_TYPE": "application/json", **more}
    return result if length is None else {**result, "CONTENT_LENGTH": length}


def chunked(content: bytes) -> dict[str, Any]:
    return {**environ(content, HTTP_TRANSFER_ENCODING="chunked"), "wsgi.input_terminated": True}


@pytest.mark.parametrize(
    ("environment", "body"),
    [
        (environ(b"hello", "5"), b"hello"),
        (environ(b"hello, and the next request", "5"), b"hello"),
        (environ(b"", "5") | {"wsgi.input": Trickle(b"hello, hello, hello")}, b"hello"),
        (environ(b"", "0"), b""),
        (environ(b"the next request"), b""),
        (environ(b"the next request", ""), b""),
        (chunked(b"hello"), b"hello"),
        (chunked(b""), b""),
        (environ(b"x" * BODY_BYTES_MAX, str(BODY_BYTES_MAX)), b"x" * BODY_BYTES_MAX),
        (chunked(b"x" * BODY_BYTES_MAX), b"x" * BODY_BYTES_MAX),
    ],
)
def test_bodies_that_are_read(environment: dict[str, Any], body: bytes) -> None:
    assert read_json_body(environment) == body


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
        " application/json ; charset = utf-8 ",
    ],
)
def test_media_types_that_are_taken(media_type: str) -> None:
    assert read_json_body(environ(b"{}", "2", CONTENT_TYPE=media_type)) == b"{}"


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        (environ(b"{}", "2", CONTENT_TYPE=""), "unsupported_media_type"),
        (environ(b"{}", "2", CONTENT_TYPE="text/plain"), "unsupported_media_type"),
        (environ(b"{}", "2", CONTENT_TYPE="application/jsonx"), "unsupported_media_type"),
        (environ(b"{}", "2", CONTENT_TYPE="application/json; charset=latin-1"), "unsupported_media_type"),
        (environ(b"{}", "2", HTTP_CONTENT_ENCODING="gzip"), "unsupported_media_type"),
        (environ(b"hell", "5"), "invalid_length"),
        (environ(b"", "abc"), "invalid_length"),
        (environ(b"", "-1"), "invalid_length"),
        (environ(b"", "+1"), "invalid_length"),
        (environ(b"", "1, 1"), "invalid_length"),
        (environ(b"", "9" * 100), "invalid_length"),
        (environ(b"", "²"), "invalid_length"),
        (environ(b"hello", HTTP_TRANSFER_ENCODING="chunked"), "length_required"),
        (environ(b"x" * (BODY_BYTES_MAX + 1), str(BODY_BYTES_MAX + 1)), "body_too_large"),
        (chunked(b"x" * (BODY_BYTES_MAX + 1)), "body_too_large"),
        (environ(b"", str(BODY_BYTES_MAX + 1)), "body_too_large"),
    ],
)
def test_bodies_that_are_refused(environment: dict[str, Any], code: str) -> None:
    with pytest.raises(ProblemError) as caught:
        read_json_body(environment)
    assert caught.value.kind.code == code


@pytest.mark.parametrize("sent_bytes", [100_000, 10_000_000])
@pytest.mark.parametrize("announce", [True, False])
def test_an_oversized_body_is_read_to_its_end_or_to_a_limit(sent_bytes: int, announce: bool) -> None:
    content = b"x" * sent_bytes
    environment = environ(content, str(sent_bytes)) if announce else chunked(content)
    with pytest.raises(ProblemError):
        read_json_body(environment)
    read_bytes = environment["wsgi.input"].tell()
    assert read_bytes == min(sent_bytes, BODY_BYTES_MAX + DISCARD_BYTES_MAX + (not announce))
