"""The Host of a request: there once, and a host, as RFC 9112, section 3.2, wants it.

A proxy and a server that read two Hosts differently can be played off against each other, and the HTTP server
below us lets them through.
"""

import functools
import re

from unoingest.problems import INVALID_HOST, ProblemError

HTTP_WITHOUT_HOST = "1.0"
SHOWN_CHARS_MAX = 60
# a name or an IPv4 address, or an IPv6 address, and a port; nothing for a target that has no authority. Of
# what a registered name might be by RFC 3986, section 3.2.2, only what is in use: no percent, no punctuation
_LABEL = r"[A-Za-z0-9_-]{1,63}"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9A-Fa-f:.]{{2,45}}\])?(?::[0-9]{{0,5}})?")


def check_host(host: str | None, http_version: str) -> None:
    """Raise ProblemError, invalid_host, unless a request may have this Host.

    Args:
        host: The field's value, joined by commas if it is there more than once; None if it is not there.
        http_version: For example "1.1".
    """
    if host is None:
        if http_version != HTTP_WITHOUT_HOST:
            raise ProblemError(INVALID_HOST, "There is no Host header")
    elif not _is_host(host):
        raise ProblemError(INVALID_HOST, f"Host is {host[:SHOWN_CHARS_MAX]!r}")


# a server is known by a few names
@functools.lru_cache(maxsize=128)
def _is_host(host: str) -> bool:
    return _HOST.fullmatch(host) is not None
