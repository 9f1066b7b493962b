"""What differs between AT firmware versions. The engine never asks for a version, only for these fields.

The defaults are those of 1.7.4, the newest of the NONOS line; `unosim.modem.profiles` holds a record for each
version.

Every time is a default within the range seen in the field. The mark says how well it is founded: *exact*
(decoded from the vendor's AT library), *observed* (dialogues in public issues), *estimate*.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from unosim.modem.line import LineMachine
from unosim.modem.settings import Settings

MS = 1_000_000
"""Nanoseconds in a millisecond."""


class Dialect(Enum):
    """Which set of commands a version has (`unosim.modem.commands`)."""

    NONOS = "AT 1.x on Espressif's NONOS SDK"
    ESPAT = "ESP-AT 2 on Espressif's RTOS SDK"


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
    dialect: Dialect = Dialect.NONOS
    factory: Settings = field(default_factory=Settings, repr=False)
    """What an erased flash stands for."""
    rom_baud: int = 74_880
    """The ROM sets up 115200 baud for a 40 MHz crystal; the module has 26 MHz."""
    banner: bytes = b"\r\nready\r\n"

    line_machine: type[LineMachine] = LineMachine
    """How bytes become lines, and what is busy when."""
    name_ends: bytes = b"\r=?0123456789"
    """The characters that end a command's name."""
    any_case: bool = False
    """Whether the names of commands may be typed in small letters."""
    lenient_parameters: bool = False
    """Whether numbers may be hexadecimal, and optional parameters left empty between commas. Nothing else
    that does not belong into a line is overlooked then."""
    diagnoses: bool = True
    """Whether `ERROR` is explained by a line before it; ESP-AT does that on another UART."""
    line_feed_echo: bytes = b"\n"
    """What a line feed is echoed as. Up to 1.3 it is CR LF: lines come back with CR CR LF (exact)."""
    line_bytes: int = 256
    """Room for a command after its prefix, CR LF included (exact: 128 up to 1.6.2). ESP-AT 2 counts the
    prefix, too."""
    chunk_bytes: int = 100
    """The UART interrupt fires at this FIFO level (Espressif SDK UART driver)."""
    chunk_idle_characters: int = 2
    """... or when the line has been idle for this many character times (Espressif SDK UART driver)."""

    holds_news_while_prompting: bool = False
    """Whether what links have to say waits from the prompt to the last byte of send data. A model of 0.21 to
    1.3 has it so; a dialogue with 1.5 (NONOS SDK issue 59) shows data right behind the prompt."""
    send_prompt: bytes = b"\r\nOK\r\n> "
    send_fail: bytes = b"SEND FAIL\r\n"
    buffered_ns: int | None = None
    """From `Recv` to `SEND OK` where that means that the stack has taken the data; None where it waits for
    the peer's acknowledgement."""
    closes_failed_links: bool = True
    """Whether `CLOSED` follows the `ERROR` of a connection that did not come about."""
    quit_line: bytes = b"+QUITT\r\n"
    ipd_bytes: int = 1_460
    """The most that one `+IPD` brings: a TCP segment (lwIP options of the Espressif NONOS SDK)."""
    ipd_peer: str = ",%s,%d"
    """Address and port of the peer in an `+IPD`."""
    ipd_tail: bytes = b""
    window_bytes: int = 5_840
    """TCP's receive window: what a link holds for the host before the peer is paused."""
    ssl_links_max: int = 1
    tells_once: bool = False
    """Passive receive: the host is not told again before it has read."""
    holds_every_kind: bool = False
    """Passive receive: SSL and UDP, too."""
    drains_before_closing: bool = False
    """Passive receive: `CLOSED` waits until the host has read everything."""
    join_failed: bytes = b"\r\nFAIL\r\n"
    join_query_tail: str = ",0"
    """Fields of `AT+CWJAP?` behind the signal strength (exact: `pci_en` from 1.7.0 on)."""
    scan_fields: int = 0x7FF
    """Mask of the fields that a `+CWLAP` line has (exact: seven up to 1.4, eleven from 1.6 on)."""
    announces_guests: bool = True
    """Whether stations that come to the module's own access point are reported (exact: from 1.6 on)."""
    time_tail: str = ""
    """Ends the line of `AT+CIPSNTPTIME?` (exact: a line feed up to 1.6.2, cut off from 1.7.0 on)."""
    wrong_password_code: int = 2
    """`+CWJAP:<n>` for a wrong password. Field reports also show 1 and 4, because the handshake fails
    late."""
    free_heap_bytes: int = 38_000
    """`AT+SYSRAM?` (observed: 30000-48000)."""
    lowest_heap_bytes: int = 31_000
    """... and the least there has been, in versions that tell (estimate)."""
    sleep: int = 2
    """`AT+SLEEP` at the start: modem sleep."""
    server_timeout_s: int = 180
    """`AT+CIPSTO` at the start; 0 for never."""
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
    retransmit_limit_ns: int = 20_000 * MS
    """How long TCP repeats unacknowledged data before it gives up (estimate: 10-25 s)."""
