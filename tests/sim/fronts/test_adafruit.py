"""Adafruit's ESP AT library, unmodified, over the pseudo-terminal: a host that we have not written.

Its `remote_AP` is left out: it compares bytes with text and raises TypeError on CPython (0.11.7). On ESP-AT
2.2 it has to be told to use `AT+CIPSTATUS`, as on the real module (the library's issue 69): it finds
`AT+CWSTATE` and expects `AT+CIPSTATE` with it.
"""

from collections.abc import Callable
from typing import Any

import pytest
import serial
from adafruit_espatcontrol.adafruit_espatcontrol import ESP_ATcontrol  # type: ignore[import-untyped]

from unosim.esp01 import Module
from unosim.fronts.driver import Driver
from unosim.fronts.pty import PtyStream
from unosim.modem import ESPAT_2_2, NONOS_1_7_4, Profile

SECRETS: dict[str, str | int] = {"ssid": "lab", "password": "secret-key"}
REQUESTS = {
    b"GET /now HTTP/1.1\r\nHost: server.lan\r\n\r\n": b"you asked for /now",
    b"POST / HTTP/1.1\r\nHost: server.lan\r\nContent-Length: 5\r\n\r\n21.5C": b"you said 21.5C",
}


@pytest.mark.system
@pytest.mark.usefixtures("capsys")  # the library prints
@pytest.mark.parametrize(
    ("profile", "version", "knows_only_cipstatus"),
    [
        (NONOS_1_7_4, "AT version:1.7.4.0(May 11 2020 19:13:04)", False),
        (ESPAT_2_2, "AT version:2.2.0.0(b097cdf - ESP8266 - Jun 17 2021 12:57:45)", True),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_join_get_post_and_reconnect(
    profile: Profile,
    version: str,
    knows_only_cipstatus: bool,
    run_front: Callable[..., Driver],
    http_server: Any,
) -> None:
    stream = PtyStream()
    run_front(stream, {("server.lan", 80): http_server.address}, module=Module(profile))
    with serial.Serial(stream.device, 115_200, timeout=1) as port:
        esp = ESP_ATcontrol(port, 115_200, use_cipstatus=knows_only_cipstatus)
        esp.connect(SECRETS)
        assert esp.is_connected
        assert esp.version == version
        assert esp.local_ip == "192.168.1.9"
        for request, answer in REQUESTS.items():
            assert esp.socket_connect("TCP", "server.lan", 80)
            assert esp.socket_send(request)
            http_server.release()  # the library drops an answer that follows SEND OK at once
            assert esp.socket_receive(timeout=3).endswith(answer)
            esp.socket_disconnect()
        esp.disconnect()
        assert not esp.is_connected
        esp.connect(SECRETS)
        assert esp.nslookup("server.lan") == "192.168.1.2"
