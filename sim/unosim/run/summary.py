"""What came of a run, for people and as JSON."""

from typing import Any, NamedTuple

from unosim.board import CLOCK_HZ, Board, Image
from unosim.clock import NS_PER_S, ns_at
from unosim.parts import Led
from unosim.run.memory import Memory, memory_of
from unosim.run.profile import Row
from unosim.simulation import Simulation

CAUSES = {4: "brown-out", 8: "watchdog"}
"""Bits of MCUSR (ATmega328P datasheet, section "MCU Status Register")."""
CODES_SHOWN = 8


class Summary(NamedTuple):
    """Simulated and wall time in seconds, and what the tools saw."""

    simulated_s: float
    wall_s: float
    resets: list[tuple[float, str]]
    """When, and by what the chip was reset."""
    leds: dict[str, dict[str, Any]]
    memory: Memory
    profile: list[Row]
    """Empty unless it was asked for."""

    def lines(self) -> list[str]:
        """Return it for people."""
        ratio = f"{self.simulated_s / self.wall_s:.0f}" if self.wall_s else "many"
        lines = [f"{self.simulated_s:.3f} simulated seconds in {self.wall_s:.1f} s ({ratio} times real time)"]
        lines += [f"reset by {cause} at {at_s:.6f} s" for at_s, cause in self.resets]
        for name, led in self.leds.items():
            codes = f", codes {' '.join(map(str, led['codes'][-CODES_SHOWN:]))}" if led["codes"] else ""
            lines.append(f"LED {name}: {led['flashes']} flashes, lit {led['lit']:.1%} of the time{codes}")
        return [*lines, f"RAM: {self.memory}"]

    def json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "simulated_s": self.simulated_s,
            "wall_s": self.wall_s,
            "resets": [{"at_s": at_s, "cause": cause} for at_s, cause in self.resets],
            "leds": self.leds,
            "memory": self.memory._asdict() | {"between_bytes": self.memory.between_bytes},
            "profile": [row._asdict() for row in self.profile],
        }


def summarise(simulation: Simulation, image: Image, wall_s: float, profile: list[Row]) -> Summary:
    """Return what came of a run.

    Args:
        simulation: as it stands.
        image: what it has run.
        wall_s: how long that took, in seconds.
        profile: where the cycles went.
    """
    now_ns = simulation.now_ns
    board: Board = simulation.board
    return Summary(
        simulated_s=round(now_ns / NS_PER_S, 6),
        wall_s=round(wall_s, 3),
        resets=[
            (ns_at(reset.cycle, CLOCK_HZ) / NS_PER_S, CAUSES.get(reset.cause, f"cause {reset.cause}"))
            for reset in simulation.uno.resets
        ],
        leds={
            str(part.pins[0]): {
                "flashes": sum(change.lit for change in part.changes),
                "lit": round(part.lit_share(0, now_ns), 4) if now_ns else 0.0,
                "codes": part.codes(now_ns),
            }
            for part in simulation.uno.parts
            if isinstance(part, Led)
        },
        memory=memory_of(board, image),
        profile=profile,
    )
