"""What a connection waits for, and for how long."""

import enum

HEAD_S_MAX = 30
BODY_S_MAX = 30
"""Total, not per piece: a trickle must end, too. An AT+CIPSEND of 2,048 bytes takes 2.1 s at 9600 baud."""
IDLE_S_MAX = 75
"""Between requests; longer than the 60 s after which nginx closes what it keeps to a server."""
ANSWER_S_MAX = 30
"""For a client to take what has been written for it; each piece of a long answer anew."""
LINGER_S = 2
"""For a client to hear a refusal while it still sends."""


class State(enum.Enum):
    """What a connection waits for."""

    IDLE = enum.auto()
    """A request's first byte."""
    HEAD = enum.auto()
    """The rest of a head."""
    BODY = enum.auto()
    """The rest of a body."""
    SERVING = enum.auto()
    """An answer, or the next piece of one. The taker's time is not limited."""
    SENDING = enum.auto()
    """The client, to take an answer."""
    LINGERING = enum.auto()
    """The client, to end; nothing is sent any more, and what comes is thrown away."""
    CLOSING = enum.auto()
    """The client, to take the last answer; nothing is read any more."""
