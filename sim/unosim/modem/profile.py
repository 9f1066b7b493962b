"""What differs between AT firmware versions, one frozen record each. The engine never asks for a version.

Every time is a default within the range seen in the field. The mark says how well it is founded: *exact*
(decoded from the vendor's AT library), *observed* (dialogues in public issues), *estimate*.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from unosim.modem.catalog import forms_of

MS = 1_000_000
"""Nanoseconds in a millisecond."""


@dataclass(frozen=True)
class Profile:
    """One firmware version. Units are in the names."""

    name: str
    forms: Mapping[str, str] = field(repr=False, hash=False)
    """The commands it knows, each with the letters of its forms (exact: `unosim.modem.catalog`)."""
    version_text: bytes
    """What `AT+GMR` prints before the result code. The last, build-supplied line has no CR LF."""
    rom_text: bytes
    """What the ROM and the second-stage loader say at `rom_baud`; `%d` is the reset cause."""
    rom_baud: int = 74_880
    """The ROM sets up 115200 baud for a 40 MHz crystal; the module has 26 MHz."""
    banner: bytes = b"\r\nready\r\n"

    line_feed_echo: bytes = b"\n"
    """What a line feed is echoed as. Up to 1.3 it is CR LF: lines come back with CR CR LF (exact)."""
    line_bytes: int = 256
    """Room for a command after its prefix, CR LF included (exact: 128 up to 1.6.2)."""
    chunk_bytes: int = 100
    """The UART interrupt fires at this FIFO level (Espressif SDK UART driver)."""
    chunk_idle_characters: int = 2
    """... or when the line has been idle for this many character times (Espressif SDK UART driver)."""

    holds_news_while_prompting: bool = False
    """Whether what links have to say waits from the prompt to the last byte of send data. A model of 0.21 to
    1.3 has it so; a dialogue with 1.5 (NONOS SDK issue 59) shows data right behind the prompt."""
    send_prompt: bytes = b"\r\nOK\r\n> "
    send_fail: bytes = b"SEND FAIL\r\n"
    join_failed: bytes = b"\r\nFAIL\r\n"
    join_query_tail: str = ",0"
    """Fields of `AT+CWJAP?` behind the signal strength (exact: `pci_en` from 1.7.0 on)."""
    scan_fields: int = 0x7FF
    """Mask of the fields that a `+CWLAP` line has (exact: seven up to 1.4, eleven from 1.6 on)."""
    announces_guests: bool = True
    """Whether stations that come to the module's own access point are reported (exact: from 1.6 on)."""
    time_tail: str = ""
    """Ends the line of `AT+CIPSNTPTIME?` (exact: a line feed up to 1.6.2, cut off from 1.7.0 on)."""
    received_head: str = "\r\n+CIPRECVDATA,%d:"
    wrong_password_code: int = 2
    """`+CWJAP:<n>` for a wrong password. Field reports also show 1 and 4, because the handshake fails
    late."""
    free_heap_bytes: int = 38_000
    """`AT+SYSRAM?` (observed: 30000-48000)."""
    supply_mv: int = 3_300
    adc_reading: int = 0
    """`AT+SYSADC?`: an ESP-01 does not bring the pin out."""

    command_ns: int = 1 * MS
    """From the end of a command line to its answer (estimate: 0.3-5 ms)."""
    received_line_ns: int = 1 * MS
    """From the last data byte to `Recv n bytes` (estimate: up to 5 ms)."""
    restart_ns: int = 3 * MS
    """From the `OK` of a restart to the ROM's first byte (estimate: 1-5 ms)."""
    boot_ns: int = 300 * MS
    """From the ROM's first byte to `ready` (estimate: 150-600 ms)."""
    boot_associate_ns: int = 1_500 * MS
    """From `ready` to `WIFI CONNECTED` (observed: 0.8-4 s)."""
    associate_ns: int = 2_100 * MS
    """From `AT+CWJAP` to `WIFI CONNECTED` (observed: 0.8-8 s)."""
    dhcp_ns: int = 1_000 * MS
    """From `WIFI CONNECTED` to `WIFI GOT IP` (observed: 0.1-5 s)."""
    dhcp_timeout_ns: int = 20_000 * MS
    """From `WIFI CONNECTED` to `DHCP TIMEOUT` when no server answers (estimate)."""
    handshake_failure_ns: int = 3_500 * MS
    """From an association attempt to its failure for a wrong password (estimate)."""
    scan_ns: int = 2_150 * MS
    """A scan of all channels (observed: 1.5-4 s)."""
    join_first_check_ns: int = 1_000 * MS
    """From `AT+CWJAP` to its first look at the outcome (exact)."""
    join_check_ns: int = 1_000 * MS
    """Between two looks (exact)."""
    join_checks: int = 14
    """The look that gives up (exact)."""
    guest_dhcp_ns: int = 1_000 * MS
    """From a guest's arrival at the module's own access point to its address (estimate)."""
    wps_ns: int = 120_000 * MS
    """How long the module looks for an access point whose button was pushed (Wi-Fi Simple Configuration: two
    minutes)."""
    quit_ns: int = 10 * MS
    """From the `OK` of `AT+CWQAP` to `WIFI DISCONNECT` (observed: 5-100 ms)."""
    refused_ns: int = 3_000 * MS
    """From `AT+CIPSTART` to its `ERROR` when the peer resets: the stack tries again first (observed)."""
    connect_timeout_ns: int = 15_000 * MS
    """... and when nobody answers (observed: 10-30 s)."""
    name_timeout_ns: int = 6_500 * MS
    """From a look-up to its failure when no name server answers (observed: 5-12 s)."""
    ping_ns: int = 1_000 * MS
    """The period of one ping; the result code comes at its end (observed)."""
    pass_through_quiet_ns: int = 20 * MS
    """A pass-through packet ends when no byte has come for this long (exact)."""
    reconnect_ns: int = 100 * MS
    """Between two attempts to bring a lost pass-through link back (observed)."""
    retransmit_limit_ns: int = 20_000 * MS
    """How long TCP repeats unacknowledged data before it gives up (estimate: 10-25 s)."""


_ROM_TEXT = (
    b"\r\n ets Jan  8 2013,rst cause:%d, boot mode:(3,6)\r\n\r\n"
    b"load 0x40100000, len 1856, room 16 \r\ntail 0\r\nchksum 0x63\r\n"
    b"load 0x3ffe8000, len 776, room 8 \r\ntail 0\r\nchksum 0x02\r\n"
    b"load 0x3ffe8310, len 552, room 8 \r\ntail 0\r\nchksum 0x79\r\ncsum 0x79\r\n\r\n"
    b"2nd boot version : 1.5\r\n  SPI Speed      : 40MHz\r\n  SPI Mode       : DIO\r\n"
    b"  SPI Flash Size & Map: 8Mbit(512KB+512KB)\r\njump to run user1 @ 1000\r\n\r\n"
)

NONOS_1_7_4 = Profile(
    name="nonos-1.7.4",
    forms=forms_of("nonos-1.7.4"),
    version_text=(
        b"AT version:1.7.4.0(May 11 2020 19:13:04)\r\n"
        b"SDK version:3.0.4(9532ceb)\r\n"
        b"compile time:May 27 2020 10:12:17\r\n"
        b"Bin version(Wroom 02):1.7.4"
    ),
    rom_text=_ROM_TEXT,
)
"""The last AT firmware that fits the 1 MB flash of an ESP-01 in its 512+512 KB map."""

NONOS_1_6_2 = replace(
    NONOS_1_7_4,
    name="nonos-1.6.2",
    forms=forms_of("nonos-1.6.2"),
    version_text=(
        b"AT version:1.6.2.0(Apr 13 2018 11:10:59)\r\n"
        b"SDK version:2.2.1(6ab97e9)\r\n"
        b"compile time:Jun  7 2018 19:34:26\r\n"
        b"Bin version(Wroom 02):1.6.2"
    ),
    line_bytes=128,
    join_query_tail="",
    time_tail="\n",
    join_first_check_ns=3_000 * MS,
    join_check_ns=2_000 * MS,
    join_checks=7,
)
"""Common on newer ESP-01S. Looks at a join after 3, 5, 7 ... 15 s."""

NONOS_1_3 = replace(
    NONOS_1_6_2,
    name="nonos-1.3",
    forms=forms_of("nonos-1.3"),
    version_text=(
        b"AT version:1.3.0.0(Jul 14 2016 18:54:01)\r\n"
        b"SDK version:2.0.0(656edbf)\r\n"
        b"compile time:Jul 19 2016 18:44:22"
    ),
    line_feed_echo=b"\r\n",
    scan_fields=0x7F,
    announces_guests=False,
    holds_news_while_prompting=True,
)
"""Espressif's build; the last version that echoes CR CR LF."""

NONOS_1_2 = replace(
    NONOS_1_3,
    name="nonos-1.2",
    forms=forms_of("nonos-1.2"),
    version_text=(
        b"AT version:1.2.0.0(Jul  1 2016 20:04:45)\r\n"
        b"SDK version:1.5.4.1(39cb9a32)\r\n"
        b"Ai-Thinker Technology Co. Ltd.\r\n"
        b"Dec  2 2016 14:21:16"
    ),
    banner=b"\r\nAi-Thinker Technology Co. Ltd.\r\n\r\nready\r\n",
)
"""Ai-Thinker's build, which names its vendor when it starts."""

PROFILES: Mapping[str, Profile] = {
    profile.name: profile for profile in (NONOS_1_7_4, NONOS_1_6_2, NONOS_1_3, NONOS_1_2)
}
"""Every profile by its name, the newest first."""
