"""Bodies of requests: right ones of every form, and what becomes of them when tokens or bytes are changed.

All of it is drawn from a generator of random numbers that is passed in, and from nothing else.
"""

import gzip
import random
import re
from collections.abc import Callable, Sequence

BODY_BYTES_MAX = 65_536

_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|[-+\w.]+|\s+|.', re.DOTALL)
_NAMES = ("a0", "a1", "temp", "humidity", "t_2", "x")

# what stands where a number, a text or a bracket stood
ODD_TOKENS: Sequence[bytes] = (
    *(b"null", b"true", b"false", b"NaN", b"Infinity", b"-Infinity", b"nan", b"undefined", b"None"),
    *(b"0", b"-0", b"-0.0", b"01", b"+1", b"1.", b".5", b"1e5", b"1E+2", b"1e", b"0x10", b"1_000", b"--1"),
    *(b"1e308", b"1e309", b"-1e400", b"5e-324", b"1e-400", b"0.1", b"1e-99999999999999999999"),
    *(b"1e99999999999999999999", b"2.5e-1000000", b"9007199254740993", b"9007199254740992.0"),
    *(b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"-9223372036854775809"),
    *(b"18446744073709551615", b"18446744073709551616", b"4294967295", b"4294967296", b"-1"),
    *(b"1" * 400, b"9" * 5_000, b"1." + b"0" * 400 + b"1", b"0." + b"1" * 5_000),
    *(
        b'""',
        b'"a0"',
        b'"1"',
        b'"boot"',
        b'"seq"',
        b'"values"',
        b'"\\u0000"',
        b'"\\ud800"',
        b'"\\udc00\\ud800"',
    ),
    *(b'"\\ud83d\\ude00"', b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xf5\x80\x80\x80"', b'"\\x41"'),
    *(b'"\x00"', b'"\n"', b'"\\u2028\\u001b[2J"', b'"=1+1"', b'"../../x"', b'"' + b"a" * 300 + b'"'),
    *(b'"2026-11-21T14:00:00Z"', b'"0001-01-01T00:00:00Z"', b'"9999-12-31T23:59:59.999999+23:59"'),
    *(b'"2026-11-21T14:00:00"', b'"2026-02-30T00:00:00Z"', b'"2026-12-31T23:59:60Z"', b'"12/24/2026"'),
    *(b"{}", b"[]", b"[[]]", b'{"":0}', b'{"a":1,"a":2}', b"[1,2,3]", b",", b":", b"{", b"}", b"[", b"]"),
    *(b"/*x*/", b"//x\n", b"'a0'", b"\\", b'"', b" ", b"\t\r\n", b"\x0c", b"\xc2\xa0", b"\xef\xbb\xbf"),
)
_DEPTHS = (10, 100, 900, 960, 990, 1_000, 2_000, 30_000)
_MEMBERS: Sequence[bytes] = (
    *(b"bn", b"bt", b"bu", b"bv", b"bver", b"n", b"u", b"v", b"vb", b"vs", b"t", b"ut", b"x_", b"x"),
    *(b"device", b"boot", b"seq", b"age_ms", b"timestamp", b"values", b"status", b"channels"),
)
_ODD_BYTES = (
    b"\0",
    b"\xff",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\r\n",
    b"\x1b",
    b'"',
    b"\\",
    b"}",
)


def number(chance: random.Random) -> bytes:
    """Return a number as JSON has it."""
    kind = chance.randrange(8)
    if kind < 4:
        return b"%d" % chance.randrange(1024)
    if kind < 6:
        return b"%.*f" % (chance.randrange(1, 4), chance.uniform(-50, 50))
    if kind < 7:
        return repr(chance.gauss(0, 1) * 10.0 ** chance.randrange(-30, 30)).encode()
    return b"%d" % chance.randrange(-(2**63), 2**63)


def signed_body(chance: random.Random, boots: int, seqs: int) -> bytes:
    """Return a device's request (docs/wire-protocol.md) of one of so many starts and readings."""
    channels = chance.sample(_NAMES, chance.randrange(1, 4))
    first = chance.randrange(seqs)
    rows = b",".join(
        b"[%d,%b,%b]"
        % (
            first + index,
            chance.choice((b"0", b"17", b"4294967295", b"null")),
            b",".join(
                number(chance) if place == 0 or chance.random() < 0.9 else b"null"
                for place in range(len(channels))
            ),
        )
        for index in range(chance.choice((1, 1, 2, 5)))
    )
    names = b",".join(b'"%b"' % name.encode() for name in channels)
    status = b',"status":{"retries":%d,"lost":0}' % chance.randrange(9) if chance.random() < 0.2 else b""
    return b'{"boot":%d,"channels":[%b],"readings":[%b]%b}' % (chance.randrange(boots), names, rows, status)


def _values(chance: random.Random) -> bytes:
    names = chance.sample(_NAMES, chance.randrange(1, 4))
    return b"{%b}" % b",".join(b'"%b":%b' % (name.encode(), number(chance)) for name in names)


def numbered_body(chance: random.Random, device: str, boots: int, seqs: int) -> bytes:
    """Return plain JSON whose readings have numbers."""
    first = chance.randrange(seqs)
    readings = b",".join(
        b'{"seq":%d,"age_ms":%d,"values":%b}' % (first + index, chance.randrange(10_000), _values(chance))
        for index in range(chance.choice((1, 1, 3)))
    )
    return b'{"device":"%b","boot":%d,"readings":[%b]}' % (
        device.encode(),
        1 + chance.randrange(boots),
        readings,
    )


def points_body(chance: random.Random) -> bytes:
    """Return plain JSON whose readings have no numbers."""
    times = (
        b"",
        b"",
        b',"age_ms":%d' % chance.randrange(10_000),
        b',"timestamp":"2026-11-%02dT14:00:00Z"' % chance.randrange(1, 29),
        b',"timestamp":"2026-11-21T16:00:00.%06d+02:00"' % chance.randrange(3),
    )
    readings = (
        b'{"values":%b%b}' % (_values(chance), chance.choice(times)) for _ in range(chance.choice((1, 3)))
    )
    return b'{"readings":[%b]}' % b",".join(readings)


def senml_body(chance: random.Random) -> bytes:
    """Return a SenML pack (RFC 8428)."""
    records = []
    for index in range(chance.choice((1, 2, 5))):
        base = chance.choice(
            (b"", b"", b'"bn":"room/",', b'"bt":1790000000.%d,' % chance.randrange(9), b'"bv":10,')
        )
        time = chance.choice((b"", b"", b',"t":-%d' % chance.randrange(3), b',"t":-0.5', b',"t":1790000001'))
        value = b'"vb":true' if chance.random() < 0.1 else b'"v":%b' % number(chance)
        name = chance.choice(_NAMES).encode() + b"%d" % index
        records.append(b'{%b"n":"%b","u":"Cel",%b%b}' % (base, name, value, time))
    return b"[%b]" % b",".join(records)


def lines_body(chance: random.Random) -> bytes:
    """Return line protocol, at most twelve lines."""
    lines = []
    for _ in range(chance.choice((1, 2, 12))):
        tags = chance.choice((b"", b",room=attic", b",z=1,a=2", rb",room=my\ attic"))
        fields = b",".join(
            b"%b=%b" % (name.encode(), chance.choice((b"1i", b"t", b"21.5", b"-3e2", number(chance))))
            for name in chance.sample(_NAMES, chance.randrange(1, 4))
        )
        time = chance.choice((b"", b" 1790000000%09d" % chance.randrange(3), b" 1790000000"))
        lines.append(b"weather%b %b%b" % (tags, fields, time))
    return chance.choice((b"\n", b"\n", b"\r\n", b"\n\n# no point\n")).join(lines)


def packed(chance: random.Random, body: bytes) -> bytes:
    """Return a body as gzip, right or wrong."""
    data = gzip.compress(body, 1, mtime=0)
    kind = chance.randrange(10)
    if kind == 0:
        return data[: chance.randrange(len(data))]
    if kind == 1:
        return data + data
    if kind == 2:
        return _flip_a_bit(chance, data)
    return BOMB if kind == 3 else data


BOMB = gzip.compress(b"a=1\n" * 4_000_000, 9, mtime=0)
"""16 MB of lines in a body that is short enough."""


def changed(chance: random.Random, body: bytes) -> bytes:
    """Return a body after one to three changes."""
    for _ in range(chance.choice((1, 1, 2, 3))):
        body = chance.choice(CHANGES)(chance, body)
    return body


def _at_a_token(chance: random.Random, body: bytes, replace: Callable[[bytes], bytes]) -> bytes:
    found = [match.span() for match in _TOKENS.finditer(body[:4096])]
    if not found:
        return replace(b"")
    start, end = chance.choice(found)
    return body[:start] + replace(body[start:end]) + body[end:]


def _replace_a_token(chance: random.Random, body: bytes) -> bytes:
    return _at_a_token(chance, body, lambda _old: chance.choice(ODD_TOKENS))


def _insert_a_token(chance: random.Random, body: bytes) -> bytes:
    return _at_a_token(chance, body, lambda old: old + chance.choice(ODD_TOKENS))


def _drop_a_token(chance: random.Random, body: bytes) -> bytes:
    return _at_a_token(chance, body, lambda _old: b"")


def _add_a_member(chance: random.Random, body: bytes) -> bytes:
    """Put a member behind an opening brace: one that is known, one that is there, or another one."""
    places = [at for at, byte in enumerate(body[:4096]) if byte == 0x7B]
    if not places:
        return body
    at = chance.choice(places) + 1
    value = _deep(chance) if chance.random() < 0.2 else chance.choice(ODD_TOKENS)
    return body[:at] + b'"%b":%b,' % (chance.choice(_MEMBERS), value) + body[at:]


def _deep(chance: random.Random) -> bytes:
    # around the depth at which one reader of JSON still goes on and another one gives up
    depth = max(1, chance.choice(_DEPTHS) - chance.randrange(60))
    opening, closing = chance.choice(((b"[", b"]"), (b'{"a":', b"}")))
    return opening * depth + b"1" + closing * (depth if chance.random() < 0.9 else depth - 1)


def _nest(chance: random.Random, body: bytes) -> bytes:
    return _at_a_token(chance, body, lambda _old: _deep(chance))


def _say_it_twice(chance: random.Random, body: bytes) -> bytes:
    """Repeat what stands between two commas or brackets."""
    cuts = [at for at, byte in enumerate(body[:4096]) if byte in b",{[]}\n "]
    if len(cuts) < 2:
        return body + body
    start, end = sorted(chance.sample(cuts, 2))
    return body[:end] + body[start:end] + body[end:]


def _flip_a_bit(chance: random.Random, body: bytes) -> bytes:
    if not body:
        return b"\0"
    at = chance.randrange(len(body))
    return body[:at] + bytes([body[at] ^ 1 << chance.randrange(8)]) + body[at + 1 :]


def _insert_bytes(chance: random.Random, body: bytes) -> bytes:
    at = chance.choice((0, len(body), chance.randrange(len(body) + 1)))
    return body[:at] + chance.choice(_ODD_BYTES) + body[at:]


def _cut(chance: random.Random, body: bytes) -> bytes:
    return body[: chance.randrange(len(body) + 1)]


def _in_another_coding(chance: random.Random, body: bytes) -> bytes:
    return body.decode("latin-1").encode(
        chance.choice(("utf-16", "utf-16-le", "utf-32", "utf-7", "cp037")), "replace"
    )


def _spread_out(chance: random.Random, body: bytes) -> bytes:
    room = chance.choice((BODY_BYTES_MAX - 1, BODY_BYTES_MAX, BODY_BYTES_MAX + 1, 80_000)) - len(body)
    return body + b" " * room if chance.random() < 0.05 else body + b" " * chance.randrange(40)


CHANGES: Sequence[Callable[[random.Random, bytes], bytes]] = (
    *(_replace_a_token, _replace_a_token, _replace_a_token, _insert_a_token, _drop_a_token, _add_a_member),
    *(_nest, _say_it_twice, _say_it_twice, _flip_a_bit, _insert_bytes, _cut, _in_another_coding, _spread_out),
)
