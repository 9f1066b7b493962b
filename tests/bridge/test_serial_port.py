"""A serial port that goes away in the middle of a call."""

import os
import pty
import select
import termios

import pytest
from pytest_mock import MockerFixture

from bridge.usb import WAIT_S
from unobridge.errors import PortError, PortLostError
from unobridge.serial_port import SerialPort

GONE = termios.error(5, "Input/output error")
"""What the C library's calls raise in Python for a terminal that has gone: no OSError."""


@pytest.mark.parametrize("call", ["tcsetattr", "tcdrain"])
def test_a_port_that_goes_away_while_its_rate_changes_is_lost(mocker: MockerFixture, call: str) -> None:
    ours, theirs = pty.openpty()
    port = SerialPort(os.ttyname(theirs), 9600)
    try:
        mocker.patch(f"termios.{call}", side_effect=GONE)
        port.set_baud(19_200)
        assert select.select(port.readers(), [], [], WAIT_S)[0]
        with pytest.raises(PortLostError, match="Input/output error"):
            port.take()
    finally:
        mocker.stopall()
        port.close()
        os.close(ours)
        os.close(theirs)


def test_a_port_that_goes_away_while_it_is_opened_cannot_be_opened(mocker: MockerFixture) -> None:
    ours, theirs = pty.openpty()
    mocker.patch("termios.tcsetattr", side_effect=GONE)
    with pytest.raises(PortError, match=r"cannot open .*Input/output error"):
        SerialPort(os.ttyname(theirs), 9600)
    os.close(ours)
    os.close(theirs)
