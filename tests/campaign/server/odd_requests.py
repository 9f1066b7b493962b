"""Requests of every kind that the OpenAPI document knows, and of kinds that it does not, right and wrong.

A request is drawn from its number alone, and nothing is kept beside it of what its sender may have meant: it
is judged by what it says.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from campaign.server import odd_bodies
from ingest_server.wire import held, signed
from unoingest.signature import encode_key

DEVICES: Mapping[str, bytes] = {"uno-7f3a": bytes(range(32)), "a.b-c_D": bytes(range(1, 33))}
REVOKED_DEVICE, REVOKED_KEY = "gone", b"g" * 32
WRITERS: Mapping[str, bytes] = {"telegraf": b"t" * 32, "phone": b"p" * 32}
READER, READER_KEY = "grafana", b"r" * 32
BOOTS, SEQS = 3, 400

READ_PATHS = (
    *(
        "/v1/devices",
        "/v1/devices/uno-7f3a/latest",
        "/v1/devices/telegraf/readings",
        "/v1/devices/phone/gaps",
    ),
    *(
        "/v1/devices/uno-7f3a/readings",
        "/v1/devices/nobody/latest",
        "/v1/devices//latest",
        "/v1/readings.csv",
    ),
)
SERVICE_PATHS = ("/healthz", "/readyz", "/metrics", "/openapi.json", "/problems/bad_key", "/problems/nothing")
POST_PATHS = ("/v1/readings", "/api/v2/write", "/write")
_ODD_PATHS = (
    *("/", "", "*", "//v1/readings", "/v1/readings/", "/v1//readings", "/V1/READINGS", "/v1/../v1/readings"),
    *(
        "/v1/readings\0",
        "/v1/readings\x80\xff",
        "/\xe2\x80\xa8\x1b[2J",
        "/" + "a" * 8_000,
        "/v1/devices/%00/latest",
    ),
    *(
        "/v1/devices/" + "x" * 33 + "/latest",
        "/v1/devices/\u00ff/gaps",
        "/v1/devices/../../etc/latest",
        "/.env",
    ),
    *(
        "/v1/readings;a=b",
        "/v1/readings?",
        "/static/x",
        "/problems/",
        "/problems/a/b",
        "/v1/devices/a\nb/latest",
    ),
)
_ODD_METHODS = (
    "GET",
    "PUT",
    "DELETE",
    "HEAD",
    "OPTIONS",
    "PATCH",
    "TRACE",
    "CONNECT",
    "post",
    "FOO",
    "M" * 300,
    "\x7f",
)
_ODD_QUERY_VALUES = (
    *(
        "",
        "0",
        "1",
        "1000",
        "1001",
        "-1",
        "1e3",
        "%EF%BC%91",
        "9" * 40,
        "%00",
        "%ff",
        "a,b,c",
        ",",
        "uno-7f3a",
    ),
    *(
        "0-0",
        "1-5",
        "0-9999999999",
        "99999999999-0",
        "=cmd",
        "'--",
        "%0d%0a",
        "a" * 3000,
        "+",
        "%",
        "%zz",
        "ns",
        "m",
    ),
)
_QUERY_NAMES = (
    "limit",
    "cursor",
    "quiet_for_s",
    "device",
    "channels",
    "precision",
    "org",
    "bucket",
    "db",
    "",
    "x",
)
_ODD_TEXTS = (
    *(
        "",
        " ",
        "\t",
        "\xff",
        "\x80\x81",
        "a" * 9_000,
        "\x00",
        "\x1b[31m",
        "'",
        '"',
        "\\",
        "\xe2\x80\xa8",
        ",",
        ";",
        "0",
    ),
    *(
        "identity",
        "gzip",
        "GZIP",
        "deflate",
        "br",
        "gzip, gzip",
        "application/json",
        "text/plain",
        "multipart/form-data",
    ),
    *(
        "application/json; charset=utf-16",
        "application/json;charset=utf-8",
        "application/senml+json",
        "*/*",
        "100-continue",
    ),
    *(
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-" + "0" * 32 + "-" + "0" * 16 + "-00",
        "cc-",
    ),
    *(
        "Bearer",
        "Bearer ",
        "Bearer " + "A" * 43,
        "Basic Og==",
        "Basic \xff",
        "Token =",
        "Unolink",
        "Unolink :",
        "unolinkx",
    ),
    *(
        "Unolink uno-7f3a:" + "A" * 22,
        "Unolink uno-7f3a:" + "\xe9" * 22,
        "Digest a=b",
        '"k"',
        '"',
        "k" * 256,
        "chunked",
    ),
    *(
        "a,b",
        "a..b",
        "[::1]:80",
        "[::g]",
        "a b",
        "user@a",
        "a/b",
        "k" * 64,
        "xn--80ak6aa92e.com",
        "localhost:",
    ),
)
_HEADERS = (
    *("CONTENT_TYPE", "HTTP_CONTENT_ENCODING", "HTTP_TRACEPARENT", "HTTP_UNOLINK_HELD", "HTTP_AUTHORIZATION"),
    *(
        "HTTP_IDEMPOTENCY_KEY",
        "HTTP_TRANSFER_ENCODING",
        "HTTP_EXPECT",
        "HTTP_HOST",
        "HTTP_COOKIE",
        "HTTP_RANGE",
    ),
    *(
        "HTTP_X_HTTP_METHOD_OVERRIDE",
        "HTTP_X_FORWARDED_FOR",
        "HTTP_ACCEPT",
        "HTTP_ORIGIN",
        "HTTP_IF_NONE_MATCH",
    ),
)
_ODD_LENGTHS = (
    "",
    "0",
    "1",
    "-1",
    "+5",
    " 5",
    "5 ",
    "5,5",
    "0x5",
    "1e3",
    "\xb2",
    "9" * 18,
    "9" * 19,
    "65537",
    "2000000",
)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a WSGI server hands it on.

    Args:
        method: Of HTTP, or something else.
        path: Decoded, a character a byte (PEP 3333).
        query: Not decoded.
        headers: By their names in the WSGI environment, CONTENT_LENGTH among them if there is one.
        body: All that comes.
        address: Of the client.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    address: str

    @property
    def is_signed(self) -> bool:
        """Whether a device says that it sent it; it takes the hot path of `unoingest serve`."""
        authorization = self.headers.get("HTTP_AUTHORIZATION", "")
        return (self.method, self.path) == ("POST", "/v1/readings") and authorization[:7].lower() == "unolink"


Kind = Callable[[random.Random], tuple[str, str, str, dict[str, str], bytes]]


def draw(number: int) -> Request:
    """Return the request of this number."""
    chance = random.Random(number)
    (kind,) = chance.choices(tuple(KINDS), tuple(KINDS.values()))
    method, path, query, headers, body = kind(chance)
    headers.setdefault("CONTENT_LENGTH", str(len(body)))
    headers.setdefault("HTTP_HOST", "ingest.lan:8080")
    if chance.random() < 0.005:
        del headers["HTTP_HOST"]
    if chance.random() < 0.15:
        headers[chance.choice(_HEADERS)] = chance.choice(_ODD_TEXTS)
    # a signed body that ends early is that of a client that went away, whom nobody answers
    if chance.random() < 0.03 and kind not in {_signed, _too_large}:
        headers["CONTENT_LENGTH"] = chance.choice(_ODD_LENGTHS)
    if chance.random() < 0.02:
        method = chance.choice(_ODD_METHODS)
    # a new address for each, or after ten wrong keys nothing but 429 would be seen
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    # blanks around a value are no part of it (RFC 9112, section 5.1)
    headers = {name: value.strip(" \t") for name, value in headers.items()}
    return Request(method, path, query, headers, body, address)


def _signed(chance: random.Random) -> tuple[str, str, str, dict[str, str], bytes]:
    body = _changed_or_not(chance, odd_bodies.signed_body(chance, BOOTS, SEQS))
    device = chance.choice(tuple(DEVICES))
    key = DEVICES[device]
    headers = signed(body, key, device)
    if chance.random() < 0.1:
        headers = chance.choice(
            (signed(body, bytes(32), device), signed(body, REVOKED_KEY, REVOKED_DEVICE), signed(b"", key))
        )
    if chance.random() < 0.15 and device == "uno-7f3a":
        headers |= held(chance.choice((0, 1, 86_400_000, 10**12 - 1, 10**12)), body, key)
    environ = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()}
    return "POST", "/v1/readings", _query(chance, 0.02), environ, body


def _client(chance: random.Random) -> tuple[str, str, str, dict[str, str], bytes]:
    name = chance.choice(tuple(WRITERS))
    body, media_type = chance.choice(
        (
            (odd_bodies.numbered_body(chance, name, BOOTS, SEQS), "application/json"),
            (odd_bodies.points_body(chance), "application/json"),
            (odd_bodies.senml_body(chance), "application/senml+json"),
            (odd_bodies.senml_body(chance), "application/senml+json"),
        )
    )
    headers = _bearer(chance, WRITERS[name]) | {"CONTENT_TYPE": media_type} | _idempotency(chance)
    return "POST", "/v1/readings", _query(chance, 0.05), headers, _changed_or_not(chance, body)


def _lines(chance: random.Random) -> tuple[str, str, str, dict[str, str], bytes]:
    body = _changed_or_not(chance, odd_bodies.lines_body(chance))
    headers = _bearer(chance, chance.choice(tuple(WRITERS.values()))) | _idempotency(chance)
    if chance.random() < 0.3:
        headers["HTTP_CONTENT_ENCODING"] = "gzip"
        body = odd_bodies.packed(chance, body)
    precision = chance.choice(
        ("", "precision=s", "precision=ms", "precision=ns", "precision=us", "precision=%C2%B5")
    )
    query = _query(chance, 0.1) or precision
    return "POST", chance.choice(POST_PATHS[1:]), query, headers, body


def _unsigned(chance: random.Random) -> tuple[str, str, str, dict[str, str], bytes]:
    device = chance.choice(("nobody-1", "nobody-2", "nobody-2", "uno-7f3a", REVOKED_DEVICE))
    body = _changed_or_not(chance, odd_bodies.numbered_body(chance, device, BOOTS, SEQS))
    return "POST", "/v1/readings", "", {"CONTENT_TYPE": "application/json"}, body


def _read(chance: random.Random) -> tuple[str, str, str, dict[str, str], bytes]:
    path = chance.choice(READ_PATHS[:-1] if chance.random() < 0.95 else READ_PATHS)
    return "GET", path, _query(chance, 0.8), _bearer(chance, READER_KEY), b""


def _service(chance: random.Random) -> tuple[str, str, str, dict[str, str], bytes]:
    return "GET", chance.choice(SERVICE_PATHS), _query(chance, 0.2), {}, b""


def _anything(chance: random.Random) -> tuple[str, str, str, dict[str, str], bytes]:
    paths = (*_ODD_PATHS, *READ_PATHS, *SERVICE_PATHS, *POST_PATHS)
    headers = {chance.choice(_HEADERS): chance.choice(_ODD_TEXTS) for _ in range(chance.randrange(4))}
    headers |= chance.choice(({}, _bearer(chance, READER_KEY), _bearer(chance, WRITERS["phone"])))
    body = chance.choice((b"", b"{}", b"[]", odd_bodies.changed(chance, odd_bodies.points_body(chance))))
    return (
        chance.choice(("GET", "POST", *_ODD_METHODS)),
        chance.choice(paths),
        _query(chance, 0.3),
        headers,
        body,
    )


def _too_large(chance: random.Random) -> tuple[str, str, str, dict[str, str], bytes]:
    kind = chance.choice((_signed, _client, _lines, _unsigned))
    method, path, query, headers, body = kind(chance)
    body += bytes(chance.choice((70_000, 1_200_000)))
    if chance.random() < 0.5 and "HTTP_AUTHORIZATION" in headers and kind is _signed:
        headers["HTTP_AUTHORIZATION"] = signed(body)["Authorization"]
    if chance.random() < 0.5:
        headers["CONTENT_LENGTH"] = ""
    return method, path, query, headers, body


KINDS: Mapping[Kind, int] = {
    _signed: 300,
    _client: 250,
    _lines: 160,
    _unsigned: 60,
    _read: 70,
    _service: 30,
    _anything: 67,
    _too_large: 3,
}
"""How often each kind is drawn."""


def _changed_or_not(chance: random.Random, body: bytes) -> bytes:
    return body if chance.random() < 0.35 else odd_bodies.changed(chance, body)


def _bearer(chance: random.Random, key: bytes) -> dict[str, str]:
    text = encode_key(key)
    kind = chance.randrange(40)
    if kind == 0:
        text = text[:-1] + chance.choice("Aa_-=")
    if kind == 1:
        text = encode_key(chance.choice((READER_KEY, bytes(32), *WRITERS.values())))
    return {"HTTP_AUTHORIZATION": chance.choice(("Bearer ", "Bearer ", "Token ", "bearer  ")) + text}


def _idempotency(chance: random.Random) -> dict[str, str]:
    if chance.random() < 0.9:
        return {}
    return {
        "HTTP_IDEMPOTENCY_KEY": chance.choice(
            (f'"{chance.randrange(1000)}"', f"plain-{chance.randrange(1000)}", '"same"')
        )
    }


def _query(chance: random.Random, likely: float) -> str:
    if chance.random() >= likely:
        return ""
    pairs = (
        f"{chance.choice(_QUERY_NAMES)}={chance.choice(_ODD_QUERY_VALUES)}"
        for _ in range(chance.choice((1, 1, 2, 3)))
    )
    return "&".join(pairs)
