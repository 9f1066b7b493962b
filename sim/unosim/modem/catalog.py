"""Which commands each AT version knows, and in which forms: one table, one column a version.

T test (`=?`), Q query (`?`), S set (`=`), E execute. A dot means that the name is unknown. The rows were read
off the command tables in the AT libraries of the Espressif NONOS SDK 1.5.4.1 to 3.0.4; that of 1.2 is taken
to equal 1.3's, which nothing seen in the field contradicts. `(...)` behind a name stands for three names:
plain, `_CUR` and `_DEF`; `[...]` for the two with a suffix.

`UNMODELLED` lists the rows that the engine answers like unknown commands, each with the reason. Commands that
an image brings along outside the library's table (`AT+CIUPDATE`) are not in it.
"""

from collections.abc import Mapping

VERSIONS = ("nonos-1.2", "nonos-1.3", "nonos-1.6.2", "nonos-1.7.4")
"""The columns of `_ROWS`; the first two share one. The last column is the evidence for the answers."""

EVIDENCE: Mapping[str, str] = {
    "L": "decoded from the AT libraries of the Espressif NONOS SDK",
    "D": "Espressif AT instruction set",
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
+CIFSR               TSE  TSE  TSE  L
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
"""

UNMODELLED: Mapping[str, str] = {
    "+RFAUTOTRACE": "no document says what it prints",
    "+CIPALIVE": "no document says what it prints",
    "+CIPCHECKQUEUE": "no document says what it prints",
}
"""Rows without an implementation, and why."""

UNMODELLED_FORMS: Mapping[tuple[str, str], str] = {
    ("+CIFSR", "S"): "no document says what it takes",
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


def evidence() -> dict[str, str]:
    """Return the letters of evidence of every command, in the table's order."""
    letters: dict[str, str] = {}
    for row in _ROWS.split("\n")[1:-1]:
        name, *_, last = row.split()
        for one in _expand(name):
            letters[one] = letters.get(one, last.strip("-"))
    return letters


def forms_of(version: str) -> dict[str, str]:
    """Return the commands of a version in the table's order, each with the letters of its forms.

    Args:
        version: one of `VERSIONS`.
    """
    column = max(1, VERSIONS.index(version))
    forms: dict[str, str] = {}
    for row in _ROWS.split("\n")[1:-1]:
        cells = row.split()
        if cells[column] != ".":
            forms.update(dict.fromkeys(_expand(cells[0]), cells[column]))
    return forms
