"""One reading's whole way, over both networks: the bytes on the UART, the rows in SQLite, the log lines."""

import hashlib
import json
import re
from itertools import pairwise

import pytest

from system.whole_path import Travel, without_date
from unosim.clock import NS_PER_S
from unosim.demo import acknowledged, posted
from unosim.lab import DEVICE, KEY, room_sensors
from unosim.signed import request_tag
from unosim.trace import Channel

pytestmark = pytest.mark.system
READINGS = 8
REQUESTS = 4
"""Five readings wait when the first connection opens, and go together; then each goes alone."""

TO_MODULE = (
    rb"ATE0\r\n"
    rb"AT\+CWMODE_CUR=1\r\n"
    rb"AT\+CIPMUX=1\r\n"
    rb"AT\+CIPRECVMODE=1\r\n"
    rb'AT\+CWJAP_CUR="unolink","simulated"\r\n'
    rb'AT\+CIPSTART=4,"TCP","ingest\.lan",8080\r\n'
)
REQUEST = (
    rb"AT\+CIPSEND=4,(?P<length>\d+)\r\n"
    rb"(?P<request>POST /v1/readings HTTP/1\.1\r\n"
    rb"Host: ingest\.lan:8080\r\n"
    rb"Authorization: Unolink uno-1:(?P<tag>[\w-]{22})\r\n"
    rb"Content-Length: (?P<body_length>\d+)\r\n"
    rb"\r\n"
    rb'(?P<body>\{"boot":2,"channels":\["a0","a1"\],"readings":\[\[\d+,\d+,\d+,\d+\]'
    rb'(?:,\[\d+,\d+,\d+,\d+\])*\](?:,"status":\{(?:"\w+":\d+,?)+\})?\}))'
    rb"AT\+CIPRECVDATA=4,128\r\n"
)
FROM_MODULE = (
    rb"(?s:.*)jump to run user1 @ 1000\r\n\r\n"
    rb"\r\nready\r\n"
    rb"(?:WIFI DISCONNECT\r\n)?"
    rb"ATE0\r\n\r\nOK\r\n"
    rb"\r\nOK\r\n"
    rb"\r\nOK\r\n"
    rb"\r\nOK\r\n"
    rb"WIFI CONNECTED\r\nWIFI GOT IP\r\n\r\nOK\r\n"
    rb"4,CONNECT\r\n\r\nOK\r\n"
)
ANSWER = (
    rb"\r\nOK\r\n> "
    rb"\r\nRecv \d+ bytes\r\n"
    rb"\r\nSEND OK\r\n"
    rb"\r\n\+IPD,4,(?P<announced>\d+)\r\n"
    rb"\r\n\+CIPRECVDATA,(?P<length>\d+):"
    rb"(?P<answer>HTTP/1\.1 204 (?i:No Content)\r\n(?:[a-z-]+: [^\r]+\r\n)+\r\n)"
    rb"\r\nOK\r\n"
)


def lower_headers(data: bytes) -> bytes:
    return re.sub(rb"\r\n[A-Za-z-]+: ", lambda found: found[0].lower(), data)


def test_the_bytes_on_the_uart_are_the_documented_dialogue(travel: Travel) -> None:
    trace = travel(READINGS).trace
    said = trace.heard(Channel.UNO_TX)
    assert re.fullmatch(
        TO_MODULE + b"(?:" + re.sub(rb"\?P<\w+>", b"?:", REQUEST) + rb"){%d}" % REQUESTS, said
    )
    for request in re.finditer(REQUEST, said):
        assert int(request["length"]) == len(request["request"])
        assert int(request["body_length"]) == len(request["body"])
        assert request["tag"].decode() == request_tag(KEY, DEVICE, request["body"])

    heard = lower_headers(trace.heard(Channel.ESP_TX))
    answers = b"(?:" + re.sub(rb"\?P<\w+>", b"?:", ANSWER) + rb"){%d}" % REQUESTS
    assert re.fullmatch(FROM_MODULE + answers, heard), heard
    for answer in re.finditer(ANSWER, heard):
        assert int(answer["length"]) == int(answer["announced"]) == len(answer["answer"])


def test_what_the_network_carries_is_what_the_uart_carried(travel: Travel) -> None:
    trace = travel(READINGS).trace
    requests = [match["request"] for match in re.finditer(REQUEST, trace.heard(Channel.UNO_TX))]
    assert requests == [entry.data for entry in trace.entries if entry.channel is Channel.NET_TX]


def test_the_store_holds_what_was_acknowledged_with_the_values_of_the_pins(travel: Travel) -> None:
    run = travel(READINGS)
    sent = posted(run.trace)
    assert acknowledged(run.trace) == {(2, seq) for seq in range(READINGS)}
    assert [(row["device"], row["boot"], row["seq"]) for row in run.stored] == list(sent)
    assert [row["values"] for row in run.stored] == list(sent.values())

    assert run.counters.acked == READINGS
    assert run.counters.sampled >= READINGS
    assert run.conversions == {0: run.counters.sampled, 1: run.counters.sampled}
    assert (run.counters.rejected, run.counters.lost, run.counters.retries) == (0, 0, 0)

    sensors = room_sensors()
    for seq, values in enumerate(sent.values()):
        at_ns = seq * NS_PER_S  # the image samples once a second, beginning at its start
        for name, channel in (("a0", 0), ("a1", 1)):
            code = sensors[channel](at_ns) * 1024 // 5000
            assert abs(values[name] - code) <= 3, (
                f"{name} of reading {seq}: {values[name]}, the pin says {code}"
            )


def test_each_stored_reading_is_logged_once(travel: Travel) -> None:
    run = travel(READINGS)
    entries = [entry for entry in map(json.loads, run.log_lines) if "reading" in entry]
    assert [entry["severity"] for entry in entries] == ["INFO"] * READINGS
    logged = [
        (entry["reading"]["device"], entry["reading"]["boot"], entry["reading"]["seq"]) for entry in entries
    ]
    assert logged == [(row["device"], row["boot"], row["seq"]) for row in run.stored]
    assert [entry["reading"]["values"] for entry in entries] == [row["values"] for row in run.stored]
    insert_ids = [entry["logging.googleapis.com/insertId"] for entry in entries]
    assert insert_ids == sorted(set(insert_ids))


def test_a_run_repeats_itself_to_the_nanosecond(travel: Travel) -> None:
    def digest() -> str:
        entries = travel(READINGS).trace.entries
        said = [(at_ns, channel, without_date(data)) for at_ns, channel, data, _ in entries]
        return hashlib.sha256(repr(said).encode()).hexdigest()

    assert digest() == digest()


def test_the_clock_of_the_trace_runs_forward_on_each_wire(travel: Travel) -> None:
    entries = travel(1).trace.entries
    for channel in Channel:
        instants = [entry.at_ns for entry in entries if entry.channel is channel]
        assert all(earlier <= later for earlier, later in pairwise(instants))


def test_the_uart_is_paced_by_its_baud_rate(travel: Travel) -> None:
    """The Uno's 115200 baud are really 117,647 (UBRR 16, double speed): 10 bits of 136 cycles, 85 us."""
    instants = [entry.at_ns for entry in travel(1).trace.entries if entry.channel is Channel.UNO_TX]
    gaps_ns = [later - earlier for earlier, later in pairwise(instants)]
    assert min(gaps_ns) == 85_000
    assert gaps_ns.count(85_000) > len(gaps_ns) * 0.9


def test_the_stack_keeps_clear_of_the_data(travel: Travel) -> None:
    assert travel(READINGS).stack_free_bytes >= 200
