"""Power cuts of the Uno at cycles that are drawn, the byte of EEPROM torn that is being written.

A trial is a cut. A range of trials is one life of the whole bench after another, most of them in an outage or
just behind one, and in each of them many cuts that only a copy of the Uno suffers: it gets its power back,
starts without a modem, and is looked at. Then the Uno itself loses its power, and the next life begins.

A copy must come up with a greater boot number, the settings as they were, and every reading in its journal
that was there at the cut, but for those the server has. At the end of a range the bench must deliver, and
hold what `test_power_cuts` demands: order, no conflict, no watchdog.
"""

import random
from collections.abc import Iterator

from campaign.uno.witness import Identity, Samples, Witness, boot_of, journal_of
from campaign.whole.whole_system import images
from system.node_bench import make_bench
from system.power_cuts import check
from unosim.board import CLOCK_HZ, Board, Stop
from unosim.cable import Cable
from unosim.clock import NS_PER_S, ns_at
from unosim.uno import Uno

AT_ONCE = 500
CUTS_PER_LIFE = 25
INTERVAL_MS = 200
LIVES_S = (0.06, 0.06, 0.4, 6.0, 8.0, 20.0)
STATUSES = (204, 204, 503)
REBOOT_S = 0.26
"""Time for 14 writes of EEPROM and two readings."""
SETTINGS_AT = slice(64, 544)
"""Where the settings are (eeprom_map.h)."""
READINGS_AT_THE_END = 20
RECOVERY_S = 60.0
ASKED_SHARE = 0.02
"""Of the copies: these are asked over the cable how many readings wait."""


class _Torment:
    """A bench on which the Uno lives many lives.

    Args:
        chance: Decides when the power goes.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._witness = Witness()
        self._bench = make_bench(images()["uno"], interval_ms=str(INTERVAL_MS), parts=[self._witness])
        self._measured: dict[int, Samples] = {}

    def suffer_a_life(self, cuts: int) -> Iterator[str]:
        """Yield what was wrong with each of so many cuts, the last of which the Uno itself suffers."""
        bench, chance = self._bench, self._chance
        bench.server.status = chance.choice(STATUSES)
        begin, length = bench.board.cycle, round(chance.choice(LIVES_S) * CLOCK_HZ * chance.random())
        cycles = sorted(begin + chance.randrange(length + 1) for _ in range(cuts))
        for cycle in cycles:
            bench.simulation.run_to(ns_at(cycle, CLOCK_HZ) / NS_PER_S)
            if self._witness.lives[-1].at_ns:
                self._measured[boot_of(bench.board.eeprom)] = self._witness.lives[-1]
            yield self._harm_to_copy()
        bench.simulation.power_cycle(chance.randrange(256))

    def _harm_to_copy(self) -> str:
        """Return what is wrong with a copy of the Uno whose power goes now and comes back."""
        board = self._bench.board
        before = board.eeprom
        copy = Board(b"")
        copy.restore(board.snapshot())
        copy.take_events()
        copy.power_cycle(self._chance.randrange(256))
        copy.silence_lines()
        if self._chance.random() < ASKED_SHARE:
            return self._harm_to_answers(before, copy)
        uno = Uno(copy, [witness := Witness()])
        uno.run_for(REBOOT_S)
        if not witness.lives[-1].at_ns or uno.resets or uno.stop is not Stop.LIMIT:
            return f"it does not come back: {witness.lives}, {uno.resets}, {uno.stop.name}"
        return self._harm_to_eeprom(before, copy.eeprom, witness.lives[-1])

    def _harm_to_eeprom(self, before: bytes, after: bytes, since: Samples) -> str:
        boot = boot_of(after)
        if boot <= boot_of(before):
            return f"boot {boot} comes after boot {boot_of(before)}"
        if before[SETTINGS_AT] != after[SETTINGS_AT]:
            return "the settings have changed"
        kept = journal_of(after)
        lost = journal_of(before).keys() - kept.keys() - self._stored()
        if lost:
            return f"was in the journal, and is no more: {sorted(lost)}"
        measured = self._measured | {boot: since}
        for (of, seq), values in kept.items():
            if values != measured[of].values(seq):
                return f"({of}, {seq}) was {measured[of].values(seq)}, and is in the journal as {values}"
        return ""

    def _harm_to_answers(self, before: bytes, copy: Board) -> str:
        """Ask the copy itself."""
        cable = Cable(copy)
        cable.open()
        status = dict(line.rsplit(" ", 1) for line in cable.do("status"))
        if int(status["boot"]) != boot_of(copy.eeprom) or int(status["boot"]) <= boot_of(before):
            return f"it says that boot {status['boot']} comes after boot {boot_of(before)}"
        if int(status["waiting"]) < len(journal_of(copy.eeprom)):
            return f"it says that {status['waiting']} wait, of {len(journal_of(copy.eeprom))} in its journal"
        return ""

    def _stored(self) -> set[Identity]:
        return {(boot, seq) for _, boot, seq in self._bench.server.stored}

    def harm_at_the_end(self) -> str:
        """Return what is wrong with the bench when it is left alone."""
        bench = self._bench
        bench.server.status = 204
        enough = len(bench.server.stored) + READINGS_AT_THE_END
        limit_s = bench.simulation.now_ns / NS_PER_S + RECOVERY_S
        if not bench.simulation.run(lambda: len(bench.server.stored) >= enough, limit_s=limit_s):
            return f"it does not deliver: {bench.counters}"
        self._measured[boot_of(bench.board.eeprom)] = self._witness.lives[-1]
        for (_, boot, seq), values in bench.server.stored.items():
            if values != self._measured[boot].values(seq):
                return f"({boot}, {seq}) was {self._measured[boot].values(seq)}, and is stored as {values}"
        try:
            check(bench)
        except AssertionError as error:
            return f"at the end: {error}"
        return ""


def tries(trials: range) -> Iterator[str]:
    """Yield what was wrong with each cut; what is wrong at the end counts for the last."""
    torment = _Torment(random.Random(f"power-cuts {trials.start}"))
    left = len(trials)
    while left:
        cuts = min(CUTS_PER_LIFE, left)
        left -= cuts
        *harms, last = torment.suffer_a_life(cuts)
        yield from harms
        yield last or ("" if left else torment.harm_at_the_end())
