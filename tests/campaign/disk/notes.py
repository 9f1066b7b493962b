"""What a workload and its judge agree on: where it notes what it was promised, and how it says how it fares.

A workload is run in another process, under the spy, and often on a disk that fails.
"""

import sys
from collections.abc import Callable
from pathlib import Path

NOTES = "acknowledged"
"""The file of the workload's folder that holds its notes."""
CANNOT_OPEN = 3
"""Its exit code if what it works with cannot even be opened."""
REFUSED = "refused: "
"""What its line on standard error begins with when it was told to try later."""
TRIES = 500


class Notes:
    """Takes notes; they are on the same failing disk as everything else.

    Args:
        folder: The workload's.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NOTES

    def add(self, text: str) -> None:
        """Append text, at last."""
        insist(lambda: self._write(text.encode()), OSError)

    def _write(self, data: bytes) -> None:
        with self._path.open("ab", buffering=0) as notes:
            notes.write(data)


def insist(
    call: Callable[[], object], refusal: type[Exception], on_refusal: Callable[[], object] = int
) -> None:
    """Make a call again and again until it is not refused.

    Args:
        call: What is to be done.
        refusal: The exception that says to try later.
        on_refusal: Called after each.
    """
    for _ in range(TRIES):
        try:
            call()
        except refusal as error:
            sys.stderr.write(f"{REFUSED}{error}\n")
            on_refusal()
        else:
            return
    raise SystemExit("it did not heal")
