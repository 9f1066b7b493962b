"""What a failing test shows: who said what and when, what went wrong by plan, and how to repeat it.

Rules: one line of dialogue a line, control characters visible, passwords masked, the last lines only.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from unosim.clock import NS_PER_S
from unosim.faults import Happened, Plan
from unosim.masking import Masks
from unosim.trace import Channel, Entry, Trace

LINES_MAX = 80
"""Lines of dialogue; what came before them is counted only."""
LINE_BYTES_MAX = 240
"""Bytes of a line; what is behind them is counted only."""

_UART = frozenset({Channel.UNO_TX, Channel.ESP_TX})


def report(
    trace: Trace,
    names: Mapping[Channel, str],
    plan: Plan,
    happened: Sequence[Happened],
    replay_command: str,
    *,
    recording: str = "",
) -> str:
    """Return the text of a report.

    Args:
        trace: what was said.
        names: who speaks on each channel.
        plan: what was to go wrong.
        happened: what did.
        replay_command: runs the same test in the same way.
        recording: the file of the session; empty if there is none.
    """
    lines = list(dialogue(trace.entries, names))
    omitted = [f"({len(lines) - LINES_MAX} lines before these)"] if len(lines) > LINES_MAX else []
    return "\n".join(
        [
            *omitted,
            *(lines[-LINES_MAX:] or ["(nothing was said)"]),
            "",
            f"seed    {plan.seed}",
            f"faults  {str(plan) or 'none'}",
            *(f"        struck at {stroke}" for stroke in happened),
            f"trace   sha256 {trace.digest()}",
            *([f"file    {recording} (unosim replay, unosim vcd)"] if recording else []),
            f"again   {replay_command}",
        ]
    )


def dialogue(entries: Sequence[Entry], names: Mapping[Channel, str]) -> Iterator[str]:
    """Return the lines of a dialogue in the order in which they began, with instant and voice."""
    masks = masks_of(entries)
    for at_ns, channel, said in sorted(_lines(entries), key=lambda line: line[0]):
        yield f"{at_ns / NS_PER_S:12.6f} s  {names[channel]:>6}  {_visible(masks.hide(said))}"


def masks_of(entries: Iterable[Entry]) -> Masks:
    """Return masks that know every secret of a dialogue, however an echo of it stands in pieces."""
    masks = Masks()
    for _, _, said in _lines(entries):
        masks.hide(said)
    return masks


def _lines(entries: Iterable[Entry]) -> list[tuple[int, Channel, bytes]]:
    """Return what was said by line, in the order in which the lines ended, with the instants they began."""
    begun: dict[Channel, tuple[int, bytes]] = {}
    spoken: list[tuple[int, Channel, bytes]] = []
    for at_ns, channel, data, *_ in entries:
        if channel not in _UART:
            spoken.append((at_ns, channel, data))
            continue
        for line in data.splitlines(keepends=True):
            first_ns, said = begun.pop(channel, (at_ns, b""))
            if line.endswith(b"\n"):
                spoken.append((first_ns, channel, said + line))
            else:
                begun[channel] = (first_ns, said + line)
    return spoken + [(at_ns, channel, said) for channel, (at_ns, said) in begun.items()]


def _visible(data: bytes) -> str:
    more = f" (and {len(data) - LINE_BYTES_MAX} bytes)" if len(data) > LINE_BYTES_MAX else ""
    return data[:LINE_BYTES_MAX].decode("latin-1").encode("unicode_escape").decode() + more
