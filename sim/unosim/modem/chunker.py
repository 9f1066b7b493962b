"""Forms chunks of UART bytes as the module's receive interrupt does: a FIFO level, or an idle line.

Rule: bytes that the caller delivers at one instant are taken as having arrived back to back.
"""


class Chunker:
    """Collects bytes until they make a chunk.

    Args:
        chunk_bytes: the FIFO level that ends a chunk.
    """

    def __init__(self, chunk_bytes: int) -> None:
        self.deadline_ns: int | None = None
        """The instant at which the line will have been idle for long enough, or None if nothing waits."""
        self._chunk_bytes = chunk_bytes
        self._waiting = bytearray()

    def __len__(self) -> int:
        """Return the number of bytes that wait for more; always less than a chunk."""
        return len(self._waiting)

    def receive(self, data: bytes, idle_at_ns: int) -> list[bytes]:
        """Take bytes; return the chunks they complete. The rest is due at `idle_at_ns` if nothing follows."""
        self._waiting += data
        chunks: list[bytes] = []
        while len(self._waiting) >= self._chunk_bytes:
            chunks.append(bytes(self._waiting[: self._chunk_bytes]))
            del self._waiting[: self._chunk_bytes]
        self.deadline_ns = idle_at_ns if self._waiting else None
        return chunks

    def flush(self) -> bytes:
        """Return what waits, as a chunk."""
        chunk = bytes(self._waiting)
        self._waiting.clear()
        self.deadline_ns = None
        return chunk
