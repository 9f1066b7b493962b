"""Random plans over random dialogues: nothing raises, nothing hangs, and every run repeats itself."""

from collections.abc import Iterable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unosim.clock import NS_PER_S
from unosim.faults import (
    CATALOGUE,
    BaudDrift,
    BootGarbage,
    Cause,
    Fault,
    Injection,
    Overrun,
    Plan,
    PowerCut,
    Restart,
    TornEeprom,
    Wire,
)
from unosim.faults.catalogue import ByteFault, ModemFault, NetworkFault
from unosim.modem import AccessPoint, Modem, Radio, Settings
from unosim.network import Reply, VirtualNetwork
from unosim.trace import Trace
from unosim.wire import WiredModem

wires, offsets = st.sampled_from(Wire), st.integers(0, 1_200)
commands = st.sampled_from(
    [
        b"AT\r\n",
        b"ATE0\r\n",
        b"AT+RST\r\n",
        b'AT+CIPSTART="TCP","s.lan",80\r\n',
        b'AT+CIPSTART="TCP","s.lan",81\r\n',
        b"AT+CIPSEND=5\r\nhello",
        b"AT+CIPCLOSE\r\n",
        b"AT+CWQAP\r\n",
        b'AT+CWJAP="lab",""\r\n',
        b"\xff\x00",
    ]
)


BUILT: dict[type[Fault], st.SearchStrategy[Fault]] = {
    Overrun: st.builds(Overrun, wires, offsets, st.integers(1, 300)),
    Restart: st.builds(Restart, wires, offsets, st.sampled_from(Cause)),
    BaudDrift: st.builds(BaudDrift, st.floats(-20, 20)),
    PowerCut: st.builds(PowerCut, st.integers(0, 10**9)),
    TornEeprom: st.builds(TornEeprom, st.integers(0, 9)),
    BootGarbage: st.builds(BootGarbage, st.integers(1, 300)),
}


def built(kind: type[Fault]) -> st.SearchStrategy[Fault]:
    """Return faults of a kind."""
    if issubclass(kind, ByteFault):
        at_offset = st.builds(kind, wires, offsets)
        return at_offset | st.builds(kind, wires, chance=st.floats(0.001, 0.2))
    if kind in BUILT:
        return BUILT[kind]
    if issubclass(kind, ModemFault):
        return st.builds(kind, wires, offsets)
    assert issubclass(kind, NetworkFault)
    return st.builds(kind, st.integers(0, 3), st.integers(1, 3))


faults = st.sampled_from(sorted(CATALOGUE)).flatmap(lambda name: built(CATALOGUE[name]))
plans = st.builds(Plan, st.lists(faults, max_size=6).map(tuple), st.integers(0, 100))


class Echo:
    def receive(self, data: bytes, now_ns: int) -> Iterable[Reply]:  # noqa: ARG002  # this peer has no clock
        yield Reply(data, after_ns=1_000_000)


def run(plan: Plan, said: list[bytes]) -> tuple[str, Injection]:
    """Say things to a module, five seconds each; return the digest of the dialogue and what happened."""
    injection, trace = Injection(plan), Trace()
    modem = Modem(radio=Radio([AccessPoint("lab")]), settings=Settings(ssid="lab"))
    network = VirtualNetwork({("s.lan", 80): Echo})
    wired = WiredModem(
        injection.modem(modem, ["lab"]), injection.network(network), lambda entry: trace.record(*entry)
    )
    wired.power_on(0)
    for number, data in enumerate([b"", b"", *said], 1):
        wired.say(data, 115_200, wired.now_ns)
        wired.run(number * 5 * NS_PER_S)
        wired.heard(115_200, wired.now_ns)
    assert sum(len(entry.data) for entry in trace.entries) < 50_000
    return trace.digest(), injection


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans, st.lists(commands, max_size=12))
def test_nothing_raises_and_every_run_repeats_itself(plan: Plan, said: list[bytes]) -> None:
    assert Plan.parse(str(plan), seed=plan.seed) == plan
    digest, injection = run(plan, said)
    again, injection_again = run(Plan.parse(str(plan), seed=plan.seed), said)
    assert digest == again
    assert injection.happened == injection_again.happened
