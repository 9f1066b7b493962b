"""The head of a request: one strict reading of its lines, as RFC 9112 (HTTP/1.1) has them.

Rules:

* Whatever two readers could take differently is refused: a line that does not end with CR LF, a control
  character, a folded field, a blank before a colon, two lengths, a length beside a coding, any coding but
  `chunked`, a coding in HTTP/1.0 (sections 2.2, 5.1, 5.2, 6.1 and 6.3).
* A field that is there twice has its values joined by a comma, so that what may be there only once is wrong.
* A field whose name has an underscore is left out: CGI's names make it the same as the one with a dash.

It finds no end of a head and reads no body (`unoingest.front.reader`), and judges no Host
(`unoingest.request_host`).
"""

import functools
import re
from urllib.parse import unquote_to_bytes

import msgspec

from unoingest.problems import MALFORMED_REQUEST, ProblemError

# visible characters, blanks, the ends of lines, and what is no ASCII (section 5.5 of RFC 9110)
_ALLOWED = bytes([*b"\t\r\n", *range(0x20, 0x7F), *range(0x80, 0x100)])
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_NAME = re.compile(_WORD)
# a fragment is never sent (RFC 9112, section 3.2)
_LINE = re.compile(rf"({_WORD}) ([!\"$-~]+) HTTP/1\.([01])")
_AUTHORITY = re.compile(r"(?i:https?)://[^/?]+")
_LENGTH_DIGITS_MAX = 18
_SHOWN_CHARS_MAX = 60
_NAMES_MAX = 512

# every name as it was sent, in lower case; a client sends few
_names: dict[str, str] = {}


class Head(msgspec.Struct, frozen=True, gc=False):
    """What a request says before its body.

    Args:
        method: As sent.
        path: Percent-decoded; each byte is the character of that number (as PEP 3333 has it).
        query: As sent, without the question mark.
        version: "1.0" or "1.1".
        fields: Values by name in lower case.
        length_bytes: Of the body, if it was announced.
        is_chunked: Whether the body comes in chunks (RFC 9112, section 7.1).
        keeps: Whether the client would send another request over this connection.
    """

    method: str
    path: str
    query: str
    version: str
    fields: dict[str, str]
    length_bytes: int | None
    is_chunked: bool
    keeps: bool

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for a word before it sends the body (RFC 9110, section 10.1.1)."""
        return self.version == "1.1" and self.fields.get("expect", "").lower() == "100-continue"


def read_head(data: bytes) -> Head:
    """Return what a head says.

    Args:
        data: Its lines, without the CR LF CR LF that ends it.

    Raises:
        ProblemError: malformed_request.
    """
    if data.translate(None, _ALLOWED):
        raise malformed("There is a control character in the head")
    text = data.decode("latin-1")
    line, *rest = text.split("\r\n")
    method, path, query, minor = _read_line(line)
    if not text.count("\r") == text.count("\n") == len(rest):
        raise malformed("A line of the head does not end with CR LF")
    fields: dict[str, str] = {}
    for field in rest:
        sent, colon, value = field.partition(":")
        name = (colon and _names.get(sent)) or _lower(sent, field)
        value = value.strip(" \t")
        if name in fields:
            value = f"{fields[name]},{value}"
        if "_" not in name:
            fields[name] = value
    length_bytes, is_chunked = _framing(fields, minor)
    keeps = minor == "1" and ("connection" not in fields or not _is_closing(fields["connection"]))
    return Head(method, path, query, f"1.{minor}", fields, length_bytes, is_chunked, keeps)


def malformed(detail: str) -> ProblemError:
    """Return the problem of a request that is none, or whose end is in doubt."""
    return ProblemError(MALFORMED_REQUEST, detail)


# a device sends the same line each time
@functools.lru_cache(maxsize=64)
def _read_line(line: str) -> tuple[str, str, str, str]:
    """Return method, path, query and minor version of a request line."""
    found = _LINE.fullmatch(line)
    if found is None:
        raise malformed(f"{line[:_SHOWN_CHARS_MAX]!r} is no request line of HTTP/1.1")
    method, target, minor = found.groups()
    return method, *_path_and_query(method, target), minor


def _lower(sent: str, field: str) -> str:
    """Return a field's name in lower case, after a look at it."""
    if not _NAME.fullmatch(sent) or ":" not in field:
        raise malformed(f"{field[:_SHOWN_CHARS_MAX]!r} is no field")
    name = sent.lower()
    if len(_names) < _NAMES_MAX:
        _names[sent] = name
    return name


def _path_and_query(method: str, target: str) -> tuple[str, str]:
    """Return the parts of a target in origin form, or in absolute form (RFC 9112, section 3.2)."""
    if target[0] != "/":
        authority = _AUTHORITY.match(target)
        if method == "CONNECT" or authority is None:
            raise malformed(f"{target[:_SHOWN_CHARS_MAX]!r} is no path")
        target = target[authority.end() :]
    elif method == "CONNECT":
        raise malformed("This is no proxy")
    path, _, query = target.partition("?")
    if "%" in path:
        path = unquote_to_bytes(path).decode("latin-1")
    return path or "/", query


def _framing(fields: dict[str, str], minor: str) -> tuple[int | None, bool]:
    """Return the announced length of the body, and whether it comes in chunks."""
    length, coding = fields.get("content-length"), fields.get("transfer-encoding")
    if coding is not None:
        if length is not None or minor == "0" or coding.lower() != "chunked":
            raise malformed(f"With Transfer-Encoding {coding[:_SHOWN_CHARS_MAX]!r} the end is in doubt")
        return None, True
    if length is None:
        return None, False
    # among the characters of a head only 0 to 9 are decimal
    if not length.isdecimal() or len(length) > _LENGTH_DIGITS_MAX:
        raise malformed(f"Content-Length {length[:_SHOWN_CHARS_MAX]!r} is not a number of bytes")
    return int(length), False


def _is_closing(connection: str) -> bool:
    return "close" in [option.strip(" \t") for option in connection.lower().split(",")]
