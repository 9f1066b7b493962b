"""The `AT+MQTT...` commands. Their errors have numbers of their own (ESP-AT user guide, MQTT error codes)."""

from collections.abc import Callable
from dataclasses import replace

from unosim.modem.commands.command import Call, Command
from unosim.modem.commands.tcpip import HIGHEST_PORT
from unosim.modem.core import Core
from unosim.modem.errors import CommandError
from unosim.modem.mqtt import Broker
from unosim.modem.mqtt_packets import Greeting, Message, publish
from unosim.modem.parameters import Parameters
from unosim.modem.replies import OK, PENDING, Reply, line

NO_CONFIGURED = 0x6001
UNINITIATED = 0x6003
ALREADY_CONNECTED = 0x6004
CLIENT_START_FAILED = 0x600B
PUBLISH_FAILED = 0x600C
SUBSCRIBE_FAILED = 0x600D
UNSUBSCRIBE_FAILED = 0x600E
LENGTH_WRONG = 0x604C
DISCONNECTED = 0x6051

CLIENT_ID_BYTES = 256
USER_BYTES = 64
LONG_BYTES = 256
PATH_BYTES = 32
HOST_BYTES = 128
TOPIC_BYTES = 64
WILL_BYTES = 64
KEEPALIVE_S = 7_200
DEFAULT_KEEPALIVE_S = 120
HIGHEST_SCHEME = 10
HIGHEST_SSL_SCHEME = 5
DATA_BYTES = 256
"""Bounds of the parameters (ESP-AT user guide, MQTT commands)."""
BUFFER_BYTES = 512
"""Room for a message with its header (`CONFIG_MQTT_BUFFER_SIZE` of the ESP8266 build)."""
_SSL_CHECKS = {3: 2, 4: 1, 5: 3}
"""What the schemes over SSL show and verify, as the bits of an SSL link."""
UNINITIALISED, CONFIGURED, CONNECTION_CONFIGURED, LOST, CONNECTED, WITHOUT_TOPIC, SUBSCRIBED = range(7)
"""The states that queries print."""


def _state(core: Core) -> int:
    mqtt = core.mqtt
    if mqtt.connected:
        return SUBSCRIBED if mqtt.topics else WITHOUT_TOPIC if mqtt.had_topics else CONNECTED
    if mqtt.broker:
        return LOST
    if mqtt.greeting is None:
        return UNINITIALISED
    return CONNECTION_CONFIGURED if mqtt.connection_configured else CONFIGURED


def _link_id(parameters: Parameters) -> None:
    """Step over the number of the only client there is, and the comma behind it."""
    parameters.number(0, 0)
    parameters.comma()


def _set_user(core: Core, call: Call) -> Reply:
    parameters = call.parameters
    _link_id(parameters)
    scheme = parameters.number(1, HIGHEST_SCHEME)
    parameters.comma()
    client_id = parameters.string(CLIENT_ID_BYTES)
    parameters.comma()
    username = parameters.string(USER_BYTES)
    parameters.comma()
    password = parameters.string(USER_BYTES)
    for _ in range(2):  # the numbers of certificate and authority
        parameters.comma()
        parameters.number(0, 0)
    parameters.comma()
    path = parameters.string(PATH_BYTES)
    parameters.end()
    _require_idle(core)
    core.mqtt.configure(Greeting(client_id, username, password), scheme, path)
    return OK


def _require_idle(core: Core) -> None:
    """Refuse to change what is in use."""
    if core.mqtt.broker:
        raise CommandError(code=ALREADY_CONNECTED)


def _greeting(core: Core) -> Greeting:
    """Return what has been configured."""
    if core.mqtt.greeting is None:
        raise CommandError(code=NO_CONFIGURED)
    return core.mqtt.greeting


def _set_text(change: Callable[[Greeting, str], Greeting]) -> Command:
    """Return the command that sets one text of the greeting anew, longer than `AT+MQTTUSERCFG` can."""

    def put(core: Core, call: Call) -> Reply:
        _link_id(call.parameters)
        text = call.parameters.string(LONG_BYTES)
        call.parameters.end()
        greeting = _greeting(core)
        _require_idle(core)
        core.mqtt.greeting = change(greeting, text)
        return OK

    return Command(set=put)


def _set_connection(core: Core, call: Call) -> Reply:
    parameters = call.parameters
    _link_id(parameters)
    keepalive_s = parameters.number(0, KEEPALIVE_S) or DEFAULT_KEEPALIVE_S
    parameters.comma()
    keeps_session = bool(parameters.number(0, 1))
    parameters.comma()
    topic = parameters.string(TOPIC_BYTES)
    parameters.comma()
    text = parameters.string(WILL_BYTES).encode("utf-8", "surrogateescape")
    qos = parameters.optional_number(0, 2, 0)
    retain = bool(parameters.optional_number(0, 1, 0))
    parameters.end()
    greeting = _greeting(core)
    _require_idle(core)
    will = Message(topic, text, qos, retain) if topic else None
    core.mqtt.greeting = replace(
        greeting, keepalive_s=keepalive_s, clean_session=not keeps_session, will=will
    )
    core.mqtt.connection_configured = True
    return OK


def _verdict(core: Core, code: int) -> Callable[[bool], None]:
    """Return what ends a command with the broker's verdict."""
    return lambda accepted: core.finish(OK if accepted else core.failure(code=code))


def _connect(core: Core, call: Call) -> Reply:
    parameters = call.parameters
    _link_id(parameters)
    host = parameters.string(HOST_BYTES)
    parameters.comma()
    port = parameters.number(1, HIGHEST_PORT)
    reconnect = bool(parameters.optional_number(0, 1, 0))
    parameters.end()
    _greeting(core)
    if core.mqtt.connected:
        raise CommandError(code=ALREADY_CONNECTED)
    mqtt = core.mqtt
    if mqtt.scheme > HIGHEST_SSL_SCHEME or not core.station.ready:
        raise CommandError(code=CLIENT_START_FAILED)
    broker = Broker(host, port, mqtt.scheme, mqtt.path, reconnect)
    mqtt.connect(broker, _SSL_CHECKS.get(mqtt.scheme, 0), _verdict(core, CLIENT_START_FAILED))
    return PENDING


def _connection(core: Core, call: Call) -> Reply:
    broker = core.mqtt.broker or Broker("", 0, core.mqtt.scheme, core.mqtt.path, reconnect=False)
    return line(f"{call.name}:0,{_state(core)},{broker.text}") + OK


def _require_connection(core: Core) -> None:
    if not core.mqtt.connected:
        raise CommandError(code=DISCONNECTED if core.mqtt.broker else NO_CONFIGURED)


def _require_room(message: Message) -> None:
    if len(publish(message).encode()) > BUFFER_BYTES:
        raise CommandError(code=LENGTH_WRONG)


def _options(parameters: Parameters) -> tuple[int, bool]:
    """Return quality of service and whether the broker is to keep the message; both may be left out."""
    qos = parameters.optional_number(0, 2, 0)
    retain = bool(parameters.optional_number(0, 1, 0))
    parameters.end()
    return qos, retain


def _publish(core: Core, call: Call) -> Reply:
    parameters = call.parameters
    _link_id(parameters)
    topic = parameters.string(TOPIC_BYTES)
    parameters.comma()
    data = parameters.string(DATA_BYTES).encode("utf-8", "surrogateescape")
    message = Message(topic, data, *_options(parameters))
    _require_connection(core)
    core.mqtt.publish(message, _verdict(core, PUBLISH_FAILED))
    return PENDING


def _publish_raw(core: Core, call: Call) -> Reply:
    parameters = call.parameters
    _link_id(parameters)
    topic = parameters.string(TOPIC_BYTES)
    parameters.comma()
    count = parameters.number(1, BUFFER_BYTES)
    qos, retain = _options(parameters)
    _require_connection(core)
    _require_room(Message(topic, bytes(count), qos, retain))

    def report(accepted: bool) -> None:
        core.finish(line("+MQTTPUB:OK" if accepted else "+MQTTPUB:FAIL"))

    def take(data: bytes) -> None:
        if core.mqtt.connected:
            core.mqtt.publish(Message(topic, data, qos, retain), report)
        else:
            report(accepted=False)

    core.expect(count, take)
    return PENDING


def _subscribe(core: Core, call: Call) -> Reply:
    """Subscribe; that a topic is subscribed already is told on another UART."""
    _link_id(call.parameters)
    topic = call.parameters.string(TOPIC_BYTES)
    qos = call.parameters.optional_number(0, 2, 0)
    call.parameters.end()
    _require_connection(core)
    if topic in core.mqtt.topics:
        return OK
    core.mqtt.subscribe(topic, qos, _verdict(core, SUBSCRIBE_FAILED))
    return PENDING


def _subscriptions(core: Core, call: Call) -> Reply:
    state = _state(core)
    rows = (f'{call.name}:0,{state},"{topic}",{qos}' for topic, qos in core.mqtt.topics.items())
    return b"".join(map(line, rows)) + OK


def _unsubscribe(core: Core, call: Call) -> Reply:
    """Unsubscribe; that a topic was not subscribed is told on another UART."""
    _link_id(call.parameters)
    topic = call.parameters.string(TOPIC_BYTES)
    call.parameters.end()
    _require_connection(core)
    if topic not in core.mqtt.topics:
        return OK
    core.mqtt.unsubscribe(topic, _verdict(core, UNSUBSCRIBE_FAILED))
    return PENDING


def _clean(core: Core, call: Call) -> Reply:
    call.parameters.number(0, 0)
    call.parameters.end()
    if core.mqtt.greeting is None:
        raise CommandError(code=UNINITIATED)
    core.mqtt.leave()
    return OK


COMMANDS: dict[str, Command] = {
    "+MQTTUSERCFG": Command(set=_set_user),
    "+MQTTCLIENTID": _set_text(lambda greeting, text: replace(greeting, client_id=text)),
    "+MQTTUSERNAME": _set_text(lambda greeting, text: replace(greeting, username=text)),
    "+MQTTPASSWORD": _set_text(lambda greeting, text: replace(greeting, password=text)),
    "+MQTTCONNCFG": Command(set=_set_connection),
    "+MQTTCONN": Command(query=_connection, set=_connect),
    "+MQTTPUB": Command(set=_publish),
    "+MQTTPUBRAW": Command(set=_publish_raw),
    "+MQTTSUB": Command(query=_subscriptions, set=_subscribe),
    "+MQTTUNSUB": Command(set=_unsubscribe),
    "+MQTTCLEAN": Command(set=_clean),
}
