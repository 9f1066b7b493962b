"""Writes docs/modem-states.md: the modem's state machines, drawn from the tables that the engine runs.

What a table cannot hold (the engine's own moves, such as the end of a command) stands in its module's
docstring and is not drawn.
"""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "sim")]

from unosim.modem import espat_line, line, links, station  # noqa: E402  # needs the path above

PAGE = ROOT / "docs" / "modem-states.md"

_HEAD = """\
# The modem's state machines

Written by [tools/modem_states.py](../tools/modem_states.py) from the engine's tables; a test fails when it is
out of date. An arrow names what moves the machine, and behind the slash what comes of it.
"""


def words(name: str) -> str:
    """Return a name of the engine as words."""
    return name.lower().replace("_", " ")


def arrows(transitions: Mapping[Any, Any], outcome: Mapping[Any, str]) -> Iterable[str]:
    """Yield the lines of a Mermaid state diagram."""
    for (before, trigger), (after, effect) in transitions.items():
        said = outcome.get(effect, "")
        yield f"    {before.name} --> {after.name}: {words(trigger.name)}{' / ' if said else ''}{said}"


def diagram(lines: Iterable[str]) -> list[str]:
    """Return a diagram as a block of Markdown."""
    return ["```mermaid", "stateDiagram-v2", *lines, "```", ""]


def page() -> str:
    """Return the whole page."""
    effects = {effect: words(effect.name) for effect in line.Effect if effect is not line.Effect.NONE}
    wifi = {what: what.value.decode().strip() for what in station.Line}
    parts = [_HEAD, "## Wi-Fi station", "", "[station.py](../sim/unosim/modem/station.py)", ""]
    parts += diagram(arrows(station.TRANSITIONS, wifi))
    parts += ["## Input of the NONOS line", "", "[line.py](../sim/unosim/modem/line.py)", ""]
    parts += diagram(arrows(line.TRANSITIONS, effects))
    parts += ["## Input of ESP-AT 2", "", "[espat_line.py](../sim/unosim/modem/espat_line.py)", ""]
    parts += diagram(arrows(espat_line.TRANSITIONS, effects))
    parts += [
        "## Links",
        "",
        "[links.py](../sim/unosim/modem/links.py), by phase of the link and by what the network",
    ]
    parts += ["reports. Anything else came too late and is ignored.", ""]
    parts += ["| phase | event | reaction |", "|---|---|---|"]
    parts += [
        f"| {words(phase.name)} | `{event.__name__}` | {(react.__doc__ or '').splitlines()[0]} |"
        for (phase, event), react in links.REACTIONS.items()
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
