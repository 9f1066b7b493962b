"""Takes evidence from a recorded session (`.attrace`): what a board said and was answered."""

import re
from pathlib import Path

from unobridge.doctor.evidence import Evidence, Exchange, Step
from unosim.attrace import load
from unosim.attrace.format import UART, Record
from unosim.trace import Channel

_STEPS = (
    (re.compile(rb"AT\+GMR"), Step.VERSION),
    (re.compile(rb"AT\+CWJAP\w*="), Step.JOIN),
    (re.compile(rb"AT\+CIPDOMAIN="), Step.RESOLVE),
    (re.compile(rb"AT\+CIPSTART="), Step.CONNECT),
)


def read(path: Path) -> Evidence:
    """Return the evidence of a recording.

    Raises:
        TraceError: it cannot be read.
    """
    records = [record for record in load(path).records if record.ch in UART]
    rates = [record.baud for record in records if record.ch is Channel.UNO_TX]
    evidence = Evidence(rates[-1] if rates else 115_200)
    evidence.found_baud = evidence.expected_baud
    for sent, heard in _exchanges(records):
        evidence.exchanges.append(Exchange(Step.SAID, evidence.expected_baud, sent, b""))
        step = next((step for pattern, step in _STEPS if pattern.match(sent)), None)
        if step is None:
            step = Step.BOOT if b"AT+RST" in sent or not sent else Step.STEADY
        evidence.exchanges.append(Exchange(step, evidence.expected_baud, sent, heard))
    return evidence


def _exchanges(records: list[Record]) -> list[tuple[bytes, bytes]]:
    """Return what was said, each with what was heard until the next; first what was heard before."""
    found: list[tuple[bytes, bytes]] = [(b"", b"")]
    for record in records:
        sent, heard = found[-1]
        if record.ch is Channel.UNO_TX and re.match(rb"\s*AT", record.data):
            found.append((record.data, b""))
        elif record.ch is Channel.ESP_TX:
            found[-1] = (sent, heard + record.data)
    return found
