"""Runs a Python module as a program that ends with whoever has started it, however that ends.

    python -m unosim.tether MODULE ARGUMENT...

Standard input is the tether: a pipe whose other end the starter alone holds and never writes to. The system
closes it when the starter dies, even by SIGKILL, and the program then ends as by SIGTERM.
"""

import os
import runpy
import signal
import sys
import threading
import time

END_WAIT_S = 20.0
"""What a program gets for its orderly end; twice what `unoingest serve` takes at most."""


def _end_with_starter() -> None:
    """Wait until the tether is cut, then end this process, in the end by force."""
    while os.read(0, 1):  # not sys.stdin: a process that forks meanwhile would inherit its lock
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(END_WAIT_S)
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Run the module that the command line names."""
    threading.Thread(target=_end_with_starter, name="tether", daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
