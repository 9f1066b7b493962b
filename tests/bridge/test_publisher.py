"""Publishing to a real broker, which is killed and started again under load."""

import base64
import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from bridge.conftest import Start
from bridge.device import NAME, WAIT_S, Device, body_of, sign, tag_of
from bridge.test_gateway import Site, register, stored
from mosquitto import Broker
from unobridge.home_assistant import discovery, measure, state

PASSWORD = "let-me-in"  # noqa: S105  # a test's own broker


class Listener:
    """A subscriber that writes down everything, in a session that the broker keeps."""

    def __init__(self, port: int) -> None:
        self.messages: list[MQTTMessage] = []
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="listener", clean_session=False)
        self._client.on_message = lambda _client, _data, message: self.messages.append(message)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def of(self, end: str) -> list[MQTTMessage]:
        return [message for message in self.messages if message.topic.endswith(end)]

    def wait_for(self, end: str, count: int) -> list[MQTTMessage]:
        deadline = time.monotonic() + WAIT_S
        while len(self.of(end)) < count:
            assert time.monotonic() < deadline, [message.topic for message in self.messages]
            time.sleep(0.01)
        return self.of(end)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path / "broker")
    yield broker
    broker.stop()


@pytest.fixture
def listener(broker: Broker) -> Iterator[Listener]:
    listener = Listener(broker.port)
    yield listener
    listener.close()


@pytest.fixture
def site(tmp_path: Path, start: Start) -> Site:
    return Site(tmp_path, start)


def mqtt(port: int) -> tuple[str, ...]:
    return ("--mqtt", f"mqtt://127.0.0.1:{port}", "--bridge-id", "desk")


def test_the_message_is_that_of_the_page_and_is_kept_until_its_puback(
    site: Site, broker: Broker, listener: Listener
) -> None:
    command, address = site.gateway(*mqtt(broker.port))
    device = Device(address)
    body = body_of([7])
    assert device.post(body)[:2] == (204, True)
    device.close()
    (message,) = listener.wait_for("/readings", 1)
    assert message.topic == f"unolink/{NAME}/readings"
    assert (message.qos, message.retain) == (1, False)
    payload = json.loads(message.payload)
    assert payload["authorization"] == f"Unolink {NAME}:{tag_of(body)}"
    assert payload["body"].encode() == body
    assert payload["held_tag"] == sign(f"held {payload['held_ms']}\n{tag_of(body)}".encode())
    assert set(payload) == {"authorization", "body", "held_ms", "held_tag"}
    site.wait_until_empty()
    (state,) = listener.wait_for("/state", 1)
    assert json.loads(state.payload) == {"a0": 107, "boot": 1, "seq": 7}
    (config,) = listener.wait_for("/config", 1)
    assert config.topic == "homeassistant/sensor/unolink_uno-7f3a/a0/config"
    assert json.loads(config.payload)["state_topic"] == state.topic
    assert [one.payload for one in listener.of("bridge/desk/status")] == [b"online"]
    assert command.end() == 0
    assert [one.payload for one in listener.wait_for("bridge/desk/status", 2)] == [b"online", b"offline"]


def test_the_broker_says_offline_for_a_bridge_that_was_killed(
    site: Site, broker: Broker, listener: Listener
) -> None:
    command, _ = site.gateway(*mqtt(broker.port))
    listener.wait_for("bridge/desk/status", 1)
    command.end(signal.SIGKILL)
    assert listener.wait_for("bridge/desk/status", 2)[1].payload == b"offline"


def test_a_broker_that_dies_under_load_loses_nothing(site: Site, broker: Broker, tmp_path: Path) -> None:
    database = tmp_path / "readings.db"
    register(database)
    subscriber = subscribe(database, broker.port)
    command, address = site.gateway(*mqtt(broker.port))
    device = Device(address)
    for seq in range(120):
        if seq in {30, 80}:
            broker.stop(signal.SIGKILL)
        if seq in {60, 110}:
            broker.start()
        if seq == 100:
            command.end(signal.SIGKILL)
            device.close()
            command, address = site.gateway(*mqtt(broker.port))
            device = Device(address)
        assert device.post(body_of([seq]))[:2] == (204, True)
    device.close()
    site.wait_until_empty()
    wait_for_rows(database, 120)
    subscriber.terminate()
    subscriber.communicate(timeout=WAIT_S)
    assert stored(database) == [(NAME, 1, seq) for seq in range(120)]


def subscribe(database: Path, port: int) -> "subprocess.Popen[bytes]":
    broker = f"mqtt://127.0.0.1:{port}"
    command = [sys.executable, "-m", "unoingest", "mqtt", "--database", str(database), "--broker", broker]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr
    assert b"subscribed" in process.stderr.readline()
    return process


def wait_for_rows(database: Path, count: int) -> None:
    deadline = time.monotonic() + WAIT_S
    while len(stored(database)) < count:
        assert time.monotonic() < deadline, len(stored(database))


def test_a_password_is_asked_for(site: Site, tmp_path: Path) -> None:
    salt = bytes(12)  # mosquitto_passwd's own form: PBKDF2-SHA512
    digest = hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), salt, 101)
    line = f"desk:$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
    (tmp_path / "users").write_text(line + "\n")
    (tmp_path / "users").chmod(0o600)
    (tmp_path / "right").write_text(PASSWORD + "\n")
    broker = Broker(tmp_path / "closed", "allow_anonymous false", f"password_file {tmp_path}/users")
    url = f"mqtt://desk@127.0.0.1:{broker.port}"
    try:
        command, address = site.gateway("--mqtt", url)
        command.wait_for("the broker refuses the connection")
        device = Device(address)
        assert device.post(body_of([1]))[:2] == (204, True)
        device.close()
        assert site.backlog()["outlets"]["mqtt"]["requests"] == 1  # type: ignore[index]
        assert command.end() == 0
        site.gateway("--mqtt", url, "--mqtt-password-file", str(tmp_path / "right"))
        site.wait_until_empty()
    finally:
        broker.stop()


@pytest.mark.parametrize(
    ("channel", "found"),
    [
        ("temp", ("temperature", "°C")),
        ("humidity", ("humidity", "%")),
        ("supply_mv", ("voltage", "mV")),
        ("a0", None),
    ],
)
def test_what_a_channel_measures(channel: str, found: tuple[str, str] | None) -> None:
    assert measure(channel) == found


def test_discovery_is_what_home_assistant_reads() -> None:
    topic, payload = discovery("unolink", "uno.1", "temp", "unolink/bridge/desk/status")
    assert topic == "homeassistant/sensor/unolink_uno_2e_1/temp/config"
    assert json.loads(payload) == {
        "name": "temp",
        "unique_id": "unolink_uno_2e_1_temp",
        "state_topic": "unolink/uno.1/state",
        "value_template": "{{ value_json.temp }}",
        "state_class": "measurement",
        "device_class": "temperature",
        "unit_of_measurement": "°C",
        "expire_after": 900,
        "availability_topic": "unolink/bridge/desk/status",
        "device": {"identifiers": ["unolink_uno_2e_1"], "name": "uno.1", "manufacturer": "unolink"},
    }


def test_the_state_is_that_of_the_last_reading() -> None:
    batch = {"boot": 3, "channels": ["a0", "temp"], "readings": [[1, 0, 5, 20.5], [2, 0, 6, None]]}
    assert json.loads(state(batch)) == {"a0": 6, "temp": None, "boot": 3, "seq": 2}
