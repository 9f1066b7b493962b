"""Some of the requests of every kind, and that the campaign would notice what it is to notice."""

import re
from collections import Counter
from typing import Any

import pytest

from campaign.server import fuzzed_requests, odd_requests
from campaign.server.accepted_readings import of_lines
from unoingest.line_protocol import decode_lines
from unoingest.senml import decode_senml

pytestmark = pytest.mark.system
REQUESTS = 400


def test_every_request_gets_what_is_documented() -> None:
    assert [wrong for wrong in fuzzed_requests.tries(range(REQUESTS)) if wrong] == []


def test_requests_are_of_every_kind_right_and_wrong(mocker: Any) -> None:
    answers = Counter[tuple[str, int]]()
    judge = fuzzed_requests._wrong_answer

    def count(request: odd_requests.Request, answer: Any) -> str:
        answers[request.path, answer.status // 100] += 1
        return judge(request, answer)

    mocker.patch.object(fuzzed_requests, "_wrong_answer", count)
    list(fuzzed_requests.tries(range(REQUESTS)))
    for path in odd_requests.POST_PATHS:
        assert answers[path, 2] > REQUESTS / 100
        assert answers[path, 4] > REQUESTS / 100
    assert sum(answers[path, 2] for path in odd_requests.READ_PATHS) > REQUESTS / 100


def test_a_request_follows_from_its_number() -> None:
    assert odd_requests.draw(7) == odd_requests.draw(7)
    assert odd_requests.draw(7) != odd_requests.draw(8)


def test_of_many_refused_lines_the_last_are_found_by_what_is_wrong_with_them() -> None:
    lines = b"m a=1 1\nm a=x 2\nm-a=1i\nm a=2 2\nm a=3 9999999999999999"
    assert [point.time_ns for point in of_lines(lines, "ms", [2], 2)] == [10**6, 2 * 10**6]
    for refused, more in (([2], 1), ([2], 3), ([3], 2), ([], 0)):
        with pytest.raises(ValueError, match=r"no time|refused|float|unpack"):
            list(of_lines(lines, "ms", refused, more))


def broken_senml(body: bytes, received_at_ns: int) -> Any:
    return decode_senml(body, received_at_ns - 1)


def broken_lines(text: str, precision: str) -> Any:
    return decode_lines(text.replace("21.5", "21.50000001"), precision)


@pytest.mark.parametrize(
    ("place", "broken", "complaint"),
    [
        ("unoingest.client_posts.decode_senml", broken_senml, "stored .* accepted"),
        ("unoingest.client_posts.decode_lines", broken_lines, "stored .* accepted"),
        ("unoingest.client_posts.decode_lines", lambda _text, _precision: 1 / 0, "no such answer"),
        ("unoingest.bearer.base64.b64decode", lambda _text, **_: 1 / 0, "no such answer"),
        ("unoingest.structured_log._inert", bytes, "no line of a log"),
        ("unoingest.answers.encode_problem", lambda _problem: b"{}", "no problem of the table"),
        (
            "unoingest.signed_posts.hmac.compare_digest",
            lambda _one, _other: True,
            "accepted with a wrong tag",
        ),
    ],
)
def test_it_bites(mocker: Any, place: str, broken: Any, complaint: str) -> None:
    mocker.patch(place, broken)
    wrong = [one for one in fuzzed_requests.tries(range(REQUESTS)) if one]
    assert any(re.search(complaint, one) for one in wrong), wrong[:2]
