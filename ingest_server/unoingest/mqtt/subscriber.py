"""The subscriber: takes requests from an MQTT broker and acknowledges each when it is on disk.

Rules:

* A message is acknowledged to the broker after its readings are on disk, or after it has been refused for
  ever (and logged). One that cannot be stored now is tried again, and those behind it wait.
* Acknowledgements go in the order of arrival (MQTT 5.0, section 4.6), only on the connection on which the
  message came: a broker that lost its memory may use a packet identifier again for another message.
* One thread speaks to the broker, so that the two lines above are simple; a pool waits for the disk, so that
  messages which arrive together share a sync.
* The session outlives the connection and this process, so the broker keeps what is published meanwhile.

It subscribes with MQTT 5.0 and paho-mqtt, whose own acknowledging is switched off (`manual_ack`).
"""

import ssl
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from unoingest.answers import Answer, Asked
from unoingest.errors import ServeError
from unoingest.mqtt.message import decode_message, topics_of
from unoingest.problems import ProblemError
from unoingest.service import Service
from unoingest.structured_log import encode_event, write_stderr

IN_FLIGHT_MAX = 128
"""Messages that the broker sends before it waits for an acknowledgement; as many share a sync at best."""
PACKET_BYTES_MAX = 1024 * 1024
"""The broker keeps larger ones to itself (MQTT 5.0, section 3.1.2.11.4): none of them can be a request, and
those in flight would be in memory together."""
THREADS = 64
SESSION_S = 0xFFFFFFFF
"""The session does not expire (MQTT 5.0, section 3.1.2.11.2)."""
KEEPALIVE_S = 30
LOOP_S = 0.5
RETRY_S_MIN, RETRY_S_MAX = 0.5, 30.0
CONNECT_S_MAX = 10.0


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and how to speak to it.

    Args:
        host: Name or address.
        port: TCP port.
        user: Or "" for none.
        password: Or "" for none.
        uses_tls: Whether to verify and encrypt.
        ca_file: Certificates to trust instead of the system's, or None.
        client_id: Names the session at the broker; two subscribers with one name throw each other out.
        topic_prefix: First levels of the topics.
    """

    host: str
    port: int
    user: str
    password: str
    uses_tls: bool
    ca_file: Path | None
    client_id: str
    topic_prefix: str


class Subscriber:
    """Takes messages for a service.

    Args:
        broker: Where from.
        service: Where to.
        log: Takes the service's own log lines; may not raise.
        clock_s: Monotonic time, seconds.
    """

    def __init__(
        self,
        broker: Broker,
        service: Service,
        *,
        log: Callable[[bytes], None] = write_stderr,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._broker = broker
        self._service = service
        self._log = log
        self._clock_s = clock_s
        self._arrived: deque[paho.MQTTMessage] = deque()
        self._retry_at_s = 0.0
        self._failures = 0
        self._is_stopping = False
        self._refusal = ""
        self._has_subscribed = False
        self._client = self._make_client()

    def stop(self) -> None:
        """End soon: what arrived is stored and acknowledged, if that can be done at once."""
        self._is_stopping = True

    def run(self) -> None:
        """Take messages until `stop`.

        Raises:
            ServeError: the broker cannot be reached at the start, or it refuses us.
        """
        with ThreadPoolExecutor(THREADS, thread_name_prefix="mqtt") as pool:
            self._connect()
            while not self._is_stopping:
                if self._client.loop(LOOP_S) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                    self._reconnect()
                self._raise_refusal()
                self._work_off(pool)
            self._work_off(pool)
            self._client.disconnect()
            # one turn, which sends what was acknowledged last
            self._client.loop(LOOP_S)

    def _work_off(self, pool: ThreadPoolExecutor) -> None:
        """Store what has arrived and acknowledge it, in order, up to the first that cannot be stored now."""
        if not self._arrived or self._clock_s() < self._retry_at_s:
            return
        settled = list(pool.map(self._take, self._arrived))
        for message, is_settled in zip(list(self._arrived), settled, strict=True):
            if not is_settled:
                self._failures += 1
                self._retry_at_s = self._clock_s() + _backoff_s(self._failures)
                return
            self._client.ack(message.mid, message.qos)
            self._arrived.popleft()
        self._failures = 0

    def _take(self, message: paho.MQTTMessage) -> bool:
        """Store the readings in a message; tell whether it is settled, be it for good or for bad."""
        service = self._service
        now_ns = service.clock_ns()
        try:
            head, body = decode_message(message.topic, bytes(message.payload))
        except ProblemError as problem:
            service.log.refused(Asked("MQTT", message.topic, ""), problem, problem)
            return True
        claim = service.signed.claim(head, now_ns)
        if isinstance(claim, Answer):
            return _is_final(claim)
        batch = service.signed.begin(claim, body, now_ns)
        if isinstance(batch, Answer):
            return _is_final(batch)
        try:
            new = service.store.add(batch)
        except Exception as error:  # noqa: BLE001 - it becomes the answer, and a line in the log
            return _is_final(service.signed.failed(claim, error))
        return _is_final(service.signed.stored(claim, batch, new))

    def _make_client(self) -> paho.Client:
        broker = self._broker
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=broker.client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=True,
        )
        client.connect_timeout = CONNECT_S_MAX
        if broker.user:
            client.username_pw_set(broker.user, broker.password or None)
        if broker.uses_tls:
            client.tls_set_context(ssl.create_default_context(cafile=broker.ca_file))
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = lambda _client, _data, message: self._arrived.append(message)
        return client

    def _connect(self) -> None:
        properties: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho's own gap
        properties.SessionExpiryInterval = SESSION_S
        properties.ReceiveMaximum = IN_FLIGHT_MAX
        properties.MaximumPacketSize = PACKET_BYTES_MAX
        try:
            self._client.connect(
                self._broker.host, self._broker.port, KEEPALIVE_S, clean_start=False, properties=properties
            )
        except (OSError, ValueError) as error:
            raise ServeError(
                f"cannot reach the broker at {self._broker.host!r} port {self._broker.port}: {error}",
                "Start the broker, or correct --broker.",
            ) from error

    def _reconnect(self) -> None:
        """Connect again, as often as it takes; what was not acknowledged comes again by itself."""
        self._raise_refusal()
        self._arrived.clear()
        self._say("WARNING", "broker_lost", "the connection to the broker is lost; trying again")
        failures = 0
        while not self._is_stopping:
            failures += 1
            time.sleep(_backoff_s(failures))
            try:
                self._client.reconnect()
            except OSError:
                continue
            return

    def _on_connect(self, client: paho.Client, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._refusal = f"the broker does not let us in: {reason}"
            return
        if self._has_subscribed and not flags.session_present:
            self._say("WARNING", "session_lost", "the broker has forgotten us, and perhaps messages for us")
        client.subscribe(topics_of(self._broker.topic_prefix), qos=1)

    def _on_subscribe(
        self, _client: Any, _data: Any, _mid: int, reasons: list[Any], _properties: Any
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._refusal = f"the broker does not let us subscribe: {reasons[0]}"
            return
        self._has_subscribed = True
        topics = topics_of(self._broker.topic_prefix)
        self._say("INFO", "subscribed", f"subscribed to {topics} at {self._broker.host}:{self._broker.port}")

    def _raise_refusal(self) -> None:
        """Raise what the broker said against us, which no patience will change."""
        if self._refusal:
            raise ServeError(
                self._refusal, "Check the user, the password, and the broker's access list for this client."
            )

    def _say(self, severity: str, event: str, message: str) -> None:
        self._log(encode_event(severity, event, message, self._service.clock_ns()))


def _is_final(answer: Answer) -> bool:
    """Tell whether sending the request again could change nothing."""
    return answer.status < 500


def _backoff_s(failures: int) -> float:
    return float(min(RETRY_S_MIN * 2.0 ** min(failures - 1, 20), RETRY_S_MAX))
