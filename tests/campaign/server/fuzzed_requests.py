"""Sends the server requests of every kind, right and wrong, and judges each answer and what was stored.

Each request goes to the application as WSGI calls it, or to `unoingest serve` as HTTP; what takes the
hot path goes to both, which must answer the same, unless it is no HTTP. Nothing makes the store fail here, so
no answer is a 5xx.
What the gateway would take of a device is held against the server's verdict, too.
"""

import json
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from campaign.server import odd_requests as odd
from campaign.server.accepted_requests import Ledger
from campaign.server.fuzz_target import Target, came, problem_code
from campaign.server.odd_requests import Request
from ingest_server.front_side import Answered
from unobridge import body as gateway_body
from unoingest.problems import PROBLEMS
from unoingest.signature import encode_key
from unoingest.store import read_readings

ANSWER_S_MAX = 5.0
BODY_BYTES_MAX = 65_536
LINE_BYTES_MAX = 4096
MEMORY = next((path for path in ("/dev/shm",) if Path(path).is_dir()), None)  # noqa: S108 - a folder of its own in it
"""Where the store is: no power is cut here, so that syncs need not cost anything."""
_SECRETS = [*odd.DEVICES.values(), *odd.WRITERS.values(), odd.READER_KEY, odd.REVOKED_KEY]
_ANY_SECRET = re.compile("|".join(encode_key(secret) for secret in _SECRETS))
# what a terminal or a reader of lines would act upon
_ACTIVE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_MAY_SUCCEED = {
    **dict.fromkeys(odd.POST_PATHS, ("POST",)),
    **dict.fromkeys((*odd.READ_PATHS, *odd.SERVICE_PATHS), ("GET", "HEAD")),
}


def tries(trials: range) -> Iterator[str]:
    """Yield what was wrong with the answer to each of so many requests, sent to one server."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, closing(Target(Path(folder))) as target:
        ledger = Ledger()
        for trial in trials:
            wrong = _complaint(target, ledger, odd.draw(trial))
            yield wrong or (_complaint_about_the_store(target, ledger) if trial == trials[-1] else "")


def _complaint(target: Target, ledger: Ledger, request: Request) -> str:
    """Send a request and return what is wrong with what came of it."""
    begun_s = time.monotonic()
    target.log.clear()
    target.emitted.clear()
    # a sixteenth of every kind: but for what is signed, HTTP is a way to the application
    over_http_first = int(request.address.rpartition(".")[2]) % 16 == 0
    first = target.over_http(request) if over_http_first else None
    answer = first or target.over_wsgi(request)
    wrong = _wrong_answer(request, answer) or _wrong_log(target.log)
    if request.is_signed and not wrong and not _is_no_http(answer):
        other = target.over_wsgi(request) if first else target.over_http(request)
        agrees = other is None or _is_no_http(other) or _gist(other) == _gist(answer)
        # refused for its length or for its end, whichever is seen first; the client has gone
        agrees = agrees or _is_too_long_and_too_short(request)
        wrong = "" if agrees else f"the other entry answered {other}"
        wrong = wrong or _gateway_differs(request, answer)
    if time.monotonic() - begun_s > ANSWER_S_MAX:
        wrong = wrong or f"took {time.monotonic() - begun_s:.1f} s"
    is_accepted = request.method == "POST" and (
        answer.status < 300 or problem_code(answer) == "partial_write"
    )
    if is_accepted:
        # in any case: the ledger must go on with what the store got
        wrong = ledger.complaint(request, answer, target.emitted) or wrong
    elif target.emitted:
        wrong = "refused, and yet logged as stored"
    return f"{wrong}: {_shown(request)} -> {answer.status} {answer.body[:300]!r}" if wrong else ""


def _is_no_http(answer: Answered) -> bool:
    """Tell whether the request was refused before anybody asked what it means."""
    return problem_code(answer) in {"malformed_request", "head_too_large"}


def _is_too_long_and_too_short(request: Request) -> bool:
    """Tell whether more was announced than there may be, and less came than was announced."""
    length = request.headers["CONTENT_LENGTH"]
    return length.isdecimal() and int(length) > max(len(request.body), BODY_BYTES_MAX)


def _gist(answer: Answered) -> tuple[int, dict[str, str], str]:
    """Return what a program goes by; what is said of a body that is nested too deep is up to the stack."""
    return answer.status, answer.headers, problem_code(answer)


def _wrong_answer(request: Request, answer: Answered) -> str:
    if answer.status < 200 or 300 <= answer.status < 400 or answer.status >= 500:
        return "no such answer is documented"
    if answer.status < 300:
        return (
            ""
            if request.method in _MAY_SUCCEED.get(request.path, ())
            else "nothing is there that could succeed"
        )
    if answer.headers.get("content-type") != "application/problem+json":
        return f"no problem but {answer.headers}"
    if answer.status == 405 and not answer.headers.get("allow"):
        return "no Allow"
    if request.method == "HEAD":
        return ""
    kind = PROBLEMS.get(problem_code(answer))
    return "" if kind is not None and kind.status == answer.status else "no problem of the table"


def _wrong_log(lines: list[bytes]) -> str:
    for line in lines:
        text = line.decode()
        if len(line) > LINE_BYTES_MAX or not text.endswith("\n") or _ACTIVE.search(text[:-1]):
            return f"no line of a log: {line!r}"
        if _ANY_SECRET.search(text):
            return f"a key is in the log: {line!r}"
        entry = json.loads(text)
        if not isinstance(entry, dict) or entry["severity"] != "WARNING":
            return f"the log says {text[-2000:]}"
    return ""


def _gateway_differs(request: Request, answer: Answered) -> str:
    """Say where the gateway would take for good what the server refuses for good."""
    if problem_code(answer) not in {"malformed_json", "invalid_reading"}:
        return ""
    try:
        gateway_body.parse(came(request))
    except gateway_body.BodyError:
        return ""
    return "the gateway would take it"


def _complaint_about_the_store(target: Target, ledger: Ledger) -> str:
    stored = {(one.device, one.boot, one.seq): one for one in read_readings(target.path)}
    if missing := ledger.stored.keys() - stored.keys():
        return f"accepted and not stored: {sorted(missing)[:3]}"
    if extra := stored.keys() - ledger.stored.keys():
        return f"stored and not accepted: {[stored[one] for one in sorted(extra)[:3]]}"
    for identity, expected in ledger.stored.items():
        found = stored[identity]
        if found.timestamp_ns != expected.time_ns or json.loads(found.values_json) != expected.values:
            return f"stored {found}, accepted {expected}"
    return ""


def _shown(request: Request) -> str:
    headers = {name: value[:100] for name, value in request.headers.items()}
    return f"{request.method} {request.path[:80]!r}?{request.query[:80]} {headers} {request.body[:500]!r}"
