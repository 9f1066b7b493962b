"""A simulation is recorded, and replayed without the Uno: its bytes at their instants, the same answers."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from unosim.attrace import Recorder, load, replay
from unosim.board import Board, Image
from unosim.esp01 import Module
from unosim.lab import SERVER, set_up_eeprom
from unosim.modem import AccessPoint
from unosim.network import VirtualNetwork, WsgiPeer
from unosim.simulation import Simulation
from unosim.trace import Trace

pytestmark = pytest.mark.system


def too_busy(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    environ["wsgi.input"].read()
    start_response("503 Service Unavailable", [("Content-Length", "0"), ("Retry-After", "2")])
    return [b""]


def test_a_recorded_simulation_replays_without_a_difference(image: Image, tmp_path: Path) -> None:
    module = Module(access_points=(AccessPoint("unolink", "simulated"),))
    modem = module.make()
    recorder = Recorder(tmp_path / "run.attrace", modem, module)
    network = recorder.network(VirtualNetwork({SERVER: lambda: WsgiPeer(too_busy)}))
    simulation = Simulation(
        Board(image.flash, eeprom=set_up_eeprom(image.flash)), modem, network, trace=Trace(recorder.watch)
    )
    simulation.run_to(20)
    recorder.close()
    loaded = load(tmp_path / "run.attrace")
    assert sum(record.do == "Received" for record in loaded.records) >= 2
    assert replay(loaded) is None
