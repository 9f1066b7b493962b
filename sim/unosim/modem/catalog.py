"""Which commands each AT version knows, and in which forms: one table, one column a version.

T test (`=?`), Q query (`?`), S set (`=`), E execute. A dot means that the name is unknown. The rows were read
off the command tables in the AT libraries of the Espressif NONOS SDK 1.5.4.1 to 3.0.4 and of ESP-AT 2.2.0
for the ESP8266; that of 1.2 is taken to equal 1.3's, which nothing seen in the field contradicts. `(...)`
behind a name stands for three names: plain, `_CUR` and `_DEF`; `[...]` for the two with a suffix.

`UNMODELLED` lists the rows that the engine answers like unknown commands, each with the reason. `AT+CIUPDATE`
stands outside the library's table: the image brings it along.
"""

from collections.abc import Iterator, Mapping

VERSIONS = ("nonos-1.2", "nonos-1.3", "nonos-1.6.2", "nonos-1.7.4", "espat-2.2")
"""The columns of the tables; the first two share one, and the last has a table to itself. The last column is
the evidence for the answers."""

EVIDENCE: Mapping[str, str] = {
    "S": "Espressif's published source of AT 0.20",
    "L": "decoded from the AT libraries of the Espressif NONOS SDK and of ESP-AT",
    "D": "Espressif AT instruction set; ESP-AT user guide",
    "F": "dialogues in public issues and in clients that work with real modules",
}
"""What the letters of the last column stand for."""

_ROWS = """
(none)               E    E    E    L
E                    S    S    S    L
+RST                 E    E    E    L
+GMR                 E    E    E    L
+RESTORE             E    E    E    L
+GSLP                S    S    S    D
+IPR                 S    S    S    L
+SLEEP               QS   QS   QS   D
+RFPOWER             S    S    S    D
+RFVDD               QSE  QSE  QSE  D
+RFAUTOTRACE         .    QS   QS   -
+CWMODE(...)         TQS  TQS  TQS  L
+CWJAP(...)          QS   QS   QS   LF
+CWLAP               SE   SE   SE   LF
+CWLAPOPT            S    S    S    L
+CWQAP               TE   TE   TE   L
+CWSAP(...)          QS   QS   QS   D
+CWLIF               E    E    E    D
+CWDHCP(...)         QS   QS   QS   L
+CWDHCPS[...]        QS   QS   QS   L
+CWAUTOCONN          QS   QS   QS   L
+CWHOSTNAME          .    QS   QS   L
+CWCOUNTRY[...]      .    QS   QS   D
+CWSTARTSMART        SE   SE   .    L
+CWSTOPSMART         E    E    .    L
+CWSTARTDISCOVER     S    S    .    D
+CWSTOPDISCOVER      E    E    .    D
+WPS                 SE   SE   SE   L
+CIFSR               TSE  TSE  TSE  LS
+CIPSTAMAC(...)      QS   QS   QS   L
+CIPAPMAC(...)       QS   QS   QS   D
+CIPSTA(...)         QS   QS   QS   L
+CIPAP(...)          QS   QS   QS   D
+CIPSTATUS           TE   TE   TE   LF
+CIPSTART            S    S    S    LF
+CIPSSLSIZE          QS   QS   QS   D
+CIPSSLCCONF         .    .    QS   L
+CIPCLOSEMODE        .    .    S    L
+CIPCLOSE            TSE  TSE  TSE  LF
+CIPSEND             TSE  TSE  TSE  LF
+CIPSENDEX           TS   TS   TS   LF
+CIPSENDBUF          S    S    S    LD
+CIPCHECKSEQ         S    S    S    D
+CIPCHECKQUEUE       S    S    S    -
+CIPBUFRESET         SE   SE   SE   D
+CIPBUFSTATUS        SE   SE   SE   D
+CIPDINFO            QS   QS   QS   L
+CIPMUX              QS   QS   QS   LF
+CIPMODE             QS   QS   QS   L
+CIPSTO              QS   QS   QS   L
+CIPSERVER           S    S    S    LF
+CIPSERVERMAXCONN    .    QS   QS   L
+CIPALIVE            Q    Q    Q    -
+CIPRECVMODE         .    .    QS   LF
+CIPRECVDATA         .    .    S    LF
+CIPRECVLEN          .    .    Q    LF
+CIPDOMAIN           S    S    S    L
+CIPSNTPCFG          .    QS   QS   L
+CIPSNTPTIME         .    Q    Q    L
+CIPDNS[...]         .    QS   QS   L
+PING                S    S    S    F
+MDNS                S    S    S    D
+SAVETRANSLINK       S    S    S    L
+WAKEUPGPIO          S    S    S    D
+UART(...)           S    QS   QS   L
+SYSRAM              .    Q    Q    L
+SYSIOSETCFG         .    S    S    L
+SYSIOGETCFG         .    S    S    L
+SYSGPIODIR          .    S    S    L
+SYSGPIOWRITE        .    S    S    L
+SYSGPIOREAD         .    S    S    L
+SYSADC              .    Q    Q    L
+SYSMSG              .    QS   .    L
+SYSMSG[...]         .    .    QS   L
+CIUPDATE            SE   SE   SE   -
"""

_ESPAT_ROWS = """
(none)               E    L
E0                   E    L
E1                   E    L
+RST                 E    L
+GMR                 E    LF
+CMD                 Q    L
+RESTORE             E    L
+GSLP                S    L
+SLEEP               QS   LD
+SLEEPWKCFG          S    D
+UART(...)           QS   LF
+RFPOWER             QS   D
+SYSRAM              Q    L
+SYSMSG              QS   LD
+SYSLOG              QS   LDF
+SYSSTORE            QS   LD
+SYSTIMESTAMP        QS   L
+SYSFLASH            QS   D
+SYSREG              S    D
+SYSROLLBACK         E    D
+CWMODE              QS   LD
+CWSTATE             Q    L
+CWRECONNCFG         QS   LD
+CWJAP               QSE  LDF
+CWJEAP              QS   D
+CWLAP               SE   LD
+CWLAPOPT            S    D
+CWQAP               E    L
+CWSAP               QS   L
+CWLIF               E    L
+CWQIF               SE   D
+CWDHCP              QS   L
+CWDHCPS             QS   L
+CWAUTOCONN          QS   L
+CWHOSTNAME          QS   L
+CWCOUNTRY           QS   D
+CWSTAPROTO          QS   D
+CWAPPROTO           QS   D
+CWSTARTSMART        SE   L
+CWSTOPSMART         E    L
+WPS                 S    L
+MDNS                S    D
+CIFSR               E    L
+CIPV6               QS   D
+CIPSTA              QS   LD
+CIPSTAMAC           QS   L
+CIPAP               QS   L
+CIPAPMAC            QS   L
+CIPDNS              QS   L
+CIPDOMAIN           S    L
+CIPSNTPCFG          QS   LD
+CIPSNTPTIME         Q    L
+PING                S    L
+CIPSTATUS           E    LD
+CIPSTART            S    LF
+CIPSTARTEX          S    L
+CIPCLOSE            SE   L
+CIPSEND             SE   LF
+CIPSENDEX           S    LF
+CIPMUX              QS   L
+CIPMODE             QS   L
+CIPDINFO            QS   L
+CIPTCPOPT           QS   D
+CIPSERVER           QS   L
+CIPSERVERMAXCONN    QS   L
+CIPSTO              QS   L
+CIPRECVMODE         QS   LF
+CIPRECVDATA         S    LF
+CIPRECVLEN          Q    LF
+SAVETRANSLINK       S    L
+CIPRECONNINTV       QS   D
+CIPSSLCCONF         QS   D
+CIPSSLCCN           QS   D
+CIPSSLCSNI          QS   D
+CIPSSLCALPN         QS   D
+CIPSSLCPSK          QS   D
+HTTPCLIENT          S    LD
+HTTPGETSIZE         S    LD
+HTTPCPOST           S    LF
+MQTTUSERCFG         S    LD
+MQTTCLIENTID        S    D
+MQTTUSERNAME        S    D
+MQTTPASSWORD        S    D
+MQTTCONNCFG         S    LD
+MQTTCONN            QS   LDF
+MQTTPUB             S    LD
+MQTTPUBRAW          S    LD
+MQTTSUB             QS   LDF
+MQTTUNSUB           S    LD
+MQTTCLEAN           S    LD
"""

UNMODELLED: Mapping[str, str] = {
    "+RFAUTOTRACE": "no document says what it prints",
    "+CIPALIVE": "no document says what it prints",
    "+CIPCHECKQUEUE": "no document says what it prints",
    "+CIUPDATE": "talks to Espressif's update server in a way that no document describes; "
    "`ERROR` is also what it ends in when there is no such server",
}
"""Rows without an implementation, and why."""

UNMODELLED_FORMS: Mapping[tuple[str, str], str] = {
    ("+WPS", "E"): "no document says what it does",
}
"""Single forms without one."""


def _expand(name: str) -> tuple[str, ...]:
    if name == "(none)":
        return ("",)
    if name.endswith("(...)"):
        plain = name.removesuffix("(...)")
        return (plain, f"{plain}_CUR", f"{plain}_DEF")
    if name.endswith("[...]"):
        plain = name.removesuffix("[...]")
        return (f"{plain}_CUR", f"{plain}_DEF")
    return (name,)


def _rows(version: str) -> Iterator[tuple[str, str, str]]:
    """Yield (name, forms, evidence) of the commands of a version, in the table's order."""
    single = version == VERSIONS[-1]
    column = 1 if single else max(1, VERSIONS.index(version))
    for row in (_ESPAT_ROWS if single else _ROWS).split("\n")[1:-1]:
        cells = row.split()
        for name in _expand(cells[0]):
            yield name, cells[column], cells[-1].strip("-")


def evidence(version: str) -> dict[str, str]:
    """Return the letters of evidence of every command in the table that a version belongs to, in its order.

    Args:
        version: one of `VERSIONS`.
    """
    letters: dict[str, str] = {}
    for name, _, last in _rows(version):
        letters.setdefault(name, last)
    return letters


def forms_of(version: str) -> dict[str, str]:
    """Return the commands of a version in the table's order, each with the letters of its forms.

    Args:
        version: one of `VERSIONS`.
    """
    return {name: letters for name, letters, _ in _rows(version) if letters != "."}
