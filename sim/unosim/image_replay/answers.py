"""The tags of recorded answers, made anew for the requests that an image really makes.

The tag of an answer covers the request's (docs/wire-protocol.md), and a recording has neither the key nor
readings that could be taken again. So an answer that the recorded node believed is signed under the key of
this node, which is the lab's; one that it did not believe stays as it is, and is not believed here either.

Rules: a node has not believed an answer if its next request begins with the same reading and has no fewer.
After the last request nobody can tell; its answer is taken for a right one.
"""

import bisect
import re
from collections.abc import Sequence
from typing import NamedTuple

from unosim.image_replay.dialogue import Piece
from unosim.lab import KEY
from unosim.signed import answer_tag, parse_post

_TAG = re.compile(rb"(?i)\r\nUnolink-Tag: ([\w-]{22})\r\n")
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
_HEAD = b"HTTP/1."


class Answer(NamedTuple):
    """A tag in what the module said."""

    start: int
    """Where it begins."""
    end: int
    status: int

    def signed_for(self, request: bytes) -> bytes | None:
        """Return the tag for another request; None if that is not a signed one."""
        post = parse_post(request)
        return answer_tag(KEY, self.status, post.tag).encode() if post else None


def believed(said: bytes, instants: Sequence[int], pieces: list[Piece]) -> list[Answer]:
    """Return the answers that were believed.

    Args:
        said: all that the module said.
        instants: when each of its bytes began, in ns.
        pieces: all that the Uno said.
    """
    requests = [piece for piece in pieces if piece.is_request]
    ends = [request.instants[-1] for request in requests]
    found = []
    for match in _TAG.finditer(said):
        status = _STATUS.match(said, max(0, said.rfind(_HEAD, 0, match.start())))
        asked = bisect.bisect_left(ends, instants[match.start(1)])
        if status and asked and _went_on(*requests[asked - 1 : asked + 1]):
            found.append(Answer(match.start(1), match.end(1), int(status[1])))
    return found


def _went_on(request: Piece, following: Piece | None = None) -> bool:
    """Return whether a request was followed by one about something else, or by none."""
    before, after = request.batch, following.batch if following else None
    return not (before and after and after.after(before) == "again")
