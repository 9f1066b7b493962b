"""Text of others on our terminal: boards, modules, servers and devices may say anything.

What a terminal would obey, what would break a line or turn it around, is shown as the escape that Python
would write for it.
"""

CHARS_MAX = 2000
"""Of one text; nobody reads more on one line."""


def inert(text: str) -> str:
    """Return a text of which every character is printable, its end cut off beyond `CHARS_MAX`."""
    shown = text if len(text) <= CHARS_MAX else text[:CHARS_MAX] + "..."
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in shown)
