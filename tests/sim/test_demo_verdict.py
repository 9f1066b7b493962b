"""The demo's last word: what the device was told, held against what the store holds."""

from typing import Any

import pytest

from unosim.demo import DemoError, _check
from unosim.lab import DEVICE, KEY
from unosim.signed import answer_tag, request_tag
from unosim.trace import Channel, Trace

ROW: dict[str, Any] = {"device": "uno-1", "boot": 1, "seq": 0, "values": {"a0": 5}}


def a_trace() -> Trace:
    """One reading, posted and acknowledged."""
    body = b'{"boot":1,"channels":["a0"],"readings":[[0,1,5]]}'
    tag = request_tag(KEY, DEVICE, body)
    head = f"POST /v1/readings HTTP/1.1\r\nAuthorization: Unolink {DEVICE}:{tag}\r\n\r\n"
    trace = Trace()
    trace.record(1, Channel.NET_TX, head.encode() + body)
    answer = f"HTTP/1.1 204 No Content\r\nunolink-tag: {answer_tag(KEY, 204, tag)}\r\n\r\n"
    trace.record(2, Channel.ESP_TX, b"+IPD,4,9:" + answer.encode())
    return trace


def test_what_was_acknowledged_and_is_stored_once_is_well() -> None:
    _check(a_trace(), acked_by_device=1, stored=[ROW])


@pytest.mark.parametrize(
    ("acked_by_device", "stored", "complaint"),
    [
        (1, [], "stored 0 times"),
        (1, [ROW, ROW], "stored 2 times"),
        (1, [ROW | {"seq": 1}], "stored 0 times"),
        (1, [ROW | {"values": {"a0": 6}}], "stored as {'a0': 6}"),
        (2, [ROW], "the device counts 2 acknowledgements, the wire saw 1"),
    ],
)
def test_a_broken_promise_is_an_error(
    acked_by_device: int, stored: list[dict[str, Any]], complaint: str
) -> None:
    with pytest.raises(DemoError) as caught:
        _check(a_trace(), acked_by_device=acked_by_device, stored=stored)
    assert complaint in str(caught.value)
