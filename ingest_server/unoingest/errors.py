"""What can go wrong below HTTP.

`UnoingestError`, never raised itself, is the base of what ends a command: it carries a hint for the operator.
The other two are a store's refusals of one batch; the core turns them into a problem for the client
(`unoingest.problems`).
"""


class UnoingestError(Exception):
    """One line of what happened, and one line of what to do about it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class StoreError(UnoingestError):
    """The store cannot be opened: wrong path, no permission, no database, a newer version."""


class KeyFileError(UnoingestError):
    """The keys cannot be read or changed as asked."""


class ServeError(UnoingestError):
    """The server cannot start: the port is taken, another one has the store."""


class StoreUnavailableError(Exception):
    """An open store cannot commit now (disk full, locked, read-only, replaced); a later try may succeed."""


class IdentityConflictError(Exception):
    """A reading's identity is already stored with other values.

    Args:
        seq: The sequence number in conflict, 0..2^32-1.
    """

    def __init__(self, seq: int) -> None:
        super().__init__(f"seq {seq} is already stored with other values")
        self.seq = seq
