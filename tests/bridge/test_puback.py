"""A broker that takes messages and is slow to say so: what it has not acknowledged stays in the journal."""

import queue
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bridge.device import KEY_TEXT, NAME, WAIT_S, body_of, tag_of
from unobridge.instant import this_instant
from unobridge.journal import Journal
from unobridge.keys import Keys
from unobridge.publisher import Publisher, parse_broker

CONNACK, PUBLISH, PUBACK = 0x20, 0x30, 0x40
"""Control packet types (MQTT 3.1.1, section 2.2.1)."""


class SlowBroker:
    """Welcomes one client, tells of its readings, and acknowledges what it is told to."""

    def __init__(self) -> None:
        self.readings: queue.SimpleQueue[int] = queue.SimpleQueue()
        """Packet identifiers."""
        self._door = socket.create_server(("127.0.0.1", 0))
        self._client: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._door.getsockname()[1])

    def acknowledge(self, packet: int) -> None:
        assert self._client
        self._client.sendall(bytes([PUBACK, 2]) + packet.to_bytes(2))

    def close(self) -> None:
        self._thread.join(WAIT_S)
        self._door.close()

    def _serve(self) -> None:
        self._client, _ = self._door.accept()
        with self._client, self._client.makefile("rb") as stream:
            while head := stream.read(1):
                length = shift = 0
                while (byte := stream.read(1)[0]) & 0x80:
                    length, shift = length | (byte & 0x7F) << shift, shift + 7
                body = stream.read(length | byte << shift)
                if head[0] == 0x10:
                    self._client.sendall(bytes([CONNACK, 2, 0, 0]))
                elif head[0] & 0xF0 == PUBLISH:
                    topic_end = 2 + int.from_bytes(body[:2])
                    if body[2:topic_end].endswith(b"/readings"):
                        self.readings.put(int.from_bytes(body[topic_end : topic_end + 2]))


@pytest.fixture
def broker() -> Iterator[SlowBroker]:
    with closing(SlowBroker()) as broker:
        yield broker


def test_a_request_is_kept_until_its_puback(broker: SlowBroker, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"{NAME} {KEY_TEXT}\n")
    told: list[str] = []
    where = parse_broker(
        f"mqtt://127.0.0.1:{broker.port}", password="", prefix="unolink", client_id="desk", ca=None
    )
    with (
        closing(Journal(tmp_path / "journal.db")) as journal,
        closing(Publisher(where, journal, Keys(tmp_path / "keys"), told.append)) as publisher,
    ):
        packets = []
        for seq in range(3):
            body = body_of([seq])
            journal.add(NAME, tag_of(body), body, ["mqtt"], this_instant())
            publisher.wake()
            packets.append(broker.readings.get(timeout=WAIT_S))
        # when the third has come, the publisher is done with the others but for their acknowledgement
        assert len(journal.after("mqtt", 0, 9)) == 3
        broker.acknowledge(packets[1])
        deadline = time.monotonic() + WAIT_S
        while len(waiting := journal.after("mqtt", 0, 9)) == 3:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert [held.body for held in waiting] == [body_of([0]), body_of([2])]
    assert told == []
