"""What `unobridge replay --firmware` does: `unosim replay`, as a process.

The simulated Uno is none of the bridge's business, and is not imported; `unosim` comes with the same package.
"""

import subprocess
import sys
from pathlib import Path


def replay_firmware(recording: Path, firmware: Path, eeprom: Path | None) -> None:
    """Give a recording to an image; end the program with the exit code of `unosim replay`.

    Args:
        recording: the session.
        firmware: the image.
        eeprom: what its node has been told; None for what the recording shows of that.
    """
    command = [sys.executable, "-m", "unosim", "replay", "--firmware", str(firmware)]
    if eeprom:
        command += ["--eeprom", str(eeprom)]
    raise SystemExit(subprocess.run([*command, "--", str(recording)], check=False).returncode)
