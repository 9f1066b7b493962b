"""The ledger of a fuzzing run: what was accepted, by whom, and so must be in the store."""

import base64
import binascii
import json
import re
import urllib.parse
from collections import defaultdict
from typing import Any

from campaign.server import accepted_readings as accepted
from campaign.server import odd_requests as odd
from campaign.server.accepted_readings import Identity, Reading
from campaign.server.fuzz_target import NOW_NS, came
from campaign.server.odd_requests import Request
from ingest_server.front_side import Answered
from ingest_server.wire import tag_of
from unoingest.signature import encode_key

_NUMBERS_OF_LINES = re.compile(r"(?:^|; )line (\d+): ")
_MORE_LINES = re.compile(r"; and (\d+) more$")


class Ledger:
    """What was accepted, and so must be stored."""

    def __init__(self) -> None:
        self.stored: dict[Identity, Reading] = {}
        self.fresh: list[Identity] = []
        self._points: dict[str, int] = defaultdict(int)
        self._known: dict[str, set[tuple[int | None, str]]] = defaultdict(set)
        self._answers: dict[tuple[str, str], bytes] = {}

    def complaint(self, request: Request, answer: Answered, lines: list[bytes]) -> str:
        """Take the readings of an accepted request into account; say what is wrong with accepting it.

        Args:
            request: What was sent.
            answer: 2xx, or that a part was stored.
            lines: What the log of readings got.
        """
        self.fresh.clear()
        wrong = self._take_request(request, answer)
        entries = [json.loads(line) for piece in lines for line in piece.splitlines()]
        logged = [one["reading"] for one in entries if "reading" in one]
        told = [(one["device"], one["boot"], one["seq"]) for one in logged]
        return wrong or ("" if told == self.fresh else f"the log got {told}, accepted were {self.fresh}")

    def _take_request(self, request: Request, answer: Answered) -> str:
        authorization = request.headers.get("HTTP_AUTHORIZATION", "")
        if request.is_signed:
            return self._take_signed(request, authorization)
        if not authorization:
            return self._take_unsigned(request, answer)
        client = _client_of(authorization)
        if client is None:
            return "accepted by a wrong key"
        if request.path != "/v1/readings" and not _points_of_lines(request, answer):
            # there was nothing to store, and nothing to know again
            return ""
        key = request.headers.get("HTTP_IDEMPOTENCY_KEY", "").strip()
        if key:
            key = key.removeprefix('"').removesuffix('"')
            if (client, key) in self._answers:
                same = self._answers[client, key] == answer.body
                return "" if same else "another answer to a request that came again"
            self._answers[client, key] = answer.body
        return self._take_client(request, answer, client)

    def _take_unsigned(self, request: Request, answer: Answered) -> str:
        numbered = list(accepted.of_numbered(came(request), NOW_NS))
        if numbered[0][0][0] in {*odd.DEVICES, *odd.WRITERS, odd.READER, odd.REVOKED_DEVICE}:
            return "accepted without its key"
        return self._take(numbered) or _wrongly_told(answer, numbered)

    def _take_signed(self, request: Request, authorization: str) -> str:
        device, _, tag = authorization.rsplit(maxsplit=1)[-1].partition(":")
        if tag != tag_of(came(request), odd.DEVICES.get(device, b"nobody's"), device):
            return "accepted with a wrong tag"
        held_ms = int((request.headers.get("HTTP_UNOLINK_HELD") or "0:").partition(":")[0])
        return self._take(list(accepted.of_device(device, came(request), held_ms, NOW_NS)))

    def _take_client(self, request: Request, answer: Answered, client: str) -> str:
        body = came(request)
        if request.path != "/v1/readings":
            return self._take_points(client, _points_of_lines(request, answer), None)
        told = json.loads(answer.body)
        if request.headers.get("CONTENT_TYPE", "").lower().startswith("application/senml+json"):
            return self._take_points(client, accepted.of_senml(body, NOW_NS), told)
        if "boot" in json.loads(body):
            numbered = list(accepted.of_numbered(body, NOW_NS))
            if numbered[0][0][0] != client:
                return "accepted as another's"
            return self._take(numbered) or _wrongly_told(answer, numbered)
        return self._take_points(client, list(accepted.of_points(body, NOW_NS)), told)

    def _take(self, readings: list[tuple[Identity, Reading]]) -> str:
        for identity, reading in readings:
            if identity not in self.stored:
                self.fresh.append(identity)
            if self.stored.setdefault(identity, reading).values != reading.values:
                return f"accepted {identity} with other values than before"
        return ""

    def _take_points(self, client: str, points: list[Reading], told: Any) -> str:
        seqs = []
        for point in points:
            identity = accepted.identity_of_point(point)
            if point.time_ns is not None and identity in self._known[client]:
                continue
            self._known[client].add(identity)
            seqs.append(self._points[client])
            stored = Reading(NOW_NS if point.time_ns is None else point.time_ns, point.values)
            self.fresh.append((client, 0, self._points[client]))
            self.stored[client, 0, self._points[client]] = stored
            self._points[client] += 1
        right = {"boot": 0, "acked": seqs, "known": len(points) - len(seqs)}
        return f"told {told}, expected {right}" if told not in (None, right) else ""


def _wrongly_told(answer: Answered, readings: list[tuple[Identity, Reading]]) -> str:
    (_, boot, _), _ = readings[0]
    right = {"boot": boot, "acked": list(dict.fromkeys(seq for (_, _, seq), _ in readings))}
    told = json.loads(answer.body)
    return "" if told == right else f"told {told}, expected {right}"


def _points_of_lines(request: Request, answer: Answered) -> list[Reading]:
    detail = json.loads(answer.body)["detail"] if answer.body else ""
    refused = [int(one) for one in _NUMBERS_OF_LINES.findall(detail)]
    more = _MORE_LINES.search(detail)
    named = urllib.parse.parse_qs(request.query).get("precision", ["ns"])[0]
    return list(accepted.of_lines(came(request), named, refused, int(more[1]) if more else 0))


def _client_of(authorization: str) -> str | None:
    """Return whose key for writing an Authorization header holds."""
    token = authorization.rsplit(maxsplit=1)[-1]
    if authorization[:5].lower() == "basic":
        try:
            token = base64.b64decode(token).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return None
    names = [name for name, key in odd.WRITERS.items() if encode_key(key) == token]
    return names[0] if names else None
