"""`AT+CIPSENDBUF` and its relatives: numbered segments whose verdicts come later.

Source: Espressif AT instruction set, sections on `AT+CIPSENDBUF` to `AT+CIPCHECKSEQ`. The sizes of buffer and
queue are those of the SDK's lwIP options.
"""

from unosim.modem.actions import Kind
from unosim.modem.commands.command import Call, Command
from unosim.modem.commands.tcpip import ALL_LINKS, link_parameter
from unosim.modem.core import Core
from unosim.modem.errors import CommandError
from unosim.modem.link import Link, Phase
from unosim.modem.replies import OK, PENDING, Reply, line
from unosim.modem.sending import SEND_BYTES, Send

BUFFER_BYTES = 2_920
"""TCP's send buffer, two segments."""
QUEUE_SEGMENTS = 8
"""TCP's queue; further segments wait for a place."""
CHECKABLE_SEGMENTS = 32
"""`AT+CIPCHECKSEQ` remembers this many."""
HIGHEST_SEGMENT = 2**32 - 1


def _open_link(link: Link) -> Link:
    if link.phase is not Phase.OPEN or link.kind is not Kind.TCP:
        raise CommandError
    return link


def _the_link(core: Core, call: Call) -> Link:
    """Return the link that a command names by its whole parameter, or the only one."""
    if call.separator == "\r":
        if core.session.multiple_links:
            raise CommandError
        return _open_link(core.links.links[0])
    if not core.session.multiple_links:
        raise CommandError
    link = core.links.links[call.parameters.number(0, ALL_LINKS - 1)]
    call.parameters.end()
    return _open_link(link)


def _send(core: Core, call: Call) -> Reply:
    if core.session.transparent:
        raise CommandError("IPMODE=1")
    link = _open_link(link_parameter(core, call.parameters))
    count = call.parameters.number(1, SEND_BYTES)
    call.parameters.end()
    if len(link.segments.waiting) >= QUEUE_SEGMENTS:
        raise CommandError("QUEUE FULL")
    if link.segments.waiting_bytes + count > BUFFER_BYTES:
        raise CommandError("BUFFER FULL")
    core.kernel.write(line(f"{link.segments.next_number},{link.segments.acknowledged}"))
    core.links.sender.begin(Send(link, segment=True), count, escaped=False)
    return PENDING


def _status(core: Core, call: Call) -> Reply:
    segments = _the_link(core, call).segments
    numbers = f"{segments.next_number},{segments.next_number - 1},{segments.acknowledged}"
    room = f"{BUFFER_BYTES - segments.waiting_bytes},{QUEUE_SEGMENTS - len(segments.waiting)}"
    return line(f"{numbers},{room}") + OK


def _reset(core: Core, call: Call) -> Reply:
    segments = _the_link(core, call).segments
    if segments.waiting:
        raise CommandError
    segments.next_number = 1
    return OK


def _check(core: Core, call: Call) -> Reply:
    link = _open_link(link_parameter(core, call.parameters))
    number = call.parameters.number(1, HIGHEST_SEGMENT)
    call.parameters.end()
    oldest = link.segments.next_number - CHECKABLE_SEGMENTS
    if not oldest <= number < link.segments.next_number:
        raise CommandError
    sent = "TRUE" if number <= link.segments.acknowledged else "FALSE"
    return line(f"{core.link_prefix(link.number)}{number},{sent}") + OK


COMMANDS: dict[str, Command] = {
    "+CIPSENDBUF": Command(set=_send),
    "+CIPBUFSTATUS": Command(set=_status, execute=_status),
    "+CIPBUFRESET": Command(set=_reset, execute=_reset),
    "+CIPCHECKSEQ": Command(set=_check),
}
