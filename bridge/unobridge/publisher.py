"""Publishes the journal's requests to an MQTT broker, by docs/mqtt.md.

Each request is one message with QoS 1; the journal gives it up when the broker's PUBACK has come, and not
before, because paho keeps what it is sending in memory only. Beside it go what Home Assistant needs: sensors
by discovery, the latest values, and whether this bridge is online (retained; the broker says `offline` for it
as its last will).

Rules: messages of a device go in their order. At most `IN_FLIGHT_MAX` wait for their PUBACK. A broker that is
gone is tried again by paho; what was in flight is sent again then, and after a restart from the journal.
"""

import json
import queue
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from unobridge import home_assistant
from unobridge.errors import BridgeError, UsageError
from unobridge.instant import Instant, this_instant
from unobridge.journal import Held, Journal, JournalUnavailableError
from unobridge.keys import KeyFileError, Keys
from unobridge.signing import authorization, held_tag, request_tag, same

OUTLET = "mqtt"
IN_FLIGHT_MAX = 20
LOOK_WAIT_S = 5.0
WITHHELD_LOOKS = 60
"""After so many quiet looks, requests whose key was not known are tried again."""
KEEP_ALIVE_S = 30
RECONNECT_MAX_S = 30
ONLINE, OFFLINE = b"online", b"offline"


@dataclass(frozen=True)
class Broker:
    """Where the broker is and how to greet it."""

    host: str
    port: int
    tls: bool
    user: str
    password: str
    prefix: str
    """The first level of our topics."""
    client_id: str
    ca: str | None = None
    """A PEM file of the authorities that are trusted; None for those of this machine."""

    @property
    def status_topic(self) -> str:
        """Where this bridge says whether it is online."""
        return f"{self.prefix}/bridge/{self.client_id}/status"


def parse_broker(url: str, *, password: str, prefix: str, client_id: str, ca: str | None) -> Broker:
    """Return the broker of a URL `mqtt[s]://[USER@]HOST[:PORT]`.

    Raises:
        UsageError: the URL is none, or the prefix cannot be the first level of a topic.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname or parts.path.strip("/") or parts.password:
        raise UsageError(
            f"not the URL of a broker: {url!r}",
            hint="write mqtts://USER@HOST or mqtt://HOST:PORT; the password goes to --mqtt-password-file",
        )
    if not prefix or set(prefix) & set("/+#\0"):
        raise UsageError(f"not the first level of a topic: {prefix!r}", hint="a word without / + and #")
    tls = parts.scheme == "mqtts"
    user = unquote(parts.username or "")
    return Broker(
        parts.hostname, port or (8_883 if tls else 1_883), tls, user, password, prefix, client_id, ca
    )


def _trust(ca: str | None) -> ssl.SSLContext:
    """Return what verifies a broker. Raises BridgeError if the file cannot be used."""
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ValueError) as error:  # SSLError is an OSError
        raise BridgeError(
            f"cannot use {ca}: {getattr(error, 'strerror', None) or error}",
            hint="name a PEM file of certificates: --ca",
        ) from error


class Publisher:
    """Publishes until it is closed.

    Args:
        broker: where to.
        journal: where requests wait.
        keys: the devices' keys.
        tell: is told, in one line, what somebody should see.
        instant: the moment, to count the time held.
    """

    def __init__(
        self,
        broker: Broker,
        journal: Journal,
        keys: Keys,
        tell: Callable[[str], None],
        instant: Callable[[], Instant] = this_instant,
    ) -> None:
        self.delivered = 0
        self.connected = False
        self._broker = broker
        self._journal = journal
        self._keys = keys
        self._tell = tell
        self._instant = instant
        self._pubacks: queue.SimpleQueue[int] = queue.SimpleQueue()
        """Message ids: paho tells them under a lock of its own, which `publish` takes, too."""
        self._in_flight: dict[int, int] = {}
        """Message id of paho to number of request."""
        self._last = 0
        """The number of the latest request that has been handed to paho."""
        self._acknowledged: set[int] = set()
        """Requests that the broker has, and the journal has not given up yet."""
        self._discovered: set[tuple[str, str]] = set()
        self._withheld: set[str] = set()
        self._news = threading.Event()
        self._closing = False
        self._client = self._make_client()
        self._client.connect_async(broker.host, broker.port, KEEP_ALIVE_S)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Say goodbye to the broker."""
        self._closing = True
        self.wake()
        self._thread.join()
        if self.connected:
            self._client.publish(self._broker.status_topic, OFFLINE, qos=1, retain=True).wait_for_publish(1.0)
        self._client.disconnect()
        self._client.loop_stop()

    def wake(self) -> None:
        """Look for new requests soon; from any thread."""
        self._news.set()

    def _make_client(self) -> Client:
        broker = self._broker
        client = Client(CallbackAPIVersion.VERSION2, client_id=broker.client_id)
        client.max_inflight_messages_set(IN_FLIGHT_MAX * 3)  # with each request go its state and discovery
        client.reconnect_delay_set(1, RECONNECT_MAX_S)
        client.will_set(broker.status_topic, OFFLINE, qos=1, retain=True)
        if broker.user:
            client.username_pw_set(broker.user, broker.password)
        if broker.tls:
            client.tls_set_context(_trust(broker.ca))
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_connect_fail = self._on_connect_fail
        client.on_publish = self._on_publish
        return client

    def _run(self) -> None:
        """Publish what comes; take care of what could not be given up at once."""
        looks = 0
        while not self._closing:
            looks += not self._news.wait(LOOK_WAIT_S)
            self._news.clear()
            if self._withheld and looks >= WITHHELD_LOOKS:  # the key may be back
                looks, self._last = 0, 0
                self._withheld.clear()
            try:
                self._give_up_acknowledged()
                while self.connected and self._publish_some():
                    pass
            except JournalUnavailableError as error:
                self._tell(f"the journal cannot be used: {error}")

    def _publish_some(self) -> bool:
        """Hand requests to paho, as many as may be in flight; return whether there may be more."""
        room = IN_FLIGHT_MAX - len(self._in_flight)
        busy = self._acknowledged.union(self._in_flight.values())
        found = self._journal.after(OUTLET, self._last, room) if room > 0 else []
        for held in found:
            if held.number not in busy:
                self._publish(held)
            self._last = held.number
        return len(found) == room > 0

    def _publish(self, held: Held) -> None:
        message = self._message(held)
        if message is not None:
            info = self._client.publish(f"{self._broker.prefix}/{held.device}/readings", message, qos=1)
            self._in_flight[info.mid] = held.number
            self._show(held)

    def _message(self, held: Held) -> bytes | None:
        """Return the payload for a request, or None if its key is not known any more."""
        held_ms = held.received.elapsed_ns(self._instant()) // 1_000_000
        try:
            known = self._keys.of(held.device)
        except KeyFileError as error:
            self._tell(f"{error}; {error.hint}")
            known = []
        right = [key for key in known if same(request_tag(key, held.device, held.body), held.tag)]
        if not right:
            if held.device not in self._withheld:
                self._withheld.add(held.device)
                self._tell(
                    f"{held.device}: its readings wait, because their key is in the file of keys no more"
                )
            return None
        return json.dumps(
            {
                "authorization": authorization(held.device, held.tag),
                "body": held.body.decode(),
                "held_ms": held_ms,
                "held_tag": held_tag(right[0], held_ms, held.tag),
            },
            separators=(",", ":"),
        ).encode()

    def _show(self, held: Held) -> None:
        """Publish what Home Assistant shows, unless the readings are too old for that."""
        batch = json.loads(held.body)
        for channel in batch["channels"]:
            if (held.device, channel) not in self._discovered:
                self._discovered.add((held.device, channel))
                topic, config = home_assistant.discovery(
                    self._broker.prefix, held.device, channel, self._broker.status_topic
                )
                self._client.publish(topic, config, qos=1, retain=True)
        if held.received.elapsed_ns(self._instant()) < home_assistant.EXPIRE_AFTER_S * 1_000_000_000:
            topic = home_assistant.state_topic(self._broker.prefix, held.device)
            self._client.publish(topic, home_assistant.state(batch), qos=1)

    def _give_up_acknowledged(self) -> None:
        while not self._pubacks.empty():
            number = self._in_flight.pop(self._pubacks.get(), None)
            if number is not None:  # others are those of states and discovery
                self._acknowledged.add(number)
        for number in sorted(self._acknowledged):
            self._journal.done(OUTLET, number)
            self.delivered += 1
            self._acknowledged.discard(number)

    def _on_connect(
        self,
        client: Client,
        _userdata: Any,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._tell(f"the broker refuses the connection: {reason}")
            return
        self.connected = True
        self._discovered.clear()  # the broker may have forgotten what it retained
        client.publish(self._broker.status_topic, ONLINE, qos=1, retain=True)
        self.wake()

    def _on_disconnect(
        self,
        _client: Client,
        _userdata: Any,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if self.connected and reason.is_failure:
            self._tell(f"the broker is gone ({reason}): readings wait in the journal")
        self.connected = False

    def _on_connect_fail(self, _client: Client, _userdata: Any) -> None:
        self.connected = False

    def _on_publish(
        self,
        _client: Client,
        _userdata: Any,
        mid: int,
        _reason: ReasonCode,
        _properties: Properties,
    ) -> None:
        self._pubacks.put(mid)
        self.wake()
