"""The compiled image, unmodified, at the far end of the cable: from an empty EEPROM to the server.

The node is set up by `unobridge provision`, then served by `unobridge run`, in pass-through and as a gateway.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.conftest import Start
from bridge.test_gateway import stored
from bridge.usb import WAIT_S, Cable, UnoOnCable
from unosim.attrace import load
from unosim.board import Board, Image
from unosim.server_process import ServerProcess
from unosim.trace import Channel

pytestmark = pytest.mark.system
DEVICE, SERVER = "uno-7f3a", "ingest.lan:8080"
PASSWORD = "correct horse"  # noqa: S105  # of a Wi-Fi that welcomes everybody


@pytest.fixture
def uno(cable: Cable, image: Image) -> Iterator[UnoOnCable]:
    uno = UnoOnCable(cable, Board(image.flash))
    yield uno
    uno.stop()


def provision(start: Start, cable: Cable, keys: Path, database: Path) -> None:
    command = start(
        "provision",
        *("--port", str(cable.link), "--keys", str(keys), "--database", str(database)),
        *("--device", DEVICE, "--wifi-ssid", "any", "--server", SERVER, "--interval-ms", "500"),
        UNOBRIDGE_WIFI_PASSWORD=PASSWORD,
    )
    assert command.process.wait(3 * WAIT_S) == 0, command.said
    command.end()


def wait_for(database: Path, boot: int) -> list[int]:
    """Return the numbers of the readings of a start, once there are some."""
    deadline = time.monotonic() + 2 * WAIT_S
    while True:
        seqs = [seq for _, one, seq in stored(database) if one == boot]
        if len(seqs) >= 2:
            return seqs
        assert time.monotonic() < deadline, stored(database)


def test_from_an_empty_eeprom_to_the_server(
    start: Start, cable: Cable, uno: UnoOnCable, tmp_path: Path
) -> None:
    database, keys, recording = tmp_path / "readings.db", tmp_path / "keys", tmp_path / "session.attrace"
    provision(start, cable, keys, database)
    with ServerProcess(database) as server:
        host, port = server.address
        route = ("--route", f"{SERVER}={host}:{port}")
        command = start("run", "--port", str(cable.link), *route, "--record", str(recording))
        first = stored_boot(database)
        uno.unplug()
        command.wait_for("is lost")
        uno.plug_in()
        wait_for(database, first + 1)
        assert command.end() == 0
        forward = ("--forward", f"http://{host}:{port}", "--journal", str(tmp_path / "journal.db"))
        gateway = start(
            "run", "--port", str(cable.link), "--gateway", SERVER, *forward, "--keys", str(keys), "--quiet"
        )
        uno.unplug()
        uno.plug_in()
        wait_for(database, first + 2)
        assert gateway.end() == 0
    said = "".join(one.text for one in load(recording).records if one.ch is Channel.UNO_TX)
    assert "AT+CIPSTART" in said
    assert PASSWORD not in recording.read_text() + "".join(command.shown)


def stored_boot(database: Path) -> int:
    """Return the start of which readings come first, once there are some."""
    deadline = time.monotonic() + 2 * WAIT_S
    while not (rows := stored(database)):
        assert time.monotonic() < deadline
    boot = rows[0][1]
    wait_for(database, boot)
    return boot
