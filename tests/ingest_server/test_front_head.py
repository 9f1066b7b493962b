"""The head of a request: what it says, and what no head may say."""

import pytest

from unoingest.front.head import Head, read_head
from unoingest.problems import ProblemError

HOST = b"Host: a"


def head(*lines: bytes) -> bytes:
    return b"\r\n".join(lines)


def test_a_device_s_head() -> None:
    data = head(b"POST /v1/readings HTTP/1.1", HOST, b"Authorization:Unolink a:b ", b"Content-Length: 61")
    assert read_head(data) == Head(
        method="POST",
        path="/v1/readings",
        query="",
        version="1.1",
        fields={"host": "a", "authorization": "Unolink a:b", "content-length": "61"},
        length_bytes=61,
        is_chunked=False,
        keeps=True,
    )


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", ""),
        (b"/?", "/", ""),
        (b"/a?b=c?d", "/a", "b=c?d"),
        (b"/a%2Fb%3F", "/a/b?", ""),
        (b"/caf%C3%A9", "/caf\xc3\xa9", ""),
        (b"/%zz", "/%zz", ""),
        (b"//a/b", "//a/b", ""),
        (b"http://b/v1?x", "/v1", "x"),
        (b"HTTPS://b:1", "/", ""),
        (b"http://b?x", "/", "x"),
    ],
)
def test_targets(target: bytes, path: str, query: str) -> None:
    read = read_head(head(b"GET " + target + b" HTTP/1.1", HOST))
    assert (read.path, read.query) == (path, query)


@pytest.mark.parametrize(
    ("version", "fields", "keeps"),
    [
        (b"1.1", [], True),
        (b"1.1", [b"Connection: close"], False),
        (b"1.1", [b"Connection: keep-alive,\t CLOSE"], False),
        (b"1.1", [b"Connection: x", b"Connection: close"], False),
        (b"1.1", [b"Connection: closed"], True),
        (b"1.0", [], False),
        (b"1.0", [b"Connection: keep-alive"], False),
    ],
)
def test_who_would_go_on(version: bytes, fields: list[bytes], keeps: bool) -> None:
    assert read_head(head(b"GET / HTTP/" + version, HOST, *fields)).keeps == keeps


@pytest.mark.parametrize(
    ("version", "value", "expects"),
    [(b"1.1", b"100-Continue", True), (b"1.0", b"100-continue", False), (b"1.1", b"x", False)],
)
def test_who_waits_for_a_word(version: bytes, value: bytes, expects: bool) -> None:
    assert read_head(head(b"PUT / HTTP/" + version, b"Expect: " + value)).expects_continue == expects


def test_fields_that_come_twice_and_names_that_are_no_names() -> None:
    fields = read_head(head(b"GET / HTTP/1.1", b"A: 1", b"a:\t2 ", b"B_C: 3", b"B-C: \xe9 4", b"D:")).fields
    assert fields == {"a": "1,2", "b-c": "\xe9 4", "d": ""}


def test_a_chunked_body() -> None:
    read = read_head(head(b"POST / HTTP/1.1", HOST, b"transfer-encoding: CHUNKED"))
    assert (read.is_chunked, read.length_bytes) == (True, None)


@pytest.mark.parametrize(
    "lines",
    [
        [b""],
        [b"GET /"],
        [b"GET / HTTP/1.1 "],
        [b" GET / HTTP/1.1"],
        [b"GET  / HTTP/1.1"],
        [b"GET\t/ HTTP/1.1"],
        [b"GET / HTTP/1.2"],
        [b"GET / HTTP/2.0"],
        [b"GET / RTSP/1.0"],
        [b"G(T / HTTP/1.1"],
        [b"GET /a#b HTTP/1.1"],
        [b"GET /\xe9 HTTP/1.1"],
        [b"GET a HTTP/1.1"],
        [b"GET ftp://a/ HTTP/1.1"],
        [b"GET http:/// HTTP/1.1"],
        [b"OPTIONS * HTTP/1.1"],
        [b"CONNECT a:80 HTTP/1.1"],
        [b"CONNECT / HTTP/1.1"],
        [b"CONNECT http://a/ HTTP/1.1"],
        [b"GET / HTTP/1.1\nA: b"],
        [b"GET / HTTP/1.1", b"A: b\nC: d"],
        [b"GET / HTTP/1.1", b"A: b\rC: d"],
        [b"GET / HTTP/1.1", b"A: b\r"],
        [b"GET / HTTP/1.1", b"A: b\0"],
        [b"GET / HTTP/1.1", b"A: b\x7f"],
        [b"GET / HTTP/1.1", b"A: b\x0b"],
        [b"GET / HTTP/1.1", b"Host"],
        [b"GET / HTTP/1.1", b"A"],
        [b"GET / HTTP/1.1", b": b"],
        [b"GET / HTTP/1.1", b"A : b"],
        [b"GET / HTTP/1.1", b"A: b", b" c"],
        [b"GET / HTTP/1.1", b"A\xe9: b"],
        [b"GET / HTTP/1.1", b"A b: c"],
        [b"GET / HTTP/1.1", b"Content-Length: 1", b"Content-Length: 1"],
        [b"GET / HTTP/1.1", b"Content-Length: 1, 1"],
        [b"GET / HTTP/1.1", b"Content-Length:"],
        [b"GET / HTTP/1.1", b"Content-Length: +1"],
        [b"GET / HTTP/1.1", b"Content-Length: 1_0"],
        [b"GET / HTTP/1.1", b"Content-Length: \xb2"],
        [b"GET / HTTP/1.1", b"Content-Length: " + b"1" * 19],
        [b"GET / HTTP/1.1", b"Content-Length: 1", b"Transfer-Encoding: chunked"],
        [b"GET / HTTP/1.1", b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
        [b"GET / HTTP/1.1", b"Transfer-Encoding: gzip, chunked"],
        [b"GET / HTTP/1.1", b"Transfer-Encoding:"],
        [b"GET / HTTP/1.1", b"Transfer-Encoding: chunked\xa0"],
        [b"GET / HTTP/1.0", b"Transfer-Encoding: chunked"],
    ],
    ids=lambda lines: repr(lines[-1][:40]),
)
def test_what_is_no_head(lines: list[bytes]) -> None:
    # known names are not asked again, and must not let anything pass
    read_head(head(b"GET / HTTP/1.1", b"A: b", HOST))
    with pytest.raises(ProblemError) as caught:
        read_head(head(*lines))
    assert (caught.value.kind.code, len(caught.value.detail) < 160) == ("malformed_request", True)
