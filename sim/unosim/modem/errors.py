"""The errors of the modem engine: our fault or theirs.

`LocalProtocolError` is raised to whoever drives the engine and broke its rules. `RemoteProtocolError` is what
a host typed wrongly; the engine answers it on the wire and never raises it to its caller.
"""


class ModemError(Exception):
    """Base of every error of this package; never raised itself."""


class LocalProtocolError(ModemError):
    """The program that drives the engine broke its rules, for instance by letting time run backwards."""


class RemoteProtocolError(ModemError):
    """The host broke the rules of the AT dialogue; ends as an error answer on the wire."""


EXECUTION_FAILED = 0x010A0000
"""Error code of a command that could not do what it was told (ESP-AT user guide, `AT+SYSLOG`)."""


class CommandError(RemoteProtocolError):
    r"""A command is answered with `ERROR`, with a diagnosis before it if there is one.

    Args:
        diagnosis: the text of the line before `\r\nERROR\r\n`, without its CR LF; empty for none.
        code: what `AT+SYSLOG=1` prints before it.
    """

    def __init__(self, diagnosis: str = "", code: int = EXECUTION_FAILED) -> None:
        super().__init__(diagnosis)
        self.diagnosis = diagnosis
        self.code = code
