"""A session's end: by its port, by whoever stops it, and by both at once."""

import pytest
from pytest_mock import MockerFixture

from unobridge.errors import PortLostError
from unobridge.session import Port, RealNetwork, Session
from unosim.modem import NONOS_1_7_4


def test_a_session_that_has_ended_by_itself_may_be_stopped(mocker: MockerFixture) -> None:
    """As when Ctrl-C comes while the board is being unplugged."""
    port = mocker.Mock(spec=Port, pending_bytes=0)
    port.readers.return_value = []
    port.take.side_effect = PortLostError("unplugged")
    network = mocker.Mock(spec=RealNetwork)
    network.readers.return_value = network.writers.return_value = network.poll.return_value = []
    network.next_deadline.return_value = None
    ended = []
    session = Session(
        port,
        NONOS_1_7_4,
        finder=None,
        baud=115_200,
        network=lambda _room: network,
        wrap=lambda inner: inner,
        watch=None,
        on_end=lambda: ended.append(True),
    )
    with pytest.raises(PortLostError):
        session.run()
    session.stop()
    assert ended == [True]
    network.close.assert_called_once()
