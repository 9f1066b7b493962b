r"""The MQTT client inside the module, as `AT+MQTT...` drives it.

Theory of operation. The commands set up who we are; `connect` opens the channel, greets the broker and
waits. Requests that the broker acknowledges (a subscription, a message of quality 1 or 2) are one at a time,
like the commands that make them; each has ten seconds. Messages that come in are acknowledged and printed;
one of quality 2 is printed once, when its identifier is first seen, until the broker releases it.

A connection that ends is reported as `+MQTTDISCONNECTED`. It is opened anew if it was made with `reconnect`;
subscriptions are the broker's to remember (the session's, if it is not a clean one), and forgotten here.

Sources: OASIS MQTT 3.1.1; ESP-AT user guide, MQTT commands, for the states and the printed lines. The
intervals of keep-alive and reconnection are those of ESP-IDF's client.

What it does not do: MQTT over WebSocket.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from unosim.modem import mqtt_packets
from unosim.modem.channel import Channel
from unosim.modem.context import Context
from unosim.modem.errors import RemoteProtocolError
from unosim.modem.kernel import Timer
from unosim.modem.link import Phase
from unosim.modem.mqtt_packets import Decoder, Message, Packet, Type
from unosim.modem.replies import line

REPLY_NS = 10_000_000_000
"""A request fails when the broker has not answered for this long (ESP-AT user guide, MQTT notes)."""
RECONNECT_NS = 10_000_000_000
"""Between the end of a connection and the next attempt (ESP-IDF MQTT client)."""
UNCONFIRMED_MAX = 64
"""Messages of quality 2 that the broker has not released; a broker that keeps more open is at fault."""

Verdict = Callable[[bool], None]


@dataclass(frozen=True)
class Broker:
    """Where `AT+MQTTCONN` was told to go."""

    host: str
    port: int
    scheme: int
    path: str
    reconnect: bool

    @property
    def text(self) -> str:
        """Return it as the lines about a connection show it."""
        return f'{self.scheme},"{self.host}","{self.port}","{self.path}",{self.reconnect:d}'


@dataclass
class _Request:
    """What waits for the broker: the last packet of the exchange, its identifier, and who wants to know."""

    awaited: Type
    identifier: int
    verdict: Verdict
    timer: Timer


@dataclass
class _Connection:
    """What lasts as long as one connection."""

    decoder: Decoder = field(default_factory=Decoder)
    greeted: bool = False
    ping_unanswered: bool = False
    unconfirmed: set[int] = field(default_factory=set)


class MqttClient:
    """The client.

    Args:
        context: the shared parts of the engine.
        channel: its connection.
    """

    def __init__(self, context: Context, channel: Channel) -> None:
        self.greeting: mqtt_packets.Greeting | None = None
        self.connection_configured = False
        """Whether `AT+MQTTCONNCFG` was used, which nothing needs."""
        self.scheme = 0
        """1 TCP, 2 to 5 SSL, 6 to 10 over WebSocket; 0 for none yet."""
        self.path = ""
        self.broker: Broker | None = None
        self.topics: dict[str, int] = {}
        """Subscriptions, with the quality of service asked for."""
        self.had_topics = False
        """Whether there was a subscription on this connection."""
        self.connected = False
        self._context = context
        self._channel = channel
        self._connection = _Connection()
        self._checks = 0
        self._connecting: Verdict | None = None
        self._request: _Request | None = None
        self._identifier = 0
        self._keepalive: Timer | None = None
        self._greeting_timer: Timer | None = None
        self._retry: Timer | None = None

    def reset(self) -> None:
        """Forget everything without a word: the module restarts or sleeps, or cleans up."""
        for timer in (self._keepalive, self._greeting_timer, self._retry):
            self._context.kernel.cancel(timer)
        if self._request:
            self._context.kernel.cancel(self._request.timer)
        self._channel.close()
        self.greeting, self.broker, self.connected = None, None, False
        self.connection_configured, self.scheme, self.path = False, 0, ""
        self._forget_topics()
        self._connecting, self._request, self._identifier = None, None, 0
        self._connection = _Connection()

    def configure(self, greeting: mqtt_packets.Greeting, scheme: int, path: str) -> None:
        """Set up who we are and how we travel, in place of anything set up before."""
        self.reset()
        self.greeting, self.scheme, self.path = greeting, scheme, path

    def connect(self, broker: Broker, checks: int, verdict: Verdict) -> None:
        """Connect and greet; `checks` are the bits of an SSL link, for schemes that have one."""
        self.broker, self._checks, self._connecting = broker, checks, verdict
        self._open()

    def publish(self, message: Message, verdict: Verdict) -> None:
        """Send a message; the verdict comes when the broker has it for good."""
        if message.qos == 0:
            self._send(mqtt_packets.publish(message))
            verdict(True)
            return
        identifier = self._next_identifier()
        numbered = Message(message.topic, message.payload, message.qos, message.retain, identifier)
        awaited = Type.PUBACK if message.qos == 1 else Type.PUBCOMP
        self._ask(mqtt_packets.publish(numbered), awaited, identifier, verdict)

    def subscribe(self, topic: str, qos: int, verdict: Verdict) -> None:
        """Subscribe to a topic filter."""

        def noted(granted: bool) -> None:
            if granted:
                self.topics[topic], self.had_topics = qos, True
            verdict(granted)

        identifier = self._next_identifier()
        self._ask(mqtt_packets.subscribe(identifier, topic, qos), Type.SUBACK, identifier, noted)

    def unsubscribe(self, topic: str, verdict: Verdict) -> None:
        """End a subscription."""

        def noted(done: bool) -> None:
            if done:
                self.topics.pop(topic, None)
            verdict(done)

        identifier = self._next_identifier()
        self._ask(mqtt_packets.unsubscribe(identifier, topic), Type.UNSUBACK, identifier, noted)

    def leave(self) -> None:
        """Say goodbye and forget everything."""
        if self.connected:
            self._send(Packet(Type.DISCONNECT))
        self.reset()

    def on_open(self) -> None:
        """Greet the broker."""
        self._connection = _Connection()
        self._greeting_timer = self._context.kernel.after(REPLY_NS, self._fail)
        if self.greeting:
            self._channel.send(mqtt_packets.connect(self.greeting).encode())

    def on_data(self, data: bytes) -> None:
        """Take what the broker sends."""
        try:
            for packet in self._connection.decoder.feed(data):
                if self._channel.phase is Phase.OPEN:
                    self._take(packet)
        except RemoteProtocolError:
            self._fail()

    def on_gone(self) -> None:
        """Take note that there is no connection, and try again later if that was wished."""
        kernel = self._context.kernel
        kernel.cancel(self._keepalive)
        kernel.cancel(self._greeting_timer)
        request, self._request = self._request, None
        connecting, self._connecting = self._connecting, None
        if self.connected:
            self.connected = False
            self._forget_topics()
            self._say(line("+MQTTDISCONNECTED:0"))
        if request:
            kernel.cancel(request.timer)
            request.verdict(False)
        if connecting:
            connecting(False)
        elif self.broker and self.broker.reconnect:
            self._retry = kernel.after(RECONNECT_NS, self._open)

    def _forget_topics(self) -> None:
        self.topics.clear()
        self.had_topics = False

    def _open(self) -> None:
        if self.broker:
            ssl = self.broker.scheme > 1
            self._channel.open(self, self.broker.host, self.broker.port, ssl=ssl, checks=self._checks)

    def _fail(self) -> None:
        """End a connection that leads nowhere."""
        self._channel.close()
        self.on_gone()

    def _say(self, text: bytes) -> None:
        """Print something that nobody asked for, unless the UART is a wire to a peer at the moment."""
        if not self._context.session.passing_through:
            self._context.kernel.write(text)

    def _next_identifier(self) -> int:
        self._identifier = self._identifier % 0xFFFF + 1
        return self._identifier

    def _send(self, packet: Packet) -> None:
        self._channel.send(packet.encode())
        self._rearm_keepalive()

    def _rearm_keepalive(self) -> None:
        self._context.kernel.cancel(self._keepalive)
        if self.greeting and self.connected:
            half_ns = self.greeting.keepalive_s * 1_000_000_000 // 2
            self._keepalive = self._context.kernel.after(half_ns, self._ping)

    def _ping(self) -> None:
        if self._connection.ping_unanswered:
            self._fail()
            return
        self._connection.ping_unanswered = True
        self._send(Packet(Type.PINGREQ))

    def _ask(self, packet: Packet, awaited: Type, identifier: int, verdict: Verdict) -> None:
        timer = self._context.kernel.after(REPLY_NS, lambda: self._answer(accepted=False))
        self._request = _Request(awaited, identifier, verdict, timer)
        self._send(packet)

    def _answer(self, *, accepted: bool) -> None:
        request, self._request = self._request, None
        if request:
            self._context.kernel.cancel(request.timer)
            request.verdict(accepted)

    def _take(self, packet: Packet) -> None:
        if not self._connection.greeted:
            self._take_greeting(packet)
            return
        match packet.type:
            case Type.PUBLISH:
                self._take_message(mqtt_packets.parse_publish(packet))
            case Type.PUBREC:
                self._send(mqtt_packets.acknowledge(Type.PUBREL, packet.identifier))
            case Type.PUBREL:
                self._connection.unconfirmed.discard(packet.identifier)
                self._send(mqtt_packets.acknowledge(Type.PUBCOMP, packet.identifier))
            case Type.PINGRESP:
                self._connection.ping_unanswered = False
            case Type.PUBACK | Type.PUBCOMP | Type.SUBACK | Type.UNSUBACK:
                request = self._request
                if request and (packet.type, packet.identifier) == (request.awaited, request.identifier):
                    self._answer(accepted=packet.type is not Type.SUBACK or packet.body[-1] != SUBACK_FAILURE)
            case _:
                raise RemoteProtocolError(f"{packet.type.name} from a broker")

    def _take_greeting(self, packet: Packet) -> None:
        if packet.type is not Type.CONNACK or len(packet.body) != 2 or packet.body[1]:
            raise RemoteProtocolError(f"refused with {packet.type.name} {packet.body!r}")
        self._context.kernel.cancel(self._greeting_timer)
        self._connection.greeted = self.connected = True
        self._rearm_keepalive()
        if self.broker:
            self._say(line(f"+MQTTCONNECTED:0,{self.broker.text}"))
        connecting, self._connecting = self._connecting, None
        if connecting:
            connecting(True)

    def _take_message(self, message: Message) -> None:
        """Print a message, unless it is a repetition, and acknowledge it."""
        known = message.qos == 2 and message.identifier in self._connection.unconfirmed
        if not known:
            head = f'+MQTTSUBRECV:0,"{message.topic}",{len(message.payload)},'
            self._say(head.encode("utf-8", "surrogateescape") + message.payload + b"\r\n")
        if message.qos == 1:
            self._send(mqtt_packets.acknowledge(Type.PUBACK, message.identifier))
        elif message.qos == 2:
            self._connection.unconfirmed.add(message.identifier)
            if len(self._connection.unconfirmed) > UNCONFIRMED_MAX:
                raise RemoteProtocolError(f"more than {UNCONFIRMED_MAX} messages that are not released")
            self._send(mqtt_packets.acknowledge(Type.PUBREC, message.identifier))


SUBACK_FAILURE = 0x80
"""Return code of a subscription that the broker refuses (OASIS MQTT 3.1.1, section 3.9.3)."""
