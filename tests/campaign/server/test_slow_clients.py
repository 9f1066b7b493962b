"""A small crowd of every kind at server and gateway, and that the campaign would notice a deaf one."""

import random
import socket
from pathlib import Path
from typing import Any

import pytest

from campaign.server import slow_clients
from campaign.server.slow_clients import KINDS, Crowd, Host

pytestmark = pytest.mark.system
CROWD = 5


@pytest.mark.parametrize("make", [slow_clients.server, slow_clients.gateway])
def test_a_good_client_is_served_beside_every_kind_of_bad_one(tmp_path: Path, make: Any) -> None:
    with make(tmp_path) as host:
        crowds = [Crowd(host.address, kind, CROWD, random.Random(name)) for name, kind in KINDS.items()]
        for turn in range(2):
            for crowd in crowds:
                crowd.turn(turn)
            assert slow_clients.complaint_about_a_post(host.address, turn) == ""
        for crowd in crowds:
            crowd.leave()
        assert slow_clients.complaint_about_a_post(host.address, 2) == ""
        assert host.memory_bytes() < slow_clients.MEMORY_BYTES_MAX


def test_it_bites(monkeypatch: pytest.MonkeyPatch, mocker: Any) -> None:
    monkeypatch.setattr(slow_clients, "PATIENCE_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        host = Host("deaf", deaf.getsockname(), 1)
        assert "no answer" in slow_clients.complaint_about_a_post(host.address, 0)
    mocker.patch.object(Host, "open_files", return_value=1_000)
    assert "1000 more descriptors" in slow_clients._still_open(host, 0)
