"""The gateway's HTTP server, told to refuse what two readers of HTTP could take for different requests.

waitress finds one end of such a request and keeps the connection; a proxy before it may find another, and
then somebody else's request begins in the middle (CWE-444). By RFC 9112 (sections 3, 3.2, 5.2, 6.1 and 6.3)
these may be refused, or else the connection has to end. Refused, they get a bare 400, and it ends.
"""

import re
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError

_LINE = re.compile(rb"[A-Z]+ [^ ]+ HTTP/1\.([01])")
_LENGTH = re.compile(rb"[0-9]{1,18}")


def doubt_about(head: bytes) -> str:
    """Return what is doubtful about a request's head, its last empty line left out; "" if nothing is."""
    line, _, rest = head.partition(b"\r\n")
    found = _LINE.fullmatch(line)
    if found is None:
        return "this is no request line of HTTP/1.1"
    fields = [field for field in rest.split(b"\r\n") if field]
    if any(field[:1] in {b" ", b"\t"} for field in fields):
        return "a field is folded over several lines"
    named: dict[bytes, list[bytes]] = {}
    for field in fields:
        name, _, value = field.partition(b":")
        named.setdefault(name.lower(), []).append(value.strip(b" \t"))
    lengths, codings = named.get(b"content-length", []), named.get(b"transfer-encoding", [])
    hosts = len(named.get(b"host", []))
    if hosts > 1 or (hosts == 0 and found[1] == b"1"):
        return f"there are {hosts} hosts"
    if len(lengths) > 1 or not all(_LENGTH.fullmatch(length) for length in lengths):
        return "the length is not one number"
    if codings and (lengths or found[1] == b"0" or [one.lower() for one in codings] != [b"chunked"]):
        return "the end of the body is in doubt"
    return ""


class _Parser(HTTPRequestParser):
    def parse_header(self, header_plus: bytes) -> None:
        doubt = doubt_about(header_plus.rstrip(b"\r\n"))
        if doubt:
            raise ParsingError(doubt)
        super().parse_header(header_plus)


class StrictChannel(HTTPChannel):
    """A connection on which doubtful requests are refused."""

    parser_class: Any = _Parser
