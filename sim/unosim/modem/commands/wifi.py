"""The commands about access points: mode, joining, leaving, scanning.

`AT+CWJAP` starts the station and then looks at it at fixed intervals, so its result code lags behind the
lines that the station prints. The look that gives up reports `+CWJAP:<n>` under that name for every suffix.
"""

from unosim.modem.commands.command import Call, Command, say_ok, scoped
from unosim.modem.core import Core
from unosim.modem.errors import CommandError
from unosim.modem.parameters import Parameters
from unosim.modem.radio import CIPHERS, AccessPoint
from unosim.modem.replies import OK, PENDING, Reply, bare, info, line
from unosim.modem.settings import SOFTAP, STATION
from unosim.modem.station import JoinFailure

SSID_BYTES = 32
PASSWORD_BYTES = 64
BSSID_BYTES = 17
"""Limits of the string parameters (Espressif AT instruction set)."""
HIGHEST_CHANNEL = 14
FREQUENCY_OFFSET = -4
FREQUENCY_CALIBRATION = 0
BGN = 7
"""Constants of a `+CWLAP` line: what an ordinary 802.11b/g/n access point shows."""


def _mode(core: Core, call: Call) -> Reply:
    source = core.flash if call.stored else core.running
    return info(f"{call.name}:{source.mode}")


def _modes(_core: Core, call: Call) -> Reply:
    return info(f"{call.name}:(1-3)")


def _set_mode(core: Core, call: Call) -> Reply:
    mode = call.parameters.number(1, 3)
    call.parameters.end()
    core.configure(save=call.saves, mode=mode)
    if not mode & STATION:
        core.station.leave_soon()
    if not mode & SOFTAP:
        core.softap.dismiss()
    return OK


def _join(core: Core, call: Call) -> Reply:
    parameters = call.parameters
    ssid = parameters.string(SSID_BYTES)
    parameters.comma()
    password = parameters.string(PASSWORD_BYTES)
    bssid = parameters.string(BSSID_BYTES) if parameters.more() else ""
    if parameters.more():
        parameters.number(0, 1)  # pci_en: refuses WEP and WPA, which our radio does not tell apart
    parameters.end()
    if not core.station_enabled:
        raise CommandError
    core.station.leave()
    core.configure(save=call.saves, ssid=ssid, password=password, bssid=bssid.lower())
    core.station.join(core.profile.associate_ns)
    core.kernel.after(core.profile.join_first_check_ns, lambda: _check_join(core, 1))
    return PENDING


def _check_join(core: Core, checks: int) -> None:
    """Look at the station; end the command, or look again later."""
    if core.station.ready:
        core.finish(OK)
    elif checks < core.profile.join_checks:
        core.kernel.after(core.profile.join_check_ns, lambda: _check_join(core, checks + 1))
    else:
        give_up(core)


def give_up(core: Core) -> None:
    """End a join that has not come about."""
    code = {
        JoinFailure.TIMEOUT: 1,
        JoinFailure.WRONG_PASSWORD: core.profile.wrong_password_code,
        JoinFailure.NO_ACCESS_POINT: 3,
        JoinFailure.OTHER: 4,
    }[core.station.failure]
    core.finish(line(f"+CWJAP:{code}") + core.profile.join_failed)
    core.station.leave()


def _joined(core: Core, call: Call) -> Reply:
    access_point = core.station.access_point
    if access_point is None or not core.station.ready:
        return info("No AP")
    return info(
        f'{call.name}:"{access_point.ssid}","{access_point.bssid}",{access_point.channel},'
        f"{access_point.rssi_dbm}{core.profile.join_query_tail}"
    )


def _quit(core: Core, _call: Call) -> Reply:
    core.station.leave_soon()
    return OK


def _scan_all(core: Core, _call: Call) -> Reply:
    return _scan(core)


def _scan_for(core: Core, call: Call) -> Reply:
    ssid, bssid, channel = _scan_filter(call.parameters)
    return _scan(core, ssid, bssid, channel)


def _scan_filter(parameters: Parameters) -> tuple[str, str, int]:
    ssid = "" if parameters.empty() else parameters.string(SSID_BYTES)
    bssid = parameters.optional_string(BSSID_BYTES, "")
    channel = parameters.optional_number(0, HIGHEST_CHANNEL, 0)
    if parameters.given():
        # Scan type, shortest and longest time a channel in ms: without influence on our radio.
        parameters.number(0, 1)
        for _ in range(2):
            parameters.comma()
            parameters.number(0, 1500)
    parameters.end()
    return ssid, bssid.lower(), channel


def _scan(core: Core, ssid: str = "", bssid: str = "", channel: int = 0) -> Reply:
    """Listen on all channels, then list what fits; empty and 0 fit all."""
    if not core.station_enabled:
        raise CommandError

    def report() -> None:
        found = [
            one
            for one in core.station.audible()
            if ssid in {"", one.ssid} and bssid in {"", one.bssid.lower()} and channel in {0, one.channel}
            if one.rssi_dbm >= core.session.scan_rssi_dbm_min
            if core.session.scan_encryptions >> one.security & 1
        ]
        if core.session.scan_sorted:
            found.sort(key=lambda one: -one.rssi_dbm)
        chosen = core.session.scan_fields
        mask = core.profile.scan_fields if chosen is None else chosen
        lines = (line(f"+CWLAP:({_fields(one, mask)})") for one in found)
        core.finish(b"".join(lines) + OK)

    core.kernel.after(core.profile.scan_ns, report)
    return PENDING


def _fields(access_point: AccessPoint, mask: int) -> str:
    """Return the fields of a `+CWLAP` line that a mask selects."""
    cipher = CIPHERS[access_point.security]
    fields = (
        int(access_point.security),
        f'"{access_point.ssid}"',
        access_point.rssi_dbm,
        f'"{access_point.bssid}"',
        access_point.channel,
        FREQUENCY_OFFSET,
        FREQUENCY_CALIBRATION,
        cipher,
        cipher,
        BGN,
        0,
    )
    return ",".join(str(field) for bit, field in enumerate(fields) if mask >> bit & 1)


def _set_scan_options(core: Core, call: Call) -> Reply:
    in_order = bool(call.parameters.number(0, 1, "flag error"))
    call.parameters.comma("get mask error")
    mask = call.parameters.number(0, core.profile.scan_fields, "get mask error")
    call.parameters.end()
    core.session.scan_sorted, core.session.scan_fields = in_order, mask
    return OK


def _autoconnect(core: Core, call: Call) -> Reply:
    return bare(f"{call.name}:{int(core.flash.autoconnect)}")


def _set_autoconnect(core: Core, call: Call) -> Reply:
    on = bool(call.parameters.number(0, 1))
    call.parameters.end()
    core.configure(save=True, autoconnect=on)
    return OK


COMMANDS: dict[str, Command] = {
    **scoped("+CWMODE", Command(test=_modes, query=_mode, set=_set_mode)),
    **scoped("+CWJAP", Command(query=_joined, set=_join)),
    "+CWLAP": Command(set=_scan_for, execute=_scan_all),
    "+CWLAPOPT": Command(set=_set_scan_options),
    "+CWQAP": Command(test=say_ok, execute=_quit),
    "+CWAUTOCONN": Command(query=_autoconnect, set=_set_autoconnect),
}
