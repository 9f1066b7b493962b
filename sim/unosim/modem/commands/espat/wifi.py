"""The commands of ESP-AT 2 about access points: mode, joining, state, scanning.

Joining ends with the address, or when its time is over; nobody looks at intervals.
"""

from dataclasses import replace

from unosim.modem.commands.command import Call, Command
from unosim.modem.commands.wifi import BSSID_BYTES, PASSWORD_BYTES, SSID_BYTES, give_up
from unosim.modem.core import Core
from unosim.modem.errors import CommandError
from unosim.modem.parameters import Parameters
from unosim.modem.replies import ERROR, OK, PENDING, Reply, info, line
from unosim.modem.settings import SOFTAP, STATION, Enterprise, JoinOptions
from unosim.modem.station import State

S = 1_000_000_000
JOIN_TIMEOUT_S = 15
JOIN_TIMEOUTS_S = (3, 600)
RECONNECT_S = 7_200
RECONNECTS = 1_000
LISTEN_INTERVALS = (1, 100)
HIGHEST_PMF = 3
SCAN_RSSI_DBM = (-100, 40)
SCAN_FIELDS = 0x7FF
ENTERPRISE_BYTES = 32
HIGHEST_METHOD = 2
"""Bounds of the parameters (ESP-AT user guide, Wi-Fi commands)."""
_BAD_JOIN_FIELD = 0x01040000
"""Error code of a name or password that cannot be used; the field's number is added (ESP-AT 2.2 library)."""


def _mode(core: Core, call: Call) -> Reply:
    return info(f"{call.name}:{core.running.mode}")


def _set_mode(core: Core, call: Call) -> Reply:
    mode = call.parameters.number(0, STATION | SOFTAP)
    connects = call.parameters.optional_number(0, 1, 1)
    call.parameters.end()
    had_station = core.station_enabled
    core.configure(save=call.saves, mode=mode)
    if not mode & STATION:
        core.station.leave_soon()
    elif not had_station and connects and core.flash.ssid:
        core.station.leave()
        core.station.join(core.profile.associate_ns)
    if not mode & SOFTAP:
        core.softap.dismiss()
    return OK


def _join_text(parameters: Parameters, field: int, longest_bytes: int, stored: str) -> str:
    """Return a name or password, or the one of the last join if it is left empty."""
    if parameters.empty():
        return stored
    try:
        return parameters.string(longest_bytes)
    except CommandError as error:
        raise CommandError(code=_BAD_JOIN_FIELD | field) from error


def _join(core: Core, call: Call) -> Reply:
    parameters, last = call.parameters, core.running
    ssid = _join_text(parameters, 0, SSID_BYTES, last.ssid)
    password = last.password
    if parameters.more():
        password = _join_text(parameters, 1, PASSWORD_BYTES, last.password)
    elif ssid != last.ssid:
        password = ""
    bssid = parameters.optional_string(BSSID_BYTES, "")
    options, timeout_s = _join_options(parameters, last.join_options)
    parameters.end()
    if not core.station_enabled:
        raise CommandError
    changes = {"ssid": ssid, "password": password, "bssid": bssid.lower(), "join_options": options}
    core.station.leave()
    core.configure(save=call.saves, enterprise=None, **changes)
    _seek(core, timeout_s)
    return PENDING


def _join_options(parameters: Parameters, last: JoinOptions) -> tuple[JoinOptions, int]:
    """Return the optional parameters of a join, and how long it may take in seconds."""
    default = JoinOptions()
    authenticated_only = bool(parameters.optional_number(0, 1, 0))
    reconnect_s = parameters.optional_number(0, RECONNECT_S, last.reconnect_s)
    listen_interval = parameters.optional_number(*LISTEN_INTERVALS, default.listen_interval)
    strongest = bool(parameters.optional_number(0, 1, 0))
    timeout_s = parameters.optional_number(*JOIN_TIMEOUTS_S, JOIN_TIMEOUT_S)
    protected_frames = parameters.optional_number(0, HIGHEST_PMF, default.protected_frames)
    options = JoinOptions(
        authenticated_only, reconnect_s, last.reconnects_max, listen_interval, strongest, protected_frames
    )
    return options, timeout_s


def _join_again(core: Core, _call: Call) -> Reply:
    if not core.station_enabled or not core.running.ssid:
        raise CommandError
    core.station.leave()
    _seek(core, JOIN_TIMEOUT_S)
    return PENDING


def _seek(core: Core, timeout_s: int, failure: bytes | None = None) -> None:
    """Seek the network, and end the command with the address or when the time is over."""

    def joined() -> None:
        core.kernel.cancel(patience)
        core.finish(OK)

    def expired() -> None:
        if failure is None:
            give_up(core)
        else:
            core.finish(failure)
            core.station.leave()

    patience = core.kernel.after(timeout_s * S, expired)
    core.await_address(joined)
    core.station.join(core.profile.associate_ns)


def _joined(core: Core, call: Call) -> Reply:
    access_point = core.station.access_point
    if access_point is None or not core.station.ready:
        return OK
    options = core.running.join_options
    numbers = (
        access_point.channel,
        access_point.rssi_dbm,
        int(options.authenticated_only),
        options.reconnect_s,
        options.listen_interval,
        int(options.strongest),
        options.protected_frames,
    )
    return info(f'{call.name}:"{access_point.ssid}","{access_point.bssid}",{",".join(map(str, numbers))}')


def _join_enterprise(core: Core, call: Call) -> Reply:
    """Join with an identity; a network of ours asks for the password alone, and none for EAP-TLS."""
    parameters = call.parameters
    ssid = parameters.string(SSID_BYTES)
    parameters.comma()
    method = parameters.number(0, HIGHEST_METHOD)
    parameters.comma()
    identity = parameters.string(ENTERPRISE_BYTES)
    username = parameters.optional_string(ENTERPRISE_BYTES, "")
    password = parameters.optional_string(ENTERPRISE_BYTES, "")
    parameters.comma()
    security = parameters.number(0, 3)
    timeout_s = parameters.optional_number(*JOIN_TIMEOUTS_S, JOIN_TIMEOUT_S)
    parameters.end()
    if not core.station_enabled or not identity or (method and not (username and password)):
        raise CommandError
    core.station.leave()
    enterprise = Enterprise(ssid, method, identity, username, password, security)
    core.configure(save=call.saves, ssid=ssid, password="", bssid="", enterprise=enterprise)
    _seek(core, timeout_s, line("+CWJEAP:Timeout") + ERROR)
    return PENDING


def _enterprise(core: Core, call: Call) -> Reply:
    now = core.running.enterprise
    if now is None or not core.station.ready:
        return OK
    identity = f'"{now.identity}","{now.username}","{now.password}"'
    return info(f'{call.name}:"{now.ssid}",{now.method},{identity},{now.security}')


_STATES = {State.ASSOCIATED: 1, State.READY: 2, State.SEEKING: 3, State.IDLE: 4}
"""What `AT+CWSTATE?` prints, once a network has been sought."""


def _state(core: Core, call: Call) -> Reply:
    state = _STATES[core.station.state] if core.station.started else 0
    ssid = core.running.ssid if core.station.started else ""
    return info(f'{call.name}:{state},"{ssid}"')


def _reconnection(core: Core, call: Call) -> Reply:
    options = core.running.join_options
    return info(f"{call.name}:{options.reconnect_s},{options.reconnects_max}")


def _set_reconnection(core: Core, call: Call) -> Reply:
    reconnect_s = call.parameters.number(0, RECONNECT_S)
    call.parameters.comma()
    reconnects_max = call.parameters.number(0, RECONNECTS)
    call.parameters.end()
    options = replace(core.running.join_options, reconnect_s=reconnect_s, reconnects_max=reconnects_max)
    core.configure(save=call.saves, join_options=options)
    return OK


def _set_scan_options(core: Core, call: Call) -> Reply:
    in_order = bool(call.parameters.number(0, 1))
    call.parameters.comma()
    mask = call.parameters.number(0, SCAN_FIELDS)
    rssi_dbm_min = call.parameters.optional_number(*SCAN_RSSI_DBM, SCAN_RSSI_DBM[0])
    encryptions = call.parameters.optional_number(0, 0xFF, 0xFF)
    call.parameters.end()
    session = core.session
    session.scan_sorted, session.scan_fields = in_order, mask
    session.scan_rssi_dbm_min, session.scan_encryptions = rssi_dbm_min, encryptions
    return OK


COMMANDS: dict[str, Command] = {
    "+CWMODE": Command(query=_mode, set=_set_mode),
    "+CWJAP": Command(query=_joined, set=_join, execute=_join_again),
    "+CWJEAP": Command(query=_enterprise, set=_join_enterprise),
    "+CWSTATE": Command(query=_state),
    "+CWRECONNCFG": Command(query=_reconnection, set=_set_reconnection),
    "+CWLAPOPT": Command(set=_set_scan_options),
}
