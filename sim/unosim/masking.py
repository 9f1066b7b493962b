"""Hides passwords and credentials in AT dialogues and in the HTTP messages they carry.

Hidden are: the password of joining an access point and of being one, of enterprise Wi-Fi and of MQTT, and the
pre-shared key of SSL, in commands and in answers; and the values of the HTTP headers that authenticate, in
messages and in the commands that name them.

What it does not do: find a secret whose command or header was cut in two, for instance by an event in the
middle of an echo.
"""

import re
from collections.abc import Callable

_QUOTED = r'"(?:[^"\\\r\n]|\\.)*"'
_HIDDEN = r'"(?P<{}>(?:[^"\\\r\n]|\\.)*)'
_AUTHENTICATING = "(?:authorization|proxy-authorization|cookie|set-cookie)"
_SECRETS = re.compile(
    "|".join(
        [
            rf"\+CW(?:JAP|SAP)\w*[=:]{_QUOTED}," + _HIDDEN.format("wifi"),
            rf"\+CWJEAP\w*[=:]{_QUOTED},\d+,{_QUOTED},{_QUOTED}," + _HIDDEN.format("enterprise"),
            rf"\+MQTTUSERCFG[=:]\d,\d+,{_QUOTED},{_QUOTED}," + _HIDDEN.format("mqtt"),
            r"\+MQTTPASSWORD[=:]\d," + _HIDDEN.format("mqtt_password"),
            r"\+CIPSSLCPSK[=:](?:\d,)?" + _HIDDEN.format("key"),
            rf"^{_AUTHENTICATING}:[ \t]*(?P<header>[^\r\n]+)",
            rf'"{_AUTHENTICATING}:[ \t]*(?P<typed_header>[^"\r\n]+)',
        ]
    ),
    re.MULTILINE | re.IGNORECASE,
)

LITERAL_CHARACTERS_MIN = 8
"""A secret of at least this length (the shortest WPA2 passphrase, IEEE 802.11i) is hidden wherever it turns
up again; a shorter one could be an ordinary word."""


def hide(text: str, instead: Callable[[str], str]) -> str:
    """Return a text with every secret replaced by what `instead` makes of it."""

    def replace(match: re.Match[str]) -> str:
        name = match.lastgroup or "wifi"
        start, whole = match.start(), match[0]
        return whole[: match.start(name) - start] + instead(match[name]) + whole[match.end(name) - start :]

    return _SECRETS.sub(replace, text)


class Masks:
    """Masks of the same length as their secrets: equal for equal secrets, different for different ones.

    So a masked recording still has its timing, and a right password still differs from a wrong one. The
    length of a secret is not hidden.
    """

    def __init__(self) -> None:
        self._masks: dict[str, str] = {}

    def of(self, secret: str) -> str:
        """Return the mask of a secret; an empty one needs none."""
        if not secret:
            return ""
        if secret not in self._masks:
            number = str(len(self._masks))
            mask = "*" * (len(secret) - len(number)) + number
            self._masks[secret] = mask if len(mask) == len(secret) else "*" * len(secret)
        return self._masks[secret]

    def hide(self, data: bytes) -> bytes:
        """Return bytes with every secret masked, those that became known before included."""
        text = hide(data.decode("latin-1"), self.of)
        for secret, mask in self._masks.items():
            if len(secret) >= LITERAL_CHARACTERS_MIN:
                text = text.replace(secret, mask)
        return text.encode("latin-1")
