"""What others say on our terminal: nothing of it is obeyed."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from bridge.device import body_of
from unobridge.backlog import backlog
from unobridge.console import LiveConsole
from unobridge.doctor.causes import Cause, Finding
from unobridge.doctor.command import _show
from unobridge.home_assistant import discovery, state_topic
from unobridge.instant import this_instant
from unobridge.journal import Journal
from unobridge.telling import tell
from unobridge.terminal import CHARS_MAX, inert

ODD = ["\x1b[2J", "\x9b31m", "\r", "\n", "\0", "\x7f", "\u2028", "\u202e", "\u200b", "\ud800"]


@pytest.mark.parametrize("sign", ODD)
def test_what_is_not_printable_is_shown_as_an_escape(sign: str) -> None:
    shown = inert(f"a{sign}b")
    assert shown.isprintable()
    assert shown.encode("utf-8")
    assert (shown[0], shown[-1]) == ("a", "b")


def test_the_rest_stays_as_it_is() -> None:
    assert inert("küche 21.5 °C \N{SNOWMAN}") == "küche 21.5 °C \N{SNOWMAN}"
    assert len(inert("x" * 100_000)) < CHARS_MAX + 10


def refuse_one(path: Path, reason: str) -> None:
    """Put a request aside whose body has a line break and a return in it, as JSON may have."""
    journal = Journal(path)
    journal.add("uno-1", "t", body_of([1]).replace(b",", b",\r\n"), ("http",), this_instant())
    held = journal.next("http")
    assert held is not None
    journal.refuse("http", held, reason)
    journal.close()


@pytest.mark.parametrize("sign", ODD[:-1])
def test_every_sink(capsys: pytest.CaptureFixture[str], tmp_path: Path, sign: str) -> None:
    text = f"a{sign}b"
    tell(text)
    LiveConsole("", as_json=False, wall=False).say(text)
    LiveConsole("", as_json=True, wall=False).say(text)
    _show([Finding(next(iter(Cause)), text)], as_json=False)
    refuse_one(tmp_path / "journal.db", text)
    shown = CliRunner().invoke(backlog, ["--journal", str(tmp_path / "journal.db"), "--refused"]).output
    told = capsys.readouterr()
    for output, lines in ((told.out, 5), (told.err, 1), (shown, 1)):
        assert len(output.splitlines()) == lines
        assert all(line.replace("\t", " ").isprintable() for line in output.split("\n"))


@pytest.mark.parametrize("device", ["a", "a.b-c_D", "...", "-", "." * 32])
def test_a_device_takes_no_topic_but_its_own(device: str) -> None:
    topic, _ = discovery("unolink", device, "temp", "unolink/bridge")
    assert topic.split("/")[:2] == ["homeassistant", "sensor"]
    assert len(topic.split("/")) == 5
    assert not set("+#$") & set(topic + state_topic("unolink", device))
