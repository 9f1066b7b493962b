"""What a line of the AT dialogue is, in a word or two, for people who read a recording.

Rules: a table, first match wins. Nothing depends on it.
"""

import re

from unosim.trace import Channel

_HOST = [
    (re.compile(rb"AT[^\r\n]*\r\n", re.IGNORECASE), "command"),
    (re.compile(rb""), "data"),
]
_MODULE = [
    (re.compile(rb"\s*> ?$"), "prompt"),
    (re.compile(rb"AT", re.IGNORECASE), "echo"),
    (re.compile(rb"(OK|ERROR|FAIL|SEND OK|SEND FAIL|SEND Canceled)\r\n"), "result"),
    (re.compile(rb"busy [ps]\.\.\.\r\n"), "busy"),
    (re.compile(rb"Recv \d+ bytes\r\n"), "data taken"),
    (re.compile(rb"\+IPD,"), "data from the network"),
    (re.compile(rb"WIFI |ready\r\n|(\d,)?(CONNECT|CLOSED)\r\n|Will force to restart"), "event"),
    (re.compile(rb"\+\w+[:,]"), "information"),
    (re.compile(rb"\r\n"), "blank"),
    (re.compile(rb""), "text"),
]


def meaning(channel: Channel, data: bytes) -> str:
    """Return what a line is."""
    table = _HOST if channel is Channel.UNO_TX else _MODULE
    return next(name for pattern, name in table if pattern.match(data))
