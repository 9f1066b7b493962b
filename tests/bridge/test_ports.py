"""Which port is a Uno's, on three systems, and which one a board has when it comes back."""

from collections.abc import Sequence
from unittest.mock import Mock

import pytest
from serial.tools.list_ports_common import ListPortInfo

from unobridge.errors import PortError, PortLostError
from unobridge.ports import Wanted, choose, found
from unobridge.session import Port, Session
from unobridge.worker import Worker

Entry = tuple[str, int | None, int | None, str | None, str | None]
"""Device, vendor, product, serial number, socket: as pySerial's list_ports gives them."""
SERIAL = "75830303934351E0C1A1"
LINUX_UNO: Entry = ("/dev/ttyACM0", 0x2341, 0x0043, SERIAL, "1-1.2:1.0")
LINUX_CH340: Entry = ("/dev/ttyUSB0", 0x1A86, 0x7523, None, "1-1.3")
LINUX_BUILT_IN: Entry = ("/dev/ttyS0", None, None, None, None)
MACOS_UNO: Entry = ("/dev/cu.usbmodem14101", 0x2341, 0x0043, SERIAL, "20-1")
MACOS_CH340: Entry = ("/dev/cu.usbserial-1420", 0x1A86, 0x7523, None, "20-2")
MACOS_BLUETOOTH: Entry = ("/dev/cu.Bluetooth-Incoming-Port", None, None, None, None)
WINDOWS_UNO: Entry = ("COM3", 0x2341, 0x0043, SERIAL, "1-2")
WINDOWS_CH340: Entry = ("COM12", 0x1A86, 0x7523, "", "1-3")  # no number: an empty one there
WINDOWS_BUILT_IN: Entry = ("COM1", None, None, None, None)


def listing(*entries: Entry) -> list[ListPortInfo]:
    listed = []
    for device, vendor, product, serial_number, location in entries:
        info = ListPortInfo(device)
        info.vid, info.pid, info.serial_number, info.location = vendor, product, serial_number, location
        listed.append(info)
    return listed


@pytest.mark.parametrize(
    ("entries", "names"),
    [
        ([LINUX_BUILT_IN, LINUX_CH340, LINUX_UNO], ["/dev/ttyACM0"]),
        ([LINUX_BUILT_IN, LINUX_CH340], ["/dev/ttyUSB0"]),
        ([MACOS_BLUETOOTH, MACOS_CH340, MACOS_UNO], ["/dev/cu.usbmodem14101"]),
        ([MACOS_BLUETOOTH, MACOS_CH340], ["/dev/cu.usbserial-1420"]),
        ([WINDOWS_BUILT_IN, WINDOWS_CH340, WINDOWS_UNO], ["COM3"]),
        ([WINDOWS_BUILT_IN, WINDOWS_CH340], ["COM12"]),
        ([LINUX_UNO, ("/dev/ttyACM1", 0x2A03, 0x0043, "x", "1-4")], ["/dev/ttyACM0", "/dev/ttyACM1"]),
    ],
)
def test_the_unos_are_found(entries: Sequence[Entry], names: list[str]) -> None:
    assert [port.name for port in choose(lambda: listing(*entries))] == names


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ([], "no Uno found on USB"),
        ([LINUX_BUILT_IN], "no Uno found on USB"),
        ([MACOS_BLUETOOTH], "no Uno found on USB"),
        (
            [WINDOWS_CH340, ("COM13", 0x0403, 0x6001, "A1", "1-5")],
            "several boards: COM12 (WCH CH340), COM13 (FTDI FT232)",
        ),
    ],
)
def test_where_there_is_none_or_a_choice_it_says_so(entries: Sequence[Entry], complaint: str) -> None:
    with pytest.raises(PortError) as caught:
        choose(lambda: listing(*entries))
    assert str(caught.value) == complaint
    assert "--port" in caught.value.hint


def test_what_is_known_of_a_port_is_listed_unos_first() -> None:
    ports = found(lambda: listing(LINUX_BUILT_IN, LINUX_CH340, LINUX_UNO))
    assert [(port.name, port.board) for port in ports] == [
        ("/dev/ttyACM0", "Arduino Uno"),
        ("/dev/ttyUSB0", "WCH CH340"),
        ("/dev/ttyS0", ""),
    ]


def renamed(entry: Entry, device: str, location: str | None = None) -> Entry:
    return (device, entry[1], entry[2], entry[3], location or entry[4])


OTHER_UNO: Entry = ("/dev/ttyACM0", 0x2341, 0x0043, "85430353", "1-9")


@pytest.mark.parametrize(
    ("seen", "later", "name"),
    [
        (LINUX_UNO, [renamed(LINUX_UNO, "/dev/ttyACM1")], "/dev/ttyACM1"),
        (LINUX_UNO, [OTHER_UNO, renamed(LINUX_UNO, "/dev/ttyACM1", "1-4")], "/dev/ttyACM1"),
        (MACOS_UNO, [MACOS_CH340, renamed(MACOS_UNO, "/dev/cu.usbmodem201", "20-3")], "/dev/cu.usbmodem201"),
        (WINDOWS_UNO, [renamed(WINDOWS_UNO, "COM7", "1-4"), WINDOWS_BUILT_IN], "COM7"),
        (LINUX_CH340, [renamed(LINUX_CH340, "/dev/ttyUSB1")], "/dev/ttyUSB1"),
        (WINDOWS_CH340, [renamed(WINDOWS_CH340, "COM4", "1-9")], "COM4"),
        # two without a number, in other sockets than before: nobody knows which is which
        (
            LINUX_CH340,
            [renamed(LINUX_CH340, "/dev/ttyUSB1", "1-7"), renamed(LINUX_CH340, "/dev/ttyUSB2", "1-8")],
            "/dev/ttyUSB0",
        ),
        (LINUX_UNO, [], "/dev/ttyACM0"),
        (LINUX_BUILT_IN, [], "/dev/ttyS0"),
    ],
)
def test_a_board_is_found_under_its_new_name(seen: Entry, later: Sequence[Entry], name: str) -> None:
    present = [seen]
    wanted = Wanted(seen[0], lambda: listing(*present))
    wanted.remember()
    assert wanted.look() == seen[0]
    present[:] = later
    assert wanted.look() == name


class Cable:
    """A board that is unplugged when its first session begins, and a clock that rests alone let pass."""

    def __init__(self, comes_back_s: float, entry: Entry) -> None:
        self.now_s = 0.0
        self.sessions: list[tuple[float, str]] = []
        self.said: list[str] = []
        self.busy_until_s = 0.0
        self._comes_back_s, self._entry = comes_back_s, entry
        wanted = Wanted(LINUX_UNO[0], self._listing)
        self.worker = Worker(
            wanted, 115_200, self._session, self.said.append, open_port=self._open, rest=self._rest
        )

    def _listing(self) -> list[ListPortInfo]:
        if not self.sessions:
            return listing(LINUX_UNO)
        return listing(self._entry) if self.now_s >= self._comes_back_s else []

    def _open(self, name: str, _baud: int) -> Port:
        if name not in [info.device for info in self._listing()] or self.now_s < self.busy_until_s:
            raise PortError(f"cannot open {name}", hint="wait")
        port = Mock(spec=Port)
        port.name = name
        return port

    def _session(self, port: Port, _finder: object, _baud: int) -> Session:
        self.sessions.append((self.now_s, port.name))
        session = Mock(spec=Session)
        session.run.side_effect = PortLostError("unplugged") if len(self.sessions) == 1 else self.worker.stop
        return session

    def _rest(self, wait_s: float) -> None:
        self.now_s += wait_s
        assert self.now_s < 100


@pytest.mark.parametrize("comes_back_s", [0.0, 0.3, 9.99, 60.0])
@pytest.mark.parametrize("device", ["/dev/ttyACM0", "/dev/ttyACM5", "COM7"])
def test_a_board_that_is_back_is_served_within_a_second(comes_back_s: float, device: str) -> None:
    cable = Cable(comes_back_s, renamed(LINUX_UNO, device))
    cable.worker.run(cable.worker.open())
    (_, first), (served_s, second) = cable.sessions
    assert (first, second) == (LINUX_UNO[0], device)
    assert comes_back_s <= served_s <= comes_back_s + 1.0
    assert cable.worker.times_open == 2


def test_a_port_that_another_program_lets_go_is_served_within_a_second() -> None:
    cable = Cable(5.0, LINUX_UNO)
    port = cable.worker.open()
    cable.busy_until_s = 30.0
    cable.worker.run(port)
    assert 30.0 <= cable.sessions[1][0] <= 31.0
    assert sum("trying again" in line for line in cable.said) == 1
