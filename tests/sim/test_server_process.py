from pathlib import Path

import pytest

from unosim.server_process import ServerError, ServerProcess


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(ServerError) as caught, ServerProcess(tmp_path / "missing" / "readings.db"):
        pass
    assert str(caught.value).startswith("the ingest server ended (exit code 1): Error: cannot open the store")


def test_a_server_that_was_stopped_has_said_all(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "readings.db") as server:
        assert server.address[1] != 0
        server.check()
        server.stop()
        assert list(server.log_lines()) == []
        with pytest.raises(ServerError, match=r"ended \(exit code 0\)"):
            server.check()
