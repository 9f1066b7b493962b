"""The versions, one frozen record each, built upon one another where they differ little."""

from collections.abc import Mapping
from dataclasses import replace

from unosim.modem.catalog import forms_of
from unosim.modem.espat_line import EspatLineMachine
from unosim.modem.profile import MS, Dialect, Profile
from unosim.modem.settings import LINKS, JoinOptions, Settings, UartFormat

_ROM_TEXT = (
    b"\r\n ets Jan  8 2013,rst cause:%d, boot mode:(3,6)\r\n\r\n"
    b"load 0x40100000, len 1856, room 16 \r\ntail 0\r\nchksum 0x63\r\n"
    b"load 0x3ffe8000, len 776, room 8 \r\ntail 0\r\nchksum 0x02\r\n"
    b"load 0x3ffe8310, len 552, room 8 \r\ntail 0\r\nchksum 0x79\r\ncsum 0x79\r\n\r\n"
    b"2nd boot version : 1.5\r\n  SPI Speed      : 40MHz\r\n  SPI Mode       : DIO\r\n"
    b"  SPI Flash Size & Map: 8Mbit(512KB+512KB)\r\njump to run user1 @ 1000\r\n\r\n"
)

_ESPAT_ROM_TEXT = (
    b"\r\n ets Jan  8 2013,rst cause:%d, boot mode:(3,6)\r\n\r\n"
    b"load 0x40100000, len 7168, room 16 \r\ntail 0\r\nchksum 0x24\r\n"
    b"load 0x3ffe8408, len 24, room 8 \r\ntail 0\r\nchksum 0x46\r\n"
    b"load 0x3ffe8420, len 3328, room 8 \r\ntail 0\r\nchksum 0xcd\r\ncsum 0xcd\r\n"
)
"""The second-stage loader of the RTOS SDK is silent. Lengths and sums are estimates; they vary by image."""

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

ESPAT_2_2 = Profile(
    name="espat-2.2",
    forms=forms_of("espat-2.2"),
    dialect=Dialect.ESPAT,
    version_text=(
        b"AT version:2.2.0.0(b097cdf - ESP8266 - Jun 17 2021 12:57:45)\r\n"
        b"SDK version:v3.4-22-g967752e2\r\n"
        b"compile time(6800286):Aug  4 2021 17:20:05\r\n"
        b"Bin version:2.2.0(Cytron_ESP-01S)\r\n"
    ),
    rom_text=_ESPAT_ROM_TEXT,
    factory=Settings(uart=UartFormat(flow_control=1), join_options=JoinOptions(strongest=False)),
    line_machine=EspatLineMachine,
    name_ends=b"\r=?",
    any_case=True,
    lenient_parameters=True,
    diagnoses=False,
    chunk_bytes=120,
    chunk_idle_characters=10,
    send_prompt=b"\r\nOK\r\n\r\n>",
    send_fail=b"\r\nSEND FAIL\r\n",
    buffered_ns=5 * MS,
    closes_failed_links=False,
    quit_line=b"\r\n+QUITT\r\n",
    ipd_bytes=2_920,
    ipd_peer=',"%s",%d',
    ipd_tail=b"\r\n",
    window_bytes=5_760,
    ssl_links_max=LINKS,
    tells_once=True,
    holds_every_kind=True,
    drains_before_closing=True,
    join_failed=b"\r\nERROR\r\n",
    time_tail="\r\n",
    sleep=1,
    server_timeout_s=0,
    restart_ns=200 * MS,
    scan_ns=2_050 * MS,
    refused_ns=0,
)
"""ESP-AT 2.2 in the build that runs on an ESP-01S: Espressif's own image for 1 MB of flash speaks AT on pins
that the module does not bring out."""

PROFILES: Mapping[str, Profile] = {
    profile.name: profile for profile in (NONOS_1_7_4, NONOS_1_6_2, NONOS_1_3, NONOS_1_2, ESPAT_2_2)
}
"""Every profile by its name: the NONOS line with the newest first, then ESP-AT."""
