"""Kills of the server, and a store that lost something on purpose."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from campaign.server.kills import Site

pytestmark = pytest.mark.system
IN_MID_LOAD = 11
"""The number of a trial that kills the server 0.4 s after the load began, on a quick disk."""


def test_a_kill_costs_nothing_and_a_loss_is_seen(tmp_path: Path) -> None:
    with contextlib.closing(Site(tmp_path)) as site:
        assert site.try_once(IN_MID_LOAD) == ""
        assert all(device.acknowledged > 0 for device in site.devices)
        with contextlib.closing(sqlite3.connect(site.database, isolation_level=None)) as other:
            other.execute("DELETE FROM reading WHERE device = 'killed-2' AND seq = 0")
        assert site.what_is_wrong() == "1 acknowledged readings of killed-2 are missing"
        with contextlib.closing(sqlite3.connect(site.database, isolation_level=None)) as other:
            other.execute("UPDATE reading SET device = 'killed-2' WHERE device = 'killed-1' AND seq = 0")
        assert "are damaged" in site.what_is_wrong()
