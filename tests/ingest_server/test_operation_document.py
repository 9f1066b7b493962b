"""docs/operation.md and docs/mqtt.md against the program: events, commands, profiles and verdicts."""

import re
from pathlib import Path

import pytest
from google.rpc import code_pb2  # type: ignore[import-untyped]

from unoingest.cli import main
from unoingest.delivery.verdicts import Verdict, verdict_of
from unoingest.log_profile import PROFILES

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "ingest_server" / "unoingest"
DOCUMENTS = "".join(
    (ROOT / "docs" / name).read_text() for name in ("operation.md", "mqtt.md", "ingest-api.md")
)
# a severity, then the event's name, as every call that logs an event has them
EVENT = re.compile(r'(?<!: )"(?:INFO|WARNING|ERROR)",\s*"([a-z_]+)"')


def events() -> set[str]:
    return {name for path in SOURCES.rglob("*.py") for name in EVENT.findall(path.read_text())}


def test_the_events_are_found() -> None:
    assert {"subscribed", "delivery_paused", "readings_deleted", "listening"} <= events()


@pytest.mark.parametrize("name", sorted(events()))
def test_each_event_is_documented(name: str) -> None:
    assert f"`{name}`" in DOCUMENTS


@pytest.mark.parametrize("name", ["send", "outbox", "check", "mqtt", "readings", "serve"])
def test_each_command_is_documented(name: str) -> None:
    assert name in main.commands
    assert f"`unoingest {name}" in DOCUMENTS


def test_each_profile_is_documented() -> None:
    assert all(f"`{name}`" in DOCUMENTS for name in PROFILES)


def test_the_statuses_that_are_tried_again_are_those_of_the_table() -> None:
    row = next(line for line in DOCUMENTS.splitlines() if line.startswith("| UNAVAILABLE"))
    named = set(re.findall(r"[A-Z_]{6,}", row.split("|")[1]))
    retried = {name for name, code in code_pb2.Code.items() if verdict_of(code) is Verdict.RETRY}
    assert named == retried
