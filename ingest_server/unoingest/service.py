"""What serves one store: the core, the keys, the limits and the logs, joined once and shared by every entry.

The Flask application and the hot path of `unoingest serve` are two entries over one `Service`, so that both
give the same answers.
"""

import shutil
import time
from collections.abc import Callable

from unoingest.answers import ServiceLog, Writer
from unoingest.bearer import Bearers
from unoingest.client_posts import ClientPosts
from unoingest.config import Config
from unoingest.core import Core
from unoingest.errors import StoreUnavailableError
from unoingest.key_file import key_path
from unoingest.key_ring import KeyRing
from unoingest.limits import FailureLimit, RateLimit
from unoingest.metrics import Metrics
from unoingest.queries import Queries
from unoingest.reading_log import FrameEncoder, no_frame
from unoingest.serving_store import ServingStore
from unoingest.signed_posts import SignedPosts
from unoingest.store import Store
from unoingest.structured_log import write_stderr, write_stdout

REQUESTS_PER_S = 100.0
"""Of one device: thirty times what fits through a UART at 9600 baud."""


class Service:
    """Joins the parts.

    Args:
        store: Where readings go; it stays open and belongs to the caller.
        keys: Whose key it is; they belong to the caller.
        clock_ns: Present time, nanoseconds since the Unix epoch, not negative.
        emit: Takes the structured log line of each newly stored reading; may raise OSError.
        log: Takes the service's own log lines; may not raise.
        project: Google Cloud project that holds the traces, or "" to log bare trace ids.
        encode_frame: Makes the entries for the outbox, or `no_frame`.
        requests_per_s: How often a device or client may ask, or 0 for no limit.
        disk_reserve_mb: With less free space the server is not ready, though it takes readings while it can.
    """

    def __init__(
        self,
        store: Store,
        keys: KeyRing | None = None,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
        emit: Writer = write_stdout,
        log: Writer = write_stderr,
        project: str = "",
        encode_frame: FrameEncoder = no_frame,
        requests_per_s: float = REQUESTS_PER_S,
        disk_reserve_mb: int = 0,
    ) -> None:
        self.store = store
        self.keys = KeyRing(None) if keys is None else keys
        self.clock_ns = clock_ns
        self.emit = emit
        self.log = ServiceLog(clock_ns, log)
        self.core = Core(store, project, encode_frame)
        limits = (RateLimit(requests_per_s), FailureLimit())
        self.signed = SignedPosts(self.core, self.keys, limits, self.log, emit)
        self.bearers = Bearers(self.keys, *limits, self.log)
        self.clients = ClientPosts(self.core, store)
        self.queries = Queries(store.path)
        self.metrics = Metrics(self.queries)
        self._disk_reserve_bytes = disk_reserve_mb * 1_000_000

    def check_ready(self) -> int:
        """Prove that a reading could be put on disk now, and return how many bytes are free there.

        Raises:
            StoreUnavailableError: it could not, or the reserve of the disk is used up.
        """
        self.store.probe()
        try:
            free_bytes = shutil.disk_usage(self.store.path.parent).free
        except OSError as error:
            raise StoreUnavailableError("the disk cannot be asked for its free space") from error
        if free_bytes < self._disk_reserve_bytes:
            raise StoreUnavailableError(f"the disk has {free_bytes} bytes left, less than its reserve")
        return free_bytes


def service_of(config: Config, behind: ServingStore) -> Service:
    """Return the service that an operator configured, over an open store."""
    return Service(
        behind.store,
        KeyRing(key_path(config.database)),
        project=config.project,
        encode_frame=behind.encode_frame,
        requests_per_s=config.requests_per_s,
        disk_reserve_mb=config.disk_reserve_mb,
    )
